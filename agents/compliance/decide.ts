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
import type { RuleFinding } from './rules/evaluate.ts';
import { BUILT_IN_BOOK, type ReadyRuleSet, type RuleBook, RULES_BEFORE_SETS, ruleSetOf, type ShadowFinding } from './rules/rule-set.ts';

export type ComplianceOutcome = 'clear' | 'flag' | 'block';

export type ComplianceData = {
  /** The code of the error catalogue that the client of a blocked or flagged payment is told; null for a clear one. A flag says no more than that people look. */
  readonly reasonCode: ErrorCode | null;
  /** How urgent the case is, 0 to 100; 0 when there is none. */
  readonly priority: number;
  /** A senior officer is asked for from the start; left out where not. */
  readonly escalates?: true;
  readonly listVersion: string;
  readonly hits: readonly HitFacts[];
  /** Every rule that spoke against the payment, with what it spoke about: `kyc_none:sender`. */
  readonly rules: readonly string[];
  /** What the rules in shadow would have found; it had no part in the outcome. */
  readonly shadow: readonly ShadowFinding[];
  readonly ruleSet: string;
};

export type ComplianceVerdict = Verdict<ComplianceOutcome, ComplianceData>;

type Refusal = 'sanctions_match' | 'compliance_refused' | 'limit_exceeded';

/** What one rule found. `rule` is unique per subject, so that a release can name it. */
type Finding =
  | {
      readonly effect: 'block';
      readonly rule: string;
      readonly code: Refusal;
      readonly text: string;
    }
  | {
      readonly effect: 'flag';
      readonly rule: string;
      readonly code: string;
      readonly text: string;
      readonly priority: number;
      readonly escalates?: boolean;
    }
  | { readonly effect: 'note'; readonly code: string; readonly text: string };

/** Which refusal is told when several apply. */
const BLOCK_ORDER: readonly Refusal[] = ['sanctions_match', 'compliance_refused', 'limit_exceeded'];

function sanctionsFindings(facts: ComplianceFacts, policy: CompliancePolicy): Finding[] {
  const found = facts.hits.map((hit) => sparedBy(hit, hitFinding(hit, policy)));
  const sample: Finding = {
    effect: 'note',
    code: 'sanctions_sample',
    text: 'Screened against the built-in sample only, which lists nobody real.',
  };
  return facts.listSample ? [...found, sample] : found;
}

/** What officers looked at and said of the same person and entry spares a payment what it would be held for; what it would be refused for, if two said so. */
function sparedBy(hit: HitFacts, finding: Finding): Finding {
  const { cleared } = hit;
  if (finding.effect === 'note' || cleared === undefined || (finding.effect === 'block' && cleared.officers < 2)) return finding;
  const text = `Officers said in case ${cleared.caseId} that the ${hit.party} is not entry ${hit.entryId} of ${hit.list}; it counts until ${cleared.until}.`;
  return { effect: 'note', code: 'sanctions_cleared', text };
}

function hitFinding(hit: HitFacts, policy: CompliancePolicy): Finding {
  const subject = `${hit.party}:${hit.list}/${hit.entryId}`;
  const entry = `entry ${hit.entryId} of ${hit.list}`;
  const note = (code: string, text: string): Finding => ({ effect: 'note', code, text });
  const second = secondIdentifiers(hit);
  if (hit.weak && second !== 'agree')
    return note('sanctions_weak_alias', `The ${hit.party} bears a weak alias of ${entry}; no ground by itself.`);
  if (hit.topic === 'pep') {
    return note('pep_possible', `The ${hit.party} may hold a public office: ${entry}, score ${hit.score.toFixed(2)}.`);
  }
  if (hit.how === 'exact' && !hit.weak && hit.topic !== 'restriction' && second !== 'differ') {
    const text = `The ${hit.party} bears the name of ${entry}.`;
    return { effect: 'block', rule: `sanctions_match:${subject}`, code: 'sanctions_match', text };
  }
  if (hit.how === 'similar' && hit.score < policy.screening.reviewScore) {
    const why = second === 'differ' ? ' once the dates of birth are compared' : '';
    return note(
      'sanctions_distant_match',
      `The ${hit.party} is somewhat like ${entry}, score ${hit.score.toFixed(2)}${why}; no ground by itself.`,
    );
  }
  const flag = flagOf('sanctions_possible_match', subject, `${possibleMatch(hit, entry)}${SECOND_WORDS[second]}`, policy);
  return second === 'agree' ? { ...flag, escalates: true } : flag;
}

/**
 * What else is known of both: the same day of birth or document makes a name count for more; years between the births make a whole
 * name a matter for people. A client says what is known of its customers, so nothing of it clears the name of a listed party.
 */
function secondIdentifiers({ agreement }: Pick<HitFacts, 'agreement'>): 'agree' | 'differ' | 'open' {
  if (agreement?.birth === 'same_day' || agreement?.document === 'same') return 'agree';
  return agreement?.birth === 'years_apart' || agreement?.birth === 'far_apart' ? 'differ' : 'open';
}

/** Whether people must look at a hit, whatever holds or blocks its payment; of an office holder too, whose payments a rule speaks of. */
export function isForPeople(hit: Pick<HitFacts, 'agreement' | 'how' | 'score' | 'topic' | 'weak'>, policy: CompliancePolicy): boolean {
  if (hit.weak && secondIdentifiers(hit) !== 'agree') return false;
  return (hit.how !== 'similar' && hit.topic !== 'pep') || hit.score >= policy.screening.reviewScore;
}

const SECOND_WORDS: Readonly<Record<ReturnType<typeof secondIdentifiers>, string>> = {
  agree: ' The day of birth or the document is the same.',
  differ: ' The dates of birth lie years apart.',
  open: '',
};

function flagOf(code: FlagRule, subject: string, text: string, policy: CompliancePolicy): Extract<Finding, { effect: 'flag' }> {
  return { effect: 'flag', rule: `${code}:${subject}`, code, text, priority: policy.priority[code] };
}

function possibleMatch(hit: HitFacts, entry: string): string {
  if (hit.how === 'normalised' && !hit.weak)
    return `The ${hit.party} may be ${entry}: same words, but a single one or another order or title.`;
  if (hit.weak) return `The ${hit.party} bears a weak alias of ${entry}.`;
  if (hit.how === 'exact') {
    return `The ${hit.party} bears the name of ${entry}${hit.topic === 'restriction' ? ', which is restricted without being frozen' : ''}.`;
  }
  return `The ${hit.party} may be ${entry}: similar names, score ${hit.score.toFixed(2)}.`;
}

function partyFindings(role: 'sender' | 'receiver', party: PartyFacts, policy: CompliancePolicy): Finding[] {
  const found: Finding[] = [];
  const refuse = (rule: string, text: string): void =>
    void found.push({ effect: 'block', rule: `${rule}:${role}`, code: 'compliance_refused', text });
  if (party.nameWords === 0) refuse('name_missing', `The name of the ${role} is missing or cannot be read.`);
  if (!party.phoneGiven) refuse('account_missing', `The wallet number of the ${role} is missing.`);
  if (party.kycStatus === 'rejected') refuse('kyc_rejected', `The identity of the ${role} was checked and rejected.`);
  if (party.kycStatus === 'none') found.push(flagOf('kyc_none', role, `The identity of the ${role} was never checked.`, policy));
  const obscured = obscuredText(role, party);
  if (obscured !== null) found.push(flagOf('name_obscured', role, obscured, policy));
  return found;
}

/** What keeps a name from being held against the lists as it is read: people look at it. */
function obscuredText(role: 'sender' | 'receiver', party: PartyFacts): string | null {
  if (party.nameUnscreened === 'none') return `Nothing in the name of the ${role} can be held against the lists.`;
  if (party.nameUnscreened === 'part') return `The name of the ${role} is so long that only a part was held against the lists.`;
  return party.nameObscured ? `The name of the ${role} hides letters or mixes scripts.` : null;
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

/** How urgent a case is: its gravest rule, a little more for each further one, for a large amount and for a high risk score. */
function priorityOf(flags: readonly { readonly priority: number }[], facts: ComplianceFacts, policy: CompliancePolicy): number {
  if (flags.length === 0) return 0;
  const gravest = Math.max(...flags.map((flag) => flag.priority));
  const further = policy.priorityPerFurtherRule * (flags.length - 1);
  const risk = Math.round(policy.priorityOfRisk * (facts.risk?.score ?? 0));
  return Math.min(100, gravest + further + risk + (reachesTravelRule(facts) ? policy.priorityAboveTravelRule : 0));
}

/** What the rules of a set found, as grounds of a verdict. */
function ruleFindings(facts: ComplianceFacts, rules: ReadyRuleSet): Finding[] {
  const found: RuleFinding[] = [];
  rules.askLive(facts, found);
  return found.map((each): Finding => {
    if (each.effect === 'block') return { effect: 'block', rule: each.rule, code: each.code as Refusal, text: each.text };
    if (each.effect === 'flag')
      return { effect: 'flag', rule: each.rule, code: each.code, text: each.text, priority: each.priority, escalates: each.escalates };
    return { effect: 'note', code: each.code, text: each.text };
  });
}

function reasonOf(finding: Finding): Reason {
  return { code: finding.code, text: finding.text };
}

/**
 * Decides one payment from its facts, by a policy and the rule set that the facts name. Reasons: the grounds of the
 * outcome first, then what else was found. Throws `internal` when the book does not have that set.
 */
export function decideCompliance(facts: ComplianceFacts, policy: CompliancePolicy, book: RuleBook = BUILT_IN_BOOK): ComplianceVerdict {
  return decideByRules(facts, policy, ruleSetOf(book, facts.ruleSet ?? RULES_BEFORE_SETS));
}

/** The same by rules of one's choice, whatever set the facts name: what a change of the rules would have done. */
export function decideByRules(facts: ComplianceFacts, policy: CompliancePolicy, rules: ReadyRuleSet): ComplianceVerdict {
  const findings = [
    ...sanctionsFindings(facts, policy),
    ...partyFindings('sender', facts.sender, policy),
    ...partyFindings('receiver', facts.receiver, policy),
    ...geographyFindings(facts),
    ...ruleFindings(facts, rules),
  ];
  const blocks = findings
    .filter((each) => each.effect === 'block')
    .sort((a, b) => BLOCK_ORDER.indexOf(a.code) - BLOCK_ORDER.indexOf(b.code));
  const flags = findings.filter((each) => each.effect === 'flag').sort((a, b) => b.priority - a.priority);
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
      ...(outcome === 'flag' && unseen.some((flag) => flag.escalates === true) ? { escalates: true as const } : {}),
      listVersion: facts.listVersion,
      hits: facts.hits,
      rules: [...blocks, ...flags].map((each) => each.rule),
      shadow: rules.askShadow(facts),
      ruleSet: rules.label,
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
