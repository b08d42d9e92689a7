import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { listBreaks } from '../../db/queries/breaks.ts';
import { storeCallbacks } from '../../db/queries/callbacks.ts';
import type { Currency } from '../../domain/currency.ts';
import { newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import { railById } from '../../domain/network.ts';
import { balances, checkBooks, clientAccount, ensureAccounts, post } from '../../tools/ledger/index.ts';
import type { Outcome } from '../../tools/mmo/operator.ts';
import { lateSuccessEntries } from '../../tools/reconciliation/entries.ts';
import { wholeStatement } from '../../tools/reconciliation/file.ts';
import { approveEntries, entriesDigest, proposeEntries } from '../reconciliation/breaks.ts';
import { reconcileDay } from '../reconciliation/run.ts';
import { findWork } from '../sweep.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { raiseLateSuccess } from './doubts.ts';

const LIMIT_MS = 600_000;

let platform: TestPlatform;
beforeEach(async () => {
  platform = await testPlatform({ doubtLimitMs: LIMIT_MS, doubtLimitsMs: { 'mtn-ug': 3 * LIMIT_MS } });
});
afterEach(async () => {
  await platform.close();
});

interface CaseRow {
  id: string;
  kind: string;
  status: string;
  attempt_id: string;
  evidence: Record<string, unknown>;
  interrupt_id: string | null;
}

async function cases(): Promise<CaseRow[]> {
  return (
    await platform.database.pool.query<CaseRow>(
      'select id, kind, status, attempt_id, evidence, interrupt_id from cases order by created_at',
    )
  ).rows;
}

interface AttemptRow {
  id: string;
  client_id: string;
  leg: 'collection' | 'payout' | 'refund';
  rail_id: string;
  amount: bigint;
  currency: Currency;
  state: string;
}

const attempts = async () =>
  (
    await platform.database.pool.query<AttemptRow>(
      'select id, client_id, leg, rail_id, amount, currency, state from attempts order by created_at, sequence',
    )
  ).rows;

const escalate = () => platform.worker.work('settle');

/** The operator calls back and says that it moved the money of an attempt. */
async function claims(attempt: AttemptRow, trust: 'sufficient' | 'confirm', ourReference = attempt.id): Promise<string | null> {
  const { deps } = platform;
  const outcome = { state: 'succeeded', receipt: 'LATE1', amount: null };
  const body = JSON.stringify({ kind: attempt.leg, outcome, ourReference, operatorReference: null, trust });
  await storeCallbacks(
    deps.pool,
    [
      {
        railId: attempt.rail_id,
        tokenHash: deps.callbacks.tokenHash(attempt.id),
        body: deps.keyring.encrypt(body, 'operator_callbacks.body'),
        bodyDigest: Buffer.alloc(32, 1),
        sourceAddress: '127.0.0.1',
      },
    ],
    deps.clock.now(),
  );
  await platform.worker.work('callbacks');
  await platform.worker.idle();
  const read = await deps.pool.query<{ reason_code: string | null }>('select reason_code from operator_callbacks order by id desc limit 1');
  return read.rows[0]?.reason_code ?? null;
}

describe('an attempt in doubt', () => {
  it('is brought to people once its limit has passed, once, and is neither tried again nor refunded', async () => {
    platform.script = {
      collect: () => ({ state: 'unknown', reasonCode: 'timeout' }),
      inquire: () => ({ state: 'unknown', reasonCode: 'timeout' }),
    };
    const paymentId = await platform.submit();
    await platform.settleDown();
    await escalate();
    expect(await cases()).toEqual([]);
    platform.clock.advance(LIMIT_MS);
    await escalate();
    await escalate();
    const [attempt] = await attempts();
    expect(await cases()).toMatchObject([
      {
        kind: 'in_doubt',
        status: 'open',
        attempt_id: attempt?.id,
        evidence: {
          leg: 'collection',
          railId: 'mpesa-ke',
          amountMinor: '150000',
          currency: 'KES',
          state: 'unknown',
          limitMs: LIMIT_MS,
          ageMs: LIMIT_MS,
        },
      },
    ]);
    await platform.settleDown();
    expect(await attempts()).toHaveLength(1);
    expect(platform.sent).toHaveLength(1);
    expect((await platform.status(paymentId)).status).toBe('collecting');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('has the limit of its rail', async () => {
    platform.script = { disburse: () => ({ state: 'unknown', reasonCode: 'timeout' }), inquire: () => ({ state: 'pending' }) };
    await platform.submit();
    await platform.settleDown();
    platform.clock.advance(2 * LIMIT_MS);
    await escalate();
    expect(await cases()).toEqual([]);
    platform.clock.advance(LIMIT_MS);
    await escalate();
    expect(await cases()).toMatchObject([{ kind: 'in_doubt', evidence: { railId: 'mtn-ug', leg: 'payout', limitMs: 3 * LIMIT_MS } }]);
  });

  it('says in its case that its operator told of another amount, whatever came after that', async () => {
    let told: Outcome = { state: 'succeeded', receipt: 'odd', amount: money(1n, 'KES') };
    platform.script = { collect: () => ({ state: 'unknown', reasonCode: 'timeout' }), inquire: () => told };
    await platform.submit();
    await platform.settleDown();
    platform.clock.advance(60_000);
    await platform.settleDown();
    told = { state: 'pending' };
    platform.clock.advance(LIMIT_MS);
    await platform.settleDown();
    await escalate();
    expect(await attempts()).toMatchObject([{ state: 'pending' }]);
    expect(await cases()).toMatchObject([{ kind: 'in_doubt', evidence: { reasonCode: 'amount_mismatch', state: 'pending' } }]);
    const { rows } = await platform.database.pool.query(`select reasons -> 0 ->> 'code' as code from cases`);
    expect(rows).toEqual([{ code: 'amount_mismatch' }]);
  });

  it('has no thread of the case graph, and its case ends with it', async () => {
    platform.script = {
      collect: () => ({ state: 'unknown', reasonCode: 'timeout' }),
      inquire: () => ({ state: 'unknown', reasonCode: 'timeout' }),
    };
    const paymentId = await platform.submit();
    await platform.settleDown();
    platform.clock.advance(LIMIT_MS);
    await escalate();
    expect(await findWork(platform.deps)).not.toContain('cases');
    await platform.worker.work('cases');
    expect(await cases()).toMatchObject([{ status: 'open', interrupt_id: null }]);
    platform.script = {};
    platform.script.inquire = (_railId, request) => ({ state: 'succeeded', receipt: 'R1', amount: request.amount });
    platform.clock.advance(platform.deps.settings.inquiryDelayMsMax);
    await platform.settleDown();
    await escalate();
    expect(await cases()).toMatchObject([{ status: 'resolved' }]);
    expect((await platform.status(paymentId)).status).toBe('paid');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });
});

describe('a success that comes late', () => {
  /** A payment whose payout was refused on every rail and whose sender has the money back. */
  async function refunded(): Promise<AttemptRow> {
    platform.script = {
      disburse: (_railId, request) =>
        request.phone.startsWith('+256') ? { state: 'failed', reasonCode: 'refused', retry: 'never' } : done(request.requestId),
    };
    const paymentId = await platform.submit();
    for (let round = 0; round < 5; round += 1) {
      await platform.settleDown();
      platform.clock.advance(platform.deps.settings.retryDelayMs);
    }
    expect((await platform.status(paymentId)).status).toBe('refunded');
    const payout = (await attempts()).find((each) => each.leg === 'payout' && each.state === 'failed');
    if (payout === undefined) throw new Error('no payout failed');
    return payout;
  }

  const done = (requestId: string) => ({ state: 'succeeded' as const, receipt: `R-${requestId.slice(0, 8)}`, amount: null });

  it('after a refund raises one case with the entries that put the books right', async () => {
    const payout = await refunded();
    const before = await platform.database.pool.query('select id, debits_posted, credits_posted from accounts order by id');
    expect(await claims(payout, 'sufficient')).toBe('contradicts_outcome');
    expect(await claims(payout, 'sufficient')).toBe('contradicts_outcome');
    expect(await cases()).toMatchObject([
      {
        kind: 'late_success',
        status: 'open',
        attempt_id: payout.id,
        evidence: {
          saidBy: 'operator',
          paymentStatus: 'refunded',
          proposedEntries: [
            {
              debit: 'treasury:UGX',
              credit: `float:${payout.rail_id}`,
              amountMinor: payout.amount.toString(),
              currency: 'UGX',
              reason: 'late_payout',
            },
          ],
        },
      },
    ]);
    // Proposed, not posted; and the attempt stays what it was recorded as.
    expect((await platform.database.pool.query('select id, debits_posted, credits_posted from accounts order by id')).rows).toEqual(
      before.rows,
    );
    expect((await attempts()).find((each) => each.id === payout.id)?.state).toBe('failed');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('is corrected once two people agree on the entries of its break, whoever finds it again', async () => {
    const payout = await refunded();
    const { deps } = platform;
    await claims(payout, 'sufficient');
    const breaks = () => listBreaks(deps.pool, {}, { after: null, limit: 10 });
    const [found, ...others] = await breaks();
    if (found === undefined) throw new Error('there is no break');
    const entries = (await cases())[0]?.evidence['proposedEntries'];
    expect(others).toEqual([]);
    expect(found).toMatchObject({ kind: 'missing_here', status: 'open', attemptId: payout.id, proposedEntries: entries });
    const float = async () => (await balances(deps.pool, [`float:${payout.rail_id}`]))[0]?.posted ?? 0n;
    const before = await float();
    const act = (principal: string) => ({ breakId: found.id, principal, reasonCode: 'late_success' });
    await proposeEntries(deps, act('zawadi'), null);
    await approveEntries(deps, act('tunde'), entriesDigest(found.proposedEntries));
    expect(before - (await float())).toBe(payout.amount);
    expect(await checkBooks(deps.pool)).toEqual([]);
    // The statement that has the movement names the same break, which is over.
    const moment = `${new Date(deps.clock.now() + 3 * 3_600_000).toISOString().slice(0, 10)} 12:00:01`;
    const { rows } = await deps.pool.query<{ request_id: string }>('select request_id from attempts where id = $1', [payout.id]);
    const line = `LATE1,${rows[0]?.request_id},${moment},Successful,Transfer,${payout.amount},UGX,0`;
    const text = `Id,External id,Date,Status,Type,Amount,Currency,Fee\n${line}`;
    const report = await reconcileDay(deps, {
      rail: railById(payout.rail_id),
      day: moment.slice(0, 10),
      file: wholeStatement(text),
      by: 'system',
    });
    expect(report).toMatchObject({ lines: 1, newBreaks: 0, lateSuccesses: 0, breaks: [{ kind: 'missing_here' }] });
    expect(await breaks()).toMatchObject([{ status: 'posted' }]);
  });

  it('is asked about first when the message proves nothing; what the operator denies is no case', async () => {
    const payout = await refunded();
    platform.script.inquire = () => ({ state: 'failed', reasonCode: 'refused', retry: 'never' });
    await claims(payout, 'confirm');
    expect(await cases()).toEqual([]);
    platform.script.inquire = () => ({ state: 'unknown', reasonCode: 'timeout' });
    await claims(payout, 'confirm');
    expect(await cases()).toMatchObject([{ kind: 'late_success', evidence: { saidBy: 'message' } }]);
  });

  it('of another request is no case', async () => {
    const payout = await refunded();
    await claims(payout, 'sufficient', newId());
    expect(await cases()).toEqual([]);
  });

  it('is not raised for what did not fail', async () => {
    await platform.submit();
    await platform.settleDown();
    const [collection] = await attempts();
    expect(await raiseLateSuccess(platform.deps, collection?.id ?? '', 'operator')).toBe(false);
    expect(await cases()).toEqual([]);
  });
});

describe('the correcting entries', () => {
  it.each(['collection', 'payout', 'refund'] as const)(
    'of a %s move the float by what the operator moved, and the books stay sound',
    async (leg) => {
      const paymentId = await platform.submit();
      await platform.settleDown();
      const [row] = await attempts();
      const attempt = { leg, railId: 'mpesa-ke', clientId: row?.client_id ?? '', amountMinor: 12_345n, currency: 'KES' as const };
      const float = async () => (await balances(platform.database.pool, ['float:mpesa-ke']))[0]?.posted ?? 0n;
      const before = await float();
      await withTransaction(platform.database.pool, async (tx) => {
        await ensureAccounts(tx, [clientAccount(attempt.clientId, 'KES')]);
        await post(
          tx,
          lateSuccessEntries(attempt).map(({ amountMinor, ...entry }) => ({
            id: newId(),
            type: 'posted' as const,
            amount: amountMinor,
            ...entry,
          })),
        );
      });
      expect((await float()) - before).toBe(leg === 'collection' ? 12_345n : -12_345n);
      expect(await checkBooks(platform.database.pool)).toEqual([]);
      expect((await platform.status(paymentId)).status).toBe('paid');
    },
  );
});
