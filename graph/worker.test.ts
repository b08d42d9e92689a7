import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkBooks } from '../tools/ledger/index.ts';
import { type TestPlatform, testPlatform } from './testing.ts';

let platform: TestPlatform;

beforeEach(async () => {
  platform = await testPlatform();
});

afterEach(async () => {
  await platform.close();
});

async function attemptsOf(paymentId: string) {
  const result = await platform.database.pool.query<{
    leg: string;
    rail_id: string;
    state: string;
    reason_code: string | null;
    applied: boolean;
  }>('select leg, rail_id, state, reason_code, applied from attempts where payment_id = $1 order by created_at, leg, sequence', [
    paymentId,
  ]);
  return result.rows;
}

async function historyOf(paymentId: string): Promise<string[]> {
  const result = await platform.database.pool.query<{ to_status: string }>(
    'select to_status from payment_events where payment_id = $1 order by id',
    [paymentId],
  );
  return result.rows.map((row) => row.to_status);
}

describe('a payment between two wallets', () => {
  it('is quoted, screened, routed, funded, collected and paid out, and the books balance', async () => {
    const id = await platform.submit();
    await platform.settleDown();
    expect(await platform.status(id)).toEqual({ status: 'paid', reasonCode: null });
    expect(await historyOf(id)).toEqual(['accepted', 'authorized', 'collecting', 'collected', 'disbursing', 'paid']);
    expect(platform.sent.map((each) => `${each.kind} ${each.railId}`)).toEqual(['collect mpesa-ke', 'disburse mtn-ug']);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
    const decisions = await platform.database.pool.query<{ agent: string; outcome: string }>(
      'select agent, outcome from decisions where payment_id = $1 order by position',
      [id],
    );
    expect(decisions.rows).toEqual([
      { agent: 'exchange-rate', outcome: 'quoted' },
      { agent: 'compliance', outcome: 'clear' },
      { agent: 'route-optimizer', outcome: 'routed' },
      { agent: 'liquidity', outcome: 'reserve' },
    ]);
  });

  it('pays the receiver what the quote says, less what the operator cannot move', async () => {
    const id = await platform.submit({ amount: '1500' });
    await platform.settleDown();
    const payment = await platform.database.pool.query<{
      amount: bigint;
      fee_amount: bigint;
      target_amount: bigint;
      rate: bigint;
      exchanged: bigint;
    }>(
      'select p.amount, p.fee_amount, p.target_amount, q.rate, q.target_amount as exchanged from payments p join quotes q on q.payment_id = p.id where p.id = $1',
      [id],
    );
    const row = payment.rows[0];
    expect(row?.amount).toBe(150_000n);
    const expected = (((row?.amount ?? 0n) - (row?.fee_amount ?? 0n)) * (row?.rate ?? 0n)) / (100n * 10n ** 12n);
    expect(row?.exchanged).toBe(expected);
    expect(platform.sent[1]?.amountMinor).toBe(row?.target_amount);
  });
});

describe('a leg that fails', () => {
  it('is routed again over the hub when the rail is in trouble', async () => {
    platform.script = {
      disburse: (railId, request) =>
        railId === 'mtn-ug'
          ? { state: 'failed', reasonCode: 'SERVICE_UNAVAILABLE', retry: 'later' }
          : { state: 'succeeded', receipt: 'H1', amount: request.amount },
    };
    const id = await platform.submit();
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
    expect((await attemptsOf(id)).map((attempt) => `${attempt.leg} ${attempt.rail_id} ${attempt.state}`)).toEqual([
      'collection mpesa-ke succeeded',
      'payout mtn-ug failed',
      'payout hub-ug succeeded',
    ]);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('ends the payment when the payer refuses, and gives the float back', async () => {
    platform.script = { collect: () => ({ state: 'failed', reasonCode: '1032', retry: 'after_customer' }) };
    const id = await platform.submit();
    await platform.settleDown();
    expect(await platform.status(id)).toEqual({ status: 'failed', reasonCode: 'collection_refused' });
    const pools = await platform.database.pool.query<{ reserved: bigint }>('select sum(reserved)::bigint as reserved from liquidity_pools');
    expect(pools.rows[0]?.reserved).toBe(0n);
    expect(platform.sent).toHaveLength(1);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('sends the money back once every payout rail is spent', async () => {
    platform.script = {
      disburse: (_rail, request) =>
        request.phone.startsWith('+256')
          ? { state: 'failed', reasonCode: 'PAYEE_NOT_FOUND', retry: 'never' }
          : { state: 'succeeded', receipt: 'B1', amount: request.amount },
    };
    const id = await platform.submit();
    await platform.settleDown();
    expect(await platform.status(id)).toEqual({ status: 'refunded', reasonCode: 'payout_failed' });
    expect((await attemptsOf(id)).map((attempt) => `${attempt.leg} ${attempt.rail_id} ${attempt.state}`)).toEqual([
      'collection mpesa-ke succeeded',
      'payout mtn-ug failed',
      'payout hub-ug failed',
      'refund mpesa-ke succeeded',
    ]);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('keeps owing a refund that fails, and tries it again later', async () => {
    let refunds = 0;
    platform.script = {
      disburse: (_rail, request) => {
        if (request.phone.startsWith('+256')) return { state: 'failed', reasonCode: 'PAYEE_NOT_FOUND', retry: 'never' };
        refunds += 1;
        return refunds === 1
          ? { state: 'failed', reasonCode: '26', retry: 'later' }
          : { state: 'succeeded', receipt: 'B2', amount: request.amount };
      },
    };
    const id = await platform.submit();
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('refunding');
    platform.clock.advance(platform.deps.settings.retryDelayMs + 1);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('refunded');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });
});

describe('an outcome that is unknown', () => {
  it('is never sent again nor refunded; an inquiry brings it to its end', async () => {
    platform.script = {
      disburse: () => ({ state: 'unknown', reasonCode: 'no_answer' }),
      inquire: () => ({ state: 'unknown', reasonCode: 'not_found' }),
    };
    const id = await platform.submit();
    await platform.settleDown();
    for (let round = 0; round < 5; round += 1) {
      platform.clock.advance(600_000);
      await platform.settleDown();
    }
    expect((await platform.status(id)).status).toBe('disbursing');
    expect(platform.sent.filter((each) => each.kind === 'disburse')).toHaveLength(1);
    platform.script = { inquire: (_rail, request) => ({ state: 'succeeded', receipt: 'late', amount: request.amount }) };
    platform.clock.advance(600_000);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('stays unknown when the operator tells of another amount', async () => {
    platform.script = {
      disburse: () => ({ state: 'unknown', reasonCode: 'no_answer' }),
      inquire: (_rail, request) => ({
        state: 'succeeded',
        receipt: 'odd',
        amount: { ...request.amount, minor: request.amount.minor + 1n },
      }),
    };
    const id = await platform.submit();
    await platform.settleDown();
    platform.clock.advance(600_000);
    await platform.settleDown();
    expect((await attemptsOf(id)).at(-1)).toMatchObject({ state: 'unknown', reason_code: 'amount_mismatch' });
    expect((await platform.status(id)).status).toBe('disbursing');
  });
});

describe('the doubtful', () => {
  it('are held as a case while the rest of the cohort goes on, and blocked ones are rejected', async () => {
    const held = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
    const blocked = await platform.submit({ receiver: { name: 'Jelani Obote Wakhungu' } });
    const clear = await platform.submit();
    await platform.settleDown();
    expect((await platform.status(held)).status).toBe('held');
    expect(await platform.status(blocked)).toEqual({ status: 'rejected', reasonCode: 'sanctions_match' });
    expect((await platform.status(clear)).status).toBe('paid');
    const cases = await platform.database.pool.query(
      'select payment_id, kind, interrupt_id, status, approvals_needed, priority >= 90 as urgent from cases order by kind',
    );
    expect(cases.rows).toEqual([
      {
        payment_id: held,
        kind: 'held',
        interrupt_id: expect.any(String),
        status: 'open',
        approvals_needed: 1,
        urgent: false,
      },
      // No thread waits for it: nothing goes on from there.
      { payment_id: blocked, kind: 'refused', interrupt_id: null, status: 'open', approvals_needed: 2, urgent: true },
    ]);
    expect(platform.problems).toEqual([]);
  });

  it('go on when an officer releases them, bound to the evidence the officer saw', async () => {
    const id = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
    await platform.settleDown();
    await decide(id, 'release', 'officer:amina');
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
    expect(await historyOf(id)).toEqual(['accepted', 'held', 'released', 'authorized', 'collecting', 'collected', 'disbursing', 'paid']);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('end when an officer rejects them', async () => {
    const id = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
    await platform.settleDown();
    await decide(id, 'reject', 'officer:amina');
    await platform.settleDown();
    expect(await platform.status(id)).toEqual({ status: 'rejected', reasonCode: 'compliance_refused' });
    expect(platform.sent).toEqual([]);
  });

  it('stay held for a decision on evidence that has changed', async () => {
    const id = await platform.submit({ sender: { name: 'Sanounou Mamadou Keta' } });
    await platform.settleDown();
    await decide(id, 'release', 'officer:amina', 'f'.repeat(64));
    await platform.worker.work('cases').catch(() => undefined);
    expect((await platform.status(id)).status).toBe('held');
  });
});

async function decide(paymentId: string, verdict: 'release' | 'reject', officer: string, digest?: string): Promise<void> {
  await platform.database.pool.query(
    `with held as (update cases set status = 'deciding' where payment_id = $1 and status = 'open' returning id, payment_id, evidence_digest)
     insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest)
     select gen_random_uuid(), id, payment_id, $2, $3, 'false_positive', coalesce($4, evidence_digest) from held`,
    [paymentId, officer, verdict, digest ?? null],
  );
}

describe('work that is interrupted', () => {
  it('is inquired, not sent again, when a worker died after marking an attempt sent', async () => {
    const id = await platform.submit();
    await platform.worker.work('authorize');
    await platform.database.pool.query(`update attempts set state = 'sent', sent_at = $1, next_inquiry_at = $2 where payment_id = $3`, [
      new Date(platform.clock.now()),
      new Date(platform.clock.now() + 20_000),
      id,
    ]);
    await platform.settleDown();
    expect(platform.sent).toEqual([]);
    platform.script = { inquire: (_rail, request) => ({ state: 'succeeded', receipt: 'found', amount: request.amount }) };
    platform.clock.advance(30_000);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
    expect(platform.sent.map((each) => each.kind)).toEqual(['disburse']);
  });

  it('is taken over once the lease of a dead worker has ended, not before', async () => {
    const id = await platform.submit();
    await platform.database.pool.query('update payments_by_status set lease_token = gen_random_uuid(), lease_until = $1', [
      new Date(platform.clock.now() + 10_000),
    ]);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('accepted');
    platform.clock.advance(10_001);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
  });
});

describe('liquidity', () => {
  it('makes a payment wait while no pool has room, and reserves once there is', async () => {
    await platform.database.pool.query(
      `update accounts set floor = debits_posted - credits_posted where code in ('float:mtn-ug', 'float:hub-ug')`,
    );
    const id = await platform.submit();
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('queued');
    expect(platform.sent).toEqual([]);
    await platform.database.pool.query(`update accounts set floor = 0 where code = 'float:hub-ug'`);
    platform.clock.advance(platform.deps.settings.retryDelayMs + 1);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('paid');
    expect(platform.sent.at(-1)?.railId).toBe('hub-ug');
  });
});
