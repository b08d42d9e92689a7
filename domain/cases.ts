/**
 * What officers may do with a case: verdicts with their closed catalogue of reasons, how pressing a case
 * is, when it is due, who must agree, and what exactly an approval approves. Pure.
 */
import { canonicalJson } from './canonical.ts';
import { type Currency, exponentOf } from './currency.ts';
import { digestOf } from './ids.ts';
import type { Money } from './money.ts';
import { convert } from './rate.ts';

export const CASE_KINDS = ['held', 'in_doubt', 'late_success', 'contradicted', 'refused'] as const;
export type CaseKind = (typeof CASE_KINDS)[number];

/** `waiting`: somebody was asked for information; officers may still decide. The last four are ends. */
export const CASE_STATUSES = ['open', 'deciding', 'waiting', 'released', 'rejected', 'withdrawn', 'resolved'] as const;
export type CaseStatus = (typeof CASE_STATUSES)[number];

/** Statuses in which a case is people's business. */
export const LIVE_CASE_STATUSES: readonly CaseStatus[] = ['open', 'deciding', 'waiting'];

/**
 * The catalogue: every verdict with the reasons it may be given for, and the sentence for each. A `held`
 * case is released, rejected, escalated, or information is asked for; a `late_success` and a `contradicted` one are
 * resolved; a `refused` one is resolved or escalated.
 */
export const CASE_REASONS = {
  release: {
    false_positive: 'The listed party is somebody else.',
    known_customer: 'The customer is known and acts as usual.',
    identity_verified: 'Documents show who the parties are.',
    information_satisfactory: 'What was answered explains the payment.',
    within_profile: 'Amount and pattern fit what is known of the customer.',
  },
  reject: {
    true_match: 'A party is the listed one.',
    suspected_fraud: 'The payment looks like fraud.',
    suspected_laundering: 'The payment looks like laundering or structuring.',
    information_missing: 'What was asked for was not answered.',
    information_unsatisfactory: 'What was answered does not explain the payment.',
    outside_risk_appetite: 'The risk is more than we take.',
  },
  request_information: {
    source_of_funds: 'Where does the money come from?',
    purpose_of_payment: 'What is the payment for?',
    relationship: 'How do sender and receiver know each other?',
    identity_document: 'A document that shows who the party is.',
    date_of_birth: 'The date of birth of the party.',
    address: 'The address of the party.',
  },
  escalate: {
    possible_true_match: 'A party may well be the listed one.',
    political_exposure: 'A party holds a public office, or is close to one who does.',
    large_amount: 'The amount asks for a senior officer.',
    unusual_pattern: 'The pattern asks for a senior officer.',
    second_opinion: 'The officer is in doubt.',
  },
  resolve: {
    entries_posted: 'The correcting entries are posted.',
    recovered: 'The money came back.',
    written_off: 'The loss is taken.',
    no_loss: 'No money was lost.',
    listed_party: 'The party is the listed one: the refusal stands, and is reported.',
    somebody_else: 'The listed party is somebody else; this payment stays refused.',
    identity_unclear: 'Who the party is could not be found out: the refusal stands.',
  },
} as const satisfies Record<string, Readonly<Record<string, string>>>;

export type CaseVerdict = keyof typeof CASE_REASONS;
export const CASE_VERDICTS = Object.keys(CASE_REASONS) as [CaseVerdict, ...CaseVerdict[]];

/** Says whether a verdict may be given for a reason. */
export function isCaseReason(verdict: CaseVerdict, reasonCode: string): boolean {
  return Object.hasOwn(CASE_REASONS[verdict], reasonCode);
}

/** Says whether a case of a kind may be given a verdict; one `in_doubt` ends by itself, and what was refused is never released. */
export function verdictApplies(kind: CaseKind, verdict: CaseVerdict): boolean {
  if (kind === 'in_doubt') return false;
  if (kind === 'refused') return verdict === 'resolve' || verdict === 'escalate';
  return (kind !== 'held') === (verdict === 'resolve');
}

/** What a refused payment is resolved for; the other reasons are about money. */
const REFUSAL_REASONS: readonly string[] = ['listed_party', 'somebody_else', 'identity_unclear'];

/** Says whether a verdict on a case of a kind may be given for a reason of that verdict. */
export function reasonApplies(kind: CaseKind, verdict: CaseVerdict, reasonCode: string): boolean {
  return verdict !== 'resolve' || (kind === 'refused') === REFUSAL_REASONS.includes(reasonCode);
}

/** Verdicts that another officer may have to join before they count. */
export const JOINED_VERDICTS: readonly CaseVerdict[] = ['release', 'resolve'];

const HOUR_MS = 3_600_000;

/** Within what time a case of a priority must be decided. The first band that fits counts. */
export const DUE_BANDS = [
  { priorityFrom: 90, dueInMs: 2 * HOUR_MS },
  { priorityFrom: 75, dueInMs: 4 * HOUR_MS },
  { priorityFrom: 50, dueInMs: 8 * HOUR_MS },
  { priorityFrom: 0, dueInMs: 24 * HOUR_MS },
] as const;

/** How long after its opening a case of a priority (0 to 100) is due, milliseconds. */
export function dueInMs(priority: number): number {
  return (DUE_BANDS.find((band) => priority >= band.priorityFrom) ?? DUE_BANDS[3]).dueInMs;
}

/** So much waiting weighs as much as one point of priority: the queue is in the order of both together. */
export const MS_PER_PRIORITY_POINT = 15 * 60_000;

/** Points of priority that an amount adds, by what it is worth in US cents. */
const AMOUNT_POINTS = [
  { usdMinorFrom: 5_000_000n, points: 20 },
  { usdMinorFrom: 1_000_000n, points: 10 },
  { usdMinorFrom: 250_000n, points: 5 },
] as const;

/** Priority of an escalated case at least. */
export const ESCALATED_PRIORITY = 90;

/** Priority of a payment refused for a listed name at least: what is frozen is told to the authority within a day in most laws. */
export const REFUSED_PRIORITY = 90;

/** A case may be put off so often, and so long at a time; its due time stays. */
export const SNOOZE_LIMITS = { count: 3, ms: 24 * HOUR_MS } as const;

/** How long information that was asked for is waited for before the case is back with the officers. */
export const INFORMATION_WAIT_MS = 72 * HOUR_MS;

/** Cases that one request for information may name. */
export const BULK_CASES_MAX = 100;

/** Who must agree, from which amount or priority on. */
export interface FourEyesRule {
  /** From this priority (0 to 100) on two officers must agree. */
  readonly fourEyesPriority: number;
  /** From this amount on, in whole US dollars, for currencies that have no amount of their own. */
  readonly fourEyesUsd: number;
  /** The same in minor units of a currency. */
  readonly fourEyesAmounts: Readonly<Partial<Record<Currency, bigint>>>;
}

/** What is known of a payment when its case is opened. */
export interface CaseRisk {
  /** What compliance says of its urgency, 0 to 100. */
  readonly priority: number;
  /** The probability that something is wrong, 0 to 1, where somebody tells one. */
  readonly riskScore: number | null;
  readonly amount: Money;
  /** Units of the amount's currency for one US dollar, times 10^12; null when no rate is known. */
  readonly perUsd: bigint | null;
}

export interface CaseOpening {
  readonly priority: number;
  readonly approvalsNeeded: 1 | 2;
  readonly dueInMs: number;
}

/** What an amount is worth in US cents, rounded up; null when no rate is known. */
export function usdMinorOf(amount: Money, perUsd: bigint | null): bigint | null {
  if (amount.currency === 'USD') return amount.minor;
  if (perUsd === null) return null;
  // One unit of the currency in US dollars is the inverse of its rate.
  const unit = 10n ** 24n / perUsd;
  return convert(amount, 'USD', unit > 0n ? unit : 1n, 'up').minor;
}

/** How pressing a new case is, when it is due, and how many officers must agree to a release. What has no known worth needs two. */
export function caseOpening(risk: CaseRisk, rule: FourEyesRule): CaseOpening {
  const usdMinor = usdMinorOf(risk.amount, risk.perUsd);
  const points = usdMinor === null ? 0 : (AMOUNT_POINTS.find((each) => usdMinor >= each.usdMinorFrom)?.points ?? 0);
  const byScore = risk.riskScore === null ? 0 : Math.round(Math.min(1, Math.max(0, risk.riskScore)) * 100);
  const priority = Math.min(100, Math.max(risk.priority, byScore) + points);
  const isLarge = reachesFourEyes(risk.amount, usdMinor, rule);
  return { priority, approvalsNeeded: isLarge || priority >= rule.fourEyesPriority ? 2 : 1, dueInMs: dueInMs(priority) };
}

function reachesFourEyes(amount: Money, usdMinor: bigint | null, rule: FourEyesRule): boolean {
  const own = rule.fourEyesAmounts[amount.currency];
  if (own !== undefined) return amount.minor >= own;
  return usdMinor === null || usdMinor >= BigInt(rule.fourEyesUsd) * 10n ** BigInt(exponentOf('USD'));
}

/** Exactly what an officer agrees to. */
export interface CaseAction {
  readonly caseId: string;
  readonly paymentId: string;
  readonly evidenceDigest: string;
  readonly verdict: CaseVerdict;
  readonly reasonCode: string;
  /** The round of asking: what was agreed in an earlier one counts for nothing. */
  readonly round: number;
}

/** SHA-256 of the canonical JSON of an action, hex. The database makes the same (`case_action_digest`). */
export function actionDigest({ caseId, paymentId, evidenceDigest, verdict, reasonCode, round }: CaseAction): string {
  return digestOf(canonicalJson({ caseId, paymentId, evidenceDigest, verdict, reasonCode, round }));
}
