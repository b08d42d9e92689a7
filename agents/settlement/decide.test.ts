import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closingCause, decideSettlement, type NettableLeg, netLegs, type SettlementFacts } from './decide.ts';
import { SETTLEMENT_POLICY } from './policy.ts';

const NOW_MS = Date.UTC(2026, 5, 1);

const FACTS: SettlementFacts = {
  status: 'paid',
  legs: [
    { leg: 'collection', partner: 'mpesa-ke', currency: 'KES', expectedMinor: '100000', confirmedMinor: '100000', openTries: 0 },
    { leg: 'payout', partner: 'mtn-ug', currency: 'UGX', expectedMinor: '28000', confirmedMinor: '28000', openTries: 0 },
  ],
  refunds: 0,
  closedBy: 'age',
};

const withPayout = (change: object): SettlementFacts => ({
  ...FACTS,
  legs: FACTS.legs.map((leg) => (leg.leg === 'payout' ? { ...leg, ...change } : leg)),
});

describe('one payment', () => {
  it('is netted when both legs are confirmed and the window closes', () => {
    expect(decideSettlement(FACTS)).toMatchObject({ outcome: 'netted', reasons: [{ code: 'window_closed_by_age' }] });
  });

  it('waits while the window is open', () => {
    expect(decideSettlement({ ...FACTS, closedBy: null }).outcome).toBe('waiting');
  });

  it.each([
    ['not_paid', { ...FACTS, status: 'disbursing' }],
    ['refund_seen', { ...FACTS, refunds: 1 }],
    ['outcome_in_doubt', withPayout({ openTries: 1 })],
    ['leg_unconfirmed', withPayout({ partner: null, confirmedMinor: null })],
    ['amount_differs', withPayout({ confirmedMinor: '27999' })],
  ])('is held back for %s, window or no window', (code, facts) => {
    for (const closedBy of ['count', null] as const) {
      expect(decideSettlement({ ...facts, closedBy })).toMatchObject({ outcome: 'held_back', reasons: [{ code }] });
    }
  });

  it('can be decided again from its facts through JSON', () => {
    expect(decideSettlement(JSON.parse(JSON.stringify(FACTS)))).toEqual(decideSettlement(FACTS));
  });
});

const someLeg: fc.Arbitrary<NettableLeg> = fc.record({
  paymentId: fc.uuid(),
  leg: fc.constantFrom('collection', 'payout'),
  partner: fc.constantFrom('mpesa-ke', 'airtel-ke', 'on_us'),
  currency: fc.constantFrom('KES', 'UGX'),
  amountMinor: fc.bigInt({ min: 1n, max: 1_000_000n }),
});

describe('netting', () => {
  it('puts every leg into exactly one position and loses no unit', () => {
    fc.assert(
      fc.property(fc.array(someLeg, { maxLength: 40 }), (legs) => {
        const positions = netLegs(legs);
        expect(positions.flatMap((each) => each.legs)).toHaveLength(legs.length);
        for (const currency of ['KES', 'UGX'] as const) {
          const signed = legs
            .filter((leg) => leg.currency === currency)
            .reduce((sum, leg) => sum + (leg.leg === 'collection' ? leg.amountMinor : -leg.amountMinor), 0n);
          expect(positions.filter((each) => each.currency === currency).reduce((sum, each) => sum + each.netMinor, 0n)).toBe(signed);
        }
        for (const each of positions) {
          expect(each.netMinor).toBe(each.collectedMinor - each.disbursedMinor);
          expect(each.legs.every((leg) => leg.partner === each.partner && leg.currency === each.currency)).toBe(true);
        }
      }),
    );
  });

  it('does not depend on the order of the legs', () => {
    fc.assert(
      fc.property(fc.uniqueArray(someLeg, { selector: (leg) => leg.paymentId }), (legs) => {
        expect(netLegs(legs.toReversed())).toEqual(netLegs(legs));
      }),
    );
  });
});

describe('window', () => {
  const leg = (amountMinor: bigint, way: NettableLeg['leg']): NettableLeg => ({
    paymentId: 'p',
    leg: way,
    partner: 'mpesa-ke',
    currency: 'KES',
    amountMinor,
  });
  const window = { paymentCount: 1, oldestPaidAtMs: NOW_MS, positions: netLegs([leg(1n, 'collection')]) };
  const cause = (change: Partial<typeof window>, nowMs = NOW_MS) => closingCause({ ...window, ...change }, nowMs, SETTLEMENT_POLICY);

  it('stays open while it is small, young and of little value', () => {
    expect(cause({})).toBeNull();
  });

  it('closes by count, age or net value, whichever way the debt goes', () => {
    expect(cause({ paymentCount: SETTLEMENT_POLICY.countMax })).toBe('count');
    expect(cause({}, NOW_MS + SETTLEMENT_POLICY.ageMsMax)).toBe('age');
    const limit = SETTLEMENT_POLICY.netMinorMax.KES;
    expect(cause({ positions: netLegs([leg(limit, 'collection')]) })).toBe('value');
    expect(cause({ positions: netLegs([leg(limit, 'payout')]) })).toBe('value');
    expect(cause({ positions: netLegs([leg(limit, 'payout'), leg(1n, 'collection')]) })).toBeNull();
  });

  it('does not close without payments', () => {
    expect(cause({ paymentCount: 0, oldestPaidAtMs: Number.POSITIVE_INFINITY, positions: [] }, NOW_MS + 1e12)).toBeNull();
  });
});
