import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decideLiquidity, type LiquidityFacts, type PlanItem, type PlanState, plan } from './decide.ts';
import { LIQUIDITY_POLICY } from './policy.ts';

const NOW_MS = Date.UTC(2026, 5, 1);

function item(neededMinor: bigint, waitedMs: number, pools: readonly string[] = ['mtn-ug'], change: Partial<PlanItem> = {}): PlanItem {
  return {
    createdAtMs: NOW_MS - waitedMs,
    waitedMs,
    waitMsMax: LIQUIDITY_POLICY.queueMsMax,
    funding: null,
    payout: { pools, neededMinor },
    ...change,
  };
}

function state(pools: Record<string, bigint>, change: Partial<PlanState> = {}): PlanState {
  return {
    pools: new Map(Object.entries(pools).map(([pool, freeMinor]) => [pool, { freeMinor, targetMinor: 1_000_000n }])),
    balances: new Map(),
    waiting: [],
    ...change,
  };
}

const outcomes = (given: PlanState, items: readonly PlanItem[]) => plan(given, items, LIQUIDITY_POLICY).map((each) => each.verdict.outcome);

describe('one payment', () => {
  const facts: LiquidityFacts = {
    funding: null,
    payout: {
      neededMinor: '100',
      pools: [
        { pool: 'mtn-ug', freeMinor: '99', keptMinor: '0' },
        { pool: 'hub-ug', freeMinor: '100', keptMinor: '0' },
      ],
    },
    waitedMs: 0,
    waitMsMax: 1_000,
  };
  const short: LiquidityFacts = { ...facts, payout: { neededMinor: '101', pools: facts.payout?.pools ?? [] } };

  it('takes the first routed pool that has room, to the last unit, and puts it first', () => {
    expect(decideLiquidity(facts)).toMatchObject({ outcome: 'reserve', data: { poolId: 'hub-ug', payout: ['hub-ug', 'mtn-ug'] } });
  });

  it('waits when no pool has room, up to its age limit', () => {
    expect(decideLiquidity(short).outcome).toBe('queue');
    expect(decideLiquidity({ ...short, waitedMs: 1_000 }).outcome).toBe('queue');
    expect(decideLiquidity({ ...short, waitedMs: 1_001 })).toMatchObject({ outcome: 'refuse', data: { code: 'liquidity_timeout' } });
  });

  it('is still served past its age limit when there is room', () => {
    expect(decideLiquidity({ ...facts, waitedMs: 9_999 }).outcome).toBe('reserve');
  });

  it('does not take what is kept for older payments', () => {
    const kept = { ...facts, payout: { neededMinor: '100', pools: [{ pool: 'hub-ug', freeMinor: '150', keptMinor: '51' }] } };
    expect(decideLiquidity(kept)).toMatchObject({ outcome: 'queue', reasons: [{ code: 'float_kept_for_older' }] });
  });

  it('is refused when the balance it is made from does not cover it', () => {
    expect(decideLiquidity({ ...facts, funding: { freeMinor: '9', neededMinor: '10' } })).toMatchObject({
      outcome: 'refuse',
      data: { code: 'insufficient_funds' },
    });
    expect(decideLiquidity({ ...facts, funding: { freeMinor: '10', neededMinor: '10' } }).outcome).toBe('reserve');
  });

  it('needs no float when no operator pays out', () => {
    expect(decideLiquidity({ ...facts, payout: null })).toMatchObject({ outcome: 'reserve', data: { poolId: null } });
  });
});

describe('a cohort', () => {
  it('is served oldest first, wherever the oldest stands', () => {
    expect(outcomes(state({ 'mtn-ug': 100n }), [item(100n, 1_000), item(100n, 2_000)])).toEqual(['queue', 'reserve']);
  });

  it('lets smaller ones pass a young payment that does not fit', () => {
    expect(outcomes(state({ 'mtn-ug': 100n }), [item(500n, 2_000), item(60n, 1_000), item(60n, 0)])).toEqual(['queue', 'reserve', 'queue']);
  });

  it('lets nobody pass one that has waited too long, at its first pool', () => {
    const old = item(500n, LIQUIDITY_POLICY.overtakeMsMax, ['mtn-ug', 'hub-ug']);
    expect(outcomes(state({ 'mtn-ug': 499n, 'hub-ug': 499n }), [old, item(1n, 0), item(1n, 0, ['hub-ug'])])).toEqual([
      'queue',
      'queue',
      'reserve',
    ]);
  });

  it('keeps no place for what the pool is never planned to hold', () => {
    const huge = item(1_000_001n, LIQUIDITY_POLICY.overtakeMsMax);
    expect(outcomes(state({ 'mtn-ug': 100n }), [huge, item(100n, 0)])).toEqual(['queue', 'reserve']);
  });

  it('respects those that wait outside the cohort, but only for payments younger than they', () => {
    const waiting = [{ pool: 'mtn-ug', neededMinor: 80n, createdAtMs: NOW_MS - 5_000 }];
    expect(outcomes(state({ 'mtn-ug': 100n }, { waiting }), [item(21n, 4_000)])).toEqual(['queue']);
    expect(outcomes(state({ 'mtn-ug': 100n }, { waiting }), [item(20n, 4_000)])).toEqual(['reserve']);
    expect(outcomes(state({ 'mtn-ug': 100n }, { waiting }), [item(21n, 6_000)])).toEqual(['reserve']);
  });

  it('spends a balance once', () => {
    const funding = { account: 'client:1:KES', neededMinor: 60n };
    const given = state({ 'mtn-ug': 1_000n }, { balances: new Map([['client:1:KES', 100n]]) });
    expect(outcomes(given, [item(1n, 1, ['mtn-ug'], { funding }), item(1n, 0, ['mtn-ug'], { funding })])).toEqual(['reserve', 'refuse']);
  });

  it('takes nothing from the balance of a payment that waits for float', () => {
    const funding = { account: 'client:1:KES', neededMinor: 60n };
    const given = state({ 'mtn-ug': 10n }, { balances: new Map([['client:1:KES', 100n]]) });
    expect(outcomes(given, [item(11n, 1, ['mtn-ug'], { funding }), item(10n, 0, ['mtn-ug'], { funding })])).toEqual(['queue', 'reserve']);
  });
});

const POOLS = ['a', 'b', 'c'];
const somePools = fc.uniqueArray(fc.constantFrom(...POOLS), { minLength: 1, maxLength: 3 });
const someItem = fc
  .record({
    needed: fc.bigInt({ min: 1n, max: 400n }),
    waitedMs: fc.nat({ max: LIQUIDITY_POLICY.queueMsMax * 2 }),
    pools: somePools,
    onUs: fc.boolean(),
    balance: fc.option(fc.bigInt({ min: 1n, max: 300n })),
  })
  .map(({ needed, waitedMs, pools, onUs, balance }) =>
    item(needed, waitedMs, pools, {
      ...(onUs ? { payout: null } : {}),
      funding: balance === null ? null : { account: 'client:1:KES', neededMinor: balance },
    }),
  );
const someState = fc
  .record({
    free: fc.tuple(...POOLS.map(() => fc.bigInt({ min: 0n, max: 1_000n }))),
    target: fc.bigInt({ min: 0n, max: 500n }),
    balance: fc.bigInt({ min: 0n, max: 1_000n }),
    waiting: fc.array(
      fc.record({ pool: fc.constantFrom(...POOLS), neededMinor: fc.bigInt({ min: 1n, max: 300n }), ageMs: fc.nat({ max: 1_000_000 }) }),
      { maxLength: 5 },
    ),
  })
  .map(
    ({ free, target, balance, waiting }): PlanState => ({
      pools: new Map(POOLS.map((pool, index) => [pool, { freeMinor: free[index] ?? 0n, targetMinor: target }])),
      balances: new Map([['client:1:KES', balance]]),
      waiting: waiting.map(({ ageMs, ...each }) => ({ ...each, createdAtMs: NOW_MS - ageMs })),
    }),
  );

describe('laws of the plan', () => {
  it('never reserves more than is free, of any pool and of any balance', () => {
    fc.assert(
      fc.property(someState, fc.array(someItem, { maxLength: 25 }), (given, items) => {
        const planned = plan(given, items, LIQUIDITY_POLICY);
        for (const pool of POOLS) {
          const reserved = planned.reduce(
            (sum, each, index) => (each.verdict.data.poolId === pool ? sum + (items[index]?.payout?.neededMinor ?? 0n) : sum),
            0n,
          );
          expect(reserved).toBeLessThanOrEqual(given.pools.get(pool)?.freeMinor ?? 0n);
        }
        const spent = planned.reduce(
          (sum, each, index) => (each.verdict.outcome === 'reserve' ? sum + (items[index]?.funding?.neededMinor ?? 0n) : sum),
          0n,
        );
        expect(spent).toBeLessThanOrEqual(given.balances.get('client:1:KES') ?? 0n);
      }),
      { numRuns: 300 },
    );
  });

  it('gives nobody younger anything from the first pool of one that waits and may no longer be passed', () => {
    fc.assert(
      fc.property(someState, fc.array(someItem, { maxLength: 25 }), (given, items) => {
        const planned = plan(given, items, LIQUIDITY_POLICY);
        for (const [index, old] of items.entries()) {
          const pool = old.payout?.pools[0] ?? '';
          const isHeld = planned[index]?.verdict.outcome === 'queue' && old.waitedMs >= LIQUIDITY_POLICY.overtakeMsMax;
          if (!isHeld || (old.payout?.neededMinor ?? 0n) > (given.pools.get(pool)?.targetMinor ?? 0n)) continue;
          const passed = items.filter((other, at) => other.createdAtMs > old.createdAtMs && planned[at]?.verdict.data.poolId === pool);
          expect(passed).toEqual([]);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('refuses nobody for want of liquidity who could have been served by an idle pool', () => {
    fc.assert(
      fc.property(someState, someItem, (given, only) => {
        const alone = { ...given, waiting: [] };
        const [planned] = plan(alone, [only], LIQUIDITY_POLICY);
        const fits =
          only.payout === null ||
          only.payout.pools.some((pool) => (given.pools.get(pool)?.freeMinor ?? 0n) >= (only.payout?.neededMinor ?? 0n));
        if (fits) expect(planned?.verdict.data.code).not.toBe('liquidity_timeout');
      }),
    );
  });

  it('can be replayed: every verdict follows from its facts alone, through JSON', () => {
    fc.assert(
      fc.property(someState, fc.array(someItem, { maxLength: 12 }), (given, items) => {
        const planned = plan(given, items, LIQUIDITY_POLICY);
        expect(planned).toHaveLength(items.length);
        for (const each of planned) expect(decideLiquidity(JSON.parse(JSON.stringify(each.facts)))).toEqual(each.verdict);
      }),
    );
  });

  it('serves a queue to its end: whoever fits in the pool is served before its age limit, however many small ones arrive', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 50n, max: 400n }), fc.bigInt({ min: 1n, max: 40n }), (needed, inflow) => {
        // Every ten seconds some float comes back, and a crowd of small payments arrives that could eat all of it.
        let free = 0n;
        for (let nowMs = 0; nowMs <= LIQUIDITY_POLICY.overtakeMsMax + 410 * 10_000; nowMs += 10_000) {
          free += inflow;
          const big: PlanItem = {
            createdAtMs: 0,
            waitedMs: nowMs,
            waitMsMax: Number.MAX_SAFE_INTEGER,
            funding: null,
            payout: { pools: ['a'], neededMinor: needed },
          };
          const crowd = Array.from({ length: 50 }, () => item(1n, 0, ['a'], { createdAtMs: nowMs + 1 }));
          const given: PlanState = { pools: new Map([['a', { freeMinor: free, targetMinor: 400n }]]), balances: new Map(), waiting: [] };
          const planned = plan(given, [...crowd, big], LIQUIDITY_POLICY);
          if (planned.at(-1)?.verdict.outcome === 'reserve') return;
          free -= BigInt(planned.filter((each) => each.verdict.outcome === 'reserve').length);
        }
        expect.unreachable('the large payment was never served');
      }),
      { numRuns: 20 },
    );
  });
});
