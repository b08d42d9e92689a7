import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { recordDecisions } from '../../db/queries/decisions.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import { railById } from '../../domain/network.ts';
import { balances, fundClient, post, seedBooks } from '../../tools/ledger/index.ts';
import { emptyDatabase, type SeededPayment, type SeedOptions, seedPayments, someItem } from '../testing.ts';
import { WAITING_SQL } from './gather.ts';
import {
  createLiquidityAgent,
  fundingReservationId,
  LIQUIDITY_POLICY,
  lockPools,
  proposeRebalances,
  readPoolLevels,
  recordProposals,
} from './index.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const FLOAT_MINOR = 1_000_000n;
const agent = createLiquidityAgent({ clock: manualClock(NOW_MS) });

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase({ max: 6 });
});
afterAll(() => database?.close());
beforeEach(async () => {
  await emptyDatabase(database.pool);
  await seedBooks(database.pool, { rails: ['mpesa-ke', 'mtn-ug', 'hub-ug'].map((id) => railById(id)), floatMinor: () => FLOAT_MINOR });
});

async function seed(count: number, options: SeedOptions = {}): Promise<SeededPayment[]> {
  const items = Array.from({ length: count }, () => someItem(NOW_MS, options));
  await seedPayments(database.pool, items);
  return items;
}

/** What the graph does at the durable boundary. */
async function reserve(items: readonly SeededPayment[], nowMs = NOW_MS) {
  return withTransaction(database.pool, async (tx) => {
    const facts = await agent.gather({ tx, nowMs }, items);
    const verdicts = facts.map((each) => agent.decide(each));
    await agent.apply(tx, items, verdicts);
    return verdicts;
  });
}

const poolOf = async (id: string) =>
  (await database.pool.query('select balance, reserved from liquidity_pools where id = $1', [id])).rows[0];
const storedOf = async ({ payment }: SeededPayment) =>
  (await database.pool.query('select reservation_id, payout_route from payments where id = $1', [payment.id])).rows[0];

describe('reservations', () => {
  it('hold the payout at the first pool with room, and send the payout there first', async () => {
    const [item] = await seed(1);
    await withTransaction(database.pool, (tx) =>
      post(tx, [
        {
          type: 'pending',
          debit: 'clearing:UGX',
          credit: 'float:mtn-ug',
          amount: FLOAT_MINOR - 1n,
          currency: 'UGX',
          reason: 'reservation',
        },
      ]),
    );
    expect(await reserve(item === undefined ? [] : [item])).toMatchObject([{ outcome: 'reserve', data: { poolId: 'hub-ug' } }]);
    expect(await poolOf('hub-ug')).toEqual({ balance: FLOAT_MINOR, reserved: 28_000n });
    const stored = await storedOf(item as SeededPayment);
    expect(stored.payout_route).toEqual(['hub-ug', 'mtn-ug']);
    const { rows } = await database.pool.query('select pool_id, payment_id, amount, state, expires_at from reservations where id = $1', [
      stored.reservation_id,
    ]);
    expect(rows).toEqual([
      {
        pool_id: 'hub-ug',
        payment_id: item?.payment.id,
        amount: 28_000n,
        state: 'pending',
        expires_at: new Date(NOW_MS + LIQUIDITY_POLICY.reservationMs),
      },
    ]);
  });

  it('never pass what is there, however many transactions reserve at once', async () => {
    const items = await seed(60, { targetMinor: 50_000n });
    const cohorts = Array.from({ length: 6 }, (_, index) => items.slice(index * 10, index * 10 + 10));
    const outcomes = (await Promise.all(cohorts.map((cohort) => reserve(cohort)))).flat().map((verdict) => verdict.outcome);
    expect(outcomes.filter((outcome) => outcome === 'reserve')).toHaveLength(40);
    expect(outcomes.filter((outcome) => outcome === 'queue')).toHaveLength(20);
    for (const pool of ['mtn-ug', 'hub-ug']) expect(await poolOf(pool)).toEqual({ balance: FLOAT_MINOR, reserved: FLOAT_MINOR });
    const { rows } = await database.pool.query(`select count(*)::int as held from payments where reservation_id is not null`);
    expect(rows).toEqual([{ held: 40 }]);
  });

  it('do not lock each other out in a circle when cohorts name their pools in different orders', async () => {
    const [there, back] = await Promise.all([
      seed(10, { targetMinor: 1_000n }),
      seed(10, { targetMinor: 1_000n, route: { collection: ['mpesa-ke'], payout: ['hub-ug', 'mtn-ug'] } }),
    ]);
    const halves = [there.slice(0, 5), back.slice(0, 5), there.slice(5), back.slice(5)];
    const verdicts = (await Promise.all(halves.map((half) => reserve(half)))).flat();
    expect(new Set(verdicts.map((verdict) => verdict.outcome))).toEqual(new Set(['reserve']));
  });

  it('wait for a transaction that holds the pool, and see what it took', async () => {
    const [item] = await seed(1, { route: { collection: ['mpesa-ke'], payout: ['mtn-ug'] } });
    const holder = await database.pool.connect();
    await holder.query('begin');
    expect((await lockPools(holder, ['mtn-ug', 'unknown'])).get('mtn-ug')?.freeMinor).toBe(FLOAT_MINOR);
    const waiting = reserve([item as SeededPayment]);
    await post(holder, [
      { type: 'pending', debit: 'clearing:UGX', credit: 'float:mtn-ug', amount: FLOAT_MINOR, currency: 'UGX', reason: 'reservation' },
    ]);
    await holder.query('commit');
    holder.release();
    expect(await waiting).toMatchObject([{ outcome: 'queue' }]);
  });

  it('need no float for a delivery to a balance', async () => {
    const items = await seed(1, { payment: { delivery: 'balance' }, route: { collection: ['mpesa-ke'], payout: ['on_us'] } });
    expect(await reserve(items)).toMatchObject([{ outcome: 'reserve', data: { poolId: null } }]);
    expect((await database.pool.query(`select count(*)::int as count from transfers where type = 'pending'`)).rows).toEqual([{ count: 0 }]);
  });

  it('of a payment that is collected take the payout only', async () => {
    const items = await seed(1, { payment: { status: 'collected', funding: 'balance', payoutSpent: ['mtn-ug'] } });
    expect(await reserve(items)).toMatchObject([{ outcome: 'reserve', data: { poolId: 'hub-ug', payout: ['hub-ug'] } }]);
  });

  it('are not made twice for a payment that is authorised', async () => {
    const items = await seed(1, { payment: { status: 'authorized' } });
    await reserve(items);
    expect(await poolOf('mtn-ug')).toEqual({ balance: FLOAT_MINOR, reserved: 0n });
  });
});

describe('balances', () => {
  const payment = { funding: 'balance', amountMinor: 60_000n } as const;
  const fund = (item: SeededPayment, minor: bigint) =>
    withTransaction(database.pool, (tx) => fundClient(tx, item.payment.clientId, money(minor, 'KES'), 'deposit'));

  it('are held along with the float, once', async () => {
    const items = await seed(2, { payment });
    const [first] = items as [SeededPayment];
    await fund(first, 100_000n);
    expect(await reserve(items)).toMatchObject([{ outcome: 'reserve' }, { outcome: 'refuse', data: { code: 'insufficient_funds' } }]);
    const account = `client:${first.payment.clientId}:KES`;
    expect(await balances(database.pool, [account])).toMatchObject([{ posted: 100_000n, reserved: 60_000n }]);
    const held = await database.pool.query('select type, reason from transfers where id = $1', [fundingReservationId(first.payment.id)]);
    expect(held.rows).toEqual([{ type: 'pending', reason: 'funding' }]);
    expect((await poolOf('mtn-ug')).reserved).toBe(28_000n);
  });

  it('that do not exist cover nothing', async () => {
    expect(await reserve(await seed(1, { payment }))).toMatchObject([{ outcome: 'refuse', data: { code: 'insufficient_funds' } }]);
  });

  it('of a payment to a balance are its reservation', async () => {
    const items = await seed(1, { payment: { ...payment, delivery: 'balance' }, route: { collection: ['on_us'], payout: ['on_us'] } });
    const [item] = items as [SeededPayment];
    await fund(item, 60_000n);
    await reserve(items);
    expect((await storedOf(item)).reservation_id).toBe(fundingReservationId(item.payment.id));
    expect((await storedOf(item)).payout_route).toEqual(['on_us']);
  });

  it('are not overdrawn by cohorts that run at once', async () => {
    const items = await seed(12, { payment: { ...payment, amountMinor: 10_000n }, targetMinor: 1_000n });
    const [first] = items as [SeededPayment];
    await fund(first, 55_000n);
    const verdicts = await Promise.all([items.slice(0, 4), items.slice(4, 8), items.slice(8)].map((cohort) => reserve(cohort)));
    expect(verdicts.flat().filter((verdict) => verdict.outcome === 'reserve')).toHaveLength(5);
  });
});

describe('waiting', () => {
  /** Queues a payment that needs more than is free, as the graph does: with its decision on record. */
  async function queue(ageMs: number, targetMinor: bigint): Promise<SeededPayment> {
    const item = someItem(NOW_MS - ageMs, {
      targetMinor,
      payment: { status: 'queued' },
      route: { collection: ['mpesa-ke'], payout: ['mtn-ug'] },
    });
    await seedPayments(database.pool, [item]);
    await withTransaction(database.pool, async (tx) => {
      const [facts] = await agent.gather({ tx, nowMs: NOW_MS }, [item]);
      if (facts === undefined) throw new RangeError('no facts');
      const { outcome, reasons } = agent.decide(facts);
      const { id: paymentId, clientId } = item.payment;
      const given = { id: newId(), paymentId, clientId, cohortId: newId(), agent: agent.name, policyVersion: agent.policyVersion };
      const rest = {
        factsDigest: digestOf(JSON.stringify(facts)),
        facts,
        outcome,
        reasons,
        confidence: 1,
        durationUs: 1,
        modelId: null,
        promptHash: null,
      };
      await recordDecisions(tx, [{ ...given, ...rest }], NOW_MS);
    });
    return item;
  }
  const drain = () =>
    withTransaction(database.pool, (tx) =>
      post(tx, [
        { type: 'pending', debit: 'clearing:UGX', credit: 'float:mtn-ug', amount: 900_000n, currency: 'UGX', reason: 'reservation' },
      ]),
    );
  const route = { collection: ['mpesa-ke'], payout: ['mtn-ug'] };

  it('too long keeps what is free for those who wait, in other cohorts too', async () => {
    await drain();
    const old = await queue(LIQUIDITY_POLICY.overtakeMsMax, 150_000n);
    expect(await reserve(await seed(1, { targetMinor: 1n, route }))).toMatchObject([
      { outcome: 'queue', reasons: [{ code: 'float_kept_for_older' }] },
    ]);
    expect(await reserve([{ ...old, quote: { ...old.quote, targetMinor: 100_000n } }])).toMatchObject([{ outcome: 'reserve' }]);
  });

  it('for a while can be passed', async () => {
    await drain();
    await queue(LIQUIDITY_POLICY.overtakeMsMax - 1, 150_000n);
    expect(await reserve(await seed(1, { targetMinor: 1n, route }))).toMatchObject([{ outcome: 'reserve' }]);
  });

  it('past the age limit ends in a refusal', async () => {
    await drain();
    const late = someItem(NOW_MS - LIQUIDITY_POLICY.queueMsMax - 1, { targetMinor: 150_000n, route });
    expect(await reserve([late])).toMatchObject([{ outcome: 'refuse', data: { code: 'liquidity_timeout' } }]);
  });

  it('shows in the level of the pool, and one proposal stays open until people have dealt with it', async () => {
    await drain();
    await queue(1_000, 150_000n);
    const levels = await readPoolLevels(database.pool);
    expect(levels.find((level) => level.poolId === 'mtn-ug')).toMatchObject({
      freeMinor: 100_000n,
      waitingMinor: 150_000n,
      targetMinor: FLOAT_MINOR,
    });
    const proposals = proposeRebalances(levels, NOW_MS);
    expect(proposals).toMatchObject([{ toPool: 'mtn-ug', fromPool: null, amountMinor: 1_050_000n, reasonCode: 'payments_waiting' }]);
    const record = () => withTransaction(database.pool, (tx) => recordProposals(tx, proposals));
    expect([await record(), await record()]).toEqual([1, 0]);
    await database.pool.query(`update rebalance_proposals set status = 'done'`);
    expect(await record()).toBe(1);
  });
});

describe('reading who waits', () => {
  it('goes by the indexes of queued payments and of their decisions', async () => {
    const { rows } = await withTransaction(database.pool, async (tx) => {
      await tx.query('set local enable_seqscan = off');
      return tx.query(`explain ${WAITING_SQL}`, [new Date(NOW_MS), [newId()], ['mtn-ug'], 10]);
    });
    const text = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(text).toContain('payments_by_status_pkey');
    expect(text).toContain('agent_activity_payment');
    expect(text).not.toContain('Seq Scan');
  });
});

describe('a verdict that is not the plan', () => {
  it('is refused: a pool that is not on the route', async () => {
    const [item] = (await seed(1)) as [SeededPayment];
    const verdict = {
      outcome: 'reserve',
      reasons: [],
      confidence: 1,
      data: { poolId: 'mpesa-ke', payout: ['mpesa-ke'], code: null },
    } as const;
    await expect(withTransaction(database.pool, (tx) => agent.apply(tx, [item], [verdict]))).rejects.toMatchObject({ code: 'internal' });
  });

  it('cannot pass the floor even if nobody locked', async () => {
    const items = await seed(1, { targetMinor: FLOAT_MINOR + 1n });
    const verdict = { outcome: 'reserve', reasons: [], confidence: 1, data: { poolId: 'mtn-ug', payout: ['mtn-ug'], code: null } } as const;
    await expect(withTransaction(database.pool, (tx) => agent.apply(tx, items, [verdict]))).rejects.toMatchObject({ code: 'floor_passed' });
  });
});
