/** Signatures of mandates, and many payments at once under them. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { createApiKey } from '../../db/queries/api-keys.ts';
import { findMandate, type StoredMandate } from '../../db/queries/mandates.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { HOUR_MS, intent, keyring, type MandateWorld, minor, openMandateWorld, watchedPool } from './testing.ts';
import { type Fault, fault, isFault } from '../../domain/errors.ts';
import { type PaymentIntent } from '../../domain/intent.ts';
import { mandateDigest, mandateText } from '../../domain/mandate.ts';
import { issueMandate } from './issue.ts';
import { signMandate } from './sign.ts';
import { createMandateDesk } from './spend.ts';

let database: TestDatabase;
let world: MandateWorld;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  world = await openMandateWorld(database);
});

describe('a signature', () => {
  /** Registers a key of a principal, as `capp keys create --signed-by` does; the pair and its name. */
  const register = async (principal: string) => {
    const pair = generateKeyPairSync('ed25519');
    const publicJwk = pair.publicKey.export({ format: 'jwk' }) as Record<string, string>;
    const requestKey = { id: createHash('sha256').update(JSON.stringify(publicJwk)).digest('base64url'), publicJwk };
    const { id } = await createApiKey(database.pool, Buffer.alloc(32), {
      clientId: world.clientId,
      principal,
      scopes: ['payments:write'],
      requestKey,
    });
    return { keyId: requestKey.id, apiKeyId: id, privateKey: pair.privateKey };
  };
  const textOf = async (id: string, role: 'holder' | 'issuer') => {
    const found = await findMandate(database.pool, world.clientId, id);
    return mandateText(role, mandateDigest((found as StoredMandate).mandate));
  };
  const bring = (mandateId: string, role: 'holder' | 'issuer', keyId: string, signature: Uint8Array) =>
    withTransaction(database.pool, (tx) =>
      signMandate(tx, keyring, { clientId: world.clientId, mandateId, role, keyId, signature }, world.clock.now()),
    );
  const signAs = async (id: string, role: 'holder' | 'issuer', key: Awaited<ReturnType<typeof register>>) =>
    bring(id, role, key.keyId, sign(null, Buffer.from(await textOf(id, role)), key.privateKey));
  const waits = { code: 'mandate_missing', detail: expect.stringContaining('waits for the signature') as string };

  it('of a holder who has a key is needed before anything is spent, and is taken in once', async () => {
    const key = await register('agent:buyer');
    const { id } = await world.issue({});
    await expect(world.spend()).rejects.toMatchObject(waits);
    expect(await world.counted()).toBe(0);
    await signAs(id, 'holder', key);
    await expect(world.spend()).resolves.toBeTruthy();
    await expect(signAs(id, 'holder', key)).rejects.toMatchObject({ code: 'switch_unchanged' });
    expect(await world.actsOn(id)).toEqual(['mandate.issued', 'mandate.signed', 'mandate.spent']);
    // The word was given: another key in place of the one it was given with takes nothing from it.
    await database.pool.query('update api_keys set revoked_at = now() where id = $1', [key.apiKeyId]);
    await register('agent:buyer');
    await expect(world.spend()).resolves.toBeTruthy();
  });

  it('of an issuer who has a key is needed as well, and above a mandate that is handed on', async () => {
    const key = await register('person:jane');
    const { id } = await world.issue({});
    await withTransaction(database.pool, async (tx) => {
      const wish = {
        clientId: world.clientId,
        parentId: id,
        holder: 'agent:clerk',
        issuer: 'agent:buyer',
        policy: {},
        notBeforeMs: world.clock.now(),
      };
      await issueMandate(tx, keyring, { ...wish, expiresAtMs: world.clock.now() + HOUR_MS }, world.clock.now());
    });
    for (const holder of ['agent:buyer', 'agent:clerk']) await expect(world.spend(intent(), holder)).rejects.toMatchObject(waits);
    await signAs(id, 'issuer', key);
    for (const holder of ['agent:buyer', 'agent:clerk']) await expect(world.spend(intent(), holder)).resolves.toBeTruthy();
  });

  it('is of this mandate, in this part, by a key of that principal at this moment', async () => {
    const [holder, issuer] = [await register('agent:buyer'), await register('person:jane')];
    const [{ id }, other] = [await world.issue({}), await world.issue({ usesMax: 1 })];
    const refused = { code: 'validation_failed', field: 'signature' };
    const signatureOf = async (mandateId: string, role: 'holder' | 'issuer', { privateKey } = holder) =>
      sign(null, Buffer.from(await textOf(mandateId, role)), privateKey);
    await expect(bring(id, 'holder', holder.keyId, await signatureOf(other.id, 'holder'))).rejects.toMatchObject(refused);
    await expect(bring(id, 'holder', holder.keyId, await signatureOf(id, 'issuer'))).rejects.toMatchObject(refused);
    await expect(bring(id, 'holder', issuer.keyId, await signatureOf(id, 'holder', issuer))).rejects.toMatchObject(refused);
    await expect(bring(id, 'holder', holder.keyId, await signatureOf(id, 'holder', issuer))).rejects.toMatchObject(refused);
    await database.pool.query('update api_keys set revoked_at = now() where id = $1', [holder.apiKeyId]);
    await expect(signAs(id, 'holder', holder)).rejects.toMatchObject(refused);
    await world.revoke(id);
    await expect(signAs(id, 'issuer', issuer)).rejects.toMatchObject({ code: 'mandate_missing' });
    await expect(bring(world.clientId, 'issuer', issuer.keyId, Buffer.alloc(64))).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each([
    ['revoked', `revoked_at = $2`],
    ['over', `expires_at = $2`],
  ])(
    'stays needed of whoever had a key when the mandate was given or since, and of nobody else, once that key is %s',
    async (_how, end) => {
      const endKey = (apiKeyId: string) =>
        database.pool.query(`update api_keys set ${end} where id = $1`, [apiKeyId, new Date(world.clock.now())]);
      const before = await register('agent:buyer');
      const { id } = await world.issue({});
      world.clock.advance(HOUR_MS);
      await endKey(before.apiKeyId);
      await expect(world.spend()).rejects.toMatchObject(waits);
      const after = await register('agent:buyer');
      await signAs(id, 'holder', after);
      await expect(world.spend()).resolves.toBeTruthy();
      // The issuer gets a key only later, and loses it.
      const late = await register('person:jane');
      await endKey(late.apiKeyId);
      await expect(world.spend()).rejects.toMatchObject(waits);
      await endKey(after.apiKeyId);
      world.clock.advance(HOUR_MS);
      await world.issue({});
      await expect(world.spend()).resolves.toBeTruthy();
    },
  );

  it('that was put into the database in place of another lets nobody spend', async () => {
    const key = await register('agent:buyer');
    const { id } = await world.issue({});
    await signAs(id, 'holder', key);
    const client = await database.pool.connect();
    await client.query('set session_replication_role = replica');
    await client.query(`update mandate_signatures set signature = sha512(signature) where mandate_id = $1`, [id]);
    client.release(true);
    await expect(world.spend()).rejects.toMatchObject(waits);
    await expect(database.pool.query('delete from mandate_signatures')).rejects.toMatchObject({
      constraint: 'mandate_signatures_append_only',
    });
  });
});

describe('many at once', () => {
  const spendAll = (
    intents: readonly PaymentIntent[],
    submit: (allowed: readonly PaymentIntent[]) => Promise<(string | Fault)[]> = (allowed) =>
      Promise.all(allowed.map((paid) => world.store(paid))),
  ) => world.desk.spendMany<string>({ clientId: world.clientId, principal: 'agent:buyer' }, intents, submit);
  const codesOf = (outcomes: readonly (string | Fault)[]) => outcomes.map((outcome) => (isFault(outcome) ? outcome.code : 'stored'));

  it('are counted one after the other, each refused by itself, and what is refused is not submitted', async () => {
    await world.issue({ budgets: [{ windowMs: HOUR_MS, amounts: { KES: minor(2_500) } }] });
    const seen: string[] = [];
    const intents = [intent(), intent({ amount: '9000' }), intent(), intent(), intent({ amount: '500' })];
    const outcomes = await spendAll(intents, (allowed) => {
      seen.push(...allowed.map(({ referenceId }) => referenceId));
      return Promise.all(allowed.map((each) => world.store(each)));
    });
    expect(codesOf(outcomes)).toEqual(['stored', 'mandate_exceeded', 'stored', 'mandate_exceeded', 'stored']);
    expect(seen).toEqual([intents[0], intents[2], intents[4]].map((each) => each?.referenceId));
    expect(await world.counted()).toBe(3);
  });

  it('give back what nothing came of, count what is repeated once, and another intent under its reference not at all', async () => {
    await world.issue({ usesMax: 3 });
    const [first, second] = [intent(), intent()];
    const other = { ...first, amount: intent({ amount: '7' }).amount };
    const outcomes = await spendAll([first, first, other, second], (allowed) =>
      Promise.all(
        allowed.map(async (each) => (each === second ? fault('quote_not_found') : each === first ? 'stored' : world.store(each))),
      ),
    );
    expect(codesOf(outcomes)).toEqual(['stored', 'stored', 'duplicate_reference', 'quote_not_found']);
    expect(await world.counted()).toBe(1);
  });

  it('never pass a budget together with single ones beside them', async () => {
    await world.issue({ usesMax: 5 });
    const ends = await Promise.all([
      spendAll([intent(), intent(), intent(), intent()]),
      ...Array.from({ length: 4 }, () =>
        world.spend().then(
          (id) => [id],
          (error: Fault) => [error],
        ),
      ),
    ]);
    expect(codesOf(ends.flat()).filter((code) => code === 'stored')).toHaveLength(5);
    expect(await world.counted()).toBe(5);
  });

  it('ask once for all of them what holds before the first, and write their acts at once', async () => {
    const { id } = await world.issue({});
    const asked: string[] = [];
    const desk = createMandateDesk({ pool: watchedPool(database.pool, (name) => asked.push(name)), keyring, clock: world.clock });
    const spendSome = async (count: number) => {
      const intents = Array.from({ length: count }, () => intent());
      asked.length = 0;
      const refuse = async (allowed: readonly PaymentIntent[]) => allowed.map(() => fault('quote_not_found'));
      await desk.spendMany<string>({ clientId: world.clientId, principal: 'agent:buyer' }, intents, refuse);
      return asked.filter((name) => name !== 'insert_spends' && name !== 'is_bound');
    };
    const one = await spendSome(1);
    expect(new Set(one)).toEqual(
      new Set(['lock_mandate_chains', 'find_signatures_at', 'find_references', 'find_spends', 'record_audit_events', 'delete_spends']),
    );
    expect(await spendSome(4)).toEqual(one);
    expect((await world.actsOn(id)).slice(3)).toEqual([
      ...Array<string>(4).fill('mandate.spent'),
      ...Array<string>(4).fill('mandate.spend_returned'),
    ]);
    expect(await world.counted()).toBe(0);
  });

  it('ask nothing of whoever is not bound, and nothing is submitted when all are refused', async () => {
    const free = await world.desk.spendMany<string>({ clientId: world.clientId, principal: 'agent:free' }, [intent()], async () => [
      'as it was',
    ]);
    expect(free).toEqual(['as it was']);
    await world.issue({ perPayment: { KES: '1' } });
    const none = () => Promise.reject(new Error('nothing is to be submitted'));
    expect(codesOf(await spendAll([intent(), intent()], none))).toEqual(['mandate_exceeded', 'mandate_exceeded']);
  });
});
