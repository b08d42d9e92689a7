import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LIQUIDITY_POLICY } from '../agents/liquidity/index.ts';
import { checkBooks } from '../tools/ledger/index.ts';
import { createReservationKeeper } from './reservations.ts';
import { type TestPlatform, testPlatform } from './testing.ts';

const { reservationMs } = LIQUIDITY_POLICY;
let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform();
});
afterEach(() => platform.close());

const reserved = async () =>
  (await platform.database.pool.query<{ sum: bigint }>('select coalesce(sum(reserved), 0)::bigint as sum from liquidity_pools')).rows[0]
    ?.sum;

/** A payment that is authorised, holds its float, and has not begun to collect: its first try failed and waits for another. */
async function authorised(): Promise<string> {
  platform.script = { collect: () => ({ state: 'failed', reasonCode: 'operator_busy', retry: 'later' }) };
  const id = await platform.submit();
  await platform.database.pool.query(`update payments set collection_spent = '{hub-ke}'`);
  await platform.settleDown();
  expect((await platform.status(id)).status).toBe('authorized');
  expect(await reserved()).toBeGreaterThan(0n);
  return id;
}

describe('an authorised payment whose reservation is over', () => {
  it('ends, and is told so; nothing of it is left in the books', async () => {
    const id = await authorised();
    platform.clock.advance(reservationMs - 1);
    // Let the other clocks of the platform stand: it is the keeper alone that is looked at.
    const keep = createReservationKeeper(platform.deps);
    expect(await keep()).toBe(0);
    platform.clock.advance(1);
    expect(await keep()).toBe(1);
    expect(await platform.status(id)).toEqual({ status: 'rejected', reasonCode: 'liquidity_timeout' });
    expect(await reserved()).toBe(0n);
    expect(await keep()).toBe(0);
    await platform.settleDown();
    expect(await checkBooks(platform.database.pool)).toEqual([]);
    expect(platform.sent).toHaveLength(1);
  });

  it('is left to the worker that holds it, and goes on', async () => {
    const id = await authorised();
    platform.clock.advance(reservationMs);
    await platform.database.pool.query('update payments_by_status set lease_token = gen_random_uuid(), lease_until = $1', [
      new Date(platform.clock.now() + 1),
    ]);
    expect(await createReservationKeeper(platform.deps)()).toBe(0);
    platform.script = {};
    platform.clock.advance(2);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('is ended once by two keepers at once', async () => {
    const id = await authorised();
    platform.clock.advance(reservationMs);
    const counts = await Promise.all([1, 2, 3].map(() => createReservationKeeper(platform.deps)()));
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 0, 1]);
    expect((await platform.status(id)).status).toBe('rejected');
    expect(await reserved()).toBe(0n);
  });
});

describe('a payment whose money is on its way', () => {
  it('keeps what it holds, however long its operator takes, and is paid from it', async () => {
    platform.script = { collect: () => ({ state: 'unknown', reasonCode: 'no_answer' }), inquire: () => ({ state: 'pending' }) };
    const id = await platform.submit();
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('collecting');
    const held = await reserved();
    platform.clock.advance(reservationMs + 1);
    await platform.worker.work('settle');
    expect(await reserved()).toBe(held);
    platform.script = { inquire: (_rail, request) => ({ state: 'succeeded', receipt: 'found', amount: request.amount }) };
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });
});
