import type { PoolClient, QueryConfig } from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { createLockWaits, type LockWaits, send, type Waiting, wakeAll } from './lock-waits.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase({ max: 6 });
  await database.pool.query('create table places (id int primary key); insert into places select generate_series(1, 9)');
});

afterAll(() => database?.close());

async function begin(): Promise<PoolClient> {
  const client = await database.pool.connect();
  await client.query('begin');
  return client;
}

async function end(client: PoolClient): Promise<void> {
  await client.query('commit');
  client.release();
}

/** Locks places one after the other, as far as it gets. */
async function lock(waits: LockWaits, client: PoolClient, places: readonly number[]): Promise<Waiting> {
  const text = 'select id from places where id = any($1) order by id for update';
  const { waiting } = send(client, { text, values: [places] });
  await waits.settle(waiting);
  return waiting;
}

test('of those that one transaction lets go, whoever waited first goes first, and takes what both want', async () => {
  const waits = createLockWaits(database.pool);
  // Who is quicker would be chance: once proves nothing.
  for (let round = 0; round < 10; round += 1) {
    const [holder, first, second] = [await begin(), await begin(), await begin()];
    expect((await lock(waits, holder, [3, 7])).isSettled).toBe(true);
    const [waitsForBoth, waitsForOne] = [await lock(waits, first, [3, 7]), await lock(waits, second, [7])];
    expect([waitsForBoth.isSettled, waitsForOne.isSettled]).toEqual([false, false]);
    await end(holder);
    await waits.release();
    expect([waitsForBoth.isSettled, waitsForOne.isSettled]).toEqual([true, false]);
    await end(first);
    await waits.release();
    expect(waitsForOne.isSettled).toBe(true);
    await end(second);
  }
});

test('one whose wait somebody ends goes on', async () => {
  const waits = createLockWaits(database.pool);
  const [holder, other] = [await begin(), await begin()];
  await lock(waits, holder, [5]);
  const waiting = await lock(waits, other, [5]);
  await database.pool.query('select pg_cancel_backend($1)', [waiting.pid]);
  waits.wake(waiting);
  await waiting.settled;
  await other.query('rollback');
  other.release();
  await end(holder);
});

test('whoever closes a circle is ended by the server, however late it gets round to it', async () => {
  const waits = createLockWaits(database.pool);
  const [first, second] = [await begin(), await begin()];
  for (const client of [first, second]) await client.query("set local deadlock_timeout = '300ms'");
  await lock(waits, first, [1]);
  await lock(waits, second, [2]);
  const waiting = await lock(waits, first, [2]);
  const closing = await lock(waits, second, [1]);
  expect([waiting.isSettled, closing.isSettled]).toEqual([false, true]);
  // Nobody asks it whether it has let go of the locks.
  await waits.release();
  expect(waiting.isSettled).toBe(true);
  await end(second);
  await end(first);
});

test('whoever failed is not settled while the server may still hold the locks', async () => {
  const waits = createLockWaits(database.pool);
  // A server that stands still between its error and the end of the transaction.
  const letGo: (() => void)[] = [];
  const query = (statement: QueryConfig | string) =>
    statement === '' ? new Promise<void>((resolve) => letGo.push(resolve)) : Promise.reject(new Error('deadlock detected'));
  const { waiting, answer } = send({ query } as unknown as PoolClient, { text: 'select 1' });
  await vi.waitFor(() => expect(letGo).toHaveLength(1));
  expect(waiting.isSettled).toBe(false);
  const settled = waits.settle(waiting);
  letGo[0]?.();
  await expect(answer).rejects.toThrow('deadlock detected');
  await settled;
  expect(waiting.isSettled).toBe(true);
});

test('when a run is broken off, nobody is left standing still', async () => {
  const waits = createLockWaits(database.pool);
  const [holder, other] = [await begin(), await begin()];
  await lock(waits, holder, [6]);
  const waiting = await lock(waits, other, [6]);
  wakeAll();
  await end(holder);
  await waiting.settled;
  await end(other);
});
