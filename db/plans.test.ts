/** Every query that runs often finds its rows by an index: its plan is read on a filled table, in which a scan would be the wrong choice. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId } from '../domain/ids.ts';
import { insertClient, insertUser } from './fixtures.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  // One connection, whose settings last from statement to statement.
  database = await testDatabase({ max: 1 });
  await fill();
});
afterAll(() => database.close());

const ROWS = 20_000;
const TERMINAL = 0.97;
const CLIENTS = 10;

/** A database as it is after a while: nearly everything finished, a little still to do. */
async function fill(): Promise<void> {
  const { pool } = database;
  const clientId = await insertClient(pool);
  for (let count = 1; count < CLIENTS; count++) await insertClient(pool);
  const [senderId, receiverId] = [await insertUser(pool, clientId), await insertUser(pool, clientId, 'UG', 'mtn-ug')];
  await pool.query('set session_replication_role = replica');
  await pool.query(
    `insert into users (id, client_id, phone, phone_index, name, country, wallet_id)
      select gen_random_uuid(), $1, '\\x00', sha256(n::text::bytea), '\\x00', 'KE', 'mpesa-ke' from generate_series(1, ${ROWS}) n`,
    [clientId],
  );
  await pool.query(
    `insert into payments (id, client_id, reference_id, fingerprint, status, amount, from_currency, to_currency, from_country, to_country,
        sender_id, receiver_id, sender_wallet, receiver_wallet, parties, created_at, completed_at)
      select gen_random_uuid(), (select array_agg(id) from clients)[n % ${CLIENTS} + 1], 'ref-' || n, '\\x00', case when n < ${ROWS * TERMINAL} then 'paid' else 'accepted' end, 100, 'KES', 'UGX', 'KE',
        'UG', case when n % 100 = 0 then $1::uuid else gen_random_uuid() end, $2, 'mpesa-ke', 'mtn-ug', '\\x00',
        now() - n * interval '1 minute', now()
      from generate_series(1, ${ROWS}) n`,
    [senderId, receiverId],
  );
  await pool.query(
    `insert into payments_by_status (status, payment_id, client_id)
      select case when status = 'accepted' and right(reference_id, 1) = '7' then 'held' else status end, id, client_id
      from payments where status <> 'paid'`,
  );
  await pool.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, callback_token_hash, applied,
        next_inquiry_at)
      select gen_random_uuid(), client_id, id, 'collection', 1, 'mpesa-ke', gen_random_uuid(), 100, 'KES',
        case when n < ${ROWS * TERMINAL} then 'succeeded' when n % 2 = 0 then 'created' else 'unknown' end,
        sha256(id::text::bytea), n < ${ROWS * TERMINAL - 50}, now() + n * interval '1 second'
      from (select *, row_number() over () as n from payments) p`,
  );
  await pool.query(
    `insert into payment_events (client_id, payment_id, to_status, cause) select client_id, id, 'accepted', 'client' from payments`,
  );
  await pool.query(
    `insert into outbox (client_id, payment_id, topic, payload, planned_at)
      select client_id, id, 'payment.paid', '{}', case when status = 'paid' then now() end from payments`,
  );
  await pool.query(
    `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence,
        duration_us) select gen_random_uuid(), client_id, id, gen_random_uuid(), 'compliance', 'v1', 'd', '{}', 'clear', '[]', 1, 1 from payments`,
  );
  await pool.query(
    `insert into decision_commons (number, client_id, agent, policy_version, outcome, reasons, confidence, duration_us, facts)
      select n, client_id, 'compliance', 'v1', 'clear', '[]', 1, 1, '{}' from (select *, row_number() over () as n from payments) p`,
  );
  await pool.query(
    `insert into decision_sets (id, client_id, payment_id, cohort_id, commons_from, commons, digests, facts)
      select gen_random_uuid(), client_id, id, gen_random_uuid(), n, '{0}', sha256(''), '{}' from (select *, row_number() over () as n from payments) p`,
  );
  await pool.query(
    `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence,
        duration_us) select gen_random_uuid(), client_id, id, gen_random_uuid(), 'settlement', 'v1', 'd', '{}', 'netted', '[]', 1, 1
      from payments limit 1000`,
  );
  await fillLedgerAndOversight(pool, clientId);
  await fillMessages(pool);
  await pool.query('set session_replication_role = origin');
  await pool.query('analyze');
}

async function fillMessages(pool: TestDatabase['pool']): Promise<void> {
  await pool.query(
    `insert into sms_messages (id, client_id, payment_id, outbox_id, topic, role, state, phone_index)
      select gen_random_uuid(), client_id, payment_id, id, topic, 'sender', 'delivered', sha256(id::text::bytea) from outbox`,
  );
  await pool.query(
    `insert into ussd_sessions (id, gateway, session_id, client_id, phone_index, step, input_length, input_digest, reply, expires_at)
      select gen_random_uuid(), 'mtn', id::text, client_id, sha256(id::text::bytea), 1, 0, '\\x00', '\\x00', now() from outbox`,
  );
}

async function fillLedgerAndOversight(pool: TestDatabase['pool'], clientId: string): Promise<void> {
  await pool.query(
    `insert into accounts (code, kind, currency, normal_side) select 'client:' || n, 'client', 'KES', 'credit' from generate_series(1, 3000) n`,
  );
  await pool.query(
    `insert into transfers (id, type, debit_account_id, credit_account_id, amount, currency, reason, payment_id, expires_at)
      select gen_random_uuid(), 'pending', 1, 2, 1, 'KES', 'reservation', id, now() + random() * interval '1 day' from payments`,
  );
  await pool.query(
    `insert into transfers (id, type, pending_id, debit_account_id, credit_account_id, amount, currency, reason, payment_id)
      select gen_random_uuid(), 'post', id, 1, 2, 1, 'KES', 'payout', payment_id from transfers`,
  );
  await pool.query(
    `insert into exchange_rates (source, currency, rate, as_of, created_at)
      select 's' || n % 3, (array['KES', 'UGX', 'GHS', 'ZMW'])[n % 4 + 1], n + 1, now() - n * interval '1 minute', now() - n * interval '1 minute'
      from generate_series(1, ${ROWS}) n`,
  );
  await pool.query(
    `insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address, processed_at, verdict)
      select 'mpesa-ke', id, '\\x00', '\\x00', '127.0.0.1', case when applied then now() end, 'matched' from attempts`,
  );
  await pool.query(
    `insert into api_keys (id, client_id, principal, prefix, secret_hash, scopes)
      select gen_random_uuid(), $1, 'client:' || n, 'p' || n, '\\x00', '{}' from generate_series(1, 5000) n`,
    [clientId],
  );
  await pool.query(
    `insert into idempotency_keys (client_id, key, fingerprint, locked_until, created_at)
      select $1, 'k' || n, '\\x00', now(), now() - n * interval '1 minute' from generate_series(1, ${ROWS}) n`,
    [clientId],
  );
  await pool.query(
    `insert into webhook_deliveries (id, client_id, endpoint_id, outbox_id, payment_id, event_id, topic, body, state, next_attempt_at)
      select gen_random_uuid(), client_id, client_id, id, payment_id, gen_random_uuid(), topic, '{}',
        case when planned_at is null then 'waiting' else 'delivered' end, case when planned_at is null then now() + id * interval '1 second' end
      from outbox`,
  );
  await pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at, rank_at)
      select gen_random_uuid(), client_id, id, 50, '[]', '{}', 'd', created_at, created_at from payments`,
  );
  await pool.query(`update cases set status = 'withdrawn' where payment_id in (select id from payments where status = 'paid')`);
}

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly Plans?: readonly Plan[];
}

const flatten = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flatten)];

async function planOf(text: string): Promise<Plan[]> {
  const { rows } = await database.pool.query(`explain (format json) ${text}`);
  return flatten(rows[0]['QUERY PLAN'][0].Plan);
}

const ID = newId();
const MANY = `array(select id from payments limit 100)`;

/** What is asked often, by the index that has to answer it. */
const HOT: readonly (readonly [index: string, query: string])[] = [
  ['payments_pkey', `select * from payments where id = any('{${ID},${newId()}}'::uuid[])`],
  [
    'payments_reference',
    `select id from payments where client_id = (select id from clients limit 1) and reference_id = any('{ref-1,ref-2}')`,
  ],
  [
    'payments_by_status_pkey',
    `select 1 from payments_by_status s where s.status in ('authorized', 'collected') and (s.lease_until is null or s.lease_until < now())
       and (s.not_before is null or s.not_before <= now()) limit 1`,
  ],
  ['payments_client_list', 'select id from payments where client_id = (select id from clients limit 1) order by id desc limit 50'],
  [
    'payments_by_status_client',
    `select p.id from payments_by_status s join payments p on p.id = s.payment_id where s.client_id = (select id from clients limit 1)
       and s.status = 'held' and s.payment_id < '${ID}' order by s.payment_id desc limit 50`,
  ],
  ['payments_batch', `select status, count(*) from payments where batch_id = '${ID}' group by status`],
  [
    'payments_sender_recent',
    `select count(*), sum(amount) from payments where sender_id = any('{${ID}}'::uuid[]) and created_at > now() - interval '1 day'`,
  ],
  [
    'payments_receiver_recent',
    `select count(*), sum(amount) from payments where receiver_id = any('{${ID}}'::uuid[]) and created_at > now() - interval '1 day'`,
  ],
  [
    'users_client_phone',
    `select id from users where client_id = (select id from clients limit 1) and phone_index = any('{"\\\\x00"}'::bytea[])`,
  ],
  // What an erasure clears, and what a person is told of themselves.
  ['sms_messages_phone', `update sms_messages set phone_index = null where phone_index = any('{"\\\\x00"}'::bytea[])`],
  ['ussd_sessions_phone', `delete from ussd_sessions where phone_index = any('{"\\\\x00"}'::bytea[])`],
  [
    'ussd_sessions_phone',
    `select reply from ussd_sessions where client_id = '${ID}' and phone_index = any('{"\\\\x00"}'::bytea[])
       order by created_at, id`,
  ],
  ['attempts_sequence', `select * from attempts where payment_id = '${ID}' order by leg, sequence`],
  ['attempts_request', `select * from attempts where request_id = '${ID}'`],
  ['attempts_callback_token', `select * from attempts where callback_token_hash = '\\x00'`],
  ['attempts_to_send', `select id from attempts where state = 'created' and rail_id = 'mpesa-ke' order by id limit 100`],
  ['attempts_to_inquire', `select id from attempts where state in ('sent', 'pending', 'unknown') and next_inquiry_at <= now() limit 100`],
  ['attempts_to_apply', `select id from attempts where state in ('succeeded', 'failed') and not applied order by id limit 100`],
  ['payment_events_payment', `select * from payment_events where payment_id = '${ID}' order by id`],
  ['outbox_unplanned', 'select * from outbox where planned_at is null order by id limit 100'],
  [
    'webhook_deliveries_due',
    `select id from webhook_deliveries where state = 'waiting' and next_attempt_at <= now() order by next_attempt_at limit 100`,
  ],
  ['webhook_deliveries_outbox', `select id from webhook_deliveries where outbox_id = 7 and state = 'waiting'`],
  ['webhook_deliveries_log', `select id from webhook_deliveries where endpoint_id = '${ID}' order by created_at desc, id desc limit 50`],
  ['agent_activity_payment', `select * from agent_activity where payment_id = '${ID}' order by position`],
  ['decision_sets_payment', `select * from decisions where payment_id = '${ID}' order by position`],
  ['decision_commons_number', `select * from decisions where payment_id = '${ID}' order by position`],
  ['agent_activity_payment', `select * from decisions where payment_id = '${ID}' order by position`],
  ['agent_activity_settlement', `select * from agent_activity where agent = 'settlement' and id = '${ID}'`],
  [
    'agent_activity_stream',
    `select * from agent_activity where (tx_id, position) > ('9'::xid8, 5) and tx_id < pg_snapshot_xmin(pg_current_snapshot())
      order by tx_id, position limit 100`,
  ],
  [
    'decision_sets_stream',
    `select * from decision_sets where (tx_id, position) > ('9'::xid8, 5) and tx_id < pg_snapshot_xmin(pg_current_snapshot())
      order by tx_id, position limit 100`,
  ],
  [
    'agent_activity_agent',
    `select * from agent_activity where client_id = '${ID}' and agent = 'liquidity' and outcome = 'queue'
      order by tx_id desc, position desc limit 50`,
  ],
  ['agent_activity_agent', `select * from agent_activity where agent = 'investigator' order by tx_id desc, position desc limit 50`],
  ['transfers_payment', `select * from transfers where payment_id = '${ID}'`],
  ['transfers_pkey', `select * from transfers where id = any('{${ID}}'::uuid[]) and type = 'pending'`],
  ['transfers_pending_once', `select 1 from transfers where pending_id = '${ID}'`],
  [
    'transfers_expiring',
    `select id from transfers where type = 'pending' and expires_at > now() - interval '1 hour' and expires_at <= now() order by expires_at`,
  ],
  ['accounts_code', `select id from accounts where code = any('{client:1,client:2}')`],
  ['exchange_rates_history', `select * from exchange_rates where currency = 'KES' order by created_at desc limit 50`],
  ['operator_callbacks_from_1_waiting', 'select id from operator_callbacks where processed_at is null order by id limit 100'],
  ['api_keys_prefix', `select * from api_keys where prefix = 'p1'`],
  ['idempotency_keys_key', `select * from idempotency_keys where client_id = (select id from clients limit 1) and key = 'k1'`],
  [
    'cases_queue',
    `select * from cases where client_id = (select id from clients limit 1) and status = 'open' order by rank_at, id limit 50`,
  ],
  ['cases_list', `select * from cases where client_id = (select id from clients limit 1) order by rank_at, id limit 50`],
  ['cases_queue', `select id from cases where status in ('open', 'deciding', 'waiting') and due_at <= now()`],
  ['cases_one_open', `select * from cases where payment_id = '${ID}' and kind = 'held' and status in ('open', 'deciding')`],
];

describe('plans', () => {
  test.each(HOT)('%s', async (index, query) => {
    const nodes = await planOf(query);
    const shown = nodes.map((node) => `${node['Node Type']} ${node['Index Name'] ?? node['Relation Name'] ?? ''}`).join(' · ');
    expect(
      nodes.map((node) => node['Index Name']),
      shown,
    ).toContain(index);
    const scanned = nodes.filter((node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] !== 'clients');
    expect(scanned.map(() => shown)).toEqual([]);
    // Order comes from the index, so a page costs the same however long the list is.
    if (/order by/.test(query) && /limit/.test(query)) expect(shown).not.toContain('Sort');
  });

  test('a join from a set of ids looks each of them up', async () => {
    const nodes = await planOf(`select a.* from unnest(${MANY}) as wanted(id) join attempts a on a.payment_id = wanted.id`);
    expect(nodes.some((node) => node['Index Name'] === 'attempts_sequence' || node['Index Name'] === 'attempts_one_alive')).toBe(true);
  });

  test('no foreign key between growing tables is without an index to follow it by', async () => {
    const { rows } = await database.pool.query(`
      select conrelid::regclass || ' ' || pg_get_constraintdef(oid) as key from pg_constraint c
      where contype = 'f' and connamespace = 'public'::regnamespace and confrelid in ('payments'::regclass, 'settlement_batches'::regclass, 'cases'::regclass)
        and not exists (select 1 from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])`);
    expect(rows).toEqual([]);
  });
});
