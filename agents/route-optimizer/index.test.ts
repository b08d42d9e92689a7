import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { railsOfWallet } from '../../domain/network.ts';
import { post, seedBooks } from '../../tools/ledger/index.ts';
import { HEALTH_POLICY, recordOutcomes } from '../../tools/rails/health.ts';
import type { WorkItem } from '../agent.ts';
import { type SeededPayment, seedPayments, someItem } from '../testing.ts';
import { createRouteAgent } from './index.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const agent = createRouteAgent();

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
  await seedBooks(database.pool);
});
afterAll(() => database?.close());
beforeEach(() => database.pool.query('delete from rail_health'));

async function decide(items: readonly WorkItem[], nowMs = NOW_MS) {
  const facts = await agent.gather({ db: database.pool, clock: manualClock(nowMs), railsOfWallet }, items);
  return facts.map((each) => agent.decide(each));
}
const routesOf = async (items: readonly WorkItem[], nowMs?: number) => (await decide(items, nowMs)).map((verdict) => verdict.data.route);
const outages = (railId: string, nowMs = NOW_MS) =>
  withTransaction(database.pool, (tx) =>
    recordOutcomes(tx, Array(HEALTH_POLICY.outagesToOpen).fill({ railId, leg: 'payout', ok: false, outage: true, latencyMs: null }), nowMs),
  );
const payoutsOf = (routes: Awaited<ReturnType<typeof routesOf>>) => routes.map((route) => route?.payout[0]);

describe('gather and decide', () => {
  it('routes a plain payment over the direct rails with the hub behind them', async () => {
    expect(await routesOf([someItem(NOW_MS)])).toEqual([{ collection: ['mpesa-ke', 'hub-ke'], payout: ['mtn-ug', 'hub-ug'] }]);
  });

  it('collects nothing that could not be paid back in one piece', async () => {
    const fromSenegal = (amountMinor: bigint, funding: 'wallet' | 'balance' = 'wallet') =>
      someItem(NOW_MS, { payment: { senderWallet: 'orange-sn', fromCountry: 'SN', fromCurrency: 'XOF', amountMinor, funding } });
    const verdicts = await decide([fromSenegal(200_000n), fromSenegal(200_001n), fromSenegal(200_001n, 'balance')]);
    // Orange collects ten times as much there as it pays out.
    expect(verdicts.map((verdict) => verdict.data.code)).toEqual([null, 'amount_above_maximum', null]);
  });

  it('takes live outcomes into account, per leg', async () => {
    const bad = { railId: 'mtn-ug', leg: 'payout' as const, ok: false, outage: false, latencyMs: null };
    await withTransaction(database.pool, (tx) => recordOutcomes(tx, Array(40).fill(bad), NOW_MS));
    const reverse = someItem(NOW_MS, { payment: { senderWallet: 'mtn-ug', fromCurrency: 'UGX', amountMinor: 50_000n } });
    const [there, back] = await routesOf([someItem(NOW_MS), reverse]);
    expect(there?.payout[0]).toBe('hub-ug');
    expect(back?.collection[0]).toBe('mtn-ug');
  });

  it('leaves a rail that is down to nobody, and after its pause to one payment of the cohort', async () => {
    await outages('mtn-ug');
    const cohort = Array.from({ length: 5 }, () => someItem(NOW_MS));
    expect(payoutsOf(await routesOf(cohort))).toEqual(Array(5).fill('hub-ug'));
    const dueMs = NOW_MS + HEALTH_POLICY.downMsBase;
    expect(payoutsOf(await routesOf(cohort, dueMs))).toEqual(['mtn-ug', ...Array(4).fill('hub-ug')]);
    expect(payoutsOf(await routesOf(cohort, dueMs + 1))).toEqual(Array(5).fill('hub-ug'));
  });

  it('makes one probe however many cohorts look at once', async () => {
    await outages('mtn-ug');
    await Promise.all(Array.from({ length: 6 }, () => database.pool.query('select 1')));
    const cohorts = await Promise.all(Array.from({ length: 6 }, () => routesOf([someItem(NOW_MS)], NOW_MS + HEALTH_POLICY.downMsBase)));
    expect(cohorts.flatMap(payoutsOf).filter((rail) => rail === 'mtn-ug')).toHaveLength(1);
  });

  it('does not spend the probe on a payment that would not go that way', async () => {
    await outages('mtn-ug');
    const tooLarge = someItem(NOW_MS, { targetMinor: 5_000_001n });
    await routesOf([tooLarge, someItem(NOW_MS, { payment: { delivery: 'balance' } })], NOW_MS + HEALTH_POLICY.downMsBase);
    expect(payoutsOf(await routesOf([someItem(NOW_MS)], NOW_MS + HEALTH_POLICY.downMsBase))).toEqual(['mtn-ug']);
  });

  it('prefers a rail with float over one without', async () => {
    await withTransaction(database.pool, (tx) =>
      post(tx, [
        { type: 'pending', debit: 'clearing:RWF', credit: 'float:mtn-rw', amount: 599_999_999n, currency: 'RWF', reason: 'reservation' },
      ]),
    );
    const payment = { receiverWallet: 'mtn-rw', toCurrency: 'RWF', toCountry: 'RW' } as const;
    expect(payoutsOf(await routesOf([someItem(NOW_MS, { payment })]))).toEqual(['hub-rw']);
    expect(payoutsOf(await routesOf([someItem(NOW_MS, { payment, targetMinor: 1_000_000_000n })]))).toEqual([undefined]);
  });

  it.each([
    ['accepted', ['mpesa-ke', 'hub-ke'], ['mtn-ug', 'hub-ug']],
    ['authorized', ['hub-ke'], []],
    ['collected', [], ['hub-ug']],
  ] as const)('routes what is left to do of a payment that is %s, without spent rails', async (status, collection, payout) => {
    const spent = status === 'accepted' ? {} : { collectionSpent: ['mpesa-ke'], payoutSpent: ['mtn-ug'] };
    expect(await routesOf([someItem(NOW_MS, { payment: { status, ...spent } })])).toEqual([{ collection, payout }]);
  });

  it('refuses once every rail is spent', async () => {
    const item = someItem(NOW_MS, { payment: { status: 'collected', payoutSpent: ['mtn-ug', 'hub-ug'] } });
    expect(await decide([item])).toMatchObject([{ outcome: 'refused', data: { route: null, code: 'no_route' } }]);
  });

  it('needs no operator for balances', async () => {
    const item = someItem(NOW_MS, { payment: { funding: 'balance', delivery: 'balance' } });
    expect(await routesOf([item])).toEqual([{ collection: ['on_us'], payout: ['on_us'] }]);
  });

  it('says that the amount is the matter when it is', async () => {
    const codes = (await decide([someItem(NOW_MS, { targetMinor: 1n }), someItem(NOW_MS, { payment: { amountMinor: 100_050n } })])).map(
      (each) => each.data.code,
    );
    expect(codes).toEqual(['amount_below_minimum', 'amount_granularity']);
  });

  it('asks the same number of questions for one payment and for many', async () => {
    const count = async (items: readonly WorkItem[]) => {
      let queries = 0;
      const db = { query: (...args: [never]) => (queries++, database.pool.query(...args)) } as never;
      await agent.gather({ db, clock: manualClock(NOW_MS), railsOfWallet }, items);
      return queries;
    };
    expect(await count(Array.from({ length: 50 }, () => someItem(NOW_MS)))).toBe(await count([someItem(NOW_MS)]));
  });

  it('refuses to route without terms', async () => {
    const { quote: _quote, ...item } = someItem(NOW_MS);
    await expect(decide([item])).rejects.toMatchObject({ code: 'internal' });
  });
});

describe('apply', () => {
  const stored = async (item: SeededPayment) => {
    const { rows } = await database.pool.query('select collection_route, payout_route from payments where id = $1', [item.payment.id]);
    return rows[0];
  };

  it('writes both routes, or only that of the leg that was routed, and nothing for the refused', async () => {
    const before = { collection: ['old-in'], payout: ['old-out'] };
    const fresh = someItem(NOW_MS, { route: before });
    const collected = someItem(NOW_MS, { route: before, payment: { status: 'collected' } });
    const refused = someItem(NOW_MS, { route: before, targetMinor: 1n });
    const items = [fresh, collected, refused];
    await seedPayments(database.pool, items);
    const verdicts = await decide(items);
    await withTransaction(database.pool, (tx) => agent.apply(tx, items, verdicts));
    expect(await stored(fresh)).toEqual({ collection_route: ['mpesa-ke', 'hub-ke'], payout_route: ['mtn-ug', 'hub-ug'] });
    expect(await stored(collected)).toEqual({ collection_route: ['old-in'], payout_route: ['mtn-ug', 'hub-ug'] });
    expect(await stored(refused)).toEqual({ collection_route: ['old-in'], payout_route: ['old-out'] });
  });
});
