import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PoolLevel, proposeRebalances } from './rebalance.ts';

const NOW_MS = Date.UTC(2026, 5, 1);

function pool(poolId: string, freeMinor: bigint, change: Partial<PoolLevel> = {}): PoolLevel {
  return { poolId, currency: 'UGX', freeMinor, waitingMinor: 0n, lowWaterMinor: 100n, targetMinor: 500n, ...change };
}

describe('proposals', () => {
  it('are made below low water only, and fill to the target', () => {
    expect(proposeRebalances([pool('mtn-ug', 100n)], NOW_MS)).toEqual([]);
    expect(proposeRebalances([pool('mtn-ug', 99n)], NOW_MS)).toEqual([
      { fromPool: null, toPool: 'mtn-ug', amountMinor: 401n, currency: 'UGX', reasonCode: 'below_low_water', createdAtMs: NOW_MS },
    ]);
  });

  it('count what is waited for', () => {
    expect(proposeRebalances([pool('mtn-ug', 300n, { waitingMinor: 250n })], NOW_MS)).toMatchObject([
      { amountMinor: 450n, reasonCode: 'payments_waiting' },
    ]);
  });

  it('prefer the pool of the same currency with the largest surplus', () => {
    const pools = [pool('mtn-ug', 0n), pool('airtel-ug', 1_100n), pool('hub-ug', 1_200n), pool('mtn-rw', 9_999n, { currency: 'RWF' })];
    expect(proposeRebalances(pools, NOW_MS)).toMatchObject([{ fromPool: 'hub-ug', amountMinor: 500n }]);
  });

  it('take a part when that lifts the pool to its low water, else ask the treasury', () => {
    expect(proposeRebalances([pool('mtn-ug', 0n), pool('hub-ug', 600n)], NOW_MS)).toMatchObject([
      { fromPool: 'hub-ug', amountMinor: 100n },
    ]);
    expect(proposeRebalances([pool('mtn-ug', 0n), pool('hub-ug', 599n)], NOW_MS)).toMatchObject([{ fromPool: null, amountMinor: 500n }]);
  });

  it('serve the neediest first and do not promise the same money twice', () => {
    const pools = [pool('a', 50n), pool('b', 0n), pool('hub-ug', 1_000n)];
    expect(proposeRebalances(pools, NOW_MS)).toMatchObject([
      { toPool: 'b', fromPool: 'hub-ug' },
      { toPool: 'a', fromPool: null },
    ]);
  });

  it('never bring a giver below its target, never cross currencies, and lift every pool to its low water', () => {
    const some = fc
      .record({
        free: fc.bigInt({ min: 0n, max: 2_000n }),
        waiting: fc.bigInt({ min: 0n, max: 500n }),
        low: fc.bigInt({ min: 0n, max: 400n }),
        more: fc.bigInt({ min: 1n, max: 400n }),
        currency: fc.constantFrom<PoolLevel['currency']>('UGX', 'KES'),
      })
      .map(({ free, waiting, low, more, currency }) =>
        pool('', free, { waitingMinor: waiting, lowWaterMinor: low, targetMinor: low + more, currency }),
      );
    fc.assert(
      fc.property(fc.array(some, { maxLength: 8 }), (levels) => {
        const pools = levels.map((level, index) => ({ ...level, poolId: `pool-${index}` }));
        const left = new Map(pools.map((each) => [each.poolId, each.freeMinor - each.waitingMinor]));
        const proposals = proposeRebalances(pools, NOW_MS);
        for (const { fromPool, toPool, amountMinor, currency } of proposals) {
          expect(amountMinor).toBeGreaterThan(0n);
          expect(pools.find((each) => each.poolId === toPool)?.currency).toBe(currency);
          left.set(toPool, (left.get(toPool) ?? 0n) + amountMinor);
          if (fromPool === null) continue;
          left.set(fromPool, (left.get(fromPool) ?? 0n) - amountMinor);
          const giver = pools.find((each) => each.poolId === fromPool);
          expect(giver?.currency).toBe(currency);
          expect(left.get(fromPool)).toBeGreaterThanOrEqual(giver?.targetMinor ?? 0n);
        }
        for (const each of pools) expect(left.get(each.poolId)).toBeGreaterThanOrEqual(each.lowWaterMinor);
        expect(new Set(proposals.map((each) => each.toPool)).size).toBe(proposals.length);
      }),
    );
  });
});
