import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { actionDigest } from '../domain/cases.ts';
import { newId } from '../domain/ids.ts';
import { ATTEMPT_STATES, ATTEMPT_TRANSITIONS, PAYMENT_STATUSES, TRANSITIONS } from '../domain/lifecycle.ts';
import { withTransaction } from './connect.ts';
import { insertAttempt, insertClient, insertPayment } from './fixtures.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
let clientId: string;
beforeAll(async () => {
  database = await testDatabase();
  clientId = await insertClient(database.pool);
});
afterAll(() => database.close());

/** The code of the fault that a statement ends in, or null. */
async function refusal(text: string, values: unknown[] = []): Promise<string | null> {
  return withTransaction(database.pool, (tx) => tx.query(text, values)).then(
    () => null,
    (error: { code?: string; constraint?: string }) => error.constraint ?? error.code ?? String(error),
  );
}

async function insertCase(paymentId: string, over: { approvals?: number } = {}): Promise<string> {
  const id = newId();
  await database.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at, approvals_needed)
      values ($1, $2, $3, 50, '[]', '{}', 'digest', now(), $4)`,
    [id, clientId, paymentId, over.approvals ?? 1],
  );
  return id;
}

/** A case of a payment that one officer released. */
async function insertReleasedCase(paymentId: string): Promise<void> {
  const caseId = await insertCase(paymentId);
  await insertDecision({ caseId, paymentId });
  await database.pool.query(`update cases set status = 'released', closed_at = now() where id = $1`, [caseId]);
}

type Said = { caseId: string; paymentId: string; officer?: string; reason?: string; digest?: string; senior?: boolean; expiresAt?: Date };

/** What an officer said, taken in. */
async function insertDecision({ caseId, paymentId, officer, reason, digest, senior, expiresAt }: Said): Promise<string> {
  const id = newId();
  await database.pool.query(
    `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round, senior, expires_at)
      select $1, $2, $3, $4, 'release', $5, $6, round, $7, $8 from cases where id = $2`,
    [
      id,
      caseId,
      paymentId,
      officer ?? 'officer:amina',
      reason ?? 'known_customer',
      digest ?? 'digest',
      senior ?? false,
      expiresAt ?? new Date(Date.now() + 3_600_000),
    ],
  );
  return id;
}

describe('transitions', () => {
  test('a payment goes exactly where the table of the domain lets it', async () => {
    const { pool } = database;
    for (const from of PAYMENT_STATUSES) {
      for (const to of PAYMENT_STATUSES) {
        const id = await insertPayment(pool, { clientId, status: from, funding: 'balance', delivery: 'balance' });
        // What people have to do for it is another rule.
        if (to === 'released') await insertReleasedCase(id);
        const outcome = await refusal('update payments set status = $2 where id = $1', [id, to]);
        const allowed = from === to || TRANSITIONS[from].includes(to);
        expect(`${from} → ${to}: ${outcome}`).toBe(`${from} → ${to}: ${allowed ? null : 'illegal_transition'}`);
      }
    }
  });

  test('a payment that an operator has a part in never goes straight to its end', async () => {
    const { pool } = database;
    for (const from of ['accepted', 'released', 'queued'] as const) {
      for (const legs of [{ funding: 'wallet' }, { delivery: 'wallet' }] as const) {
        const id = await insertPayment(pool, { clientId, status: from, funding: 'balance', delivery: 'balance', ...legs });
        expect(await refusal(`update payments set status = 'paid' where id = $1`, [id])).toBe('illegal_transition');
      }
    }
  });

  test('a payment is found under the status it stands in, until it is paid', async () => {
    const { pool } = database;
    const id = await insertPayment(pool, { clientId, funding: 'balance', delivery: 'balance' });
    const standing = async () => (await pool.query('select status from payments_by_status where payment_id = $1', [id])).rows;
    expect(await standing()).toEqual([{ status: 'accepted' }]);
    await pool.query(`update payments set status = 'queued', updated_at = now() where id = $1`, [id]);
    expect(await standing()).toEqual([{ status: 'queued' }]);
    await pool.query('update payments_by_status set lease_until = now() where payment_id = $1', [id]);
    expect(await standing()).toEqual([{ status: 'queued' }]);
    await pool.query(`update payments set status = 'paid' where id = $1`, [id]);
    expect(await standing()).toEqual([]);
  });

  test('an attempt goes exactly where the table of the domain lets it', async () => {
    const { pool } = database;
    for (const from of ATTEMPT_STATES) {
      for (const to of ATTEMPT_STATES) {
        const paymentId = await insertPayment(pool, { clientId });
        const id = await insertAttempt(pool, { clientId, paymentId, leg: 'collection', state: from });
        const outcome = await refusal('update attempts set state = $2 where id = $1', [id, to]);
        const allowed = from === to || ATTEMPT_TRANSITIONS[from].includes(to);
        expect(`${from} → ${to}: ${outcome}`).toBe(`${from} → ${to}: ${allowed ? null : 'illegal_transition'}`);
      }
    }
  });

  test('one refused row undoes the whole statement', async () => {
    const { pool } = database;
    const [good, bad] = [await insertPayment(pool, { clientId }), await insertPayment(pool, { clientId, status: 'paid' })];
    expect(await refusal("update payments set status = 'authorized' where id = any($1)", [[good, bad]])).toBe('illegal_transition');
    const { rows } = await pool.query('select status from payments where id = $1', [good]);
    expect(rows[0].status).toBe('accepted');
  });
});

describe('what is written once', () => {
  const tables = ['transfers', 'agent_activity', 'payment_events', 'compliance_records', 'settlement_items'];
  const settlement = ['settlement_windows', 'settlement_window_decisions', 'settlement_approvals'];
  test.each([...tables, ...settlement, 'audit_events', 'audit_blocks', 'audit_ranges'])('%s refuses change and deletion', async (table) => {
    const columns = {
      transfers: 'reason',
      settlement_items: 'items',
      settlement_window_decisions: 'decision_id',
      audit_blocks: 'hash',
      audit_ranges: 'source',
    };
    const column = columns[table as keyof typeof columns] ?? 'created_at';
    for (const statement of [`update ${table} set ${column} = ${column}`, `delete from ${table}`, `truncate ${table} cascade`]) {
      expect(await refusal(statement)).toMatch(/_append_only$/);
    }
  });

  test('a decision of an officer is applied once and otherwise stays', async () => {
    const { pool } = database;
    const paymentId = await insertPayment(pool, { clientId, status: 'held' });
    const caseId = await insertCase(paymentId);
    const id = await insertDecision({ caseId, paymentId });
    expect(await refusal("update case_decisions set verdict = 'reject' where id = $1", [id])).toMatch(/append_only/);
    expect(await refusal('update case_decisions set applied_at = now() where id = $1', [id])).toBeNull();
    expect(await refusal('update case_decisions set applied_at = null where id = $1', [id])).toMatch(/append_only/);
    expect(await refusal('delete from case_decisions where id = $1', [id])).toMatch(/append_only/);
  });

  test('the terms of payments, quotes and attempts stay', async () => {
    const { pool } = database;
    const paymentId = await insertPayment(pool, { clientId });
    await insertAttempt(pool, { clientId, paymentId, leg: 'collection' });
    expect(await refusal('update payments set amount = amount + 1 where id = $1', [paymentId])).toBe('payments_fixed');
    expect(await refusal('update attempts set amount = amount + 1 where payment_id = $1', [paymentId])).toBe('attempts_fixed');
    expect(await refusal('update quotes set rate = rate + 1')).toBe('quote_used');
    expect(await refusal("update accounts set currency = 'EUR'")).toBe('accounts_fixed');
    expect(await refusal('update operator_callbacks set body = body')).toBe('operator_callbacks_fixed');
    expect(await refusal('update operator_answers set body = body')).toBe('operator_answers_fixed');
  });

  test('a quote belongs to the first payment that used it', async () => {
    const { pool } = database;
    const [one, two, quoteId] = [await insertPayment(pool, { clientId }), await insertPayment(pool, { clientId }), newId()];
    await pool.query(
      `insert into quotes (id, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount, rate,
          mid_rate, spread_bps, policy_version, signature, expires_at)
        values ($1, $2, 'KES', 'UGX', 'KE', 'UG', 100, 1, 2800, 28, 28, 0, 'v1', '\\x00', now())`,
      [quoteId, clientId],
    );
    expect(await refusal('update quotes set payment_id = $2 where id = $1', [quoteId, one])).toBeNull();
    expect(await refusal('update quotes set payment_id = $2 where id = $1', [quoteId, one])).toBeNull();
    expect(await refusal('update quotes set payment_id = $2 where id = $1', [quoteId, two])).toBe('quote_used');
  });
});

describe('attempts', () => {
  test('a leg has one try that has not failed: no other is made while it is open, none once it succeeded', async () => {
    const { pool } = database;
    const paymentId = await insertPayment(pool, { clientId });
    const again = (sequence: number) => insertAttempt(pool, { clientId, paymentId, leg: 'payout', sequence });
    await insertAttempt(pool, { clientId, paymentId, leg: 'payout', state: 'sent' });
    await expect(again(2)).rejects.toThrow('attempts_one_alive');
    await pool.query("update attempts set state = 'failed' where payment_id = $1", [paymentId]);
    await again(2);
    await pool.query("update attempts set state = 'sent' where payment_id = $1 and sequence = 2", [paymentId]);
    await pool.query("update attempts set state = 'succeeded' where payment_id = $1 and sequence = 2", [paymentId]);
    await expect(again(3)).rejects.toThrow('attempts_one_alive');
  });

  test('the money goes out or back: a refund waits until every payout has failed, and rules out another', async () => {
    const { pool } = database;
    const paymentId = await insertPayment(pool, { clientId });
    const make = (leg: 'collection' | 'payout' | 'refund', sequence: number) =>
      insertAttempt(pool, { clientId, paymentId, leg, sequence, state: 'unknown' });
    await make('collection', 1);
    await make('payout', 1);
    await expect(make('refund', 1)).rejects.toThrow('paid out or refunded');
    await pool.query("update attempts set state = 'failed' where payment_id = $1 and leg = 'payout'", [paymentId]);
    await make('refund', 1);
    await expect(make('payout', 2)).rejects.toThrow('paid out or refunded');
  });

  test('an operator takes back what it collected of the same payment, once, and nothing else', async () => {
    const { pool } = database;
    const paymentId = await insertPayment(pool, { clientId });
    const refund = (takesBack: string, over: Partial<Parameters<typeof insertAttempt>[1]> = {}) =>
      insertAttempt(pool, { clientId, paymentId, leg: 'refund', takesBack, ...over });
    const collection = await insertAttempt(pool, { clientId, paymentId, leg: 'collection', state: 'sent' });
    const other = await insertPayment(pool, { clientId });
    const another = await insertAttempt(pool, { clientId, paymentId: other, leg: 'collection', state: 'succeeded' });
    await expect(refund(collection)).rejects.toThrow('only what was collected');
    await pool.query("update attempts set state = 'succeeded' where id = $1", [collection]);
    for (const [takesBack, over] of [
      [another, {}],
      [newId(), {}],
      [collection, { railId: 'airtel-ke' }],
      [collection, { amount: 100_001n }],
      [collection, { currency: 'UGX' }],
    ] as const)
      await expect(refund(takesBack, over)).rejects.toThrow('only what was collected');
    await expect(refund(collection, { leg: 'payout', railId: 'mpesa-ke', currency: 'KES' })).rejects.toThrow('attempts_takes_back');
    await refund(collection);
    await pool.query("update attempts set state = 'failed' where payment_id = $1 and leg = 'refund'", [paymentId]);
    await expect(refund(collection, { sequence: 2 })).rejects.toThrow('attempts_taken_back_once');
    await insertAttempt(pool, { clientId, paymentId, leg: 'refund', sequence: 2 });
  });
});

describe('pools', () => {
  test('follow their account, whatever is written to them', async () => {
    const { pool } = database;
    const account = await pool.query(
      `insert into accounts (code, kind, currency, normal_side, floor) values ('float:pool-test', 'float', 'KES', 'debit', 0) returning id`,
    );
    const accountId = account.rows[0].id;
    await pool.query('update accounts set debits_posted = 500 where id = $1', [accountId]);
    await pool.query("insert into liquidity_pools (id, account_id, currency, country, balance) values ('pool-test', $1, 'UGX', 'KE', 7)", [
      accountId,
    ]);
    const read = async () =>
      (await pool.query("select balance, reserved, currency, target from liquidity_pools where id = 'pool-test'")).rows[0];
    expect(await read()).toEqual({ balance: 500n, reserved: 0n, currency: 'KES', target: 0n });
    await pool.query('update accounts set credits_posted = 100, credits_pending = 150 where id = $1', [accountId]);
    expect(await read()).toMatchObject({ balance: 400n, reserved: 150n });
    await pool.query("update liquidity_pools set balance = 9000, reserved = 0, target = 800 where id = 'pool-test'");
    expect(await read()).toEqual({ balance: 400n, reserved: 150n, currency: 'KES', target: 800n });
    expect(await refusal('update accounts set credits_pending = 401 where id = $1', [accountId])).toBe('floor_passed');
    expect(await read()).toMatchObject({ balance: 400n, reserved: 150n });
  });
});

describe('four eyes', () => {
  async function held(approvals = 2) {
    const paymentId = await insertPayment(database.pool, { clientId, status: 'held' });
    const caseId = await insertCase(paymentId, { approvals });
    const says = async (officer: string, over: Partial<Said> = {}) => {
      await insertDecision({ caseId, paymentId, officer, ...over });
      await database.pool.query('update case_decisions set applied_at = now() where case_id = $1 and applied_at is null', [caseId]);
    };
    const release = () => refusal("update cases set status = 'released', closed_at = now() where id = $1", [caseId]);
    const change = (assignment: string) => refusal(`update cases set ${assignment} where id = $1`, [caseId]);
    return { paymentId, caseId, says, release, change };
  }

  test('a case is released by as many different officers as it asks for', async () => {
    const { says, release } = await held();
    expect(await release()).toBe('cases_approvals');
    await says('officer:amina');
    expect(await release()).toBe('cases_approvals');
    await expect(says('officer:amina')).rejects.toThrow('case_decisions_officer');
    await says('officer:kofi');
    expect(await release()).toBeNull();
  });

  test.each([
    ['on other evidence', { digest: 'other' }],
    ['for another reason', { reason: 'false_positive' }],
    ['that has expired', { expiresAt: new Date(Date.now() - 1) }],
  ])('an approval %s does not count', async (_what, over) => {
    const { says, release } = await held();
    await says('officer:amina');
    await says('officer:kofi', over);
    expect(await release()).toBe('cases_approvals');
  });

  test('approvals of an earlier round do not count, and the evidence changes with the round only', async () => {
    const { says, release, change } = await held();
    await says('officer:amina');
    expect(await change("evidence_digest = 'other'")).toBe('cases_round');
    expect(await change("evidence_digest = 'digest', round = 2")).toBeNull();
    expect(await change('round = 1')).toBe('cases_round');
    await says('officer:kofi');
    expect(await release()).toBe('cases_approvals');
    await says('officer:amina');
    expect(await release()).toBeNull();
  });

  test('what is asked of officers is never asked of fewer', async () => {
    const { says, release, change } = await held(1);
    expect(await change('approvals_needed = 2, escalated_at = now()')).toBeNull();
    expect(await change('approvals_needed = 1')).toBe('cases_approvals_kept');
    expect(await change('escalated_at = null')).toBe('cases_escalation_kept');
    await says('officer:amina');
    await says('officer:kofi');
    expect(await release()).toBe('cases_approvals');
    await says('officer:zuri', { senior: true });
    expect(await release()).toBeNull();
    expect(await change("status = 'open'")).toBe('cases_closed');
  });

  test('a decision is about its case, its round and exactly what it says', async () => {
    const { caseId, paymentId } = await held();
    const other = await insertPayment(database.pool, { clientId });
    await expect(insertDecision({ caseId, paymentId: other })).rejects.toThrow('about the payment and the round');
    const insert = (round: number, digest: string | null) =>
      refusal(
        `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round, action_digest)
          values (gen_random_uuid(), $1, $2, 'officer:amina', 'reject', 'true_match', 'digest', $3, $4)`,
        [caseId, paymentId, round, digest],
      );
    expect(await insert(2, null)).toBe('evidence_stale');
    expect(await insert(1, 'f'.repeat(64))).toBe('case_decisions_action');
    const action = { caseId, paymentId, evidenceDigest: 'digest', verdict: 'reject', reasonCode: 'true_match', round: 1 } as const;
    expect(await insert(1, actionDigest(action))).toBeNull();
    // One at a time.
    await expect(insertDecision({ caseId, paymentId, officer: 'officer:kofi' })).rejects.toThrow('case_decisions_waiting');
  });

  test('the case of a refused payment ends with two officers who say the same of it, and never with a release', async () => {
    const { pool } = database;
    const paymentId = await insertPayment(pool, { clientId, status: 'rejected' });
    const caseId = newId();
    const insert = (approvals: number) =>
      refusal(
        `insert into cases (id, client_id, payment_id, kind, priority, reasons, evidence, evidence_digest, due_at, approvals_needed)
          values ($1, $2, $3, 'refused', 90, '[]', '{}', 'digest', now(), $4)`,
        [caseId, clientId, paymentId, approvals],
      );
    expect(await insert(1)).toBe('cases_refused_eyes');
    expect(await insert(2)).toBeNull();
    const end = (status: string) => refusal(`update cases set status = $2, closed_at = now() where id = $1`, [caseId, status]);
    const says = (officer: string, reason: string) =>
      refusal(
        `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, expires_at, applied_at)
          values (gen_random_uuid(), $1, $2, $3, 'resolve', $4, 'digest', now() + interval '1 hour', now())`,
        [caseId, paymentId, officer, reason],
      );
    for (const status of ['released', 'rejected', 'withdrawn', 'waiting']) expect(await end(status)).toMatch(/^cases_(approvals|refusal)$/);
    expect(await says('officer:amina', 'listed_party')).toBeNull();
    expect(await says('officer:kofi', 'somebody_else')).toBeNull();
    expect(await end('resolved')).toBe('cases_refusal');
    expect(await says('officer:zuri', 'listed_party')).toBeNull();
    expect(await end('resolved')).toBeNull();
  });

  test('a held payment goes on only from a case that people released, and from no other open one', async () => {
    const { paymentId, says, release } = await held(1);
    const go = () => refusal("update payments set status = 'released' where id = $1", [paymentId]);
    expect(await go()).toBe('payments_release');
    await says('officer:amina');
    expect(await release()).toBeNull();
    await insertCase(paymentId);
    expect(await go()).toBe('payments_release');
    await database.pool.query("update cases set status = 'withdrawn' where payment_id = $1 and status = 'open'", [paymentId]);
    // What was released before is not what was held since.
    expect(await go()).toBe('payments_release');
    await insertReleasedCase(paymentId);
    expect(await go()).toBeNull();
  });

  test('a case begins open, in its first round, escalated by nobody, and stays as old as it is', async () => {
    const { paymentId, caseId, change } = await held();
    await database.pool.query(`update cases set status = 'withdrawn' where id = $1`, [caseId]);
    const begin = (columns: string, values: string) =>
      refusal(
        `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at, ${columns})
          values (gen_random_uuid(), $1, $2, 50, '[]', '{}', 'digest', now(), ${values})`,
        [clientId, paymentId],
      );
    for (const status of ['deciding', 'waiting', 'released', 'rejected', 'withdrawn', 'resolved'])
      expect([status, await begin('status', `'${status}'`)]).toEqual([status, 'cases_begin_open']);
    expect(await begin('status, closed_at', `'released', now()`)).toBe('cases_begin_open');
    expect(await begin('round', '2')).toBe('cases_begin_open');
    expect(await begin('escalated_at', 'now()')).toBe('cases_begin_open');
    expect(await begin('status', `'open'`)).toBeNull();
    expect(await change(`created_at = created_at + interval '1 day'`)).toBe('cases_fixed');
    expect(await change('created_at = created_at')).toBeNull();
  });
});
