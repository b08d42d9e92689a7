/** Signatures of mandates, and many payments at once under them. */
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { intentFingerprint } from '../../db/intent-fingerprint.ts';
import { createKeyring } from '../../db/keyring.ts';
import { createApiKey } from '../../db/queries/api-keys.ts';
import { findMandate, type StoredMandate } from '../../db/queries/mandates.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { type Fault, fault, isFault } from '../../domain/errors.ts';
import { type IntentInput, parseIntent, type PaymentIntent } from '../../domain/intent.ts';
import { mandateDigest, mandateText } from '../../domain/mandate.ts';
import type { SpendPolicy } from '../../domain/spend-policy.ts';
import { issueMandate, type MandateWish, takeBack } from './issue.ts';
import { signMandate } from './sign.ts';
import { createMandateDesk, type MandateDesk } from './spend.ts';

const HOUR_MS = 3_600_000;
const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 5) }]);
const clock = manualClock(Date.UTC(2026, 10, 25, 9));
let database: TestDatabase;
let clientId: string;
let desk: MandateDesk;
let made = 0;

beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());
beforeEach(async () => {
  clientId = await insertClient(database.pool);
  desk = createMandateDesk({ pool: database.pool, keyring, clock });
});

const issue = (policy: SpendPolicy, over: Partial<MandateWish> = {}) =>
  withTransaction(database.pool, (tx) => {
    const wish = { clientId, parentId: null, holder: 'agent:buyer', issuer: 'person:jane', policy, notBeforeMs: clock.now() };
    return issueMandate(tx, keyring, { ...wish, expiresAtMs: clock.now() + 24 * HOUR_MS, ...over }, clock.now());
  });
const revoke = (id: string, principal = 'person:jane') =>
  withTransaction(database.pool, (tx) => takeBack(tx, clientId, id, principal, clock.now()));

function intent(over: Partial<IntentInput> = {}): PaymentIntent {
  const parsed = parseIntent({
    referenceId: `ref-${(made += 1)}`,
    amount: '1000',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    sender: { name: 'Achieng Odhiambo', phone: '+254712345678', country: 'KE' },
    receiver: { name: 'Grace Nakato', phone: '+256772345678', country: 'UG' },
    ...over,
  });
  if (!parsed.ok) throw new Error('the intent of the test is wrong');
  return parsed.intent;
}

/** Stores a payment as the way in would; its id. */
const store = (paid: PaymentIntent) => {
  const fingerprint = intentFingerprint(keyring, clientId, paid);
  return insertPayment(database.pool, { clientId, referenceId: paid.referenceId, fingerprint, amount: paid.amount.minor });
};
/** Spends; the id of the payment that comes of it. */
const spend = (paid: PaymentIntent = intent(), principal = 'agent:buyer') => desk.spend({ clientId, principal }, paid, () => store(paid));
const actsOn = async (id: string): Promise<string[]> => {
  const { rows } = await database.pool.query<{ action: string }>('select action from audit_events where subject = $1 order by id', [
    `mandate:${id}`,
  ]);
  return rows.map(({ action }) => action);
};
const counted = async (): Promise<number> =>
  (await database.pool.query('select 1 from mandate_spends where client_id = $1', [clientId])).rowCount ?? 0;
const minor = (major: number): string => String(major * 100);

describe('a signature', () => {
  /** Registers a key of a principal, as `capp keys create --signed-by` does; the pair and its name. */
  const register = async (principal: string) => {
    const pair = generateKeyPairSync('ed25519');
    const publicJwk = pair.publicKey.export({ format: 'jwk' }) as Record<string, string>;
    const requestKey = { id: createHash('sha256').update(JSON.stringify(publicJwk)).digest('base64url'), publicJwk };
    const { id } = await createApiKey(database.pool, Buffer.alloc(32), { clientId, principal, scopes: ['payments:write'], requestKey });
    return { keyId: requestKey.id, apiKeyId: id, privateKey: pair.privateKey };
  };
  const textOf = async (id: string, role: 'holder' | 'issuer') => {
    const found = await findMandate(database.pool, clientId, id);
    return mandateText(role, mandateDigest((found as StoredMandate).mandate));
  };
  const bring = (mandateId: string, role: 'holder' | 'issuer', keyId: string, signature: Uint8Array) =>
    withTransaction(database.pool, (tx) => signMandate(tx, keyring, { clientId, mandateId, role, keyId, signature }, clock.now()));
  const signAs = async (id: string, role: 'holder' | 'issuer', key: Awaited<ReturnType<typeof register>>) =>
    bring(id, role, key.keyId, sign(null, Buffer.from(await textOf(id, role)), key.privateKey));
  const waits = { code: 'mandate_missing', detail: expect.stringContaining('waits for the signature') as string };

  it('of a holder who has a key is needed before anything is spent, and is taken in once', async () => {
    const key = await register('agent:buyer');
    const { id } = await issue({});
    await expect(spend()).rejects.toMatchObject(waits);
    expect(await counted()).toBe(0);
    await signAs(id, 'holder', key);
    await expect(spend()).resolves.toBeTruthy();
    await expect(signAs(id, 'holder', key)).rejects.toMatchObject({ code: 'switch_unchanged' });
    expect(await actsOn(id)).toEqual(['mandate.issued', 'mandate.signed', 'mandate.spent']);
    // The word was given: another key in place of the one it was given with takes nothing from it.
    await database.pool.query('update api_keys set revoked_at = now() where id = $1', [key.apiKeyId]);
    await register('agent:buyer');
    await expect(spend()).resolves.toBeTruthy();
  });

  it('of an issuer who has a key is needed as well, and above a mandate that is handed on', async () => {
    const key = await register('person:jane');
    const { id } = await issue({});
    await withTransaction(database.pool, async (tx) => {
      const wish = { clientId, parentId: id, holder: 'agent:clerk', issuer: 'agent:buyer', policy: {}, notBeforeMs: clock.now() };
      await issueMandate(tx, keyring, { ...wish, expiresAtMs: clock.now() + HOUR_MS }, clock.now());
    });
    for (const holder of ['agent:buyer', 'agent:clerk']) await expect(spend(intent(), holder)).rejects.toMatchObject(waits);
    await signAs(id, 'issuer', key);
    for (const holder of ['agent:buyer', 'agent:clerk']) await expect(spend(intent(), holder)).resolves.toBeTruthy();
  });

  it('is of this mandate, in this part, by a key of that principal at this moment', async () => {
    const [holder, issuer] = [await register('agent:buyer'), await register('person:jane')];
    const [{ id }, other] = [await issue({}), await issue({ usesMax: 1 })];
    const refused = { code: 'validation_failed', field: 'signature' };
    const signatureOf = async (mandateId: string, role: 'holder' | 'issuer', { privateKey } = holder) =>
      sign(null, Buffer.from(await textOf(mandateId, role)), privateKey);
    await expect(bring(id, 'holder', holder.keyId, await signatureOf(other.id, 'holder'))).rejects.toMatchObject(refused);
    await expect(bring(id, 'holder', holder.keyId, await signatureOf(id, 'issuer'))).rejects.toMatchObject(refused);
    await expect(bring(id, 'holder', issuer.keyId, await signatureOf(id, 'holder', issuer))).rejects.toMatchObject(refused);
    await expect(bring(id, 'holder', holder.keyId, await signatureOf(id, 'holder', issuer))).rejects.toMatchObject(refused);
    await database.pool.query('update api_keys set revoked_at = now() where id = $1', [holder.apiKeyId]);
    await expect(signAs(id, 'holder', holder)).rejects.toMatchObject(refused);
    await revoke(id);
    await expect(signAs(id, 'issuer', issuer)).rejects.toMatchObject({ code: 'mandate_missing' });
    await expect(bring(clientId, 'issuer', issuer.keyId, Buffer.alloc(64))).rejects.toMatchObject({ code: 'not_found' });
  });

  it('that was put into the database in place of another lets nobody spend', async () => {
    const key = await register('agent:buyer');
    const { id } = await issue({});
    await signAs(id, 'holder', key);
    const client = await database.pool.connect();
    await client.query('set session_replication_role = replica');
    await client.query(`update mandate_signatures set signature = sha512(signature) where mandate_id = $1`, [id]);
    client.release(true);
    await expect(spend()).rejects.toMatchObject(waits);
    await expect(database.pool.query('delete from mandate_signatures')).rejects.toMatchObject({
      constraint: 'mandate_signatures_append_only',
    });
  });
});

describe('many at once', () => {
  const spendAll = (
    intents: readonly PaymentIntent[],
    submit: (allowed: readonly PaymentIntent[]) => Promise<(string | Fault)[]> = (allowed) => Promise.all(allowed.map(store)),
  ) => desk.spendMany<string>({ clientId, principal: 'agent:buyer' }, intents, submit);
  const codesOf = (outcomes: readonly (string | Fault)[]) => outcomes.map((outcome) => (isFault(outcome) ? outcome.code : 'stored'));

  it('are counted one after the other, each refused by itself, and what is refused is not submitted', async () => {
    await issue({ budgets: [{ windowMs: HOUR_MS, amounts: { KES: minor(2_500) } }] });
    const seen: string[] = [];
    const intents = [intent(), intent({ amount: '9000' }), intent(), intent(), intent({ amount: '500' })];
    const outcomes = await spendAll(intents, (allowed) => {
      seen.push(...allowed.map(({ referenceId }) => referenceId));
      return Promise.all(allowed.map((each) => store(each)));
    });
    expect(codesOf(outcomes)).toEqual(['stored', 'mandate_exceeded', 'stored', 'mandate_exceeded', 'stored']);
    expect(seen).toEqual([intents[0], intents[2], intents[4]].map((each) => each?.referenceId));
    expect(await counted()).toBe(3);
  });

  it('give back what nothing came of, count what is repeated once, and another intent under its reference not at all', async () => {
    await issue({ usesMax: 3 });
    const [first, second] = [intent(), intent()];
    const other = { ...first, amount: intent({ amount: '7' }).amount };
    const outcomes = await spendAll([first, first, other, second], (allowed) =>
      Promise.all(allowed.map(async (each) => (each === second ? fault('quote_not_found') : each === first ? 'stored' : store(each)))),
    );
    expect(codesOf(outcomes)).toEqual(['stored', 'stored', 'duplicate_reference', 'quote_not_found']);
    expect(await counted()).toBe(1);
  });

  it('never pass a budget together with single ones beside them', async () => {
    await issue({ usesMax: 5 });
    const ends = await Promise.all([
      spendAll([intent(), intent(), intent(), intent()]),
      ...Array.from({ length: 4 }, () =>
        spend().then(
          (id) => [id],
          (error: Fault) => [error],
        ),
      ),
    ]);
    expect(codesOf(ends.flat()).filter((code) => code === 'stored')).toHaveLength(5);
    expect(await counted()).toBe(5);
  });

  it('ask nothing of whoever is not bound, and nothing is submitted when all are refused', async () => {
    const free = await desk.spendMany<string>({ clientId, principal: 'agent:free' }, [intent()], async () => ['as it was']);
    expect(free).toEqual(['as it was']);
    await issue({ perPayment: { KES: '1' } });
    const none = () => Promise.reject(new Error('nothing is to be submitted'));
    expect(codesOf(await spendAll([intent(), intent()], none))).toEqual(['mandate_exceeded', 'mandate_exceeded']);
  });
});
