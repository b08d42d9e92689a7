import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Pool, QueryConfig } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { tamper, type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import { countPaid, windowOf } from '../../db/queries/settlement-windows.ts';
import { ON_US } from '../../domain/network.ts';
import { halt, lift } from '../../tools/oversight/halts.ts';
import { itemAt, itemCount, proofOfItem } from '../../tools/aptos/items.ts';
import { hashLeaf, verifyMerkleProof } from '../../tools/aptos/merkle.ts';
import { emptyDatabase, type SeededPayment, type SeedOptions, seedPayments, someItem } from '../testing.ts';
import { doubtOf } from './decide.ts';
import { gatherWindow, WINDOW_SQL } from './gather.ts';
import { decideSettlement, SETTLEMENT_POLICY, type SettlementFacts, settle, settleDue } from './index.ts';
import { insertAttempt, insertPaid, type Leg } from './testing.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const DUE_MS = NOW_MS + SETTLEMENT_POLICY.ageMsMax;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ max: 6 });
});
afterAll(() => database?.close());
beforeEach(() => emptyDatabase(database.pool));
// Whatever was netted, held back or left for the next window: all that were paid are counted, once.
afterEach(async ({ task }) => {
  // Where transactions are counted anew nothing can be said; settlement says so.
  if (task.name.endsWith('from a lower number')) return;
  const [event] = await query("select count(*)::int as count from payment_events where to_status = 'paid'");
  const counted = await countPaid(database.pool);
  if (counted !== event?.count) throw new Error(`${event?.count} were paid, ${counted} are counted`);
});

const settleAt = (nowMs: number, change: Partial<typeof SETTLEMENT_POLICY> = {}, isOnChain = () => true) =>
  settle({ pool: database.pool, clock: manualClock(nowMs), policy: { ...SETTLEMENT_POLICY, ...change }, isOnChain });

const attempt = (item: SeededPayment, leg: Leg, state: string, railId: string, sequence?: number) =>
  insertAttempt(database.pool, item, { leg, state, railId, sequence });

/** Writes what the database's own guards would refuse: settlement must not lean on them alone. */
async function unguarded(write: () => Promise<void>): Promise<void> {
  await database.pool.query('alter table attempts disable trigger user');
  try {
    await write();
  } finally {
    await database.pool.query('alter table attempts enable trigger user');
  }
}

const paid = (options?: SeedOptions): Promise<SeededPayment> => insertPaid(database.pool, NOW_MS, options);

/** The same pool, where something else happens before a statement of a name. */
function interrupted(pool: Pool, before: string, happens: () => Promise<unknown>): Pool {
  const connect = async () => {
    const client = await pool.connect();
    const query = async (config: { readonly name?: string }, values?: unknown[]) => {
      if (config.name === before) await happens();
      return client.query(config as QueryConfig, values);
    };
    return Object.create(client, { query: { value: query }, release: { value: (error?: Error) => client.release(error) } });
  };
  return Object.create(pool, { connect: { value: connect } });
}

const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;

describe('settle', () => {
  it('nets a window per partner and currency over all clients, and says so once per client', async () => {
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
        'select partner, currency, payment_count, item_count, collected_amount, disbursed_amount, net_amount from settlement_batches order by partner',
      ),
    ).toEqual([
      {
        partner: 'mpesa-ke',
        currency: 'KES',
        payment_count: 3,
        item_count: 3,
        collected_amount: 150_000n,
        disbursed_amount: 35_000n,
        net_amount: 115_000n,
      },
      {
        partner: 'mtn-ug',
        currency: 'UGX',
        payment_count: 3,
        item_count: 3,
        collected_amount: 10_000n,
        disbursed_amount: 42_000n,
        net_amount: -32_000n,
      },
    ]);
    const decisions = await query(
      `select id, payment_id, client_id, outcome, cohort_id, facts from agent_activity where agent = 'settlement'`,
    );
    expect(decisions).toMatchObject([{ outcome: 'netted', cohort_id: settlement.windowId, facts: { payments: 3, closedBy: 'age' } }]);
    expect(decideSettlement(decisions[0]?.facts as SettlementFacts).outcome).toBe('netted');
    expect(await query('select window_id, client_id, decision_id from settlement_window_decisions')).toEqual([
      { window_id: settlement.windowId, client_id: decisions[0]?.client_id, decision_id: decisions[0]?.id },
    ]);
    for (const each of [...there, item]) {
      expect(await query(`select ${windowOf('$1::uuid')} as id`, [each.payment.id])).toEqual([{ id: settlement.windowId }]);
    }
  });

  it('lets every payment prove its place by what is stored', async () => {
    for (let count = 0; count < 5; count++) await paid();
    await settleAt(DUE_MS);
    const batches = await query(
      'select b.id, merkle_root, currency, items from settlement_batches b join settlement_items i on i.batch_id = b.id',
    );
    expect(batches).toHaveLength(2);
    for (const { id: batchId, merkle_root: root, currency, items } of batches) {
      expect(itemCount(items)).toBe(5);
      for (let index = 0; index < 5; index += 1) {
        const leaf = hashLeaf({ batchId, currency, ...itemAt(items, index) });
        expect(verifyMerkleProof(leaf, proofOfItem({ batchId, currency, items, carried: [] }, index), root)).toBe(true);
      }
    }
  });

  it('waits for its window, and records nothing meanwhile', async () => {
    await paid();
    expect(await settleAt(DUE_MS - 1)).toMatchObject({ closedBy: null, batches: [], nettedCount: 0, waitingCount: 1 });
    expect(await query('select 1 from agent_activity union all select 1 from settlement_windows')).toEqual([]);
  });

  it('closes no window while everything is halted, and closes it with everything in it when that is over', async () => {
    await paid();
    const ALL = { clientId: null, corridor: null, railId: null, paymentId: null };
    const wish = { ...ALL, reason: 'a test', principal: 'operator:jane', nowMs: NOW_MS };
    const { id } = await withTransaction(database.pool, (tx) => halt(tx, wish));
    // One of a rail holds back its batches, and no window.
    await withTransaction(database.pool, (tx) => halt(tx, { ...wish, railId: 'mtn-ug' }));
    expect(await settleAt(DUE_MS)).toMatchObject({ closedBy: null, batches: [], nettedCount: 0, waitingCount: 1 });
    for (const who of ['operator:ann', 'operator:john']) await withTransaction(database.pool, (tx) => lift(tx, id, null, who, NOW_MS));
    expect(await settleAt(DUE_MS)).toMatchObject({ closedBy: 'age', nettedCount: 1 });
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

  it('puts more than a window holds into the windows behind it, each payment once', async () => {
    for (let count = 0; count < 7; count++) await paid();
    const settlements = await settleDue({
      pool: database.pool,
      clock: manualClock(DUE_MS),
      policy: { ...SETTLEMENT_POLICY, windowMax: 3 },
    });
    expect(settlements.map((each) => [each.nettedCount, each.isMore])).toEqual([
      [3, true],
      [3, true],
      [1, false],
    ]);
    await paid();
    expect((await settleAt(DUE_MS)).nettedCount).toBe(1);
    const items = (await query('select items from settlement_items')).flatMap(({ items: packed }) =>
      Array.from({ length: itemCount(packed) }, (_, index) => itemAt(packed, index)),
    );
    expect(items).toHaveLength(16);
    expect(new Set(items.map((item) => `${item.paymentId} ${item.leg}`)).size).toBe(16);
    const windows = await query(
      `select count(distinct ${windowOf('p.id')})::int as windows, count(${windowOf('p.id')})::int as payments from payments p`,
    );
    expect(windows).toEqual([{ windows: 4, payments: 8 }]);
  });

  it('ends a full window where transactions have a digit more, and takes none twice', async () => {
    for (let count = 0; count < 7; count++) await paid();
    await tamper(
      database.pool,
      `update payment_events e set tx_id = (95 + numbered.place)::text::xid8
      from (select id, row_number() over (order by id) as place from payment_events where to_status = 'paid') as numbered where numbered.id = e.id`,
    );
    const policy = { ...SETTLEMENT_POLICY, windowMax: 3 };
    const settlements = await settleDue({ pool: database.pool, clock: manualClock(DUE_MS), policy });
    expect(settlements.map(({ nettedCount }) => nettedCount)).toEqual([3, 3, 1]);
  });

  it('takes a payment whose transaction was slower than a later one, and takes none twice', async () => {
    const [slow, quick] = [someItem(NOW_MS, { payment: { status: 'paid' } }), await paid()];
    const other = await database.pool.connect();
    await other.query('begin');
    await other.query('select pg_current_xact_id()');
    await seedPayments(database.pool, [{ ...slow, payment: { ...slow.payment, status: 'disbursing' } }], { completedAtMs: NOW_MS });
    await attempt(slow, 'collection', 'succeeded', 'mpesa-ke');
    await attempt(slow, 'payout', 'succeeded', 'mtn-ug');
    await other.query('insert into payment_events (client_id, payment_id, to_status, cause) values ($1, $2, $3, $4)', [
      slow.payment.clientId,
      slow.payment.id,
      'paid',
      'sweeper',
    ]);
    await other.query(`update payments set status = 'paid' where id = $1`, [slow.payment.id]);
    const later = await paid();
    const first = await settleAt(DUE_MS);
    await other.query('commit');
    other.release();
    const second = await settleAt(DUE_MS);
    expect([first.nettedCount, second.nettedCount]).toEqual([2, 1]);
    const windows = await query(
      `select ${windowOf('wanted.id')} as id from unnest($1::uuid[]) with ordinality as wanted(id, place) order by place`,
      [[quick, later, slow].map((each) => each.payment.id)],
    );
    expect(windows.map((row) => row.id)).toEqual([first.windowId, first.windowId, second.windowId]);
  });

  it('gives legs without an operator to the partner on_us, settled on the books', async () => {
    await paid({ payment: { funding: 'balance', delivery: 'balance' } });
    await settleAt(DUE_MS);
    expect(
      await query('select partner, currency, net_amount, due_amount, method, status from settlement_batches order by currency'),
    ).toEqual([
      { partner: ON_US, currency: 'KES', net_amount: 100_000n, due_amount: 0n, method: 'books', status: 'settled' },
      { partner: ON_US, currency: 'UGX', net_amount: -28_000n, due_amount: 0n, method: 'books', status: 'settled' },
    ]);
  });

  it('counts a payment within one currency once', async () => {
    await paid({ payment: { funding: 'balance', delivery: 'balance', toCurrency: 'KES' } });
    await settleAt(DUE_MS);
    expect(await query('select payment_count, item_count from settlement_batches')).toEqual([{ payment_count: 1, item_count: 2 }]);
  });

  it('carries what stays on the books into the next batch of the partner, until it is worth a transaction', async () => {
    const policy = { gasUnits: 240_000n };
    const due = async () =>
      query(
        'select method, due_amount, carried_amount, carried_to is not null as taken from settlement_batches where partner = $1 order by id',
        ['mpesa-ke'],
      );
    await paid({ payment: { amountMinor: 20_000_000n } });
    await settleAt(DUE_MS, policy);
    expect(await due()).toEqual([{ method: 'books', due_amount: 20_000_000n, carried_amount: 0n, taken: false }]);
    await paid({ payment: { amountMinor: 19_000_000n } });
    await settleAt(DUE_MS, policy);
    expect(await due()).toEqual([
      { method: 'books', due_amount: 20_000_000n, carried_amount: 0n, taken: true },
      { method: 'chain', due_amount: 39_000_000n, carried_amount: 20_000_000n, taken: false },
    ]);
    await paid({ payment: { amountMinor: 1_000n } });
    await settleAt(DUE_MS, policy);
    expect((await due())[2]).toEqual({ method: 'books', due_amount: 1_000n, carried_amount: 0n, taken: false });
  });

  it('takes over what it has counted, not what expires while it closes', async () => {
    const nextWindow = async (during: () => Promise<unknown> = async () => undefined) => {
      await paid({ payment: { amountMinor: 39_000_000n } });
      await settle({
        pool: interrupted(database.pool, 'carry_settlement_batches', during),
        clock: manualClock(DUE_MS),
        policy: SETTLEMENT_POLICY,
        isOnChain: () => true,
      });
    };
    const due = () =>
      query(
        `select due_amount, carried_amount, carried_to is not null as taken from settlement_batches where partner = 'mpesa-ke' order by id`,
      );
    await nextWindow();
    await nextWindow(() => query(`update settlement_batches set status = 'expired' where method = 'chain'`));
    expect(await due()).toEqual([
      { due_amount: 39_000_000n, carried_amount: 0n, taken: false },
      { due_amount: 39_000_000n, carried_amount: 0n, taken: false },
    ]);
    await nextWindow();
    expect(await due()).toEqual([
      { due_amount: 39_000_000n, carried_amount: 0n, taken: true },
      { due_amount: 39_000_000n, carried_amount: 0n, taken: false },
      { due_amount: 78_000_000n, carried_amount: 39_000_000n, taken: false },
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
    expect(await query(`select ${windowOf('$1::uuid')} as id`, [doubtful.payment.id])).toEqual([{ id: null }]);
  });

  it('holds back what is unconfirmed, does not mind failed tries, and settles later what is confirmed', async () => {
    const unconfirmed = someItem(NOW_MS, { payment: { status: 'paid' } });
    await seedPayments(database.pool, [unconfirmed], { completedAtMs: NOW_MS });
    await attempt(unconfirmed, 'collection', 'succeeded', 'mpesa-ke');
    const retried = await paid();
    await attempt(retried, 'payout', 'failed', 'hub-ug', 2);
    const heldBack = [{ paymentId: unconfirmed.payment.id, reasonCode: 'leg_unconfirmed' }];
    expect(await settleAt(DUE_MS)).toMatchObject({ nettedCount: 1, heldBack });
    expect(await settleAt(DUE_MS)).toMatchObject({ nettedCount: 0, heldBack });
    await attempt(unconfirmed, 'payout', 'succeeded', 'mtn-ug');
    const settlement = await settleAt(DUE_MS);
    expect(settlement).toMatchObject({ nettedCount: 1, heldBack: [] });
    expect(await query(`select ${windowOf('$1::uuid')} as id`, [unconfirmed.payment.id])).toEqual([{ id: settlement.windowId }]);
    expect((await settleAt(DUE_MS)).nettedCount).toBe(0);
  });

  it('finds doubtful exactly what the decision finds doubtful', async () => {
    for (const state of ['succeeded', 'failed', 'pending', 'unknown', null]) {
      for (const leg of ['collection', 'payout'] as const) {
        for (const [funding, delivery] of [
          ['wallet', 'wallet'],
          ['balance', 'wallet'],
          ['wallet', 'balance'],
        ] as const) {
          const item = someItem(NOW_MS, { payment: { status: 'paid', funding, delivery } });
          await seedPayments(database.pool, [item], { completedAtMs: NOW_MS });
          await unguarded(async () => {
            if (leg === 'payout') await attempt(item, 'collection', 'succeeded', 'mpesa-ke');
            else await attempt(item, 'payout', 'succeeded', 'mtn-ug');
            if (state !== null) await attempt(item, leg, state, 'mtn-ug');
          });
        }
      }
    }
    const connection = await database.pool.connect();
    const window = await gatherWindow(connection, 1_000);
    connection.release();
    expect(window.paymentCount + window.doubtful.length).toBe(30);
    expect(window.doubtful.length).toBeGreaterThan(10);
    for (const { facts } of window.doubtful) expect(doubtOf(facts)).not.toBeNull();
    // And of those that it found plain none is: each leg of a wallet has its success.
    expect(window.paymentCount).toBeGreaterThan(5);
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
    expect(await query('select sum(item_count)::int as items from settlement_batches')).toEqual([{ items: 24 }]);
  });

  it('says so when the database counts its transactions from a lower number', async () => {
    await paid();
    await settleAt(DUE_MS);
    await query(
      `insert into settlement_windows (id, number, closed_by, payment_count, base_snapshot, snapshot, after_tx, after_event, policy_version, facts, facts_digest)
        values ($1, 2, 'age', 0, '1:1:', '4000000000000:4000000000000:', '0', 0, 'v', '{}', '')`,
      [newId()],
    );
    await paid();
    expect(await settleAt(DUE_MS)).toMatchObject({ stalled: true, nettedCount: 0 });
  });

  it('reads its window by the index of what transactions wrote', async () => {
    const connection = await database.pool.connect();
    await connection.query('set enable_seqscan = off');
    const { rows } = await connection.query(`explain ${WINDOW_SQL}`, ['1:1:', null, '0', 0n, 100]);
    connection.release(true);
    expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain('payment_events_written');
  });
});
