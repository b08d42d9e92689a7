import type { PoolClient } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { createLockWaits, type LockWaits, type Waiting, wakeAll } from './lock-waits.ts';

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
  const answer = client.query('select id from places where id = any($1) order by id for update', [places]);
  const statement: Waiting = {
    pid: (client as unknown as { processID: number }).processID,
    isSettled: false,
    settled: answer.then(
      () => void (statement.isSettled = true),
      () => void (statement.isSettled = true),
    ),
  };
  await waits.settle(statement);
  return statement;
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
  // The server tells of the error first and lets go of the locks then; the answer to this comes after both.
  await second.query('rollback');
  await waits.release();
  expect(waiting.isSettled).toBe(true);
  second.release();
  await end(first);
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
