import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chainCostFacts, chainCostUsdMicros, type GasKnown } from './cost.ts';
import { type BatchFacts, closingCause, decideBatch, decideSettlement, doubtOf, type PaymentFacts, type WindowFacts } from './decide.ts';
import { minorOfUsdMicros, SETTLEMENT_POLICY, usdMicrosOfMinor } from './policy.ts';

const FACTS: PaymentFacts = {
  status: 'paid',
  legs: [
    { leg: 'collection', partner: 'mpesa-ke', currency: 'KES', expectedMinor: '100000', confirmedMinor: '100000', openTries: 0 },
    { leg: 'payout', partner: 'mtn-ug', currency: 'UGX', expectedMinor: '28000', confirmedMinor: '28000', openTries: 0 },
  ],
  refunds: 0,
};

const withPayout = (change: object): PaymentFacts => ({
  ...FACTS,
  legs: FACTS.legs.map((leg) => (leg.leg === 'payout' ? { ...leg, ...change } : leg)),
});

describe('one payment', () => {
  it('raises no doubt when both legs are confirmed', () => {
    expect(doubtOf(FACTS)).toBeNull();
  });

  it.each([
    ['not_paid', { ...FACTS, status: 'disbursing' }],
    ['refund_seen', { ...FACTS, refunds: 1 }],
    ['outcome_in_doubt', withPayout({ openTries: 1 })],
    ['leg_unconfirmed', withPayout({ partner: null, confirmedMinor: null })],
    ['amount_differs', withPayout({ confirmedMinor: '27999' })],
  ])('is held back for %s', (code, facts) => {
    expect(doubtOf(facts)).toMatchObject({ code });
  });
});

describe("a client's payments of a window", () => {
  it('are netted when it closes and wait while it is open', () => {
    expect(decideSettlement({ payments: 3, closedBy: 'age' })).toMatchObject({
      outcome: 'netted',
      reasons: [{ code: 'window_closed_by_age', text: expect.stringMatching(/^3 payments were netted/) }],
    });
    expect(decideSettlement({ payments: 3, closedBy: null }).outcome).toBe('waiting');
    expect(decideSettlement({ payments: 0, closedBy: 'age' }).outcome).toBe('waiting');
  });

  it('can be decided again from the facts through JSON', () => {
    const facts = { payments: 1, closedBy: 'exposure' } as const;
    expect(decideSettlement(JSON.parse(JSON.stringify(facts)))).toEqual(decideSettlement(facts));
  });
});

describe('window', () => {
  const LIMIT = SETTLEMENT_POLICY.netMinorMax.KES;
  const window: WindowFacts = { paymentCount: 1, oldestAgeMs: 0, ageMsMax: 60_000, positions: [], carried: [] };
  const at = (netMinor: bigint, outstandingMinor = 0n): WindowFacts => ({
    ...window,
    positions: [{ partner: 'mpesa-ke', currency: 'KES', netMinor: String(netMinor), outstandingMinor: String(outstandingMinor) }],
  });
  const cause = (facts: WindowFacts) => closingCause(facts, SETTLEMENT_POLICY);

  it('stays open while it is small, young and of little value', () => {
    expect(cause(at(1n))).toBeNull();
  });

  it('closes by count, age or net value, whichever way the debt goes', () => {
    expect(cause({ ...window, paymentCount: SETTLEMENT_POLICY.countMax })).toBe('count');
    expect(cause({ ...window, oldestAgeMs: 60_000 })).toBe('age');
    expect(cause(at(LIMIT))).toBe('value');
    expect(cause(at(-LIMIT))).toBe('value');
    expect(cause(at(LIMIT - 1n))).toBeNull();
  });

  it('closes by exposure with what was open before, but not on next to nothing', () => {
    const before = LIMIT * SETTLEMENT_POLICY.exposureTimes;
    expect(cause(at(LIMIT / 20n, before))).toBe('exposure');
    expect(cause(at(-LIMIT / 20n, -before))).toBe('exposure');
    expect(cause(at(LIMIT / 20n - 1n, before))).toBeNull();
    // A debt the other way makes the exposure less.
    expect(cause(at(-LIMIT / 20n, before))).toBeNull();
  });

  it('closes without payments for what is due again, and for nothing else', () => {
    const empty = { ...at(LIMIT), paymentCount: 0, oldestAgeMs: 1e12 };
    expect(cause(empty)).toBeNull();
    const carried = [{ partner: 'mtn-ug', currency: 'UGX', carriedMinor: '1', waitedMs: SETTLEMENT_POLICY.proposalLifeMs }] as const;
    expect(cause({ ...empty, carried })).toBe('carried');
    expect(cause({ ...window, carried })).toBe('carried');
    expect(cause({ ...at(LIMIT), carried })).toBe('value');
  });
});

describe("a batch's way", () => {
  const LIMIT = SETTLEMENT_POLICY.netMinorMax.UGX;
  const nothing: GasKnown = { unitsOfBatches: null, priceOfNode: null, priceOfBatches: null, apt: null };
  const costBy = (known: Partial<GasKnown>) => chainCostFacts({ ...nothing, ...known }, SETTLEMENT_POLICY);
  const batch: BatchFacts = {
    partner: 'mtn-ug',
    currency: 'UGX',
    netMinor: '0',
    carriedMinor: '0',
    onChain: true,
    keysUsedMinor: '0',
    chainCost: costBy({}),
  };
  const decide = (change: Partial<BatchFacts>) => decideBatch({ ...batch, ...change });

  it('goes over the chain once a day in the float costs more than the gas, counting what was carried', () => {
    expect(decide({ netMinor: '1000' })).toMatchObject({
      outcome: 'books',
      reasons: [{ code: 'gas_above_cost' }],
      data: { dueMinor: 1000n },
    });
    expect(decide({ netMinor: '-3600000' })).toMatchObject({ outcome: 'chain', data: { dueMinor: -3_600_000n, approvalBy: 'policy' } });
    expect(decide({ netMinor: '1000', carriedMinor: '3600000' })).toMatchObject({ outcome: 'chain', data: { dueMinor: 3_601_000n } });
    expect(decide({ netMinor: '3600000', carriedMinor: '-3600000' })).toMatchObject({
      outcome: 'books',
      reasons: [{ code: 'nothing_due' }],
    });
  });

  it('costs the units of gas times their price times that of APT, each from the nearest that knows it', () => {
    // 6,000 units of 100 octas at 5 USD an APT: 0.03 USD.
    expect(chainCostUsdMicros(costBy({}))).toBe(30_000n);
    const apt = { usdMicros: 4_123_457n, asOf: '2026-03-30', source: 'a market' };
    const facts = costBy({ unitsOfBatches: 1_234n, priceOfNode: 150n, priceOfBatches: 100n, apt });
    expect(facts).toEqual({
      gasUnits: '1234',
      gasUnitsFrom: 'batches',
      gasUnitPriceOctas: '150',
      gasUnitPriceFrom: 'node',
      aptUsdMicros: '4123457',
      aptAsOf: '2026-03-30',
      aptSource: 'a market',
    });
    // 185,100 octas: 7,632.5… millionths, rounded up.
    expect(chainCostUsdMicros(facts)).toBe(7_633n);
    expect(costBy({ priceOfBatches: 120n })).toMatchObject({
      gasUnitPriceOctas: '120',
      gasUnitPriceFrom: 'batches',
      gasUnitsFrom: 'policy',
    });
    expect(costBy({})).toMatchObject({ gasUnitPriceFrom: 'policy', aptSource: 'policy', aptAsOf: '2026-01-01' });
  });

  it('goes another way when gas or APT become dearer, or batches take less of it', () => {
    const at = (known: Partial<GasKnown>) => decide({ netMinor: '300000', chainCost: costBy(known) }).outcome;
    expect(at({})).toBe('chain');
    expect(at({ priceOfNode: 200n })).toBe('books');
    expect(at({ priceOfNode: 200n, unitsOfBatches: 3_000n })).toBe('chain');
    expect(at({ apt: { usdMicros: 9_000_000n, asOf: '2026-03-30', source: 'a market' } })).toBe('books');
  });

  it('stays on the books where there is no chain, and for what no operator moved', () => {
    expect(decide({ netMinor: String(LIMIT), onChain: false })).toMatchObject({ outcome: 'books', reasons: [{ code: 'not_on_chain' }] });
    expect(decide({ netMinor: String(LIMIT), partner: 'on_us' })).toMatchObject({
      outcome: 'books',
      data: { dueMinor: 0n, approvalBy: null },
    });
  });

  it('needs people above the limit of one batch, and above that of a day', () => {
    const { keyTimesMax, keyTimesMaxPerDay } = SETTLEMENT_POLICY;
    const by = (change: Partial<BatchFacts>) => decide(change).data.approvalBy;
    expect(by({ netMinor: String(LIMIT * keyTimesMax) })).toBe('policy');
    expect(by({ netMinor: String(-LIMIT * keyTimesMax - 1n) })).toBe('people');
    const used = LIMIT * keyTimesMaxPerDay;
    expect(by({ netMinor: String(LIMIT), keysUsedMinor: String(used - LIMIT) })).toBe('policy');
    expect(by({ netMinor: String(LIMIT), keysUsedMinor: String(used - LIMIT + 1n) })).toBe('people');
  });

  it('can be decided again from the facts through JSON', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.boolean(), (net, onChain) => {
        const facts = { ...batch, netMinor: String(net), onChain };
        expect(decideBatch(JSON.parse(JSON.stringify(facts)))).toEqual(decideBatch(facts));
      }),
    );
  });
});

it('puts dollars into minor units and back without giving more than there was', () => {
  expect(minorOfUsdMicros(1_000_000n, 'UGX', SETTLEMENT_POLICY)).toBe(3_600n);
  expect(usdMicrosOfMinor(3_600n, 'UGX', SETTLEMENT_POLICY)).toBe(1_000_000n);
  expect(minorOfUsdMicros(1n, 'UGX', SETTLEMENT_POLICY)).toBe(1n);
});
