import { afterAll, beforeAll, describe, expect, test } from 'vitest';
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

describe('transitions', () => {
  test('a payment goes exactly where the table of the domain lets it', async () => {
    const { pool } = database;
    for (const from of PAYMENT_STATUSES) {
      for (const to of PAYMENT_STATUSES) {
        const id = await insertPayment(pool, { clientId, status: from });
        const outcome = await refusal('update payments set status = $2 where id = $1', [id, to]);
        const allowed = from === to || TRANSITIONS[from].includes(to);
        expect(`${from} → ${to}: ${outcome}`).toBe(`${from} → ${to}: ${allowed ? null : 'illegal_transition'}`);
      }
    }
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
  test.each([...tables, 'audit_events', 'audit_blocks', 'audit_ranges'])('%s refuses change and deletion', async (table) => {
    const columns = { transfers: 'reason', settlement_items: 'leg', audit_blocks: 'hash', audit_ranges: 'source' };
    const column = columns[table as keyof typeof columns] ?? 'created_at';
    for (const statement of [`update ${table} set ${column} = ${column}`, `delete from ${table}`, `truncate ${table} cascade`]) {
      expect(await refusal(statement)).toMatch(/_append_only$/);
    }
  });

  test('a decision of an officer is applied once and otherwise stays', async () => {
    const { pool } = database;
    const paymentId = await insertPayment(pool, { clientId, status: 'held' });
    const [caseId, id] = [newId(), newId()];
    await pool.query(
      `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at)
        values ($1, $2, $3, 50, '[]', '{}', 'digest', now())`,
      [caseId, clientId, paymentId],
    );
    await pool.query(
      `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest)
        values ($1, $2, $3, 'officer:amina', 'release', 'known_customer', 'digest')`,
      [id, caseId, paymentId],
    );
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
