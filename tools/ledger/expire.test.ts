import type { PoolClient } from 'pg';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import { PAYMENT_STATUSES, type PaymentStatus } from '../../domain/lifecycle.ts';
import { RAILS } from '../../domain/network.ts';
import { balances, expireReservations, post, seedBooks } from './index.ts';

let database: TestDatabase;
let clientId: string;
beforeEach(async () => {
  database = await testDatabase();
  await seedBooks(database.pool, { rails: RAILS.filter(({ id }) => id === 'mtn-ug') });
  clientId = await insertClient(database.pool);
});
afterEach(() => database.close());

const run = <T>(fn: (tx: PoolClient) => Promise<T>): Promise<T> => withTransaction(database.pool, fn);
const reserved = async () => (await balances(database.pool, ['float:mtn-ug']))[0]?.reserved;

async function reserve(expiresAtMs: number | null, paymentId?: string): Promise<string> {
  const movement = {
    id: newId(),
    type: 'pending',
    debit: 'clearing:UGX',
    credit: 'float:mtn-ug',
    amount: 10n,
    currency: 'UGX',
    reason: 'reservation',
  } as const;
  const expiry = expiresAtMs === null ? {} : { expiresAt: new Date(expiresAtMs) };
  await run((tx) => post(tx, [{ ...movement, ...expiry, ...(paymentId === undefined ? {} : { paymentId }) }]));
  return movement.id;
}

test('lets go of what is over, and of nothing else', async () => {
  const over = await reserve(1_000);
  await reserve(1_001);
  await reserve(null);
  const ended = await reserve(900);
  await run((tx) => post(tx, [{ type: 'void', pendingId: ended }]));
  expect(await run((tx) => expireReservations(tx, 1_000))).toEqual([{ pendingId: over, paymentId: null, status: null }]);
  expect(await reserved()).toBe(20n);
  expect(await run((tx) => expireReservations(tx, 1_000))).toEqual([]);
});

test('a regular caller need not look at the past again', async () => {
  await reserve(500);
  const recent = await reserve(900);
  expect(await run((tx) => expireReservations(tx, 1_000, 600))).toMatchObject([{ pendingId: recent }]);
});

test('never takes the float away from a payment that collects or pays out', async () => {
  const kept: PaymentStatus[] = ['collecting', 'collected', 'disbursing', 'refunding'];
  const byPayment = new Map<string, PaymentStatus>();
  for (const status of PAYMENT_STATUSES) {
    const paymentId = await insertPayment(database.pool, { clientId, status });
    byPayment.set(paymentId, status);
    await reserve(500, paymentId);
  }
  const expired = await run((tx) => expireReservations(tx, 1_000));
  expect(expired.every(({ paymentId, status }) => byPayment.get(paymentId as string) === status)).toBe(true);
  const statuses = new Set(expired.map(({ status }) => status));
  expect(statuses).toEqual(new Set(PAYMENT_STATUSES.filter((status) => !kept.includes(status))));
  expect(await reserved()).toBe(40n);
});

test('leaves a payment to the worker that holds it', async () => {
  const leased = await insertPayment(database.pool, { clientId, status: 'authorized' });
  await database.pool.query('update payments_by_status set lease_until = $2 where payment_id = $1', [leased, new Date(2_000)]);
  await reserve(500, leased);
  expect(await run((tx) => expireReservations(tx, 1_000))).toEqual([]);
  expect(await run((tx) => expireReservations(tx, 2_000))).toHaveLength(1);
});

test('two sweepers at once expire a reservation once', async () => {
  for (let count = 0; count < 5; count++) await reserve(500);
  await Promise.allSettled([run((tx) => expireReservations(tx, 1_000)), run((tx) => expireReservations(tx, 1_000))]);
  expect(await reserved()).toBe(0n);
  const { rows } = await database.pool.query("select count(*)::int as count from transfers where type = 'expire'");
  expect(rows[0].count).toBe(5);
});
