import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Preference, PREFERENCES } from '../../domain/intent.ts';
import { chooseRails, decideRoute, dropCodeOf, scoreOf } from './decide.ts';
import { type LegFacts, policyFacts, type RailFacts, type RouteFacts } from './facts.ts';
import { ROUTE_POLICY } from './policy.ts';

const DIRECT: RailFacts = {
  rail: 'mtn-ug',
  minMinor: '500',
  maxMinor: '5000000',
  stepMinor: '1',
  costMinor: '550',
  latencyMs: 9_000,
  successRate: 0.95,
  floatMinor: '10000000',
  breaker: 'closed',
  probe: false,
  spent: false,
};
const HUB: RailFacts = { ...DIRECT, rail: 'hub-ug', costMinor: '1200', latencyMs: 25_000 };

const leg = (rails: readonly RailFacts[], amountMinor = '100000'): LegFacts => ({ need: 'route', amountMinor, currency: 'UGX', rails });
const NOT_NEEDED: LegFacts = { need: 'settled', amountMinor: '100000', currency: 'UGX', rails: [] };
const facts = (payout: LegFacts, preference: Preference = 'cheapest', collection: LegFacts = NOT_NEEDED): RouteFacts => ({
  ...policyFacts(ROUTE_POLICY, preference),
  collection,
  payout,
});
const payoutOf = (rails: readonly RailFacts[], preference?: Preference) => decideRoute(facts(leg(rails), preference)).data.route?.payout;
const codeOf = (rails: readonly RailFacts[], amountMinor?: string) => decideRoute(facts(leg(rails, amountMinor))).data.code;

describe('ranking', () => {
  it('puts the direct rail first and keeps the hub as fallback', () => {
    expect(payoutOf([HUB, DIRECT])).toEqual(['mtn-ug', 'hub-ug']);
  });

  it('follows the preference', () => {
    const cheap = { ...DIRECT, rail: 'cheap', costMinor: '100', latencyMs: 60_000, successRate: 0.85 };
    const fast = { ...DIRECT, rail: 'fast', costMinor: '2000', latencyMs: 2_000, successRate: 0.85 };
    const sure = { ...DIRECT, rail: 'sure', costMinor: '2000', latencyMs: 60_000, successRate: 0.999 };
    expect(payoutOf([cheap, fast, sure], 'cheapest')?.[0]).toBe('cheap');
    expect(payoutOf([cheap, fast, sure], 'fastest')?.[0]).toBe('fast');
    expect(payoutOf([cheap, fast, sure], 'most_reliable')?.[0]).toBe('sure');
  });

  it('leaves a failing rail for a dearer one that works', () => {
    expect(payoutOf([{ ...DIRECT, successRate: 0.55 }, HUB])).toEqual(['hub-ug', 'mtn-ug']);
  });

  it('breaks ties by cost, then by name', () => {
    const capped = { ...DIRECT, costMinor: '50000' };
    expect(
      payoutOf([
        { ...capped, rail: 'b', costMinor: '60000' },
        { ...capped, rail: 'd' },
        { ...capped, rail: 'c' },
      ]),
    ).toEqual(['c', 'd', 'b']);
  });

  it('carries no more rails than the policy says', () => {
    const many = ['a', 'b', 'c', 'd', 'e', 'f'].map((rail) => ({ ...DIRECT, rail }));
    expect(payoutOf(many)).toHaveLength(ROUTE_POLICY.railsMax);
  });
});

describe('rails that are left out', () => {
  it.each([
    ['rail_without_leg', { minMinor: null, maxMinor: null }],
    ['rail_spent', { spent: true }],
    ['rail_down', { breaker: 'open' }],
    ['rail_down', { breaker: 'half_open' }],
    ['amount_below_minimum', { minMinor: '100001' }],
    ['amount_above_maximum', { maxMinor: '99999' }],
    ['amount_granularity', { stepMinor: '1000000' }],
    ['rail_short_of_float', { floatMinor: '99999' }],
  ] as const)('names %s', (code, change) => {
    const verdict = decideRoute(facts(leg([{ ...DIRECT, ...change }, HUB])));
    expect(verdict.data.route?.payout).toEqual(['hub-ug']);
    expect(verdict.reasons).toContainEqual(expect.objectContaining({ code, text: expect.stringContaining('mtn-ug') }));
  });

  it('lets the one payment with the probe try a rail that was down', () => {
    expect(payoutOf([{ ...DIRECT, breaker: 'half_open', probe: true }, HUB])).toEqual(['mtn-ug', 'hub-ug']);
    expect(payoutOf([{ ...DIRECT, breaker: 'open', probe: true }, HUB])).toEqual(['hub-ug']);
  });

  it('takes limits as inclusive', () => {
    expect(payoutOf([{ ...DIRECT, minMinor: '100000', maxMinor: '100000' }])).toEqual(['mtn-ug']);
  });

  it('keeps rails without float when none has any, for the liquidity agent to queue', () => {
    expect(
      payoutOf([
        { ...DIRECT, floatMinor: '0' },
        { ...HUB, floatMinor: '1' },
      ]),
    ).toEqual(['mtn-ug', 'hub-ug']);
  });

  it('does not look at float where money comes in', () => {
    expect(chooseRails('collection', leg([{ ...DIRECT, floatMinor: null }]), facts(NOT_NEEDED)).rails).toEqual(['mtn-ug']);
  });
});

describe('refusals', () => {
  it('say which amount would have helped when only the amount was wrong', () => {
    expect(codeOf([DIRECT, HUB], '499')).toBe('amount_below_minimum');
    expect(codeOf([DIRECT, HUB], '5000001')).toBe('amount_above_maximum');
    expect(codeOf([{ ...DIRECT, stepMinor: '100' }], '100001')).toBe('amount_granularity');
  });

  it('say no_route when another amount would not have been enough', () => {
    expect(codeOf([])).toBe('no_route');
    expect(
      codeOf([
        { ...DIRECT, spent: true },
        { ...HUB, spent: true },
      ]),
    ).toBe('no_route');
    expect(codeOf([{ ...DIRECT, breaker: 'open' }, HUB], '5000001')).toBe('no_route');
    expect(codeOf([{ ...DIRECT, minMinor: null, maxMinor: null }])).toBe('no_route');
  });

  it('do not count rails that never serve the leg', () => {
    expect(codeOf([DIRECT, { ...HUB, minMinor: null, maxMinor: null }], '1')).toBe('amount_below_minimum');
  });

  it('put the deciding reason first and give no route, even if the other leg has one', () => {
    const verdict = decideRoute(facts(leg([{ ...DIRECT, spent: true }]), 'cheapest', leg([DIRECT])));
    expect(verdict.outcome).toBe('refused');
    expect(verdict.reasons[0]?.code).toBe('no_route');
    expect(verdict.data.route).toBeNull();
  });
});

describe('legs', () => {
  it('without an operator are on us', () => {
    const onUs: LegFacts = { ...NOT_NEEDED, need: 'on_us' };
    expect(decideRoute(facts(onUs, 'cheapest', onUs)).data.route).toEqual({ collection: ['on_us'], payout: ['on_us'] });
  });

  it('that are done are not routed again', () => {
    expect(decideRoute(facts(leg([DIRECT]))).data.route).toEqual({ collection: [], payout: ['mtn-ug'] });
  });
});

const digits = fc.bigInt({ min: 0n, max: 10_000_000n }).map(String);
const someRail = fc.record({
  minMinor: fc.option(digits, { freq: 9 }),
  span: fc.bigInt({ min: 0n, max: 10_000_000n }),
  stepMinor: fc.constantFrom('1', '1', '100'),
  costMinor: fc.bigInt({ min: 0n, max: 200_000n }).map(String),
  latencyMs: fc.nat({ max: 120_000 }),
  successRate: fc.nat({ max: 10_000 }).map((n) => n / 10_000),
  floatMinor: fc.option(digits),
  breaker: fc.constantFrom<RailFacts['breaker']>('closed', 'closed', 'open', 'half_open'),
  probe: fc.boolean(),
  spent: fc.boolean(),
});
const someLeg: fc.Arbitrary<LegFacts> = fc
  .record({ amount: fc.bigInt({ min: 1n, max: 10_000_000n }), rails: fc.array(someRail, { maxLength: 7 }) })
  .map(({ amount, rails }) =>
    leg(
      rails.map(({ span, ...rail }, index) => ({
        ...rail,
        rail: `rail-${index}`,
        maxMinor: rail.minMinor === null ? null : String(BigInt(rail.minMinor) + span),
      })),
      String(amount),
    ),
  );
const someFacts = fc
  .record({ collection: someLeg, payout: someLeg, preference: fc.constantFrom(...PREFERENCES) })
  .map(({ collection, payout, preference }) => facts(payout, preference, collection));

/** Written a second time and differently: whether a rail may carry the amount. */
function mayCarry(rail: RailFacts, amount: bigint): boolean {
  const serves = rail.minMinor !== null && rail.maxMinor !== null;
  const fits =
    serves &&
    BigInt(rail.minMinor) <= amount &&
    amount <= BigInt(rail.maxMinor) &&
    (amount / BigInt(rail.stepMinor)) * BigInt(rail.stepMinor) === amount;
  const isUp = rail.breaker === 'closed' || (rail.breaker === 'half_open' && rail.probe);
  return fits && isUp && !rail.spent;
}

const hasFloat = (rail: RailFacts, amount: bigint) => rail.floatMinor === null || BigInt(rail.floatMinor) >= amount;

describe('laws', () => {
  it('has no regret: over every pair of rails that may carry the payment, none scores higher than the chosen one', () => {
    fc.assert(
      fc.property(someFacts, (given) => {
        const { route } = decideRoute(given).data;
        const [amountIn, amountOut] = [BigInt(given.collection.amountMinor), BigInt(given.payout.amountMinor)];
        const usable = (rails: readonly RailFacts[], amount: bigint) => {
          const able = rails.filter((rail) => mayCarry(rail, amount));
          return able.some((rail) => hasFloat(rail, amount)) ? able.filter((rail) => hasFloat(rail, amount)) : able;
        };
        const pairs = usable(given.collection.rails, amountIn).flatMap((first) =>
          usable(given.payout.rails, amountOut).map((second) => ({ first, second })),
        );
        if (route === null) {
          expect(pairs).toEqual([]);
          return;
        }
        const total = (first: RailFacts, second: RailFacts) => scoreOf(first, amountIn, given) + scoreOf(second, amountOut, given);
        const best = Math.max(...pairs.map(({ first, second }) => total(first, second)));
        const chosen = pairs.find(({ first, second }) => first.rail === route.collection[0] && second.rail === route.payout[0]);
        expect(chosen && total(chosen.first, chosen.second)).toBeCloseTo(best, 9);
      }),
      { numRuns: 300 },
    );
  });

  it('never uses a rail outside its limits, down or spent, not even as a fallback', () => {
    fc.assert(
      fc.property(someFacts, (given) => {
        const { route } = decideRoute(given).data;
        for (const side of ['collection', 'payout'] as const) {
          const chosen = given[side].rails.filter((rail) => route?.[side].includes(rail.rail));
          for (const rail of chosen) expect(mayCarry(rail, BigInt(given[side].amountMinor))).toBe(true);
        }
      }),
    );
  });

  it('gives the same verdict from facts that went through JSON, in whatever order the rails are listed', () => {
    fc.assert(
      fc.property(someFacts, (given) => {
        const verdict = decideRoute(given);
        expect(decideRoute(JSON.parse(JSON.stringify(given)))).toEqual(verdict);
        const turned = { ...given, payout: { ...given.payout, rails: given.payout.rails.toReversed() } };
        expect(decideRoute(turned).data).toEqual(verdict.data);
      }),
    );
  });

  it('keeps the order of two rails whatever a third one is like', () => {
    fc.assert(
      fc.property(someLeg, someFacts, (one, given) => {
        const all = chooseRails('collection', { ...one, rails: one.rails.slice(0, 4) }, given).rails;
        const [first, second] = all;
        if (first === undefined || second === undefined) return;
        const two = one.rails.filter((rail) => rail.rail === first || rail.rail === second);
        expect(chooseRails('collection', { ...one, rails: two }, given).rails).toEqual([first, second]);
      }),
    );
  });

  it('scores between 0 and 1, better when cheaper, faster or surer', () => {
    fc.assert(
      fc.property(someLeg, someFacts, (one, given) => {
        const amount = BigInt(one.amountMinor);
        for (const rail of one.rails) {
          const score = scoreOf(rail, amount, given);
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1);
          const better = {
            ...rail,
            costMinor: String(BigInt(rail.costMinor) / 2n),
            latencyMs: rail.latencyMs / 2,
            successRate: (1 + rail.successRate) / 2,
          };
          expect(scoreOf(better, amount, given)).toBeGreaterThanOrEqual(score);
        }
      }),
    );
  });

  it('has a drop code exactly for the rails that may not carry the payment', () => {
    fc.assert(
      fc.property(someLeg, (one) => {
        const amount = BigInt(one.amountMinor);
        for (const rail of one.rails) expect(dropCodeOf(rail, amount) === null).toBe(mayCarry(rail, amount));
      }),
    );
  });
});

describe('weights', () => {
  it.each(PREFERENCES)('of %s add up to 1', (preference) => {
    const { cost, speed, success } = ROUTE_POLICY.weights[preference];
    expect(cost + speed + success).toBeCloseTo(1, 12);
  });
});
