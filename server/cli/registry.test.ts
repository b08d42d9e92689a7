/** `capp registry`: what the registry was told is proven to somebody with a file and a node; nothing that was changed in the file passes. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { askToConfirm, confirmFinding, storeFindings } from '../../db/queries/findings.ts';
import { DEMO_CLIENT_ID, seedClients } from '../../db/seed.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import { manualScheduler } from '../../sandbox/scheduler.ts';
import { type ChainWorld, createChainWorld } from '../../tests/chain/world.ts';
import { databaseSent } from '../../tools/aptos/database-sent.ts';
import { publishList, registryKeeper } from '../../tools/aptos/registry.ts';
import type { AttestationProof, ListProof } from '../../tools/registry/proof.ts';
import { publishDue } from '../../tools/registry/publish.ts';
import { createSanctionsList } from '../../tools/sanctions/list.ts';
import { listNumber } from '../../tools/sanctions/roll.ts';
import { sampleList } from '../../tools/sanctions/sample.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

const LIST = 'CAPP-SAMPLE';

let database: TestDatabase;
let world: ChainWorld;
let folder: string;
let profilePath: string;
let userId: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-registry-'));
  database = await testDatabase();
  await seedClients(database.pool, Buffer.alloc(32, 1));
  // The command has the system's clock; the chain's stands still beside it.
  world = await createChainWorld({ scheduler: manualScheduler(Date.now()), port: 0 });
  profilePath = join(folder, 'chain-profile.json');
  await writeFile(profilePath, JSON.stringify(world.profile));
  userId = newId();
  await database.pool.query(
    `insert into users (id, client_id, phone_index, country, wallet_id, kyc_status, kyc_tier) values ($1, $2, $3, 'KE', 'mpesa', 'verified', 3)`,
    [userId, DEMO_CLIENT_ID, Buffer.from(userId)],
  );
  const { put } = await tell();
  if (put !== 2) throw new Error('the registry was not told of the list and the customer');
});
afterAll(async () => {
  await world?.sandbox.close();
  await database?.close();
  await rm(folder, { recursive: true });
});

function tell() {
  const { regulator, issuer } = world.keys;
  const registrars = { reporter: null, regulator: world.account(regulator), issuer: world.account(issuer) };
  const keeper = registryKeeper({ ...world.deps, sent: databaseSent(database.pool) }, registrars);
  const lists = createSanctionsList([sampleList()], { sample: true });
  return publishDue({ pool: database.pool, clock: world.scheduler, keeper, rolls: () => lists.rolls() });
}

const registry = (...line: string[]) => command('registry', ...line);

async function command(...line: string[]) {
  const env = { CAPP_DATA_DIR: folder, CAPP_APTOS_PATH: profilePath, DATABASE_URL: database.url };
  const terminal = recordedTerminal({ env });
  const code = await runCli(line, terminal, () => Promise.reject(new TypeError('fetch failed')));
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

async function proofOf<T>(...line: string[]): Promise<{ readonly file: string; readonly proof: T }> {
  const file = join(folder, `${newId()}.json`);
  expect(await registry(...line, '--out', file)).toMatchObject({ code: 0, out: file });
  return { file, proof: JSON.parse(await readFile(file, 'utf8')) as T };
}

async function verifyAltered(proof: object, ...options: string[]) {
  const file = join(folder, `${newId()}.json`);
  await writeFile(file, JSON.stringify(proof));
  return registry('verify', file, ...options);
}

describe('entries', () => {
  test.each(['S-1', 'S-3', 'S-5'])('%s is on the list, and the chain says so', async (id) => {
    const { file } = await proofOf<ListProof>('prove-entry', LIST, id);
    expect(await registry('verify', file)).toMatchObject({ code: 0, out: expect.stringContaining(`${id} is on ${LIST}@`) });
    expect(await registry('verify', file, '--chain')).toMatchObject({
      code: 0,
      out: expect.stringMatching(new RegExp(`^The registry confirms: ${id} is on version 1 of ${LIST}, published .*, the latest\\.$`)),
    });
  });

  test.each(['S-6', 'S-7', 'S-8', 'S-9', 'S-10', 'S-11', 'S-12', 'S-13'])('%s is not on it', async (id) => {
    const { file } = await proofOf<ListProof>('prove-entry', LIST, id);
    expect(await registry('verify', file, '--chain')).toMatchObject({ code: 0, out: expect.stringContaining(`${id} is not on version 1`) });
  });

  test('a file that says another thing is caught, with the chain and without', async () => {
    const [on, off] = [
      (await proofOf<ListProof>('prove-entry', LIST, 'S-1')).proof,
      (await proofOf<ListProof>('prove-entry', LIST, 'S-7')).proof,
    ];
    const altered: readonly [object, string][] = [
      [{ ...on, entryId: 'S-2' }, 'the entry does not lead to the root'],
      [{ ...on, root: 'ab'.repeat(32) }, 'the entry does not lead to the root'],
      [{ ...off, entryId: 'S-1' }, 'the entry does not stand between the two'],
      [{ ...off, place: { ...off.place, before: null, after: null } }, 'a neighbour of the entry is missing'],
    ];
    for (const [proof, says] of altered) {
      for (const options of [[], ['--chain']]) {
        expect(await verifyAltered(proof, ...options)).toMatchObject({ code: 1, out: expect.stringContaining(says) });
      }
    }
    const shifted = { ...off, place: { ...off.place, index: off.place.index + 1 } };
    expect((await verifyAltered(shifted, '--chain')).code).toBe(1);
  });

  test('a list that nobody published holds offline, and not on the chain', async () => {
    const { proof } = await proofOf<ListProof>('prove-entry', LIST, 'S-1');
    const lonely = { ...proof, list: 'NOBODYS', count: 1 };
    expect((await verifyAltered(lonely, '--chain')).out).toContain('no version of the list with this root');
  });

  test('an older version is found behind the latest', async () => {
    const { file } = await proofOf<ListProof>('prove-entry', LIST, 'S-1');
    const newer = { id: 'newer', list: listNumber(LIST), root: 'cd'.repeat(32), count: 9n, sourceHash: 'ef'.repeat(32) };
    await publishList(world.deps, world.account(world.keys.regulator), newer);
    expect((await registry('verify', file, '--chain')).out).toContain('version 1 of CAPP-SAMPLE');
    expect((await registry('verify', file, '--chain')).out).toContain('the latest is 2.');
  });

  test('a list that is not in force is named, with those that are', async () => {
    expect(await registry('prove-entry', 'OFAC-SDN', '36')).toMatchObject({ err: expect.stringContaining(LIST) });
  });
});

describe('customers', () => {
  test('what was attested is confirmed, and of nobody else', async () => {
    const { file, proof } = await proofOf<AttestationProof>('prove-customer', userId);
    expect(await registry('verify', file)).toMatchObject({ code: 0, out: expect.stringContaining('only the chain can say') });
    expect(await registry('verify', file, '--chain')).toMatchObject({
      code: 0,
      out: expect.stringContaining('The registry confirms: the customer passed the checks of tier 3'),
    });
    for (const other of [{ userId: newId() }, { salt: '00'.repeat(32) }, { issuer: `0x${'7'.repeat(64)}` }]) {
      expect(await verifyAltered({ ...proof, ...other }, '--chain')).toMatchObject({
        code: 1,
        out: expect.stringContaining('attested nothing'),
      });
    }
  });

  test('what is no id is not looked for', async () => {
    expect((await registry('prove-customer', 'amina')).err).toContain('It must be the id of a customer.');
  });

  test('what was revoked is not', async () => {
    const { file } = await proofOf<AttestationProof>('prove-customer', userId);
    await database.pool.query(`update users set kyc_status = 'rejected' where id = $1`, [userId]);
    expect((await tell()).failed).toEqual([]);
    expect(await registry('verify', file, '--chain')).toMatchObject({ code: 1, out: expect.stringContaining('was revoked') });
    expect((await registry('prove-customer', userId)).err).toContain('Nothing is attested');
  });
});

test('what is no proof is refused', async () => {
  expect((await verifyAltered({ kind: 'capp-list-proof' })).err).toContain('no proof about the registry');
});

describe('capp identity check', () => {
  const person = async (): Promise<string> => {
    const id = newId();
    await database.pool.query(`insert into users (id, client_id, phone_index, country, wallet_id) values ($1, $2, $3, 'KE', 'mpesa')`, [
      id,
      DEMO_CLIENT_ID,
      Buffer.from(id),
    ]);
    return id;
  };
  /** Two officers confirm that the person is on a list. */
  const bar = async (user: string): Promise<void> => {
    const id = newId();
    const entry = { list: 'UN', entry_id: 'QDi.1', entry_digest: 'e'.repeat(64), topic: 'sanction' };
    const found = { id, client_id: DEMO_CLIENT_ID, user_id: user, ...entry, score: 0.93, how: 'similar', grounds: ['spelling'] } as const;
    await storeFindings(database.pool, 'UN@2', [found]);
    const nowMs = Date.now();
    await withTransaction(database.pool, (tx) => askToConfirm(tx, { id, by: 'officer:amina', nowMs }));
    await withTransaction(database.pool, (tx) => confirmFinding(tx, { id, by: 'officer:kofi', nowMs }));
  };
  const check = (id: string, ...line: string[]) => command('identity', 'check', id, '--by', 'officer:amina', ...line);

  test('what was found of a customer is what the registry attests, by its tier, and revokes when it holds no longer', async () => {
    const id = await person();
    const evidence = join(folder, 'passport.txt');
    await writeFile(evidence, 'A passport.');
    expect(await check(id, '--status', 'verified', '--tier', '2', '--evidence', evidence)).toMatchObject({
      code: 0,
      out: `${id} is verified, tier 2.`,
    });
    expect(await tell()).toEqual({ put: 1, failed: [] });
    const { file } = await proofOf<AttestationProof>('prove-customer', id);
    expect(await registry('verify', file, '--chain')).toMatchObject({ code: 0, out: expect.stringContaining('tier 2') });
    const { rows } = await database.pool.query(`select actor, action, details from audit_events where subject = $1`, [`user:${id}`]);
    const evidenceHash = createHash('sha256').update('A passport.').digest('hex');
    const details = { status: 'verified', tier: 2, checkedBy: 'officer:amina', evidenceHash, before: { status: 'basic', tier: 1 } };
    expect(rows).toEqual([{ actor: 'operator:command-line', action: 'identity.checked', details }]);
    expect((await check(id, '--status', 'none', '--tier', '0', '--evidence-hash', 'ab'.repeat(32))).code).toBe(0);
    expect(await tell()).toEqual({ put: 1, failed: [] });
    expect((await registry('verify', file, '--chain')).code).toBe(1);
  });

  test('is refused for nobody, for whom a finding bars, and without one evidence', async () => {
    const id = await person();
    const found = ['--status', 'verified', '--tier', '2'];
    expect((await check(newId(), ...found, '--evidence-hash', 'ab'.repeat(32))).err).toMatch(/^capp: not_found/);
    expect((await check(id, ...found)).err).toMatch(/^capp: usage_invalid/);
    expect((await check(id, ...found, '--evidence-hash', 'ab')).code).toBe(2);
    expect((await check(id, '--status', 'good', '--tier', '2', '--evidence-hash', 'ab'.repeat(32))).code).toBe(2);
    expect((await check(id, '--status', 'verified', '--tier', '10', '--evidence-hash', 'ab'.repeat(32))).code).toBe(2);
    await bar(id);
    expect((await check(id, ...found, '--evidence-hash', 'ab'.repeat(32))).err).toMatch(/^capp: illegal_transition/);
    expect((await database.pool.query('select kyc_status from users where id = $1', [id])).rows).toEqual([{ kyc_status: 'rejected' }]);
  });
});
