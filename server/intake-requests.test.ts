import { afterAll, beforeAll, expect, test } from 'vitest';
import { withTransaction } from '../db/connect.ts';
import { createKeyring } from '../db/keyring.ts';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { insertClient } from '../db/fixtures.ts';
import { openBatch } from '../db/queries/intake.ts';
import { systemClock } from '../domain/clock.ts';
import { newId } from '../domain/ids.ts';
import { parseIntent, type PaymentIntent } from '../domain/intent.ts';
import { createIntake } from './intake.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

function intent(number: number): PaymentIntent {
  const digits = String(number).padStart(6, '0');
  const verdict = parseIntent({
    referenceId: `request-${number}`,
    amount: '1500.00',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    sender: { name: 'Wanjiru Kamau', phone: `+254712${digits}`, country: 'KE' },
    receiver: { name: 'Okello Moses', phone: `+256772${digits}`, country: 'UG' },
  });
  if (!verdict.ok) throw new Error(JSON.stringify(verdict.errors));
  return verdict.intent;
}

test('a batch waits as one request, single payments as one each', async () => {
  const { pool } = database;
  const clientId = await insertClient(pool);
  const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 7) }]);
  const intake = createIntake({ pool, keyring, clock: systemClock, notify: () => undefined });
  const batchId = newId();
  await openBatch(pool, { id: batchId, clientId, actor: 'client:test', nowMs: systemClock.now() });
  const rows = Array.from({ length: 100 }, (_, index) => intent(index));
  const batch = intake.submitMany(clientId, batchId, rows);
  expect(intake.requests()).toBe(1);
  const singles = [intake.submit(clientId, intent(200)), intake.submit(clientId, intent(201))];
  expect(intake.requests()).toBe(3);
  await expect.poll(() => intake.depth()).toBeGreaterThan(0);
  const taken = [...(await batch), ...(await Promise.all(singles))];
  expect(taken.filter((each) => 'paymentId' in each)).toHaveLength(102);
  expect(intake.requests()).toBe(0);
  // What is refused waits no longer than what is taken.
  await expect(intake.submit(clientId, { ...intent(200), amount: { minor: 1n, currency: 'KES' } })).rejects.toMatchObject({
    code: 'duplicate_reference',
  });
  expect(intake.requests()).toBe(0);
});

test('a single payment waits for no batch, be it of the same client, and not for another client', { timeout: 30_000 }, async () => {
  const { pool } = database;
  const [client, other] = [await insertClient(pool), await insertClient(pool)];
  const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 7) }]);
  const intake = createIntake({ pool, keyring, clock: systemClock, notify: () => undefined });
  const batchId = newId();
  await openBatch(pool, { id: batchId, clientId: client, actor: 'client:test', nowMs: systemClock.now() });
  const people = intent(600);
  const rows = Array.from({ length: 4_000 }, (_, index) => ({ ...people, referenceId: `waits-${index}` }));
  const batch = intake.submitMany(client, batchId, rows);
  await expect.poll(() => intake.depth()).toBeGreaterThan(2_500);
  const waiting = intake.depth();
  await Promise.all([intake.submit(client, intent(601)), intake.submit(other, intent(602))]);
  // No more than was under way when they came, and what shared their statement, has gone before them.
  expect(waiting - intake.depth()).toBeLessThan(2_000);
  expect((await batch).filter((each) => 'paymentId' in each)).toHaveLength(4_000);
});

test('rows of a batch that say the same again go together once the first is taken', async () => {
  const { pool } = database;
  const clientId = await insertClient(pool);
  const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 7) }]);
  let asked = 0;
  const counted = new Proxy(pool, {
    get: (target, name) => {
      if (name === 'query' || name === 'connect') asked += 1;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const intake = createIntake({ pool: counted, keyring, clock: systemClock, notify: () => undefined });
  const batchId = newId();
  await openBatch(pool, { id: batchId, clientId, actor: 'client:test', nowMs: systemClock.now() });
  const other = { ...intent(400), amount: { minor: 1n, currency: 'KES' as const } };
  const taken = await intake.submitMany(clientId, batchId, [...Array.from({ length: 200 }, () => intent(400)), other]);
  const [first] = taken;
  expect(first).toMatchObject({ replayed: false });
  const again = { paymentId: (first as { paymentId: string }).paymentId, replayed: true };
  expect(taken.slice(1, 200)).toEqual(Array.from({ length: 199 }, () => expect.objectContaining(again)));
  expect(taken[200]).toMatchObject({ code: 'duplicate_reference' });
  // One at a time they would take more than one each.
  expect(asked).toBeLessThan(20);
});

test('while none of one reference has been taken, the rows wait for each other', async () => {
  const { pool } = database;
  const clientId = await insertClient(pool);
  const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 7) }]);
  const intake = createIntake({ pool, keyring, clock: systemClock, notify: () => undefined });
  const batchId = newId();
  await openBatch(pool, { id: batchId, clientId, actor: 'client:test', nowMs: systemClock.now() });
  const refused = { ...intent(500), quoteId: newId() };
  const verdicts = await intake.submitMany(clientId, batchId, [refused, intent(500), { ...intent(500), purpose: 'goods' }, intent(500)]);
  expect(verdicts[0]).toMatchObject({ code: 'quote_not_found' });
  expect(verdicts[1]).toMatchObject({ replayed: false });
  expect(verdicts[2]).toMatchObject({ code: 'duplicate_reference' });
  expect(verdicts[3]).toMatchObject({ replayed: true, paymentId: (verdicts[1] as { paymentId: string }).paymentId });
});

test.each([
  ['alone', [300]],
  ['beside others', [300, 301, 302]],
])('people who are remembered and whom a crash of the database undid are stored again with their next payments, %s', async (_, numbers) => {
  const { pool } = database;
  const clientId = await insertClient(pool);
  const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 7) }]);
  const intake = createIntake({ pool, keyring, clock: systemClock, notify: () => undefined });
  const before = await intake.submit(clientId, intent(300));
  await withTransaction(pool, async (tx) => {
    await tx.query("set local session_replication_role = 'replica'");
    await tx.query('delete from payments where id = $1', [before.paymentId]);
    await tx.query('delete from users where client_id = $1', [clientId]);
  });
  const taken = await Promise.all(numbers.map((number) => intake.submit(clientId, intent(number))));
  expect(taken.map(({ replayed }) => replayed)).toEqual(numbers.map(() => false));
  const { rows } = await pool.query(
    `select p.id, sender.data_key is not null and receiver.data_key is not null as whole
     from payments p join users sender on sender.id = p.sender_id join users receiver on receiver.id = p.receiver_id
     where p.client_id = $1 order by p.id`,
    [clientId],
  );
  expect(rows).toEqual(taken.map(({ paymentId }) => ({ id: paymentId, whole: true })).sort((a, b) => (a.id < b.id ? -1 : 1)));
});
