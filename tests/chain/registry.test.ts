/** The registry is told once of every list and customer, on the sandbox chain over its socket, whatever dies or is lost on the way. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { emptyDatabase } from '../../agents/testing.ts';
import { seedClients, DEMO_CLIENT_ID } from '../../db/seed.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { Died, type Mortal, mortal } from '../../graph/settlement/mortal.ts';
import { newId } from '../../domain/ids.ts';
import { type ChainWorld, createChainWorld } from './world.ts';
import { databaseSent } from '../../tools/aptos/database-sent.ts';
import { createAptosNode } from '../../tools/aptos/node.ts';
import { lastList, readAttestation, type Registrars, registryKeeper } from '../../tools/aptos/registry.ts';
import type { Fetch } from '../../tools/mmo/http.ts';
import type { SanctionsEntry } from '../../tools/sanctions/entry.ts';
import { createSanctionsList, type SanctionsList } from '../../tools/sanctions/list.ts';
import { entryHash, listNumber, placeOn, rollRoot } from '../../tools/sanctions/roll.ts';
import { publishDue, type PublishDeps } from '../../tools/registry/publish.ts';

let database: TestDatabase;
let world: ChainWorld;
let lists: SanctionsList;

beforeAll(async () => {
  database = await testDatabase({ max: 8 });
});
afterAll(() => database?.close());
beforeEach(async () => {
  await emptyDatabase(database.pool);
  await database.pool.query('truncate chain_transactions, registry_records, registry_subjects');
  await seedClients(database.pool, Buffer.alloc(32, 1));
  world = await createChainWorld({ port: 0 }, (url, init) => fetch(url, init));
  lists = edition(1, ['A-1', 'A-2', 'A-3']);
});
afterEach(() => world?.sandbox.close());

const LIST = 'OFAC-SDN';

function edition(number: number, ids: readonly string[]): SanctionsList {
  const entryOf = (entryId: string): SanctionsEntry => ({
    list: LIST,
    entryId,
    type: 'person',
    names: [`Somebody ${entryId}`],
    weakNames: [],
    program: 'TEST',
    datesOfBirth: [],
    countries: [],
  });
  const sourceHash = String(number).repeat(64);
  return createSanctionsList([
    { name: LIST, version: `${LIST}#${number}`, file: null, entries: ids.map(entryOf), takenAtMs: number * 1_000, sourceHash },
  ]);
}

const isSubmission = (url: string): boolean => url.endsWith('/transactions');
const isWritten = (text: string): boolean => /^\s*(commit|insert|update|delete)/i.test(text);

/** A process that tells the registry; it dies at one of the operations that outlive it. */
function processOf(life: Mortal = mortal(Number.POSITIVE_INFINITY, 'before'), registrars: Partial<Registrars> = {}): PublishDeps {
  const wire: Fetch = (url, init) => {
    const exchange = (): Promise<Response> => fetch(url, init);
    return isSubmission(url) ? life.act(exchange) : life.pass(exchange);
  };
  const pool = life.pool(database.pool, isWritten);
  const node = createAptosNode({ profile: world.profile, fetch: wire, clock: world.scheduler });
  const { regulator, issuer, reporter } = world.keys;
  const keeper = registryKeeper(
    { ...world.deps, node, sent: databaseSent(pool) },
    { regulator: world.account(regulator), issuer: world.account(issuer), reporter: world.account(reporter), ...registrars },
  );
  return { pool, clock: world.scheduler, keeper, rolls: () => lists.rolls() };
}

async function addUser(changes: { status?: string; tier?: number } = {}): Promise<string> {
  const id = newId();
  await database.pool.query(
    `insert into users (id, client_id, phone_index, country, wallet_id, kyc_status, kyc_tier) values ($1, $2, $3, 'KE', 'mpesa', $4, $5)`,
    [id, DEMO_CLIENT_ID, Buffer.from(id), changes.status ?? 'verified', changes.tier ?? 2],
  );
  return id;
}

const onChain = () => lastList(world.node, listNumber(LIST));
const issuer = (): string => world.account(world.keys.issuer).address;
const openRows = async (): Promise<number> =>
  (await database.pool.query(`select 1 from registry_records where state <> 'there'`)).rows.length;

async function attested(userId: string, by = issuer()) {
  const { rows } = await database.pool.query<{ subject: string }>('select subject from registry_subjects where user_id = $1', [userId]);
  return rows[0] === undefined ? null : readAttestation(world.node, rows[0].subject, by);
}

/** Others go on until nothing is open and nothing is due. */
async function tellAll(deps = processOf()): Promise<void> {
  for (let round = 0; round < 30; round += 1) {
    const { put, failed } = await publishDue(deps);
    if (put === 0 && failed.length === 0 && (await openRows()) === 0) return;
    await world.scheduler.advance(20_000);
  }
}

describe('lists', () => {
  it('the edition in force is published once, and the next one as the next version', async () => {
    await tellAll();
    await tellAll();
    expect(await onChain()).toMatchObject({
      version: 1n,
      root: rollRoot(lists.rolls()[0] ?? fail()),
      count: 3n,
      sourceHash: '1'.repeat(64),
    });
    lists = edition(2, ['A-1', 'A-3', 'A-4', 'A-5']);
    await tellAll();
    expect(await onChain()).toMatchObject({ version: 2n, count: 4n, sourceHash: '2'.repeat(64) });
    expect(await world.executions('compliance_registry::publish_list')).toBe(2);
  });

  it('a process that still has the edition before does not bring it back', async () => {
    lists = edition(2, ['A-1']);
    await tellAll();
    lists = edition(1, ['A-1', 'A-2']);
    await tellAll();
    expect(await world.executions('compliance_registry::publish_list')).toBe(1);
    // One that is still in force an hour later was put back by somebody.
    await world.scheduler.advance(3_700_000);
    await tellAll();
    expect(await onChain()).toMatchObject({ version: 2n, count: 2n });
  });

  it('the chain says of each entry whether it is on the list, and of no other', async () => {
    await tellAll();
    const roll = lists.rolls()[0] ?? fail();
    for (const id of ['A-1', 'A-2', 'A-3']) {
      const entry = entryHash(LIST, id);
      const place = placeOn(roll, entry);
      if (!place.isListed) throw new Error('it is on the list');
      const view = (index: number) =>
        world.node.view('compliance_registry::is_listed', listNumber(LIST), 1n, entry, BigInt(index), place.path);
      expect(await view(place.index)).toEqual([true]);
      expect(await view(place.index + 1)).toEqual([false]);
    }
    for (const id of ['B-1', 'B-2', 'B-3', 'B-4', 'B-5', 'B-6', 'B-7', 'B-8']) {
      const entry = entryHash(LIST, id);
      const place = placeOn(roll, entry);
      if (place.isListed) throw new Error('it is not on the list');
      const none = { entry: '', path: [] };
      const [before, after] = [place.before ?? none, place.after ?? none];
      const args = [listNumber(LIST), 1n, entry, BigInt(place.index), before.entry, before.path, after.entry, after.path] as const;
      expect(await world.node.view('compliance_registry::is_not_listed', ...args)).toEqual([true]);
    }
  });

  it('without a key of the regulator nothing is said of lists', async () => {
    await addUser();
    await tellAll(processOf(undefined, { regulator: null }));
    expect(await onChain()).toBeNull();
    expect(await world.executions('compliance_registry::attest')).toBe(1);
  });

  it('a list that the registry refuses holds up no attestation, and is published once it may be', async () => {
    const user = await addUser();
    const stranger = processOf(undefined, { regulator: world.account('7'.repeat(64)) });
    expect((await publishDue(stranger)).failed).toEqual(['chain_signer_refused']);
    expect(await attested(user)).toMatchObject({ tier: 2n, isValid: true });
    await tellAll();
    expect(await onChain()).toMatchObject({ version: 1n });
  });
});

it('however many are refused, the next edition of a list is published and who fell out is revoked, and nobody is forgotten', async () => {
  const gone = await addUser();
  await tellAll();
  const stranger = world.account('8'.repeat(64));
  const deps = processOf(undefined, { issuer: stranger });
  const users: string[] = [];
  for (let count = 0; count < 45; count += 1) users.push(await addUser());
  for (let look = 0; look < 3; look += 1) {
    expect(new Set((await publishDue(deps)).failed)).toEqual(new Set(['chain_signer_refused']));
    await world.scheduler.advance(20_000);
  }
  expect(await openRows()).toBe(40);
  lists = edition(2, ['A-1', 'A-4']);
  await database.pool.query(`update users set kyc_status = 'rejected' where id = $1`, [gone]);
  await publishDue(deps);
  expect(await onChain()).toMatchObject({ version: 2n, count: 2n });
  expect(await attested(gone)).toMatchObject({ isValid: false });
  await world.call(world.keys.publisher, 'compliance_registry::add_issuer', [stranger.address, 4n]);
  await tellAll(deps);
  for (const user of users) expect(await attested(user, stranger.address)).toMatchObject({ isValid: true });
});

describe('attestations', () => {
  it('of verified customers only, by a hash that nobody makes without the salt, and with nothing else of them', async () => {
    const [verified, basic] = [await addUser({ tier: 9 }), await addUser({ status: 'basic' })];
    await tellAll();
    expect(await attested(verified)).toMatchObject({ tier: 4n, revokedAtMs: null, isValid: true });
    expect((await database.pool.query('select 1 from registry_subjects where user_id = $1', [basic])).rows).toEqual([]);
    const { rows } = await database.pool.query<{ content: object }>(`select content from registry_records where kind = 'attest'`);
    expect(JSON.stringify(rows)).not.toContain(verified);
    expect(rows).toHaveLength(1);
  });

  it('another tier renews, the end of the check revokes, and another check attests anew', async () => {
    const user = await addUser();
    await tellAll();
    await database.pool.query('update users set kyc_tier = 3 where id = $1', [user]);
    await tellAll();
    expect(await attested(user)).toMatchObject({ tier: 3n, isValid: true });
    await database.pool.query(`update users set kyc_status = 'rejected' where id = $1`, [user]);
    await tellAll();
    expect(await attested(user)).toMatchObject({ tier: 3n, isValid: false, revokedAtMs: expect.any(Number) });
    await database.pool.query(`update users set kyc_status = 'verified' where id = $1`, [user]);
    await tellAll();
    expect(await attested(user)).toMatchObject({ tier: 3n, isValid: true, revokedAtMs: null });
    const count = (fn: string) => world.executions(`compliance_registry::${fn}`);
    expect([await count('attest'), await count('renew'), await count('revoke')]).toEqual([2, 1, 1]);
  });

  it('are looked at again only when something has changed or ends, and a change of nothing tells nothing', async () => {
    const [told, never] = [await addUser({ tier: 5 }), await addUser({ tier: 0 })];
    await tellAll();
    const dueOf = async (user: string) =>
      (await database.pool.query<{ due: Date | null }>('select registry_due_at as due from users where id = $1', [user])).rows[0]?.due;
    const { expiresAtSecs = 0n } = (await attested(told)) ?? {};
    const renewal = new Date(Number(expiresAtSecs) * 1_000 - 30 * 86_400_000);
    expect([await dueOf(told), await dueOf(never)]).toEqual([renewal, null]);
    // Above the highest tier of the chain there is none to tell of, and whoever was never attested has nothing to be revoked.
    await database.pool.query('update users set kyc_tier = 6 where id = $1', [told]);
    await database.pool.query('update users set kyc_tier = 1 where id = $1', [never]);
    await database.pool.query(`update users set kyc_status = 'rejected' where id = $1`, [never]);
    await tellAll();
    expect([await dueOf(told), await dueOf(never)]).toEqual([renewal, null]);
    expect((await database.pool.query('select kind from registry_records where subject = any($1)', [[told, never]])).rows).toEqual([
      { kind: 'attest' },
    ]);
  });

  it('is renewed before it ends', async () => {
    const user = await addUser();
    await tellAll();
    const before = await attested(user);
    await world.scheduler.advance(340 * 86_400_000);
    await tellAll();
    expect((await attested(user))?.expiresAtSecs).toBeGreaterThan(before?.expiresAtSecs ?? 0n);
    expect(await world.executions('compliance_registry::renew')).toBe(1);
  });

  it('what an issuer of before attested is revoked as well, by the regulator, and nothing of it stands', async () => {
    const user = await addUser();
    await tellAll();
    const next = world.account('8'.repeat(64));
    await world.call(world.keys.publisher, 'compliance_registry::add_issuer', [next.address, 4n]);
    await database.pool.query('update users set kyc_tier = 3 where id = $1', [user]);
    await tellAll(processOf(undefined, { issuer: next }));
    expect([await attested(user), await attested(user, next.address)]).toMatchObject([
      { tier: 2n, isValid: true },
      { tier: 3n, isValid: true },
    ]);
    await database.pool.query(`update users set kyc_status = 'rejected' where id = $1`, [user]);
    await tellAll(processOf(undefined, { issuer: next }));
    expect([await attested(user), await attested(user, next.address)]).toMatchObject([{ isValid: false }, { isValid: false }]);
    expect((await database.pool.query('select tier from registry_subjects where user_id = $1', [user])).rows).toEqual([{ tier: null }]);
    // Verified again, the customer is attested by the issuer of now alone.
    await database.pool.query(`update users set kyc_status = 'verified' where id = $1`, [user]);
    await tellAll(processOf(undefined, { issuer: next }));
    expect([await attested(user), await attested(user, next.address)]).toMatchObject([{ isValid: false }, { isValid: true }]);
  });

  it('who is verified again before all of it is revoked is attested anew', async () => {
    const user = await addUser();
    await tellAll();
    const next = world.account('8'.repeat(64));
    await world.call(world.keys.publisher, 'compliance_registry::add_issuer', [next.address, 4n]);
    await database.pool.query('update users set kyc_tier = 3 where id = $1', [user]);
    await tellAll(processOf(undefined, { issuer: next }));
    await database.pool.query(`update users set kyc_status = 'rejected' where id = $1`, [user]);
    // Nobody may revoke what the issuer of before attested.
    const alone = processOf(undefined, { issuer: next, regulator: null });
    expect((await publishDue(alone)).failed).toEqual(['chain_signer_refused']);
    expect(await attested(user, next.address)).toMatchObject({ isValid: false });
    await database.pool.query(`update users set kyc_status = 'verified' where id = $1`, [user]);
    await world.scheduler.advance(20_000);
    await tellAll(processOf(undefined, { issuer: next }));
    expect([await attested(user), await attested(user, next.address)]).toMatchObject([{ isValid: false }, { tier: 3n, isValid: true }]);
  });

  it('with the person its salt goes, and the attestation is revoked', async () => {
    const user = await addUser();
    await tellAll();
    await database.pool.query('update users set erased_at = now(), data_key = null, person = null where id = $1', [user]);
    await tellAll();
    expect(await attested(user)).toMatchObject({ isValid: false });
    expect((await database.pool.query('select salt from registry_subjects where user_id = $1', [user])).rows).toEqual([{ salt: null }]);
  });
});

/** All there is to tell: a list, an attestation, and one that is revoked. */
async function tellOf(life: Mortal, gone: string): Promise<void> {
  await publishDue(processOf(life));
  await database.pool.query(`update users set kyc_status = 'none' where id = $1`, [gone]);
  await publishDue(processOf(life));
}

async function expectAllTold(kept: string, gone: string): Promise<void> {
  expect(await openRows()).toBe(0);
  expect(await onChain()).toMatchObject({ version: 1n, count: 3n });
  expect(await attested(kept)).toMatchObject({ tier: 2n, isValid: true });
  const last = await database.pool.query('select tier from registry_subjects where user_id = $1', [gone]);
  if (last.rows.length > 0) expect(last.rows).toEqual([{ tier: null }]);
  expect((await attested(gone))?.isValid ?? false).toBe(false);
  expect(await world.executions('compliance_registry::publish_list')).toBe(1);
  expect(await world.executions('compliance_registry::renew')).toBe(0);
}

describe.each(['before', 'after'] as const)('dying %s any operation', (when) => {
  it('leaves each told once', async () => {
    let deaths = 0;
    for (let dieAt = 1; ; dieAt += 1) {
      await world.sandbox.close();
      await emptyDatabase(database.pool);
      await database.pool.query('truncate chain_transactions, registry_records, registry_subjects');
      await seedClients(database.pool, Buffer.alloc(32, 1));
      world = await createChainWorld({ port: 0 }, (url, init) => fetch(url, init));
      const [kept, gone] = [await addUser(), await addUser()];
      const life = mortal(dieAt, when);
      await tellOf(life, gone).catch((error: unknown) => {
        if (!(error instanceof Died) && !life.isDead()) throw error;
      });
      await database.pool.query(`update users set kyc_status = 'none' where id = $1`, [gone]);
      await tellAll();
      await expectAllTold(kept, gone);
      if (!life.isDead()) break;
      deaths += 1;
    }
    expect(deaths).toBeGreaterThan(15);
  }, 120_000);
});

describe('whatever becomes of a transaction, each is told once', () => {
  it.each(['lost_answer', 'lost_request', 'dropped', 'hidden', 'slow', 'full', 'error'] as const)('%s', async (fate) => {
    const user = await addUser();
    world.next(fate, fate);
    await tellAll();
    expect(await onChain()).toMatchObject({ version: 1n });
    expect(await attested(user)).toMatchObject({ tier: 2n, isValid: true });
    expect(await world.executions('compliance_registry::publish_list')).toBe(1);
    expect(await world.executions('compliance_registry::attest')).toBe(1);
  });

  it('a node that is silent fails nobody, and is asked once a look', async () => {
    await addUser();
    world.sandbox.changeChain({ mode: 'silent' });
    expect(await publishDue(processOf())).toEqual({ put: 0, failed: ['chain_unavailable'] });
    world.sandbox.changeChain({ mode: 'up' });
    await tellAll();
    expect(await onChain()).toMatchObject({ version: 1n });
  });
});

function fail(): never {
  throw new Error('there is a list');
}
