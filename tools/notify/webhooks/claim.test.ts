/** Claiming costs what is claimed, however much waits, and whatever the planner knew when it planned. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertClient } from '../../../db/fixtures.ts';
import { type TestDatabase, testDatabase } from '../../../db/testing.ts';
import { newId } from '../../../domain/ids.ts';
import { claimDeliveries } from './deliver.ts';

const WAITING = 3_000;
const DONE = 400;
const LIMIT = 64;
const NOW_MS = Date.UTC(2026, 10, 2, 9);

let database: TestDatabase;
let endpointId: string;

beforeAll(async () => {
  // One connection: what it planned while nothing waited it goes on with.
  database = await testDatabase({ max: 1 });
  const { pool } = database;
  await pool.query('alter table webhook_deliveries set (autovacuum_enabled = off)');
  endpointId = newId();
  const clientId = await insertClient(pool);
  await pool.query(
    `insert into webhook_endpoints (id, client_id, url, secret, topics) values ($1, $2, 'https://client.test/hooks', '\\x00', '{}')`,
    [endpointId, clientId],
  );
  await pool.query('set session_replication_role = replica');
  // Some hundreds are done and three wait: so few that every index of those that wait looks as good as the other.
  await pool.query(
    `insert into webhook_deliveries (id, client_id, endpoint_id, outbox_id, payment_id, event_id, topic, body, state, next_attempt_at)
      select gen_random_uuid(), $1, $2, ${WAITING} + n, gen_random_uuid(), gen_random_uuid(), 'payment.paid', repeat('x', 300),
        case when n > ${DONE} then 'waiting' else 'delivered' end, case when n > ${DONE} then to_timestamp(0) end
      from generate_series(1, ${DONE} + 3) n`,
    [clientId, endpointId],
  );
  for (let times = 0; times < 9; times += 1) await claim();
  await pool.query(`delete from webhook_deliveries where state = 'waiting'`);
  // Two of each payment: the later waits for the earlier.
  await pool.query(
    `insert into webhook_deliveries (id, client_id, endpoint_id, outbox_id, payment_id, event_id, topic, body, next_attempt_at)
      select gen_random_uuid(), $1, $2, n, md5((n % ${WAITING / 2})::text)::uuid, gen_random_uuid(), 'payment.paid', '{}', to_timestamp($3::bigint / 1000 + n)
      from generate_series(1, ${WAITING}) n`,
    [clientId, endpointId, NOW_MS - 86_400_000],
  );
  await pool.query('set session_replication_role = origin');
});
afterAll(() => database.close());

const claim = () => claimDeliveries(database.pool, { limit: LIMIT, nowMs: NOW_MS, leaseMs: 30_000, saturated: [] });

/** Rows of the table that were read so far. */
async function rowsRead(): Promise<number> {
  await database.pool.query('select pg_stat_force_next_flush()');
  const { rows } = await database.pool.query<{ read: number }>(
    `select (coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0))::int as read from pg_stat_user_tables where relname = 'webhook_deliveries'`,
  );
  return rows[0]?.read ?? -1;
}

test('the first that are due are claimed without reading all that wait', async () => {
  const before = await rowsRead();
  const claimed = await claim();
  expect(claimed.map(({ outbox_id }) => Number(outbox_id)).sort((a, b) => a - b)).toEqual(Array.from({ length: LIMIT }, (_, n) => n + 1));
  // Each is found, looked behind, found again to be changed; no more.
  expect((await rowsRead()) - before).toBeLessThanOrEqual(8 * LIMIT);
});

test('a later delivery of a payment waits until the earlier is done', async () => {
  const { pool } = database;
  const first = await pool.query<{ payment_id: string }>('select payment_id from webhook_deliveries where outbox_id = 1');
  const of = [first.rows[0]?.payment_id];
  await pool.query(`update webhook_deliveries set next_attempt_at = '2000-01-01' where payment_id = any($1) and outbox_id > 1`, [of]);
  expect((await claim()).map(({ payment_id }) => payment_id)).not.toContain(of[0]);
  await pool.query(`update webhook_deliveries set state = 'delivered', next_attempt_at = null where outbox_id = 1`);
  expect((await claim()).map(({ payment_id }) => payment_id)).toContain(of[0]);
});
