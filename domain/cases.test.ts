import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { actionDigest, CASE_REASONS, type CaseRisk, caseOpening, dueInMs, isCaseReason, usdMinorOf, verdictApplies } from './cases.ts';
import { money } from './money.ts';
import { parseRate } from './rate.ts';

const HOUR_MS = 3_600_000;
const KES = parseRate('129.6');
const RULE = { fourEyesPriority: 90, fourEyesUsd: 1_000, fourEyesAmounts: {} };
const risk = (change: Partial<CaseRisk> = {}): CaseRisk => ({
  priority: 50,
  riskScore: null,
  amount: money(1_500_00n, 'KES'),
  perUsd: KES,
  ...change,
});

describe('how pressing a case is', () => {
  it.each([
    [100, 2],
    [90, 2],
    [89, 4],
    [75, 4],
    [74, 8],
    [50, 8],
    [49, 24],
    [0, 24],
  ])('with a priority of %i it is due in %i hours', (priority, hours) => {
    expect(dueInMs(priority)).toBe(hours * HOUR_MS);
    expect(caseOpening(risk({ priority }), RULE).dueInMs).toBe(hours * HOUR_MS);
  });

  it('follows the graver of what compliance says and what was scored, and the amount', () => {
    expect(caseOpening(risk(), RULE).priority).toBe(50);
    expect(caseOpening(risk({ riskScore: 0.8 }), RULE).priority).toBe(80);
    expect(caseOpening(risk({ riskScore: 0.2 }), RULE).priority).toBe(50);
    // 2,500, 10,000 and 50,000 dollars.
    for (const [shillings, points] of [
      [323_000_00n, 0],
      [324_100_00n, 5],
      [1_297_000_00n, 10],
      [6_481_000_00n, 20],
    ] as const) {
      expect(caseOpening(risk({ amount: money(shillings, 'KES') }), RULE).priority).toBe(50 + points);
    }
    expect(caseOpening(risk({ priority: 95, amount: money(6_481_000_00n, 'KES') }), RULE).priority).toBe(100);
  });
});

describe('four eyes', () => {
  const needed = (change: Partial<CaseRisk>, rule = RULE) => caseOpening(risk(change), rule).approvalsNeeded;

  it('from a priority on', () => {
    expect([needed({ priority: 89 }), needed({ priority: 90 })]).toEqual([1, 2]);
  });

  it('from an amount in dollars on', () => {
    expect([needed({ amount: money(129_500_00n, 'KES') }), needed({ amount: money(129_600_00n, 'KES') })]).toEqual([1, 2]);
    expect([needed({ amount: money(999_99n, 'USD'), perUsd: null }), needed({ amount: money(1_000_00n, 'USD'), perUsd: null })]).toEqual([
      1, 2,
    ]);
  });

  it('from the amount of its own currency on, where it has one', () => {
    const rule = { ...RULE, fourEyesAmounts: { KES: 5_000_00n } };
    expect([needed({ amount: money(4_999_99n, 'KES') }, rule), needed({ amount: money(5_000_00n, 'KES') }, rule)]).toEqual([1, 2]);
    const large = { ...RULE, fourEyesAmounts: { KES: 500_000_00n } };
    expect(needed({ amount: money(400_000_00n, 'KES') }, large)).toBe(1);
  });

  it('for what has no known worth', () => {
    expect(needed({ perUsd: null })).toBe(2);
  });

  it('never fewer for more', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 1n, max: 10n ** 12n }),
        fc.bigInt({ min: 0n, max: 10n ** 12n }),
        fc.nat(100),
        (minor, more, priority) => {
          const [less, greater] = [minor, minor + more].map((each) => caseOpening(risk({ priority, amount: money(each, 'KES') }), RULE));
          expect(greater?.approvalsNeeded).toBeGreaterThanOrEqual(less?.approvalsNeeded ?? 0);
          expect(greater?.priority).toBeGreaterThanOrEqual(less?.priority ?? 0);
        },
      ),
    );
  });
});

describe('the worth of an amount', () => {
  it('is in cents, rounded up', () => {
    expect(usdMinorOf(money(129_60n, 'KES'), KES)).toBe(100n);
    expect(usdMinorOf(money(1n, 'KES'), KES)).toBe(1n);
    expect(usdMinorOf(money(3_914n, 'UGX'), parseRate('3914'))).toBe(100n);
    expect(usdMinorOf(money(5n, 'USD'), null)).toBe(5n);
    expect(usdMinorOf(money(5n, 'KES'), null)).toBeNull();
  });
});

describe('a verdict', () => {
  it('has reasons of its own', () => {
    expect(isCaseReason('release', 'false_positive')).toBe(true);
    expect(isCaseReason('release', 'true_match')).toBe(false);
    expect(isCaseReason('release', 'toString')).toBe(false);
    for (const reasons of Object.values(CASE_REASONS))
      for (const [code, text] of Object.entries(reasons)) expect([code, text.length > 5]).toEqual([code, true]);
  });

  it('fits the kind of the case', () => {
    expect([verdictApplies('held', 'release'), verdictApplies('held', 'resolve')]).toEqual([true, false]);
    expect([verdictApplies('late_success', 'resolve'), verdictApplies('late_success', 'release')]).toEqual([true, false]);
    expect([verdictApplies('contradicted', 'resolve'), verdictApplies('contradicted', 'reject')]).toEqual([true, false]);
    expect([verdictApplies('in_doubt', 'resolve'), verdictApplies('in_doubt', 'escalate')]).toEqual([false, false]);
  });
});

describe('the digest of an action', () => {
  const action = { caseId: 'c', paymentId: 'p', evidenceDigest: 'e', verdict: 'release', reasonCode: 'false_positive', round: 1 } as const;

  it('changes with every part of it, and with nothing else', () => {
    const others = [
      { ...action, caseId: 'd' },
      { ...action, paymentId: 'q' },
      { ...action, evidenceDigest: 'f' },
      { ...action, verdict: 'reject' as const },
      { ...action, reasonCode: 'known_customer' },
      { ...action, round: 2 },
    ].map(actionDigest);
    expect(new Set([actionDigest(action), ...others]).size).toBe(7);
    expect(actionDigest({ ...action })).toBe(actionDigest(action));
  });
});
