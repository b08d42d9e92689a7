/** Statements over cohorts cost what their cohort costs, whatever the planner knew when it planned them. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertClient, insertPayment, insertUser } from './fixtures.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

const MANY = 400;

let database: TestDatabase;
const ids: string[] = [];

beforeAll(async () => {
  // One connection: what it planned for one payment it goes on with.
  database = await testDatabase({ max: 1 });
  const { pool } = database;
  await pool.query('alter table payments set (autovacuum_enabled = off)');
  const clientId = await insertClient(pool);
  const [senderId, receiverId] = [await insertUser(pool, clientId), await insertUser(pool, clientId, 'UG', 'mtn-ug')];
  for (let count = 0; count < MANY; count += 1) ids.push(await insertPayment(pool, { clientId, senderId, receiverId }));
  await pool.query('analyze');
});
afterAll(() => database.close());

/** Rows of `payments` that were read since the last time. */
async function rowsRead(): Promise<number> {
  await database.pool.query('select pg_stat_force_next_flush()');
  const { rows } = await database.pool.query<{ read: number }>(
    `select (coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0))::int as read from pg_stat_user_tables where relname = 'payments'`,
  );
  return rows[0]?.read ?? -1;
}

test('a step of many payments is followed without comparing each with all, though it was planned for one', async () => {
  const client = await database.pool.connect();
  const plans: string[] = [];
  const heard = (notice: { readonly message?: string | undefined }): void => {
    if (notice.message?.includes('payment_may_become') === true) plans.push(notice.message);
  };
  try {
    await client.query(`load 'auto_explain'`);
    await client.query('set auto_explain.log_nested_statements = on');
    await client.query('set auto_explain.log_analyze = on');
    await client.query('set auto_explain.log_min_duration = 0');
    await client.query(`set auto_explain.log_level = 'notice'`);
    for (let times = 0; times < 8; times += 1) await client.query('update payments set updated_at = now() where id = $1', [ids[0]]);
    client.on('notice', heard);
    await client.query('update payments set updated_at = now() where id = any($1::uuid[])', [ids]);
  } finally {
    client.off('notice', heard);
    await client.query('reset all');
    client.release();
  }
  expect(plans).toHaveLength(1);
  const rowsOf = [...(plans[0] ?? '').matchAll(/actual [^)]*rows=([\d.]+) loops=(\d+)/g)].map(
    ([, rows, loops]) => Number(rows) * Number(loops),
  );
  expect(Math.max(...rowsOf)).toBe(2 * MANY);
});

test('the first payment that waits is found without reading those that have gone on, though the planner takes all to wait', async () => {
  const { pool } = database;
  const gone = ids.slice(0, -1);
  await pool.query(`update payments set status = 'rejected', reason_code = 'no_route' where id = any($1::uuid[])`, [gone]);
  await pool.query('vacuum payments_by_status');
  const before = await rowsRead();
  const { rows } = await pool.query<{ id: string }>(`select waiting_payments('accepted', now(), 1) as id`);
  expect(rows.map(({ id }) => id)).toEqual(ids.slice(-1));
  expect((await rowsRead()) - before).toBeLessThanOrEqual(4);
});
