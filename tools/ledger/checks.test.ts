import type { PoolClient } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { insertAttempt, insertClient, insertPayment } from '../../db/fixtures.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import { RAILS } from '../../domain/network.ts';
import { CHECKS, checkBooks, post, seedBooks } from './index.ts';

let database: TestDatabase;
let clientId: string;
let paymentId: string;
beforeEach(async () => {
  database = await testDatabase();
  await seedBooks(database.pool, { rails: RAILS.filter(({ id }) => ['mpesa-ke', 'mtn-ug'].includes(id)) });
  clientId = await insertClient(database.pool);
  paymentId = await withTransaction(database.pool, insertPaidPayment);
});
afterEach(() => database.close());

const AMOUNTS = { amount: 100_000n, feeAmount: 1_500n, targetAmount: 27_000n };

/** A payment from Kenya to Uganda with everything that a paid payment leaves behind. */
async function insertPaidPayment(tx: PoolClient): Promise<string> {
  const id = await insertPayment(tx, { clientId, status: 'paid', ...AMOUNTS });
  const quoteId = newId();
  await tx.query(
    `insert into quotes (id, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount, rate,
        mid_rate, spread_bps, policy_version, signature, expires_at, payment_id)
      values ($1, $2, 'KES', 'UGX', 'KE', 'UG', $3, $4, $5, 28, 28, 0, 'v1', '\\x00', now() + interval '1 minute', $6)`,
    [quoteId, clientId, AMOUNTS.amount, AMOUNTS.feeAmount, AMOUNTS.targetAmount + 3n, id],
  );
  await tx.query('update payments set quote_id = $2, authorized_at = now(), completed_at = now() where id = $1', [id, quoteId]);
  await insertAttempt(tx, { clientId, paymentId: id, leg: 'collection', state: 'succeeded', applied: true });
  await insertAttempt(tx, { clientId, paymentId: id, leg: 'payout', state: 'succeeded', applied: true, amount: AMOUNTS.targetAmount });
  const path = [null, 'accepted', 'authorized', 'collecting', 'collected', 'disbursing', 'paid'];
  for (const [index, to] of path.slice(1).entries()) {
    await tx.query('insert into payment_events (client_id, payment_id, from_status, to_status, cause) values ($1, $2, $3, $4, $5)', [
      clientId,
      id,
      path[index],
      to,
      'sweeper',
    ]);
  }
  await tx.query("insert into outbox (client_id, payment_id, topic, payload) values ($1, $2, 'payment.paid', '{}')", [clientId, id]);
  for (const agent of ['compliance', 'route-optimizer', 'liquidity']) await insertDecision(tx, id, agent, '{"amount": "256700000000"}');
  await writeTransfers(tx, id);
  return id;
}

async function insertDecision(tx: PoolClient, id: string, agent: string, facts: string): Promise<void> {
  await tx.query(
    `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons,
        confidence, duration_us) values ($1, $2, $3, $4, $5, 'v1', 'digest', $6, 'clear', '[]', 1, 1)`,
    [newId(), clientId, id, newId(), agent, facts],
  );
}

async function writeTransfers(tx: PoolClient, id: string): Promise<void> {
  const posted = (reason: string, debit: string, credit: string, amount: bigint, currency: 'KES' | 'UGX') =>
    ({ type: 'posted', debit, credit, amount, currency, reason, paymentId: id }) as const;
  const pendingId = newId();
  const { amount, feeAmount, targetAmount } = AMOUNTS;
  await post(tx, [
    posted('collection', 'float:mpesa-ke', 'clearing:KES', amount, 'KES'),
    posted('fee', 'clearing:KES', 'fees:KES', feeAmount, 'KES'),
    posted('exchange_out', 'clearing:KES', 'position:KES', amount - feeAmount, 'KES'),
    posted('exchange_in', 'position:UGX', 'clearing:UGX', targetAmount + 3n, 'UGX'),
    posted('rounding', 'clearing:UGX', 'rounding:UGX', 3n, 'UGX'),
    { ...posted('reservation', 'clearing:UGX', 'float:mtn-ug', targetAmount, 'UGX'), id: pendingId, type: 'pending' },
    { type: 'post', pendingId, reason: 'payout' },
  ]);
}

/** Breaks something behind the back of triggers, keys and checks. */
async function breakBy(...statements: string[]): Promise<void> {
  await withTransaction(database.pool, async (tx) => {
    await tx.query('set local session_replication_role = replica');
    for (const statement of statements)
      await tx.query(statement.replaceAll(':payment', `'${paymentId}'`).replaceAll(':client', `'${clientId}'`));
  });
}

const newCase = (approvals: number) => `insert into cases (id, client_id, payment_id, status, priority, reasons, evidence, evidence_digest,
  approvals_needed, due_at) values (gen_random_uuid(), :client, :payment, 'released', 1, '[]', '{}', 'digest', ${approvals}, now())`;

const copyAttempt = (
  leg: string,
  state: string,
  sequence: number,
) => `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id,
  request_id, amount, currency, state, callback_token_hash, sent_at) select gen_random_uuid(), client_id, payment_id, '${leg}', ${sequence},
  rail_id, gen_random_uuid(), amount, currency, '${state}', sha256(random()::text::bytea), now() from attempts
  where payment_id = :payment and leg = 'collection' limit 1`;

const ID = '0190a5c0-0000-7000-8000-000000000001';
const WINDOW = `insert into settlement_windows (id, number, closed_by, payment_count, base_snapshot, snapshot, after_tx, after_event, policy_version,
  facts, facts_digest) values ('${ID}', 1, 'age', 1, '1:1:', '1:1:', '0', 0, 'v', '{}', '')`;
const batch = (status: string, carried = 0) => `insert into settlement_batches (id, window_id, partner, currency, payment_count, item_count,
  collected_amount, disbursed_amount, net_amount, carried_amount, due_amount, merkle_root, method, status, policy_version, facts, facts_digest, reasons,
  approval_by, approvals_needed, proposal_digest) values ('${ID}', '${ID}', 'mtn-ug', 'UGX', 1, 1, 0, 10, -10, ${carried}, ${carried - 10}, '', 'chain',
  '${status}', 'v', '{}', '', '[]', 'people', 1, 'p')`;
const approval = (approver: string) => `insert into settlement_approvals (id, batch_id, approver, key_name, proposal_digest)
  values (gen_random_uuid(), '${ID}', '${approver}', '0x1', 'p')`;
const step = (sequence: number) => `insert into settlement_steps (id, batch_id, kind, sequence, state, sent_at)
  values (gen_random_uuid(), '${ID}', 'execute', ${sequence}, 'succeeded', now())`;

/** For each check, how to break what it watches. */
const BREAKAGES: Readonly<Record<string, readonly string[]>> = {
  'debits equal credits': ["update accounts set debits_posted = debits_posted + 1 where code = 'float:mpesa-ke'"],
  'an account says what its transfers say': [
    "update accounts set debits_posted = debits_posted + 1 where code = 'float:mpesa-ke'",
    "update accounts set credits_posted = credits_posted + 1 where code = 'treasury:KES'",
  ],
  'no account passes its floor': [
    'alter table accounts drop constraint accounts_floor',
    "update accounts set credits_pending = 1000000000000 where code = 'float:mpesa-ke'",
  ],
  'a transfer is of the currency of its accounts': ["update transfers set currency = 'UGX' where reason = 'collection'"],
  'a pool says what its account says': ["update liquidity_pools set balance = balance + 1 where id = 'mtn-ug'"],
  'a pool never promises more than it has': [
    'alter table liquidity_pools drop constraint liquidity_pools_reserved',
    "update liquidity_pools set reserved = balance + 1 where id = 'mtn-ug'",
  ],
  'a pending transfer ends once, as it began': ["update transfers set amount = amount + 1 where type = 'post'"],
  'a leg succeeds at most once': ['drop index attempts_one_alive', copyAttempt('collection', 'succeeded', 2)],
  'an attempt asks for what the payment says': ["update attempts set amount = amount + 1 where leg = 'payout'"],
  'legs that succeeded agree with the status': ["update attempts set state = 'failed' where leg = 'payout'"],
  'the books agree with the attempts': ["update transfers set reason = 'gift' where reason = 'collection'"],
  'an effect has its committed attempt': ["update attempts set sent_at = null where leg = 'payout'"],
  'no second effect while the first is open': [
    'drop index attempts_one_alive',
    copyAttempt('collection', 'unknown', 2),
    copyAttempt('collection', 'failed', 3),
  ],
  'an unknown outcome is not refunded': ["update attempts set state = 'unknown' where leg = 'payout'", copyAttempt('refund', 'created', 1)],
  'a finished payment has no open attempt': ["update attempts set state = 'unknown' where leg = 'payout'"],
  'clearing of a finished payment is zero': ["update transfers set amount = amount - 1 where reason = 'fee'"],
  'a finished payment holds no reservation': ["delete from transfers where type = 'post'"],
  'a finished payment moved what it says': ['update payments set fee_amount = fee_amount + 1 where id = :payment'],
  'the client is told how a payment ended': ["update outbox set topic = 'payment.held'"],
  'every change of status has its event': ["delete from payment_events where to_status = 'collected'"],
  'a payment is found where it stands': [
    "insert into payments_by_status (status, payment_id, client_id) values ('held', :payment, :client)",
  ],
  'an authorised payment has its decisions': ["delete from agent_activity where agent = 'compliance'"],
  'a quote is used once, unaltered, before it expires': ['update quotes set amount = amount + 1'],
  'no phone number in clear': [`update agent_activity set facts = '{"to": "+256772123456"}'`],
  'a release has the approvals it needs, on the evidence as it is': [newCase(2)],
  'a batch settled on chain is in the books once': [WINDOW, batch('settled'), approval('treasurer:nia')],
  'a settlement entry is of a batch, and goes its way': ["update transfers set reason = 'settlement' where reason = 'rounding'"],
  'what arbiters reversed is in the books once, the other way': [
    WINDOW,
    batch('closed'),
    'update settlement_batches set reversed_amount = 1',
  ],
  'a batch settles its net and what was carried to it': [WINDOW, batch('closed', 3)],
  'the tree of a batch has a leaf for each leg and for each batch it took over': [
    WINDOW,
    batch('closed'),
    `insert into settlement_items (batch_id, items) values ('${ID}', decode(repeat('00', 50), 'hex'))`,
  ],
  'a step on chain succeeds once, and none is open behind a settled batch': [
    WINDOW,
    batch('approved'),
    'drop index settlement_steps_once',
    step(1),
    step(2),
  ],
  'a batch is executed with the approvals it needs, on the proposal as it is': [WINDOW, batch('executed'), approval('policy:one')],
  'only people release a held payment': [
    "insert into payment_events (client_id, payment_id, from_status, to_status, cause) values (:client, :payment, 'held', 'released', 'sweeper')",
  ],
};

test('finds nothing wrong with a payment that went as it should', async () => {
  expect(await checkBooks(database.pool)).toEqual([]);
});

describe('finds what is broken:', () => {
  test.each(CHECKS.map(({ name, invariant }) => [name, invariant] as const))('%s', async (name, invariant) => {
    const statements = BREAKAGES[name];
    expect(statements).toBeDefined();
    await breakBy(...(statements ?? []));
    const found = (await checkBooks(database.pool)).filter((violation) => violation.detail.startsWith(`${name}: `));
    expect(found.length).toBeGreaterThan(0);
    for (const violation of found) {
      expect(violation.invariant).toBe(invariant);
      expect(violation.subject).toMatch(/^[a-z_]+ \S+$/);
    }
  });

  test('a quote that was used after it expired', async () => {
    await breakBy("update quotes set expires_at = now() - interval '1 minute'");
    expect(await checkBooks(database.pool)).toMatchObject([{ invariant: 6, subject: `payment ${paymentId}` }]);
  });

  test('a phone number in decisions that are kept together, in what is theirs and in what they share', async () => {
    const common = (facts: string, reasons: string) =>
      `insert into decision_commons (client_id, agent, policy_version, outcome, reasons, confidence, duration_us, facts)
         values (:client, 'compliance', 'v1', 'clear', '${reasons}', 1, 1, '${facts}')`;
    await breakBy(
      `insert into decision_sets (id, client_id, payment_id, cohort_id, commons_from, commons, digests, facts)
         values (gen_random_uuid(), :client, :payment, gen_random_uuid(), 1, '{0}', '\\x00', '{"to":"+256772123456"}')`,
      common('{"to":"+256772123456"}', '[]'),
      common('{}', '[{"code":"a","text":"+256772123456"}]'),
      common('{"amount":"256700000000"}', '[]'),
    );
    const found = await checkBooks(database.pool);
    expect(found.map(({ invariant, subject }) => [invariant, subject.split(' ')[0]])).toEqual([
      [7, 'decision_set'],
      [7, 'decision_common'],
      [7, 'decision_common'],
    ]);
  });

  test('an approval on other evidence than the case has', async () => {
    await breakBy(
      newCase(1),
      `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest)
        select gen_random_uuid(), id, payment_id, 'officer:amina', 'release', 'known', 'other' from cases`,
    );
    expect(await checkBooks(database.pool)).toMatchObject([{ invariant: 8 }]);
  });
});
