import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertClient, insertPayment } from './fixtures.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  // One connection: what it planned when there was nobody it goes on with.
  database = await testDatabase({ max: 1 });
});
afterAll(() => database.close());

const PEOPLE = 2_000;

test('the parties of a payment are looked up by their keys by a connection that knew the table when it was empty', async () => {
  const { pool } = database;
  const clientId = await insertClient(pool);
  // A plan is kept for good after some uses.
  for (let count = 0; count < 8; count += 1) await insertPayment(pool, { clientId, status: 'accepted' });
  await pool.query(
    `insert into users (id, client_id, phone_index, country, wallet_id, created_at, updated_at)
     select gen_random_uuid(), $1, decode(md5(n::text), 'hex'), 'KE', 'mpesa-ke', now(), now() from generate_series(1, $2) n`,
    [clientId, PEOPLE],
  );
  await pool.query('begin');
  await insertPayment(pool, { clientId, status: 'accepted' });
  const { rows } = await pool.query<{ read: number }>(
    `select (idx_tup_fetch + seq_tup_read)::int as read from pg_stat_xact_user_tables where relname = 'users'`,
  );
  await pool.query('rollback');
  expect(rows[0]?.read).toBeLessThan(20);
});
