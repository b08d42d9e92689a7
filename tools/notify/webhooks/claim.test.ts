/** Which deliveries are claimed: those due the longest, and of each payment the first that waits. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertClient } from '../../../db/fixtures.ts';
import { type TestDatabase, testDatabase } from '../../../db/testing.ts';
import { newId } from '../../../domain/ids.ts';
import { claimDeliveries } from './deliver.ts';

const WAITING = 300;
const LIMIT = 64;
const NOW_MS = Date.UTC(2026, 10, 2, 9);

let database: TestDatabase;

beforeAll(async () => {
  // One connection, whose settings last from statement to statement.
  database = await testDatabase({ max: 1 });
  const { pool } = database;
  const [endpointId, clientId] = [newId(), await insertClient(pool)];
  await pool.query(
    `insert into webhook_endpoints (id, client_id, url, secret, topics) values ($1, $2, 'https://client.test/hooks', '\\x00', '{}')`,
    [endpointId, clientId],
  );
  await pool.query('set session_replication_role = replica');
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

test('those that have been due the longest are claimed, up to the limit', async () => {
  const claimed = await claim();
  expect(claimed.map(({ outbox_id }) => Number(outbox_id)).sort((a, b) => a - b)).toEqual(Array.from({ length: LIMIT }, (_, n) => n + 1));
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
