import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import { hashLeaf, merkleProof, merkleRoot, verifyMerkleProof } from '../../tools/aptos/merkle.ts';
import { emptyDatabase, type SeededPayment, type SeedOptions, seedPayments, someItem } from '../testing.ts';
import { WINDOW_SQL } from './gather.ts';
import { decideSettlement, SETTLEMENT_POLICY, type SettlementFacts, settle } from './index.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const DUE_MS = NOW_MS + SETTLEMENT_POLICY.ageMsMax;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ max: 6 });
});
afterAll(() => database?.close());
beforeEach(() => emptyDatabase(database.pool));

const settleAt = (nowMs: number, change: Partial<typeof SETTLEMENT_POLICY> = {}) =>
  settle({ pool: database.pool, clock: manualClock(nowMs), policy: { ...SETTLEMENT_POLICY, ...change } });

async function attempt(
  { payment, quote }: SeededPayment,
  leg: 'collection' | 'payout' | 'refund',
  state: string,
  railId: string,
  sequence = 1,
) {
  const [amount, currency] = leg === 'payout' ? [quote.targetMinor, payment.toCurrency] : [payment.amountMinor, payment.fromCurrency];
  await database.pool.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, callback_token_hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [newId(), payment.clientId, payment.id, leg, sequence, railId, newId(), amount, currency, state, Buffer.from(newId())],
  );
}

/** Writes what the database's own guards would refuse: settlement must not lean on them alone. */
async function unguarded(write: () => Promise<void>): Promise<void> {
  await database.pool.query('alter table attempts disable trigger user');
  try {
    await write();
  } finally {
    await database.pool.query('alter table attempts enable trigger user');
  }
}

/** A payment that was collected over M-Pesa and paid out over MTN Uganda. */
async function paid(options: SeedOptions = {}): Promise<SeededPayment> {
  const item = someItem(NOW_MS, { ...options, payment: { status: 'paid', ...options.payment } });
  await seedPayments(database.pool, [item], { completedAtMs: NOW_MS });
  if (item.payment.funding === 'wallet') await attempt(item, 'collection', 'succeeded', 'mpesa-ke');
  if (item.payment.delivery === 'wallet') await attempt(item, 'payout', 'succeeded', 'mtn-ug');
  return item;
}

const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;

describe('settle', () => {
  it('nets a window per partner and currency, and says so once per payment', async () => {
    const there = [await paid(), await paid({ payment: { amountMinor: 50_000n }, targetMinor: 14_000n })];
    const item = someItem(NOW_MS, {
      payment: { status: 'paid', fromCurrency: 'UGX', toCurrency: 'KES', amountMinor: 10_000n },
      targetMinor: 35_000n,
    });
    await seedPayments(database.pool, [item], { completedAtMs: NOW_MS });
    await attempt(item, 'collection', 'succeeded', 'mtn-ug');
    await attempt(item, 'payout', 'succeeded', 'mpesa-ke');

    const settlement = await settleAt(DUE_MS);
    expect(settlement).toMatchObject({ closedBy: 'age', nettedCount: 3, waitingCount: 0, heldBack: [] });
    expect(
      await query(
        'select partner, currency, payment_count, collected_amount, disbursed_amount, net_amount, status from settlement_batches order by partner',
      ),
    ).toEqual([
      {
        partner: 'mpesa-ke',
        currency: 'KES',
        payment_count: 3,
        collected_amount: 150_000n,
        disbursed_amount: 35_000n,
        net_amount: 115_000n,
        status: 'closed',
      },
      {
        partner: 'mtn-ug',
        currency: 'UGX',
        payment_count: 3,
        collected_amount: 10_000n,
        disbursed_amount: 42_000n,
        net_amount: -32_000n,
        status: 'closed',
      },
    ]);
    const decisions = await query(`select payment_id, outcome, cohort_id, facts from agent_activity where agent = 'settlement'`);
    expect(new Set(decisions.map((row) => row.payment_id))).toEqual(new Set([...there, item].map((each) => each.payment.id)));
    for (const row of decisions) {
      expect(row).toMatchObject({ outcome: 'netted', cohort_id: settlement.windowId });
      expect(decideSettlement(row.facts as SettlementFacts).outcome).toBe('netted');
    }
    const payoutBatch = settlement.batches.find((batch) => batch.partner === 'mtn-ug');
    expect((await query('select settlement_batch_id from payments where id = $1', [there[0]?.payment.id]))[0]?.settlement_batch_id).toBe(
      payoutBatch?.id,
    );
  });

  it('lets every payment prove its place by what is stored', async () => {
    for (let count = 0; count < 5; count++) await paid();
    await settleAt(DUE_MS);
    for (const batch of await query('select id, merkle_root, currency from settlement_batches')) {
      const items = await query(
        'select position, payment_id, leg, amount, leaf from settlement_items where batch_id = $1 order by position',
        [batch.id],
      );
      const leaves = items.map((item) => item.leaf as string);
      expect(merkleRoot(leaves)).toBe(batch.merkle_root);
      for (const item of items) {
        const leaf = hashLeaf({
          batchId: batch.id,
          paymentId: item.payment_id,
          leg: item.leg,
          amountMinor: item.amount,
          currency: batch.currency,
        });
        expect(verifyMerkleProof(leaf, merkleProof(leaves, item.position), batch.merkle_root)).toBe(true);
      }
    }
  });

  it('waits for its window, and records nothing meanwhile', async () => {
    await paid();
    expect(await settleAt(DUE_MS - 1)).toMatchObject({ closedBy: null, batches: [], nettedCount: 0, waitingCount: 1 });
    expect(await query('select 1 from agent_activity')).toEqual([]);
  });

  it('closes early by count and by value', async () => {
    await paid();
    expect((await settleAt(NOW_MS, { countMax: 2 })).closedBy).toBeNull();
    await paid();
    expect((await settleAt(NOW_MS, { countMax: 2 })).closedBy).toBe('count');
    await paid();
    expect((await settleAt(NOW_MS, { netMinorMax: { ...SETTLEMENT_POLICY.netMinorMax, UGX: 28_000n } })).closedBy).toBe('value');
  });

  it('does nothing the second time, nor without payments', async () => {
    expect(await settleAt(DUE_MS)).toMatchObject({ batches: [], nettedCount: 0 });
    await paid();
    await settleAt(DUE_MS);
    expect(await settleAt(DUE_MS)).toMatchObject({ batches: [], nettedCount: 0 });
    expect(await query('select count(*)::int as count from settlement_items')).toEqual([{ count: 2 }]);
  });

  it('gives legs without an operator to the partner on_us', async () => {
    await paid({ payment: { funding: 'balance', delivery: 'balance' } });
    await settleAt(DUE_MS);
    expect(await query('select partner, currency, net_amount from settlement_batches order by currency')).toEqual([
      { partner: 'on_us', currency: 'KES', net_amount: 100_000n },
      { partner: 'on_us', currency: 'UGX', net_amount: -28_000n },
    ]);
  });

  it.each(['pending', 'succeeded'])('holds back a payment with a refund that is %s, and settles the others', async (state) => {
    const doubtful = await paid();
    await paid();
    await unguarded(() => attempt(doubtful, 'refund', state, 'mpesa-ke'));
    expect(await settleAt(DUE_MS)).toMatchObject({
      nettedCount: 1,
      heldBack: [{ paymentId: doubtful.payment.id, reasonCode: 'refund_seen' }],
    });
    expect(await query('select settlement_batch_id from payments where id = $1', [doubtful.payment.id])).toEqual([
      { settlement_batch_id: null },
    ]);
  });

  it('holds back what is unconfirmed, and does not mind failed tries', async () => {
    const unconfirmed = someItem(NOW_MS, { payment: { status: 'paid' } });
    await seedPayments(database.pool, [unconfirmed], { completedAtMs: NOW_MS });
    await attempt(unconfirmed, 'collection', 'succeeded', 'mpesa-ke');
    const retried = await paid();
    await attempt(retried, 'payout', 'failed', 'hub-ug', 2);
    expect(await settleAt(DUE_MS)).toMatchObject({
      nettedCount: 1,
      heldBack: [{ paymentId: unconfirmed.payment.id, reasonCode: 'leg_unconfirmed' }],
    });
  });

  it('looks at paid payments only', async () => {
    for (const status of ['disbursing', 'refunding', 'refunded'] as const) {
      await seedPayments(database.pool, [someItem(NOW_MS, { payment: { status } })], { completedAtMs: NOW_MS });
    }
    expect(await settleAt(DUE_MS)).toMatchObject({ nettedCount: 0, waitingCount: 0, heldBack: [] });
  });

  it('settles each payment once when several run at once', async () => {
    for (let count = 0; count < 12; count++) await paid();
    const settlements = await Promise.all([1, 2, 3, 4].map(() => settleAt(DUE_MS)));
    expect(settlements.reduce((sum, each) => sum + each.nettedCount, 0)).toBe(12);
    expect(await query('select count(*)::int as items, count(distinct payment_id)::int as payments from settlement_items')).toEqual([
      { items: 24, payments: 12 },
    ]);
  });

  it('leaves to another run the payments that run has taken, and does not wait for it', async () => {
    const [taken, free] = [await paid(), await paid()];
    const other = await database.pool.connect();
    await other.query('begin');
    await other.query('select 1 from payments where id = $1 for update', [taken.payment.id]);
    expect(await settleAt(DUE_MS)).toMatchObject({ nettedCount: 1 });
    await other.query('rollback');
    other.release();
    expect(await query('select payment_id from settlement_items group by payment_id')).toEqual([{ payment_id: free.payment.id }]);
  });

  it('reads its window by where payments stand', async () => {
    const connection = await database.pool.connect();
    await connection.query('set enable_seqscan = off');
    const { rows } = await connection.query(`explain ${WINDOW_SQL}`, [100]);
    connection.release(true);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('payments_by_status_pkey');
  });
});
