import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decideByRules, decideCompliance } from '../decide.ts';
import type { ComplianceFacts, Signals } from '../facts.ts';
import { COMPLIANCE_POLICY, policyByVersion } from '../policy.ts';
import { factsWith, TRAVEL_RULE } from '../testing.ts';
import type { RuleFinding } from './evaluate.ts';
import { makeReady } from './evaluate.ts';
import { type Condition, CONDITIONS_MAX, DEPTH_MAX, parseRule } from './language.ts';
import { BUILT_IN_BOOK, BUILT_IN_RULE_SETS, BUILT_IN_RULES, labelOf, readyRuleSet, RULES_BEFORE_SETS } from './rule-set.ts';

function ruleOf(when: unknown, more: Record<string, unknown> = {}) {
  return parseRule({
    id: 'a_rule',
    typology: 'velocity',
    title: 'A rule',
    effect: 'flag',
    priority: 10,
    when,
    text: 'It applies.',
    ...more,
  });
}

function fires(when: unknown, change: Partial<ComplianceFacts> = {}): boolean {
  const found: RuleFinding[] = [];
  makeReady([ruleOf(when)])(factsWith(change), found);
  return found.length > 0;
}

describe('what screening found', () => {
  const hit = { party: 'sender', list: 'T', entryId: '1', program: 'P', how: 'similar', weak: false, score: 0.9 } as const;
  const pep = { ...hit, list: 'PEP', topic: 'pep', score: 0.88 } as const;

  test('is there for rules: the best match, of which kind, and office holders; weak aliases are left aside', () => {
    const isPep = { field: 'screening.isPep', is: '=', value: true };
    const topic = (value: string) => ({ field: 'screening.topic', is: '=', value });
    expect([fires(isPep), fires(topic('none')), fires({ field: 'screening.topScore', is: '>=', value: 0 })]).toEqual([false, true, false]);
    expect([fires(isPep, { hits: [hit, pep] }), fires(topic('sanction'), { hits: [pep, hit] })]).toEqual([true, true]);
    expect(fires(topic('pep'), { hits: [pep, { ...hit, weak: true }] })).toBe(true);
    expect(fires(isPep, { hits: [{ ...pep, weak: true }] })).toBe(false);
    expect(fires({ field: 'screening.pepScore', is: '>', value: 0.88 }, { hits: [hit, pep] })).toBe(false);
    expect(fires({ field: 'screening.topScore', is: '=', value: 0.9 }, { hits: [pep, hit] })).toBe(true);
  });

  test('holds a payment of an office holder for a senior officer, by the built-in rules, until people release it', () => {
    const decided = (change: Partial<ComplianceFacts>) => decideCompliance(factsWith(change), COMPLIANCE_POLICY);
    expect(decided({ hits: [pep] })).toMatchObject({ outcome: 'flag', data: { rules: ['pep_match'], escalates: true } });
    const far = decided({ hits: [{ ...pep, score: 0.85 }] });
    expect([far.outcome, far.data.escalates]).toEqual(['clear', undefined]);
    const released = decided({ hits: [pep], released: { caseId: 'c', rules: ['pep_match'] } });
    expect([released.outcome, released.data.escalates]).toEqual(['clear', undefined]);
    // What was decided by the rules before is decided by them still.
    expect(decided({ hits: [pep], ruleSet: 'built-in-2026.11.2' }).outcome).toBe('clear');
  });

  test('only a rule that flags escalates', () => {
    expect(() => ruleOf({ field: 'sender.count1h', is: '>=', value: 1 }, { effect: 'note', escalates: true })).toThrow('rule_invalid');
  });
});

describe('the rule language', () => {
  test('compares numbers, words, flags and US dollars', () => {
    expect(fires({ field: 'sender.count1h', is: '>=', value: 1 })).toBe(true);
    expect(fires({ field: 'sender.count1h', is: '>', value: 1 })).toBe(false);
    expect(fires({ field: 'payment.toCountry', is: 'in', value: ['UG', 'RW'] })).toBe(true);
    expect(fires({ field: 'payment.toCountry', is: '!=', value: 'UG' })).toBe(false);
    expect(fires({ field: 'receiver.isNew', is: '=', value: true }, { signals: { isNewReceiver: true } })).toBe(true);
    const usd = (value: string) => fires({ field: 'payment.amountUsd', is: '>=', value }, { signals: { amountUsdMinor: '9950' } });
    expect([usd('99.50'), usd('99.51'), usd('99')]).toEqual([true, false, true]);
  });

  test('compares amounts to the last minor unit, by basis points of another field', () => {
    const when = (bps: number) => ({ field: 'payment.amount', is: '>', value: { field: 'limits.single', bps } });
    expect(fires(when(10_000), { payment: { ...factsWith().payment, amountMinor: '25000000' } })).toBe(false);
    expect(fires(when(10_000), { payment: { ...factsWith().payment, amountMinor: '25000001' } })).toBe(true);
    expect(fires(when(200), { payment: { ...factsWith().payment, amountMinor: '500001' } })).toBe(true);
  });

  test('never holds for what is not known, whichever way it is asked', () => {
    const limits = { ...factsWith().limits, monthlyMinor: null };
    for (const is of ['>=', '>', '<=', '<', '=', '!='])
      expect(fires({ field: 'sender.sum30d', is, value: { field: 'limits.monthly' } }, { limits })).toBe(false);
    expect(fires({ field: 'risk.score', is: '<', value: 1 })).toBe(false);
  });

  test('joins conditions as logic does', () => {
    const leaf = fc.boolean().map((isTrue) => ({ field: 'sender.count1h', is: isTrue ? '=' : '!=', value: 1 }) as Condition);
    const condition = fc.letrec<{ node: Condition }>((tie) => ({
      node: fc.oneof(
        { maxDepth: DEPTH_MAX - 2, withCrossShrink: true },
        leaf,
        fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
        fc.array(tie('node'), { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
        tie('node').map((not) => ({ not })),
      ),
    })).node;
    const truth = (each: Condition): boolean => {
      if ('field' in each) return each.is === '=';
      if ('not' in each) return !truth(each.not);
      return 'all' in each ? each.all.every(truth) : each.any.some(truth);
    };
    fc.assert(
      fc.property(condition, (each) => {
        const found: RuleFinding[] = [];
        makeReady([{ ...ruleOf({ field: 'sender.count1h', is: '=', value: 1 }), when: each }])(factsWith(), found);
        expect(found.length > 0).toBe(truth(each));
      }),
    );
  });

  test.each<[string, unknown, Record<string, unknown>?]>([
    ['an unknown field', { field: 'sender.name', is: '=', value: 'x' }],
    ['an unknown operator', { field: 'sender.count1h', is: '~', value: 1 }],
    ['code', { field: 'sender.count1h', is: '>=', value: '1; drop table users' }],
    ['order among words', { field: 'payment.toCountry', is: '>', value: 'UG' }],
    ['money without a currency', { field: 'payment.amount', is: '>', value: 1000 }],
    ['amounts of two currencies', { field: 'payment.amount', is: '>', value: { field: 'payment.target' } }],
    ['a fraction of a count', { field: 'sender.count1h', is: '>', value: 1.5 }],
    ['a number that is none', { field: 'risk.score', is: '>', value: Number.NaN }],
    ['a threshold outside its loop', { field: 'threshold.inBand', is: '=', value: true }],
    ['a list for a number', { field: 'sender.count1h', is: 'in', value: ['1'] }],
    ['an empty all', { all: [] }],
    ['two things at once', { all: [], not: { field: 'sender.count1h', is: '=', value: 1 } }],
    ['a field of the text that is none', { field: 'sender.count1h', is: '=', value: 1 }, { text: 'See {sender.name}.' }],
    ['a block without its refusal', { field: 'sender.count1h', is: '=', value: 1 }, { effect: 'block' }],
    ['an unknown typology', { field: 'sender.count1h', is: '=', value: 1 }, { typology: 'magic' }],
    ['a property that is not of the form', { field: 'sender.count1h', is: '=', value: 1 }, { run: 'x' }],
  ])('refuses %s', (_, when, more) => {
    expect(() => ruleOf(when, more)).toThrow(expect.objectContaining({ code: 'rule_invalid' }));
  });

  test('says what is wrong without repeating what may be a name', () => {
    const when = { field: 'sender.count1h', is: '=', value: 1 };
    for (const more of [{ Wanjiru: 1 }, { text: 'See {sender.count1h} and {Wanjiru}.' }])
      expect(() => ruleOf(when, more)).toThrow(
        expect.objectContaining({ code: 'rule_invalid', detail: expect.not.stringContaining('Wanjiru') }),
      );
    expect(() => ruleOf(when, { text: 'See {sender.count1h} and {Wanjiru}.' })).toThrow(/number 2/);
  });

  test('refuses what is too deep or too wide', () => {
    const leaf = { field: 'sender.count1h', is: '=', value: 1 };
    const deep = Array.from({ length: DEPTH_MAX }).reduce<unknown>((inner) => ({ not: inner }), leaf);
    expect(() => ruleOf(deep)).toThrow(expect.objectContaining({ code: 'rule_invalid' }));
    const wide = { all: Array.from({ length: 2 }, () => ({ any: Array.from({ length: CONDITIONS_MAX - 10 }, () => leaf) })) };
    expect(() => ruleOf(wide)).toThrow(expect.objectContaining({ code: 'rule_invalid' }));
  });

  test('fills fields into the text, amounts with their currency', () => {
    const found: RuleFinding[] = [];
    const text = '{sender.count1h} of {limits.single}, {sender.passThrough}, {limits.monthly}.';
    makeReady([ruleOf({ field: 'sender.count1h', is: '=', value: 1 }, { text })])(factsWith({ signals: { passThroughBps: 9_512 } }), found);
    expect(found[0]?.text).toBe('1 of 250000.00 KES, 95 %, -.');
  });
});

describe('the built-in rules', () => {
  const CASES: readonly [string, string, Partial<ComplianceFacts>][] = [
    ['fan_out', 'one_to_many', { signals: { receivers24h: 10 } }],
    [
      'pass_through',
      'pass_through',
      { signals: { passThroughBps: 9_000, minutesSinceReceived: 120, amountUsdMinor: '10000', received24hMinor: '5' } },
    ],
    ['dormant_then_large', 'dormant_account', { signals: { dormantDays: 90, amountUsdMinor: '50000' } }],
    ['new_receiver_large', 'new_receiver', { signals: { isNewReceiver: true, amountToMeanBps: 50_000, amountUsdMinor: '50000' } }],
    ['structuring_to_receiver', 'structuring', { signals: { bandToReceiver24h: 3 }, receiverSenders24h: 3 }],
    ['travel_rule_incomplete', 'travel_rule', { signals: { travelRuleMissing: ['originator_identity'] } }],
    ['risk_high', 'risk_score', { risk: { model: 'risk-2026.11.1', score: 0.5 } }],
    ['velocity_count_1h', 'velocity', { history: { ...factsWith().history, count1h: 5 } }],
    ['fan_in', 'many_to_one', { receiverSenders24h: 10 }],
  ];

  test.each(CASES)('%s flags its pattern', (code, typology, change) => {
    const verdict = decideCompliance(factsWith(change), COMPLIANCE_POLICY);
    expect([verdict.outcome, verdict.reasons[0]?.code]).toEqual(['flag', code]);
    expect(BUILT_IN_RULES.entries.find(({ rule }) => rule.id === code)?.rule.typology).toBe(typology);
  });

  const NEARLY: readonly Partial<ComplianceFacts>[] = [
    { signals: { receivers24h: 9 } },
    { signals: { passThroughBps: 8_999, minutesSinceReceived: 1, amountUsdMinor: '10000' } },
    { signals: { passThroughBps: 9_000, minutesSinceReceived: 121, amountUsdMinor: '10000' } },
    { signals: { dormantDays: 90, amountUsdMinor: '49999' } },
    { signals: { isNewReceiver: true, amountToMeanBps: 49_999, amountUsdMinor: '50000' } },
    { signals: { bandToReceiver24h: 2 }, receiverSenders24h: 3 },
    { risk: { model: 'risk-2026.11.1', score: 0.499 } },
  ];

  test.each(NEARLY)('what falls short of a pattern is let through: %j', (change) => {
    expect(decideCompliance(factsWith(change), COMPLIANCE_POLICY).outcome).toBe('clear');
  });

  test('cover every typology, with each rule in one version', () => {
    expect(new Set(BUILT_IN_RULES.entries.map(({ rule }) => rule.typology)).size).toBe(13);
    expect(new Set(BUILT_IN_RULES.entries.map(({ rule }) => rule.id)).size).toBe(BUILT_IN_RULES.entries.length);
  });

  test('those that would be loud on ordinary traffic begin in shadow', () => {
    const shadow = BUILT_IN_RULES.entries.filter((entry) => entry.mode === 'shadow').map(({ rule }) => rule.id);
    expect(shadow).toEqual([
      'pass_through_day',
      'dormant_short',
      'round_amounts',
      'new_sender_large',
      'corridor_risk_large',
      'travel_rule_next_incomplete',
      'travel_rule_unverified',
      'risk_elevated',
    ]);
    expect(BUILT_IN_RULES.entries.find(({ rule }) => rule.id === 'structuring_week')).toMatchObject({
      rule: { code: 'structuring' },
      mode: 'live',
    });
  });

  test('in shadow they are written down and change nothing', () => {
    const signals: Signals = { roundOfLast5: 4, isRound: true, amountUsdMinor: '7500', corridorRisk: 75 };
    const verdict = decideCompliance(factsWith({ signals }), COMPLIANCE_POLICY);
    expect(verdict.outcome).toBe('clear');
    expect(verdict.reasons.map(({ code }) => code)).toEqual(['nothing_found']);
    expect(verdict.data.shadow).toEqual([{ rule: 'round_amounts@1', effect: 'flag' }]);
    expect(decideCompliance(factsWith(), COMPLIANCE_POLICY).data.shadow).toEqual([]);
  });

  test('a risk score raises the priority of a case and never clears anything', () => {
    const hit = { party: 'receiver', list: 'T', entryId: '7', program: 'P', how: 'normalised', weak: false, score: 0.95 } as const;
    const at = (score: number) => decideCompliance(factsWith({ hits: [hit], risk: { model: 'm', score } }), COMPLIANCE_POLICY);
    expect([at(0).outcome, at(0.49).outcome]).toEqual(['flag', 'flag']);
    expect(at(0.49).data.priority).toBeGreaterThan(at(0).data.priority);
    expect(
      decideCompliance(factsWith({ hits: [{ ...hit, how: 'exact' }], risk: { model: 'm', score: 0 } }), COMPLIANCE_POLICY).outcome,
    ).toBe('block');
  });
});

describe('a set of rules', () => {
  test('that a decision names is the one it is made by, however many there are since', () => {
    const facts = factsWith({ signals: { receivers24h: 10 } });
    expect(decideCompliance(facts, COMPLIANCE_POLICY).outcome).toBe('flag');
    expect(decideCompliance({ ...facts, ruleSet: RULES_BEFORE_SETS }, COMPLIANCE_POLICY).outcome).toBe('clear');
    expect(() => decideCompliance({ ...facts, ruleSet: 'rules-9-none' }, COMPLIANCE_POLICY)).toThrow(
      expect.objectContaining({ code: 'internal' }),
    );
  });

  test('decisions from before there were sets come out as they were, word for word', () => {
    const before = policyByVersion('compliance-2026.11.2');
    if (before === undefined) throw new Error('the policy is not kept');
    const { ruleSet: _, ...facts } = factsWith({
      history: { count1h: 6, count24h: 11, sum24hMinor: '50000001', sum7dMinor: '1', sum30dMinor: '1', truncated: false },
      thresholds: [
        { ...TRAVEL_RULE, inBand: true, count24h: 1, sum24hMinor: '1', count7d: 3, sum7dMinor: '12967469' },
        { ...TRAVEL_RULE, id: 'cash_report', inBand: true, count24h: 3, sum24hMinor: '12967469', count7d: 3, sum7dMinor: '12967469' },
      ],
    });
    const verdict = decideCompliance(facts, before);
    expect(verdict.reasons).toEqual([
      { code: 'limit_exceeded', text: '24 hours of a sender of tier 0 in KE would pass 500000.00 KES.' },
      { code: 'structuring', text: '3 payments in 7 days, each just below the threshold travel_rule, pass it together.' },
      { code: 'structuring', text: '3 payments in 24 hours, each just below the threshold cash_report, pass it together.' },
      { code: 'velocity_count_1h', text: '6 payments of the sender in one hour.' },
      { code: 'velocity_count_24h', text: '11 payments of the sender in 24 hours.' },
    ]);
    expect(verdict.data.rules).toContain('structuring:travel_rule');
  });

  test('has a label that tells its content', () => {
    const [first, ...rest] = BUILT_IN_RULES.entries;
    if (first === undefined) throw new Error('there are no rules');
    expect(labelOf(3, [first, ...rest])).toMatch(/^rules-3-[0-9a-f]{12}$/);
    expect(labelOf(3, [first])).not.toBe(labelOf(3, [{ ...first, mode: 'shadow' }]));
  });

  test('more rules against a payment never make its outcome milder', () => {
    const order = { clear: 0, flag: 1, block: 2 } as const;
    const some = fc.subarray([...BUILT_IN_RULES.entries]);
    const facts = factsWith({ signals: { receivers24h: 12, dormantDays: 200, amountUsdMinor: '90000' }, receiverSenders24h: 11 });
    fc.assert(
      fc.property(some, some, (few, more) => {
        const outcomeOf = (entries: typeof few) => decideByRules(facts, COMPLIANCE_POLICY, readyRuleSet({ label: 'x', entries })).outcome;
        expect(order[outcomeOf([...few, ...more])]).toBeGreaterThanOrEqual(order[outcomeOf(few)]);
      }),
    );
    expect(BUILT_IN_RULE_SETS.every((set) => BUILT_IN_BOOK.find(set.label) === set)).toBe(true);
  });
});
