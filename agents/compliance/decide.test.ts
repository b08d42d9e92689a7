import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ERRORS } from '../../domain/errors.ts';
import { decideCompliance } from './decide.ts';
import { evidenceOf } from './evidence.ts';
import type { ComplianceFacts } from './facts.ts';
import { COMPLIANCE_POLICY } from './policy.ts';
import { codeOf } from './rules/language.ts';
import { BUILT_IN_RULES } from './rules/rule-set.ts';
import { factsWith, HISTORY, hit, PARTY, TRAVEL_RULE } from './testing.ts';

/** How urgent each ground is, whether the policy or a rule says so. */
const PRIORITY: Readonly<Record<string, number>> = {
  ...Object.fromEntries(BUILT_IN_RULES.entries.map(({ rule }) => [codeOf(rule), rule.priority])),
  ...COMPLIANCE_POLICY.priority,
};

const NORMALISED = hit({ how: 'normalised', score: 0.95 });

function decide(change: Partial<ComplianceFacts> = {}) {
  return decideCompliance(factsWith(change), COMPLIANCE_POLICY);
}

function codesOf(change: Partial<ComplianceFacts> = {}): string[] {
  return decide(change).reasons.map((reason) => reason.code);
}

describe('an ordinary payment', () => {
  test('is clear, and says against which lists', () => {
    const verdict = decide();
    expect(verdict).toMatchObject({ outcome: 'clear', confidence: 1 });
    expect(verdict.data).toEqual({
      reasonCode: null,
      priority: 0,
      listVersion: 'TEST#1',
      hits: [],
      rules: [],
      shadow: [],
      ruleSet: BUILT_IN_RULES.label,
    });
    expect(verdict.reasons.map((reason) => reason.code)).toEqual(['nothing_found']);
  });

  test('between countries under increased monitoring is noted, not refused', () => {
    const verdict = decide({ fatf: { from: 'grey', to: 'grey', asOf: '2026-06-19' } });
    expect(verdict.outcome).toBe('clear');
    expect(verdict.reasons.map((reason) => reason.code)).toEqual([
      'nothing_found',
      'fatf_increased_monitoring',
      'fatf_increased_monitoring',
    ]);
  });

  test('says so when only the sample was asked', () => {
    expect(codesOf({ listSample: true })).toContain('sanctions_sample');
  });
});

describe('blocks', () => {
  test.each<[string, Partial<ComplianceFacts>, string, string]>([
    ['a listed name', { hits: [hit()] }, 'sanctions_match', 'sanctions_match:receiver:TEST/7'],
    ['no name', { sender: { ...PARTY, nameWords: 0 } }, 'compliance_refused', 'name_missing:sender'],
    ['no number', { receiver: { ...PARTY, phoneGiven: false } }, 'compliance_refused', 'account_missing:receiver'],
    ['a rejected identity', { receiver: { ...PARTY, kycStatus: 'rejected' } }, 'compliance_refused', 'kyc_rejected:receiver'],
    [
      'a country under a call for action',
      { fatf: { from: 'none', to: 'black', asOf: '2026-06-19' } },
      'compliance_refused',
      'fatf_call_for_action:UG',
    ],
    ['too much at once', { payment: { ...factsWith().payment, amountMinor: '25000001' } }, 'limit_exceeded', 'limit_single'],
    ['too much in a day', { history: { ...HISTORY, sum24hMinor: '50000001' } }, 'limit_exceeded', 'limit_daily'],
    [
      'too much in a month',
      { limits: { ...factsWith().limits, monthlyMinor: '70000000' }, history: { ...HISTORY, sum30dMinor: '70000001' } },
      'limit_exceeded',
      'limit_monthly',
    ],
    [
      'too many in a day',
      { limits: { ...factsWith().limits, dailyCount: 3 }, history: { ...HISTORY, count24h: 4 } },
      'limit_exceeded',
      'limit_daily_count',
    ],
    ['more than the receiver may hold', { receiverBalanceMinor: '144999' }, 'limit_exceeded', 'limit_receiver_balance'],
  ])('%s', (_, change, code, rule) => {
    const verdict = decide(change);
    expect(verdict.outcome).toBe('block');
    expect(verdict.data.reasonCode).toBe(code);
    expect(verdict.reasons[0]?.code).toBe(code);
    expect(verdict.data.rules).toContain(rule);
  });

  test('at a limit, not past it, is within it', () => {
    const { payment } = factsWith();
    expect(decide({ payment: { ...payment, amountMinor: '25000000' }, history: { ...HISTORY, sum24hMinor: '50000000' } }).outcome).toBe(
      'clear',
    );
    expect(decide({ receiverBalanceMinor: '145000' }).outcome).toBe('clear');
    expect(decide({ payment: { ...payment, targetMinor: null }, receiverBalanceMinor: '1' }).outcome).toBe('clear');
  });

  test('of several refusals the gravest is told', () => {
    const limits = { history: { ...HISTORY, sum24hMinor: '50000001' } };
    expect(decide({ ...limits, sender: { ...PARTY, kycStatus: 'rejected' } }).data.reasonCode).toBe('compliance_refused');
    expect(decide({ ...limits, hits: [hit()], sender: { ...PARTY, kycStatus: 'rejected' } }).data.reasonCode).toBe('sanctions_match');
  });
});

describe('flags', () => {
  const inBand = { ...TRAVEL_RULE, inBand: true, count24h: 2, sum24hMinor: '20000000', count7d: 2, sum7dMinor: '20000000' };
  test.each<[string, Partial<ComplianceFacts>, string]>([
    ['a name in another order', { hits: [NORMALISED] }, 'sanctions_possible_match'],
    ['a name that hides something', { sender: { ...PARTY, nameObscured: true } }, 'name_obscured'],
    ['a name of which nothing is compared', { sender: { ...PARTY, nameUnscreened: 'none' } }, 'name_obscured'],
    ['a name of which a part is compared', { receiver: { ...PARTY, nameUnscreened: 'part' } }, 'name_obscured'],
    ['an identity never checked', { sender: { ...PARTY, kycStatus: 'none' } }, 'kyc_none'],
    ['five in an hour', { history: { ...HISTORY, count1h: 5, count24h: 5 } }, 'velocity_count_1h'],
    ['ten in a day', { history: { ...HISTORY, count24h: 10 } }, 'velocity_count_24h'],
    ['more history than can be read', { history: { ...HISTORY, truncated: true } }, 'history_truncated'],
    ['three just below a threshold in a day', { thresholds: [{ ...inBand, count24h: 3, count7d: 3 }] }, 'structuring'],
    [
      'three just below a threshold in a week',
      { thresholds: [{ ...inBand, count24h: 1, sum24hMinor: '9500000', count7d: 3 }] },
      'structuring',
    ],
    ['ten different senders', { receiverSenders24h: 10 }, 'fan_in'],
  ])('%s', (_, change, code) => {
    const verdict = decide(change);
    expect(verdict.outcome).toBe('flag');
    expect(verdict.reasons[0]?.code).toBe(code);
    expect(verdict.data.reasonCode).toBe('compliance_review');
    expect(verdict.data.priority).toBe(PRIORITY[code as keyof typeof COMPLIANCE_POLICY.priority]);
  });

  test.each<[string, Partial<ComplianceFacts>]>([
    ['four in an hour and nine in a day', { history: { ...HISTORY, count1h: 4, count24h: 9 } }],
    ['two just below a threshold', { thresholds: [inBand] }],
    ['three that stay below it together', { thresholds: [{ ...inBand, count24h: 3, sum24hMinor: '1', count7d: 3, sum7dMinor: '2' }] }],
    ['three others just below it, but not this one', { thresholds: [{ ...inBand, inBand: false, count24h: 3, count7d: 3 }] }],
    ['nine different senders', { receiverSenders24h: 9 }],
    ['a weak alias', { hits: [hit({ weak: true })] }],
  ])('not so: %s', (_, change) => {
    expect(decide(change).outcome).toBe('clear');
  });

  test('the gravest ground comes first, further ones and large amounts raise the priority', () => {
    const { payment } = factsWith();
    const verdict = decide({ payment: { ...payment, amountMinor: '12967469' }, history: { ...HISTORY, count1h: 5 }, hits: [NORMALISED] });
    expect(verdict.reasons.map((reason) => reason.code)).toEqual(['sanctions_possible_match', 'velocity_count_1h', 'travel_rule']);
    expect(verdict.data.priority).toBe(80 + 5 + 5);
    expect(verdict.confidence).toBe(0.95);
  });
});

describe('what people released', () => {
  const flagged = { hits: [NORMALISED], history: { ...HISTORY, count1h: 5 } };
  const released = { caseId: 'case-1', rules: decide(flagged).data.rules };

  test('is clear for what they saw', () => {
    const verdict = decide({ ...flagged, released });
    expect(verdict.outcome).toBe('clear');
    expect(verdict.reasons.map((reason) => reason.code)).toEqual(['released_by_case', 'sanctions_possible_match', 'velocity_count_1h']);
    expect(verdict.data.reasonCode).toBeNull();
  });

  test('is held again for another entry of a list, another party, another rule', () => {
    for (const other of [
      { ...NORMALISED, entryId: '8' },
      { ...NORMALISED, party: 'sender' as const },
    ]) {
      expect(decide({ ...flagged, hits: [NORMALISED, other], released }).outcome).toBe('flag');
    }
    expect(decide({ ...flagged, receiverSenders24h: 10, released }).reasons.map((reason) => reason.code)).toEqual(['fan_in']);
  });

  test('is blocked as before', () => {
    expect(decide({ ...flagged, hits: [hit()], released: { ...released, rules: ['sanctions_match:receiver:TEST/7'] } }).outcome).toBe(
      'block',
    );
  });

  test('is held when nothing says what they saw', () => {
    expect(decide({ ...flagged, released: { caseId: 'case-1', rules: [] } }).outcome).toBe('flag');
  });
});

const anyParty = fc.record({
  kycStatus: fc.constantFrom('none', 'basic', 'verified', 'rejected'),
  kycTier: fc.nat(9),
  nameWords: fc.nat(4),
  nameObscured: fc.boolean(),
  phoneGiven: fc.boolean(),
});
const anyHit = fc.record({
  party: fc.constantFrom('sender' as const, 'receiver' as const),
  list: fc.constantFrom('A', 'B'),
  entryId: fc.constantFrom('1', '2', '3'),
  program: fc.constant('P'),
  how: fc.constantFrom('exact' as const, 'normalised' as const),
  weak: fc.boolean(),
  score: fc.constantFrom(0.95, 1),
});
const anyAmount = fc.bigInt({ min: 1n, max: 10n ** 9n }).map(String);
const anyRule = fc.constantFrom(
  'velocity_count_1h',
  'kyc_none:sender',
  'sanctions_possible_match:sender:A/1',
  'fan_in',
  'structuring:travel_rule',
);
const anyFacts: fc.Arbitrary<ComplianceFacts> = fc
  .record({
    sender: anyParty,
    receiver: anyParty,
    amountMinor: anyAmount,
    hits: fc.array(anyHit, { maxLength: 3 }),
    limits: fc.record({
      country: fc.constant('KE'),
      tier: fc.option(fc.nat(2)),
      validFrom: fc.constant('2023-08-01'),
      singleMinor: fc.option(anyAmount),
      dailyMinor: fc.option(anyAmount),
      monthlyMinor: fc.option(anyAmount),
      dailyCount: fc.option(fc.nat(20)),
    }),
    history: fc.record({
      count1h: fc.nat(12),
      count24h: fc.nat(12),
      sum24hMinor: anyAmount,
      sum7dMinor: anyAmount,
      sum30dMinor: anyAmount,
      truncated: fc.boolean(),
    }),
    thresholds: fc.array(
      fc.record({
        id: fc.constantFrom('travel_rule', 'cash_report'),
        thresholdMinor: anyAmount,
        inBand: fc.boolean(),
        count24h: fc.nat(5),
        sum24hMinor: anyAmount,
        count7d: fc.nat(5),
        sum7dMinor: anyAmount,
      }),
      { maxLength: 2 },
    ),
    receiverSenders24h: fc.nat(12),
    fatf: fc.record({
      from: fc.constantFrom('none', 'grey', 'black'),
      to: fc.constantFrom('none', 'grey'),
      asOf: fc.constant('2026-06-19'),
    }),
    released: fc.option(fc.record({ caseId: fc.uuid(), rules: fc.array(anyRule) })),
    listSample: fc.boolean(),
  })
  .map(({ amountMinor, ...facts }) => factsWith({ ...facts, payment: { ...factsWith().payment, amountMinor } }));

const STRICTNESS = { clear: 0, flag: 1, block: 2 };

describe('laws', () => {
  test('a verdict can be made again from its facts as they are stored', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        expect(decideCompliance(JSON.parse(JSON.stringify(facts)), COMPLIANCE_POLICY)).toEqual(decideCompliance(facts, COMPLIANCE_POLICY));
      }),
    );
  });

  test('another hit never makes a verdict milder, and a release never undoes a block', () => {
    fc.assert(
      fc.property(anyFacts, anyHit, (facts, added) => {
        const before = decideCompliance(facts, COMPLIANCE_POLICY);
        const after = decideCompliance({ ...facts, hits: [...facts.hits, added] }, COMPLIANCE_POLICY);
        expect(STRICTNESS[after.outcome]).toBeGreaterThanOrEqual(STRICTNESS[before.outcome]);
        const unreleased = decideCompliance({ ...facts, released: null }, COMPLIANCE_POLICY);
        expect(before.outcome === 'block').toBe(unreleased.outcome === 'block');
      }),
    );
  });

  test('a longer history never makes a verdict milder', () => {
    fc.assert(
      fc.property(anyFacts, fc.nat(5), fc.bigInt({ min: 0n, max: 10n ** 9n }), (facts, count, minor) => {
        const more = (text: string): string => (BigInt(text) + minor).toString();
        const { history } = facts;
        const after = decideCompliance(
          {
            ...facts,
            receiverSenders24h: facts.receiverSenders24h + count,
            history: {
              ...history,
              count1h: history.count1h + count,
              count24h: history.count24h + count,
              sum24hMinor: more(history.sum24hMinor),
              sum7dMinor: more(history.sum7dMinor),
              sum30dMinor: more(history.sum30dMinor),
            },
          },
          COMPLIANCE_POLICY,
        );
        expect(STRICTNESS[after.outcome]).toBeGreaterThanOrEqual(STRICTNESS[decideCompliance(facts, COMPLIANCE_POLICY).outcome]);
      }),
    );
  });

  test('every outcome has its reasons, its code and its priority', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const { outcome, reasons, confidence, data } = decideCompliance(facts, COMPLIANCE_POLICY);
        expect(reasons.length).toBeGreaterThan(0);
        expect(confidence).toBeGreaterThan(0);
        expect(confidence).toBeLessThanOrEqual(1);
        expect(data.reasonCode === null).toBe(outcome === 'clear');
        if (data.reasonCode !== null) expect(ERRORS).toHaveProperty(data.reasonCode);
        expect(data.priority > 0).toBe(outcome === 'flag');
        expect(data.priority).toBeLessThanOrEqual(100);
        expect(new Set(data.rules).size).toBeLessThanOrEqual(data.rules.length);
      }),
    );
  });

  test('evidence is plain JSON, the same for the same facts', () => {
    fc.assert(
      fc.property(anyFacts, (facts) => {
        const make = () => evidenceOf(facts, decideCompliance(facts, COMPLIANCE_POLICY));
        expect(make()).toEqual(make());
        const { evidence, priority } = make();
        expect(JSON.parse(JSON.stringify(evidence))).toEqual(evidence);
        expect(evidence['priority']).toBe(priority);
      }),
    );
  });
});
