import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tamper } from '../../db/testing.ts';
import { railsOfWallet } from '../../domain/network.ts';
import { checkBooks } from '../../tools/ledger/index.ts';
import type { Capabilities, InquiryRequest, OperatorClient, Outcome, RefundRequest } from '../../tools/mmo/operator.ts';
import { claimByOutcome, claimByStatus } from '../cohort.ts';
import { buildPaymentGraph, runPaymentGraph } from '../payment-graph.ts';
import { type TestPlatform, testPlatform } from '../testing.ts';
import { refundRails } from './refunds.ts';

let platform: TestPlatform;
/** Whether operators take the money back to the sender. */
let refundsEnd: 'succeeded' | 'unknown' | 'failed';

beforeEach(async () => {
  platform = await testPlatform();
  refundsEnd = 'succeeded';
  platform.script = {
    disburse: (_rail, request) => {
      if (request.phone.startsWith('+256')) return { state: 'failed', reasonCode: 'PAYEE_NOT_FOUND', retry: 'never' };
      if (refundsEnd === 'unknown') return { state: 'unknown', reasonCode: 'no_answer' };
      if (refundsEnd === 'failed') return { state: 'failed', reasonCode: 'operator_busy', retry: 'later' };
      return { state: 'succeeded', receipt: 'B1', amount: request.amount };
    },
  };
});

afterEach(async () => {
  await platform.close();
});

const later = (ms: number) => {
  platform.clock.advance(ms);
  return platform.settleDown();
};

const refundsSent = () => platform.sent.filter((each) => each.kind === 'disburse' && each.phone.startsWith('+254'));

async function pool(railId: string) {
  const result = await platform.database.pool.query<{ balance: bigint; reserved: bigint }>(
    'select balance, reserved from liquidity_pools where id = $1',
    [railId],
  );
  return result.rows[0];
}

describe('a refund', () => {
  it('holds its float from before it is sent until it has ended', async () => {
    const before = await pool('mpesa-ke');
    refundsEnd = 'unknown';
    const id = await platform.submit({ amount: '1500' });
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('refunding');
    expect(await pool('mpesa-ke')).toEqual({ balance: (before?.balance ?? 0n) + 150_000n, reserved: 150_000n });
    platform.script = { ...platform.script, inquire: (_rail, request) => ({ state: 'succeeded', receipt: 'B2', amount: request.amount }) };
    await later(600_000);
    expect((await platform.status(id)).status).toBe('refunded');
    expect(await pool('mpesa-ke')).toEqual({ balance: before?.balance, reserved: 0n });
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('waits where no float is free, and is not sent on float that is promised to others', async () => {
    const id = await platform.submit({ amount: '1500' });
    await platform.worker.work('authorize');
    await platform.worker.work('dispatch');
    await platform.worker.idle();
    const rails = railsOfWallet('mpesa-ke').map((rail) => `float:${rail.id}`);
    // All but a shilling of what the collection brings is promised elsewhere.
    const pinned = `update accounts set floor = debits_posted - credits_posted + 100 where code = any($1)`;
    await platform.database.pool.query(pinned.replace('+ 100', ''), [rails]);
    await platform.worker.work('outcomes');
    await platform.database.pool.query(pinned.replace('+ 100', '- 149900'), [rails]);
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('refunding');
    expect(refundsSent()).toEqual([]);
    await platform.database.pool.query('update accounts set floor = 0 where code = $1', ['float:hub-ke']);
    await later(platform.deps.settings.retryDelayMs + 1);
    expect((await platform.status(id)).status).toBe('refunded');
    expect(refundsSent().map((each) => each.railId)).toEqual(['hub-ke']);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('that fails lets go of its float and is tried over another rail, after longer and longer waits', async () => {
    refundsEnd = 'failed';
    const id = await platform.submit({ amount: '1500' });
    await platform.settleDown();
    const wait = platform.deps.settings.retryDelayMs;
    expect((await pool('mpesa-ke'))?.reserved).toBe(0n);
    await later(wait + 1);
    expect(refundsSent().map((each) => each.railId)).toEqual(['mpesa-ke', 'hub-ke']);
    await later(wait + 1);
    expect(refundsSent()).toHaveLength(2);
    refundsEnd = 'succeeded';
    await later(wait + 1);
    expect(refundsSent().map((each) => each.railId)).toEqual(['mpesa-ke', 'hub-ke', 'mpesa-ke']);
    expect((await platform.status(id)).status).toBe('refunded');
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('is not begun again by a worker that slept while another one finished it', async () => {
    refundsEnd = 'failed';
    const id = await platform.submit({ amount: '1500' });
    await platform.settleDown();
    platform.clock.advance(platform.deps.settings.retryDelayMs + 1);
    const asleep = await claimByStatus(platform.deps, ['refunding'], 10);
    if (asleep === null) throw new Error('nothing to claim');
    refundsEnd = 'succeeded';
    await later(platform.deps.settings.leaseMs + 1);
    expect((await platform.status(id)).status).toBe('refunded');
    const sent = refundsSent().length;
    const graph = buildPaymentGraph(platform.deps, platform.agents);
    await expect(runPaymentGraph(graph, 'chain', asleep)).rejects.toMatchObject({ code: 'lease_lost' });
    await platform.settleDown();
    expect(refundsSent()).toHaveLength(sent);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('goes over rails that pay out the whole amount at once', () => {
    const payment = { senderWallet: 'mpesa-ke', fromCurrency: 'KES' } as Parameters<typeof refundRails>[0];
    expect(refundRails({ ...payment, amountMinor: 150_000n }, 0)).toEqual(['mpesa-ke', 'hub-ke']);
    expect(refundRails({ ...payment, amountMinor: 150_000n }, 3)).toEqual(['hub-ke', 'mpesa-ke']);
    expect(refundRails({ ...payment, amountMinor: 15_000_000n }, 1)).toEqual(['mpesa-ke']);
    expect(refundRails({ ...payment, amountMinor: 900n }, 0)).toEqual([]);
  });
});

describe('a client that wants its money back', () => {
  it('while the payout is about to begin has it back, and nobody is paid', async () => {
    const id = await platform.submit();
    for (const hint of ['authorize', 'dispatch'] as const) await platform.worker.work(hint);
    await platform.worker.idle();
    const cohort = await claimByOutcome(platform.deps, 10);
    if (cohort === null) throw new Error('nothing to claim');
    // The worker has read the payment; what the client asks for now must count all the same.
    const asking = { ...platform.deps, pool: askingAfter('take_outcomes', id) };
    await expect(runPaymentGraph(buildPaymentGraph(asking, platform.agents), 'outcomes', cohort)).rejects.toMatchObject({
      code: 'lease_lost',
    });
    await later(platform.deps.settings.leaseMs + 1);
    expect(await platform.status(id)).toEqual({ status: 'refunded', reasonCode: null });
    expect(platform.sent.map((each) => `${each.kind} ${each.phone.slice(0, 4)}`)).toEqual(['collect +254', 'disburse +254']);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });
});

/** The pool, with a client that asks for its money back right after the transaction that runs this statement. */
function askingAfter(statement: string, paymentId: string): TestPlatform['database']['pool'] {
  const { pool: whole } = platform.database;
  const connect = async () => {
    const client = await whole.connect();
    let isIt = false;
    const query = async (...args: [never]) => {
      isIt ||= (args[0] as { name?: string }).name === statement;
      const result: unknown = await (client.query as (...given: unknown[]) => Promise<unknown>).apply(client, args);
      if (isIt && args[0] === 'commit') {
        isIt = false;
        await whole.query('update payments set refund_requested_at = $2 where id = $1', [paymentId, new Date(platform.clock.now())]);
      }
      return result;
    };
    return Object.create(client, { query: { value: query }, release: { value: client.release.bind(client) } });
  };
  return Object.create(whole, { connect: { value: connect }, query: { value: whole.query.bind(whole) } });
}

describe('a client that wants its money back while it is collected', () => {
  it('sees nobody asked to pay once more', async () => {
    platform.script = { collect: () => ({ state: 'unknown', reasonCode: 'no_answer' }) };
    const id = await platform.submit();
    await platform.settleDown();
    await platform.database.pool.query('update payments set refund_requested_at = $2 where id = $1', [id, new Date(platform.clock.now())]);
    platform.script = { inquire: () => ({ state: 'failed', reasonCode: 'operator_busy', retry: 'later' }) };
    await later(600_000);
    expect(await platform.status(id)).toEqual({ status: 'failed', reasonCode: 'collection_failed' });
    expect(platform.sent).toHaveLength(1);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('has it back for the reason it gave, not for another', async () => {
    platform.script = { collect: () => ({ state: 'unknown', reasonCode: 'no_answer' }) };
    const id = await platform.submit();
    await platform.settleDown();
    await platform.database.pool.query('update payments set refund_requested_at = $2 where id = $1', [id, new Date(platform.clock.now())]);
    platform.script = { inquire: (_rail, request) => ({ state: 'succeeded', receipt: 'R1', amount: request.amount }) };
    await later(600_000);
    expect(await platform.status(id)).toEqual({ status: 'refunded', reasonCode: null });
    expect(platform.sent.map((each) => each.kind)).toEqual(['collect', 'disburse']);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });
});

describe('a refund whose operator takes collections back under our own id', () => {
  const receiptOf = (requestId: string) => `R-${requestId.slice(0, 8)}`;
  const refunds: RefundRequest[] = [];
  const asked: InquiryRequest[] = [];

  /** Has the collection's operator take collections back with this outcome. */
  function takingBack(outcome: Outcome, capabilities: Partial<Capabilities> = {}): void {
    const base = platform.deps.operators;
    Object.assign(platform.deps, {
      operators: (railId: string): OperatorClient => {
        const client = base(railId);
        return {
          ...client,
          capabilities: { ...client.capabilities, refund: 'operation', refundByRequest: true, ...capabilities },
          refund: async (request) => {
            refunds.push(request);
            return outcome;
          },
        };
      },
    });
  }

  beforeEach(() => {
    refunds.length = 0;
    asked.length = 0;
  });

  it('is taken back from the collection, whole, and not paid out', async () => {
    takingBack({ state: 'succeeded', receipt: 'T1', amount: null });
    const id = await platform.submit({ amount: '1500' });
    await platform.settleDown();
    expect((await platform.status(id)).status).toBe('refunded');
    const [collection] = platform.sent;
    const original = {
      requestId: collection?.requestId,
      receipt: receiptOf(collection?.requestId ?? ''),
      amount: { minor: 150_000n, currency: 'KES' },
    };
    expect(refunds).toMatchObject([{ amount: original.amount, original }]);
    expect(refundsSent()).toEqual([]);
    expect(await checkBooks(platform.database.pool)).toEqual([]);
  });

  it('is asked about as such while in doubt, and neither made again nor paid out', async () => {
    takingBack({ state: 'unknown', reasonCode: 'no_answer' });
    const id = await platform.submit();
    await platform.settleDown();
    let answer: Outcome = { state: 'unknown', reasonCode: 'not_found_yet' };
    platform.script = { ...platform.script, inquire: (_rail, request) => (asked.push(request), answer) };
    for (let look = 0; look < 5; look += 1) await later(600_000);
    expect(asked.length).toBeGreaterThan(3);
    expect(new Set(asked.map((request) => request.leg))).toEqual(new Set(['refund']));
    expect([refunds.length, refundsSent().length]).toEqual([1, 0]);
    answer = { state: 'succeeded', receipt: 'T2', amount: null };
    await later(600_000);
    expect((await platform.status(id)).status).toBe('refunded');
    expect([refunds.length, refundsSent().length]).toEqual([1, 0]);
  });

  it('is paid out once the operation has failed for sure, and asked about as a payout then', async () => {
    takingBack({ state: 'failed', reasonCode: 'operator_refused', retry: 'later' });
    refundsEnd = 'unknown';
    platform.script = { ...platform.script, inquire: (_rail, request) => (asked.push(request), { state: 'pending' }) };
    const id = await platform.submit();
    await platform.settleDown();
    await later(600_000);
    await later(600_000);
    expect((await platform.status(id)).status).toBe('refunding');
    expect([refunds.length, refundsSent().length]).toEqual([1, 1]);
    expect(new Set(asked.map((request) => request.leg))).toEqual(new Set(['payout']));
  });

  it('is a payout where the operator would tell of it under an id of its own', async () => {
    takingBack({ state: 'succeeded', receipt: 'T3', amount: null }, { refundByRequest: false });
    await platform.submit();
    await platform.settleDown();
    expect([refunds.length, refundsSent().length]).toEqual([0, 1]);
  });

  it('says in its terms how it goes back, and that is never changed', async () => {
    takingBack({ state: 'succeeded', receipt: 'T4', amount: null });
    await platform.submit();
    await platform.settleDown();
    const { rows } = await platform.database.pool.query<{ leg: string; took: string | null }>(
      'select a.leg, o.leg as took from attempts a left join attempts o on o.id = a.takes_back order by a.id',
    );
    expect(rows.map(({ leg, took }) => [leg, took])).toContainEqual(['refund', 'collection']);
    const change = platform.database.pool.query("update attempts set takes_back = null where leg = 'refund'");
    await expect(change).rejects.toMatchObject({ constraint: 'attempts_fixed' });
  });

  it.each([
    ['did not succeed', "update attempts set state = 'failed' where leg = 'collection'"],
    ['is in doubt', "update attempts set state = 'unknown', applied = false where leg = 'collection'"],
    ['went over another rail', "update attempts set rail_id = 'hub-ke' where leg = 'collection'"],
    ['is no collection', "update attempts set leg = 'payout', state = 'succeeded', sequence = 9 where leg = 'collection'"],
    [
      'is another payment’s',
      "update attempts a set takes_back = (select o.id from attempts o where o.leg = 'collection' and o.payment_id <> a.payment_id) where leg = 'refund'",
    ],
  ])('takes nothing back where what it would take back %s by the time it is sent', async (_what, change) => {
    takingBack({ state: 'succeeded', receipt: 'T5', amount: null });
    for (let count = 0; count < 2; count += 1) await platform.submit();
    const round = ['dispatch', 'outcomes'] as const;
    // The collection, and a payout over each of two rails.
    for (const hint of ['authorize' as const, ...round, ...round, ...round]) {
      await platform.worker.work(hint);
      await platform.worker.idle();
    }
    const refundAttempts = async () =>
      (await platform.database.pool.query("select state, reason_code, is_unsent from attempts where leg = 'refund'")).rows;
    expect(await refundAttempts()).toEqual(Array(2).fill({ state: 'created', reason_code: null, is_unsent: false }));
    await tamper(platform.database.pool, change);
    await platform.worker.work('dispatch');
    await platform.worker.idle();
    expect(await refundAttempts()).toEqual(Array(2).fill({ state: 'failed', reason_code: 'receipt_missing', is_unsent: true }));
    expect([refunds, refundsSent()]).toEqual([[], []]);
  });
});
