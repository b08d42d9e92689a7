import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { delegationFault, kindOf, type Mandate, mandateDigest } from './mandate.ts';
import { type Spend, spendPolicySchema, type SpendPolicy, spendRefusal, type Spent, widerThan, windowsOf } from './spend-policy.ts';

const HOUR_MS = 3_600_000;
/** Wednesday, 09:30 UTC. */
const NOW_MS = Date.UTC(2026, 10, 25, 9, 30);
const SPEND: Spend = { amountMinor: 1_000n, currency: 'KES', corridor: 'KE-UG', purpose: 'goods', payees: ['aa', 'bb'], atMs: NOW_MS };
const NOTHING: Spent = { windows: new Map(), uses: 0, payee: null };
const spentIn = (amountMinor: bigint, payments: number): Spent => ({
  ...NOTHING,
  windows: new Map([[HOUR_MS, { amountMinor, payments }]]),
});

describe('a spend', () => {
  it.each([
    ['within one payment', { perPayment: { KES: '1000' } }, NOTHING, null],
    ['above one payment', { perPayment: { KES: '999' } }, NOTHING, 'per_payment'],
    ['in a currency that is not listed', { perPayment: { UGX: '5000' } }, NOTHING, 'per_payment'],
    ['that fills the budget', { budgets: [{ windowMs: HOUR_MS, amounts: { KES: '3000' } }] }, spentIn(2_000n, 2), null],
    ['that passes the budget', { budgets: [{ windowMs: HOUR_MS, amounts: { KES: '3000' } }] }, spentIn(2_001n, 2), 'budget'],
    ['that is the last of the hour', { velocity: [{ windowMs: HOUR_MS, payments: 3 }] }, spentIn(0n, 2), null],
    ['that is one too many', { velocity: [{ windowMs: HOUR_MS, payments: 3 }] }, spentIn(0n, 3), 'velocity'],
    ['that is the only one', { usesMax: 1 }, NOTHING, null],
    ['after the only one', { usesMax: 1 }, { ...NOTHING, uses: 1 }, 'uses'],
    ['over a corridor that is not listed', { corridors: ['UG-KE'] }, NOTHING, 'corridor'],
    ['for a purpose that is not listed', { purposes: ['salary'] }, NOTHING, 'purpose'],
    ['to somebody listed under an older key', { payees: ['bb'] }, NOTHING, null],
    ['to somebody who is not listed', { payees: ['cc'] }, NOTHING, 'payee'],
    ['in hours', { hours: [{ days: [3], fromMinute: 570, untilMinute: 571 }] }, NOTHING, null],
    ['a minute after hours', { hours: [{ days: [3], fromMinute: 540, untilMinute: 570 }] }, NOTHING, 'hours'],
    ['on another day', { hours: [{ days: [2, 4], fromMinute: 0, untilMinute: 1_440 }] }, NOTHING, 'hours'],
    ['to somebody new, small', { coolingOff: { ms: HOUR_MS, amounts: { KES: '1000' } } }, NOTHING, null],
    ['to somebody new, large', { coolingOff: { ms: HOUR_MS, amounts: { KES: '999' } } }, NOTHING, 'cooling_off'],
    [
      'to somebody new, in small parts',
      { coolingOff: { ms: HOUR_MS, amounts: { KES: '1500' } } },
      { ...NOTHING, payee: { firstAtMs: NOW_MS - 1, amountMinor: 600n } },
      'cooling_off',
    ],
    [
      'to somebody known by now',
      { coolingOff: { ms: HOUR_MS, amounts: { KES: '1' } } },
      { ...NOTHING, payee: { firstAtMs: NOW_MS - HOUR_MS, amountMinor: 1n } },
      null,
    ],
    ['that nothing bounds', {}, NOTHING, null],
  ] as readonly [string, SpendPolicy, Spent, string | null][])('%s', (_name, policy, spent, expected) => {
    expect(spendRefusal(policy, SPEND, spent)).toBe(expected);
  });

  it('counts over each window once', () => {
    const policy: SpendPolicy = { budgets: [{ windowMs: HOUR_MS, amounts: { KES: '1' } }], velocity: [{ windowMs: HOUR_MS, payments: 1 }] };
    expect(windowsOf(policy)).toEqual([HOUR_MS]);
  });
});

describe('a policy', () => {
  it.each([
    ['a negative amount', { perPayment: { KES: '-1' } }],
    ['an amount that is a number', { perPayment: { KES: 1_000 } }],
    ['a currency nobody moves', { perPayment: { XXX: '1' } }],
    ['no currency', { perPayment: {} }],
    ['a window that is too long', { velocity: [{ windowMs: 99_999_999_999, payments: 1 }] }],
    ['a number in clear', { payees: ['+254712345678'] }],
    ['a country that is none', { corridors: ['KE-XX'] }],
    ['a way that leads nowhere', { corridors: ['KE-KE'] }],
    ['hours that end before they begin', { hours: [{ days: [1], fromMinute: 10, untilMinute: 10 }] }],
    ['a rule that is none', { budget: [] }],
    ['an empty list', { corridors: [] }],
  ])('is refused for %s', (_name, policy) => {
    expect(spendPolicySchema.safeParse(policy).success).toBe(false);
  });
});

const FULL: SpendPolicy = {
  perPayment: { KES: '1000', UGX: '30000' },
  budgets: [{ windowMs: HOUR_MS, amounts: { KES: '3000' } }],
  velocity: [{ windowMs: HOUR_MS, payments: 3 }],
  usesMax: 10,
  corridors: ['KE-UG', 'UG-KE'],
  purposes: ['goods', 'salary'],
  payees: ['aa', 'bb'],
  hours: [{ days: [1, 2, 3], fromMinute: 480, untilMinute: 1_080 }],
  coolingOff: { ms: HOUR_MS, amounts: { KES: '500' } },
};

describe('handing on', () => {
  it('lets the same policy through, and one that is narrower everywhere', () => {
    expect(widerThan(FULL, FULL)).toBeNull();
    const narrower: SpendPolicy = {
      perPayment: { KES: '999' },
      budgets: [{ windowMs: 2 * HOUR_MS, amounts: { KES: '3000' } }],
      velocity: [{ windowMs: 2 * HOUR_MS, payments: 2 }],
      usesMax: 1,
      corridors: ['KE-UG'],
      purposes: ['goods'],
      payees: ['aa'],
      hours: [{ days: [2], fromMinute: 500, untilMinute: 501 }],
      coolingOff: { ms: 2 * HOUR_MS, amounts: { KES: '1' } },
    };
    expect(widerThan(narrower, FULL)).toBeNull();
    expect(widerThan(narrower, {})).toBeNull();
  });

  it.each(Object.keys(FULL) as (keyof SpendPolicy)[])('refuses one that leaves %s out', (part) => {
    const { [part]: _left, ...child } = FULL;
    expect(widerThan(child, FULL)).toBe(part);
  });

  it.each([
    ['perPayment', { perPayment: { KES: '1001' } }],
    ['perPayment', { perPayment: { TZS: '1' } }],
    ['budgets', { budgets: [{ windowMs: HOUR_MS - 1, amounts: { KES: '3000' } }] }],
    ['budgets', { budgets: [{ windowMs: HOUR_MS, amounts: { KES: '3001' } }] }],
    ['velocity', { velocity: [{ windowMs: HOUR_MS, payments: 4 }] }],
    ['usesMax', { usesMax: 11 }],
    ['corridors', { corridors: ['KE-UG', 'KE-TZ'] }],
    ['purposes', { purposes: ['gift'] }],
    ['payees', { payees: ['aa', 'cc'] }],
    ['hours', { hours: [{ days: [1, 5], fromMinute: 480, untilMinute: 1_080 }] }],
    ['hours', { hours: [{ days: [1], fromMinute: 479, untilMinute: 1_080 }] }],
    ['coolingOff', { coolingOff: { ms: HOUR_MS - 1, amounts: { KES: '500' } } }],
    ['coolingOff', { coolingOff: { ms: HOUR_MS, amounts: { KES: '501' } } }],
  ] as readonly [keyof SpendPolicy, SpendPolicy][])('refuses wider %s: %j', (part, change) => {
    expect(widerThan({ ...FULL, ...change }, FULL)).toBe(part);
  });

  const amounts = fc.record({ KES: fc.integer({ min: 0, max: 120 }).map(String) });
  const windowMs = fc.constantFrom(HOUR_MS, 2 * HOUR_MS);
  const hours = fc.record({
    days: fc.subarray([2, 3], { minLength: 1 }),
    fromMinute: fc.constantFrom(0, 560),
    untilMinute: fc.constantFrom(565, 1_440),
  });
  const policies: fc.Arbitrary<SpendPolicy> = fc.record(
    {
      perPayment: amounts,
      budgets: fc.array(fc.record({ windowMs, amounts }), { minLength: 1, maxLength: 2 }),
      velocity: fc.array(fc.record({ windowMs, payments: fc.integer({ min: 1, max: 9 }) }), { minLength: 1, maxLength: 2 }),
      usesMax: fc.integer({ min: 1, max: 9 }),
      corridors: fc.subarray(['KE-UG', 'UG-KE'], { minLength: 1 }),
      payees: fc.subarray(['aa', 'cc'], { minLength: 1 }),
      hours: fc.array(hours, { minLength: 1, maxLength: 2 }),
      coolingOff: fc.record({ ms: windowMs, amounts }),
    },
    { requiredKeys: [] },
  );
  // A few parts each, or next to nothing is within anything else.
  const someOf = (partsMax: number): fc.Arbitrary<SpendPolicy> =>
    fc
      .tuple(policies, fc.shuffledSubarray(Object.keys(FULL), { maxLength: partsMax }))
      .map(([policy, parts]) => Object.fromEntries(Object.entries(policy).filter(([part]) => parts.includes(part))) as SpendPolicy);
  const used = fc.record({
    hour: fc.record({ amountMinor: fc.bigInt({ min: 0n, max: 30n }), payments: fc.integer({ min: 0, max: 4 }) }),
    before: fc.record({ amountMinor: fc.bigInt({ min: 0n, max: 30n }), payments: fc.integer({ min: 0, max: 4 }) }),
    uses: fc.integer({ min: 0, max: 4 }),
    ageMs: fc.option(fc.integer({ min: 0, max: 3 * HOUR_MS })),
    got: fc.bigInt({ min: 0n, max: 30n }),
  });

  it('never lets through what the policy above would refuse', () => {
    let compared = 0;
    fc.assert(
      fc.property(someOf(2), someOf(3), used, fc.bigInt({ min: 1n, max: 30n }), (change, parent, before, amountMinor) => {
        const child = { ...parent, ...change };
        if (widerThan(child, parent) !== null) return;
        const spend = { ...SPEND, amountMinor };
        const longer = {
          amountMinor: before.hour.amountMinor + before.before.amountMinor,
          payments: before.hour.payments + before.before.payments,
        };
        const spent: Spent = {
          windows: new Map([
            [HOUR_MS, before.hour],
            [2 * HOUR_MS, longer],
          ]),
          uses: before.uses,
          payee: before.ageMs === null ? null : { firstAtMs: NOW_MS - before.ageMs, amountMinor: before.got },
        };
        if (spendRefusal(child, spend, spent) !== null) return;
        compared += 1;
        expect(spendRefusal(parent, spend, spent)).toBeNull();
      }),
      { numRuns: 20_000, seed: 6 },
    );
    expect(compared).toBeGreaterThan(100);
  });
});

describe('a mandate', () => {
  const parent: Mandate = {
    id: 'm1',
    clientId: 'c1',
    parentId: null,
    depth: 1,
    holder: 'agent:buyer',
    issuer: 'person:jane',
    policy: FULL,
    notBeforeMs: 1_000,
    expiresAtMs: 9_000,
    createdAtMs: 1_000,
  };
  const child: Mandate = {
    ...parent,
    id: 'm2',
    parentId: 'm1',
    depth: 2,
    holder: 'agent:clerk',
    issuer: 'agent:buyer',
    policy: { ...FULL, usesMax: 1 },
  };

  it('may be handed on within itself', () => {
    expect(delegationFault(child, parent)).toBeNull();
    expect([kindOf(parent), kindOf(child)]).toEqual(['intent', 'payment']);
  });

  it.each([
    ['client', { clientId: 'c2' }],
    ['issuer', { issuer: 'person:jane' }],
    ['depth', { depth: 3 }],
    ['notBefore', { notBeforeMs: 999 }],
    ['expiresAt', { expiresAtMs: 9_001 }],
    ['usesMax', { policy: { ...FULL, usesMax: 11 } }],
  ] as readonly [string, Partial<Mandate>][])('is refused for %s', (part, change) => {
    expect(delegationFault({ ...child, ...change }, parent)).toBe(part);
  });

  it('ends after four hands', () => {
    expect(delegationFault({ ...child, depth: 5 }, { ...parent, depth: 4 })).toBe('depth');
  });

  it('has a digest over everything it says', () => {
    const digests = Object.keys(parent).map((field) =>
      mandateDigest({ ...parent, [field]: (child as never)[field] ?? 'other', policy: {} }),
    );
    expect(new Set([...digests, mandateDigest(parent)]).size).toBeGreaterThan(5);
    expect(mandateDigest({ ...parent, policy: { ...FULL, usesMax: 11 } })).not.toBe(mandateDigest(parent));
  });
});
