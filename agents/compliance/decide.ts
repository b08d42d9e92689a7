/**
 * The compliance verdict of one payment: clear, flag (people decide) or block.
 *
 * Pure. Every rule is looked at, and the strictest one wins, so more facts against a payment never make
 * the verdict milder. What people released stays released for the rules they saw, and for no others; a
 * block is never released.
 */
import type { Currency } from '../../domain/currency.ts';
import type { Reason, Verdict } from '../../domain/decision.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import { formatAmount, money } from '../../domain/money.ts';
import type { ComplianceFacts, HitFacts, PartyFacts } from './facts.ts';
import type { CompliancePolicy, FlagRule } from './policy.ts';

export type ComplianceOutcome = 'clear' | 'flag' | 'block';

export type ComplianceData = {
  /** The code of the error catalogue that the client of a blocked or flagged payment is told; null for a clear one. A flag says no more than that people look. */
  readonly reasonCode: ErrorCode | null;
  /** How urgent the case is, 0 to 100; 0 when there is none. */
  readonly priority: number;
  readonly listVersion: string;
  readonly hits: readonly HitFacts[];
  /** Every rule that spoke against the payment, with what it spoke about: `kyc_none:sender`. */
  readonly rules: readonly string[];
};

export type ComplianceVerdict = Verdict<ComplianceOutcome, ComplianceData>;

/** What one rule found. `rule` is unique per subject, so that a release can name it. */
type Finding =
  | {
      readonly effect: 'block';
      readonly rule: string;
      readonly code: 'sanctions_match' | 'compliance_refused' | 'limit_exceeded';
      readonly text: string;
    }
  | { readonly effect: 'flag'; readonly rule: string; readonly code: FlagRule; readonly text: string }
  | { readonly effect: 'note'; readonly code: string; readonly text: string };

/** Which refusal is told when several apply. */
const BLOCK_ORDER = ['sanctions_match', 'compliance_refused', 'limit_exceeded'] as const;

function sanctionsFindings(facts: ComplianceFacts, policy: CompliancePolicy): Finding[] {
  const found = facts.hits.map((hit) => hitFinding(hit, policy));
  const sample: Finding = {
    effect: 'note',
    code: 'sanctions_sample',
    text: 'Screened against the built-in sample only, which lists nobody real.',
  };
  return facts.listSample ? [...found, sample] : found;
}

function hitFinding(hit: HitFacts, policy: CompliancePolicy): Finding {
  const subject = `${hit.party}:${hit.list}/${hit.entryId}`;
  const entry = `entry ${hit.entryId} of ${hit.list}`;
  const note = (code: string, text: string): Finding => ({ effect: 'note', code, text });
  if (hit.weak) return note('sanctions_weak_alias', `The ${hit.party} bears a weak alias of ${entry}; no ground by itself.`);
  if (hit.topic === 'pep') {
    return note('pep_possible', `The ${hit.party} may hold a public office: ${entry}, score ${hit.score.toFixed(2)}.`);
  }
  if (hit.how === 'exact' && hit.topic !== 'restriction') {
    const text = `The ${hit.party} bears the name of ${entry}.`;
    return { effect: 'block', rule: `sanctions_match:${subject}`, code: 'sanctions_match', text };
  }
  if (hit.how === 'similar' && hit.score < policy.screening.reviewScore) {
    return note(
      'sanctions_distant_match',
      `The ${hit.party} is somewhat like ${entry}, score ${hit.score.toFixed(2)}; no ground by itself.`,
    );
  }
  return { effect: 'flag', rule: `sanctions_possible_match:${subject}`, code: 'sanctions_possible_match', text: possibleMatch(hit, entry) };
}

function possibleMatch(hit: HitFacts, entry: string): string {
  if (hit.how === 'normalised') return `The ${hit.party} may be ${entry}: same words, but a single one or another order or title.`;
  if (hit.how === 'exact') return `The ${hit.party} bears the name of ${entry}, which is restricted without being frozen.`;
  return `The ${hit.party} may be ${entry}: similar names, score ${hit.score.toFixed(2)}.`;
}

function partyFindings(role: 'sender' | 'receiver', party: PartyFacts): Finding[] {
  const found: Finding[] = [];
  const refuse = (rule: string, text: string): void =>
    void found.push({ effect: 'block', rule: `${rule}:${role}`, code: 'compliance_refused', text });
  if (party.nameWords === 0) refuse('name_missing', `The name of the ${role} is missing or cannot be read.`);
  if (!party.phoneGiven) refuse('account_missing', `The wallet number of the ${role} is missing.`);
  if (party.kycStatus === 'rejected') refuse('kyc_rejected', `The identity of the ${role} was checked and rejected.`);
  if (party.kycStatus === 'none') {
    found.push({ effect: 'flag', rule: `kyc_none:${role}`, code: 'kyc_none', text: `The identity of the ${role} was never checked.` });
  }
  if (party.nameObscured) {
    const text = `The name of the ${role} hides letters or mixes scripts.`;
    found.push({ effect: 'flag', rule: `name_obscured:${role}`, code: 'name_obscured', text });
  }
  return found;
}

function limitFindings(facts: ComplianceFacts): Finding[] {
  const { payment, limits, history } = facts;
  const found: Finding[] = [];
  const check = (rule: string, amountMinor: string, limitMinor: string | null, currency: string, what: string): void => {
    if (limitMinor === null || BigInt(amountMinor) <= BigInt(limitMinor)) return;
    const limit = formatAmount(money(BigInt(limitMinor), currency as Currency));
    found.push({ effect: 'block', rule, code: 'limit_exceeded', text: `${what} would pass ${limit} ${currency}.` });
  };
  const tier = `tier ${limits.tier ?? '-'} in ${limits.country}`;
  check('limit_single', payment.amountMinor, limits.singleMinor, payment.currency, `One payment of a sender of ${tier}`);
  check('limit_daily', history.sum24hMinor, limits.dailyMinor, payment.currency, `24 hours of a sender of ${tier}`);
  check('limit_monthly', history.sum30dMinor, limits.monthlyMinor, payment.currency, `30 days of a sender of ${tier}`);
  if (limits.dailyCount !== null && history.count24h > limits.dailyCount) {
    const text = `24 hours of a sender of ${tier} would pass ${limits.dailyCount} payments.`;
    found.push({ effect: 'block', rule: 'limit_daily_count', code: 'limit_exceeded', text });
  }
  if (payment.targetMinor !== null) {
    check('limit_receiver_balance', payment.targetMinor, facts.receiverBalanceMinor, payment.targetCurrency, "The receiver's wallet");
  }
  return found;
}

function behaviourFindings(facts: ComplianceFacts, policy: CompliancePolicy): Finding[] {
  const { history } = facts;
  const found: Finding[] = [];
  const flag = (rule: FlagRule, subject: string, text: string): void =>
    void found.push({ effect: 'flag', rule: subject === '' ? rule : `${rule}:${subject}`, code: rule, text });
  if (history.count1h >= policy.velocity.count1h) flag('velocity_count_1h', '', `${history.count1h} payments of the sender in one hour.`);
  if (history.count24h >= policy.velocity.count24h)
    flag('velocity_count_24h', '', `${history.count24h} payments of the sender in 24 hours.`);
  if (history.truncated) flag('history_truncated', '', 'The sender has more payments in 30 days than are looked at.');
  for (const threshold of facts.thresholds) {
    const passes = (count: number, sumMinor: string): boolean =>
      threshold.inBand && count >= policy.structuring.count && BigInt(sumMinor) >= BigInt(threshold.thresholdMinor);
    const day = passes(threshold.count24h, threshold.sum24hMinor);
    if (!day && !passes(threshold.count7d, threshold.sum7dMinor)) continue;
    const figures = day ? `${threshold.count24h} payments in 24 hours` : `${threshold.count7d} payments in 7 days`;
    flag('structuring', threshold.id, `${figures}, each just below the threshold ${threshold.id}, pass it together.`);
  }
  if (facts.receiverSenders24h >= policy.fanIn.senders24h) {
    flag('fan_in', '', `${facts.receiverSenders24h} different people pay the receiver within 24 hours.`);
  }
  return found;
}

function geographyFindings(facts: ComplianceFacts): Finding[] {
  const { fatf, payment, thresholds } = facts;
  const found = (['from', 'to'] as const).flatMap((side): Finding[] => {
    const country = side === 'from' ? payment.fromCountry : payment.toCountry;
    const source = `the FATF's list of ${fatf.asOf}`;
    if (fatf[side] === 'black') {
      const rule = `fatf_call_for_action:${country}`;
      return [{ effect: 'block', rule, code: 'compliance_refused', text: `${country} is under a call for action on ${source}.` }];
    }
    if (fatf[side] === 'none') return [];
    return [{ effect: 'note', code: 'fatf_increased_monitoring', text: `${country} is under increased monitoring on ${source}.` }];
  });
  if (!reachesTravelRule(facts)) return found;
  const threshold = thresholds.find((each) => each.id === 'travel_rule')?.thresholdMinor ?? '0';
  const limit = formatAmount(money(BigInt(threshold), payment.currency as Currency));
  return [
    ...found,
    { effect: 'note', code: 'travel_rule', text: `From ${limit} ${payment.currency} on, full data of both parties travels along.` },
  ];
}

function reachesTravelRule(facts: ComplianceFacts): boolean {
  const threshold = facts.thresholds.find((each) => each.id === 'travel_rule');
  return threshold !== undefined && BigInt(facts.payment.amountMinor) >= BigInt(threshold.thresholdMinor);
}

/** How urgent a case is: its gravest rule, a little more for each further one and for a large amount. */
function priorityOf(flags: readonly { readonly code: FlagRule }[], facts: ComplianceFacts, policy: CompliancePolicy): number {
  if (flags.length === 0) return 0;
  const gravest = Math.max(...flags.map((flag) => policy.priority[flag.code]));
  const further = policy.priorityPerFurtherRule * (flags.length - 1);
  return Math.min(100, gravest + further + (reachesTravelRule(facts) ? policy.priorityAboveTravelRule : 0));
}

function reasonOf(finding: Finding): Reason {
  return { code: finding.code, text: finding.text };
}

/** Decides one payment from its facts by a policy. Reasons: the grounds of the outcome first, then what else was found. */
export function decideCompliance(facts: ComplianceFacts, policy: CompliancePolicy): ComplianceVerdict {
  const findings = [
    ...sanctionsFindings(facts, policy),
    ...partyFindings('sender', facts.sender),
    ...partyFindings('receiver', facts.receiver),
    ...geographyFindings(facts),
    ...limitFindings(facts),
    ...behaviourFindings(facts, policy),
  ];
  const blocks = findings
    .filter((each) => each.effect === 'block')
    .sort((a, b) => BLOCK_ORDER.indexOf(a.code) - BLOCK_ORDER.indexOf(b.code));
  const flags = findings.filter((each) => each.effect === 'flag').sort((a, b) => policy.priority[b.code] - policy.priority[a.code]);
  const notes = findings.filter((each) => each.effect === 'note');
  const unseen = flags.filter((each) => facts.released?.rules.includes(each.rule) !== true);
  const outcome: ComplianceOutcome = blocks.length > 0 ? 'block' : unseen.length > 0 ? 'flag' : 'clear';
  const verdictOf = (reasons: readonly Reason[], confidence: number): ComplianceVerdict => ({
    outcome,
    reasons,
    confidence,
    data: {
      reasonCode: blocks[0]?.code ?? (outcome === 'flag' ? 'compliance_review' : null),
      priority: outcome === 'flag' ? priorityOf(unseen, facts, policy) : 0,
      listVersion: facts.listVersion,
      hits: facts.hits,
      rules: [...blocks, ...flags].map((each) => each.rule),
    },
  });
  if (outcome === 'block') return verdictOf([...blocks, ...flags, ...notes].map(reasonOf), 1);
  const scores = facts.hits.filter((hit) => !hit.weak).map((hit) => hit.score);
  if (outcome === 'flag') return verdictOf([...unseen, ...notes].map(reasonOf), Math.max(0, ...scores) || 1);
  const released = facts.released !== null && flags.length > 0 ? [releasedReason(facts.released.caseId)] : [];
  const grounds = released.length > 0 ? [...released, ...flags.map(reasonOf)] : [CLEAR];
  return verdictOf([...grounds, ...notes.map(reasonOf)], 1);
}

const CLEAR: Reason = { code: 'nothing_found', text: 'No listed party, no limit and no pattern stands against the payment.' };

function releasedReason(caseId: string): Reason {
  return { code: 'released_by_case', text: `People released the payment from case ${caseId}, having seen these grounds.` };
}
