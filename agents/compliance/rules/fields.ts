/**
 * What a rule may speak of: every field of the facts that has a name in the rule language, with its kind.
 *
 * The list is closed. A field is read from facts and from nothing else, so a rule can be tried again on any
 * decision that was ever logged; a fact that an earlier decision did not have reads as zero or as unknown.
 */
import type { ComplianceFacts, HitFacts, Signals, ThresholdFacts } from '../facts.ts';

/**
 * `count`: a whole number · `share`: basis points · `score`: 0 to 1 · `source`: minor units of the sender's currency ·
 * `target`: minor units of the receiver's · `usd`: US cents · `word` · `flag`: true or false.
 */
export type FieldKind = 'count' | 'share' | 'score' | 'source' | 'target' | 'usd' | 'word' | 'flag';

/** What a field can hold; null: not known, and then no comparison holds. Money is a decimal string of minor units. */
export type FieldValue = number | string | boolean | null;

export interface Field {
  readonly kind: FieldKind;
  readonly about: string;
  /** `threshold` is there in rules that look at each threshold, and only there. */
  readonly read: (facts: ComplianceFacts, threshold: ThresholdFacts | null) => FieldValue;
}

function field(kind: FieldKind, about: string, read: Field['read']): Field {
  return { kind, about, read };
}

function signal(kind: FieldKind, about: string, read: (signals: Signals) => FieldValue | undefined): Field {
  const none: FieldValue = kind === 'flag' ? false : kind === 'source' || kind === 'target' || kind === 'usd' ? '0' : 0;
  return field(kind, about, (facts) => (facts.signals === undefined ? none : (read(facts.signals) ?? none)));
}

/** The hit that says most, weak aliases and those that officers cleared left aside; null: there is none. */
function topHit(facts: ComplianceFacts, isMeant: (hit: HitFacts) => boolean = () => true): HitFacts | null {
  return facts.hits.reduce<HitFacts | null>(
    (top, hit) => (hit.weak || hit.cleared !== undefined || !isMeant(hit) || (top !== null && top.score >= hit.score) ? top : hit),
    null,
  );
}

/** An office holder of a similar name who was born far from when the party was is somebody else. */
const isPep = (hit: HitFacts): boolean => hit.topic === 'pep' && !(hit.how === 'similar' && hit.agreement?.birth === 'far_apart');

const FIELD_LIST = {
  'payment.amount': field('source', 'what the sender pays in all', (facts) => facts.payment.amountMinor),
  'payment.amountUsd': field('usd', 'the same in US dollars', (facts) => facts.signals?.amountUsdMinor ?? null),
  'payment.target': field('target', 'what the receiver gets', (facts) => facts.payment.targetMinor),
  'payment.currency': field('word', "the sender's currency", (facts) => facts.payment.currency),
  'payment.targetCurrency': field('word', "the receiver's currency", (facts) => facts.payment.targetCurrency),
  'payment.fromCountry': field('word', "the sender's country", (facts) => facts.payment.fromCountry),
  'payment.toCountry': field('word', "the receiver's country", (facts) => facts.payment.toCountry),
  'payment.isRound': signal('flag', 'the amount has at most two digits that are not zeros behind them', (signals) => signals.isRound),
  'sender.kycStatus': field('word', 'none, basic, verified or rejected', (facts) => facts.sender.kycStatus),
  'sender.kycTier': field('count', "tier by the country's own scheme, 0 the lowest", (facts) => facts.sender.kycTier),
  'receiver.kycStatus': field('word', 'none, basic, verified or rejected', (facts) => facts.receiver.kycStatus),
  'receiver.kycTier': field('count', "tier by the country's own scheme, 0 the lowest", (facts) => facts.receiver.kycTier),
  'limits.country': field('word', 'whose limits count for the sender', (facts) => facts.limits.country),
  'limits.tier': field('count', 'the tier whose limits count', (facts) => facts.limits.tier),
  'limits.single': field('source', 'most of one payment', (facts) => facts.limits.singleMinor),
  'limits.daily': field('source', 'most of 24 hours', (facts) => facts.limits.dailyMinor),
  'limits.monthly': field('source', 'most of 30 days', (facts) => facts.limits.monthlyMinor),
  'limits.dailyCount': field('count', 'most payments of 24 hours', (facts) => facts.limits.dailyCount),
  'limits.receiverBalance': field('target', "most that the receiver's wallet may hold", (facts) => facts.receiverBalanceMinor),
  'sender.count1h': field('count', 'payments of the sender in one hour, this one included', (facts) => facts.history.count1h),
  'sender.count24h': field('count', 'the same in 24 hours', (facts) => facts.history.count24h),
  'sender.sum24h': field('source', 'sum of 24 hours, this payment included', (facts) => facts.history.sum24hMinor),
  'sender.sum7d': field('source', 'sum of 7 days', (facts) => facts.history.sum7dMinor),
  'sender.sum30d': field('source', 'sum of 30 days', (facts) => facts.history.sum30dMinor),
  'sender.historyCut': field('flag', 'there are more payments than are looked at', (facts) => facts.history.truncated),
  'sender.receivers24h': signal('count', 'different people the sender pays in 24 hours', (signals) => signals.receivers24h ?? 1),
  'sender.roundOfLast5': signal('count', 'round amounts among the last five payments', (signals) => signals.roundOfLast5),
  'sender.dormantDays': signal('count', 'days since the payment before, from 30 on', (signals) => signals.dormantDays),
  'sender.ageDays': field('count', 'days since the sender was first seen', (facts) => facts.signals?.senderAgeDays ?? null),
  'sender.amountToMean': signal(
    'share',
    'the amount against the mean of 30 days, from 3 payments on',
    (signals) => signals.amountToMeanBps,
  ),
  'sender.received24h': signal('source', 'what the sender was paid in 24 hours', (signals) => signals.received24hMinor),
  'sender.passThrough': signal('share', 'what went out since the first of it came in, against it', (signals) => signals.passThroughBps),
  'sender.minutesSinceReceived': field(
    'count',
    'minutes since the last of it came in',
    (facts) => facts.signals?.minutesSinceReceived ?? null,
  ),
  'receiver.senders24h': field('count', 'different people who pay the receiver in 24 hours', (facts) => facts.receiverSenders24h),
  'receiver.isNew': signal('flag', 'the sender did not pay this receiver in 30 days', (signals) => signals.isNewReceiver),
  'receiver.bandCount24h': signal(
    'count',
    'payments to the receiver in 24 hours just below the travel rule',
    (signals) => signals.bandToReceiver24h,
  ),
  'receiver.bandSum24h': signal('source', 'their sum', (signals) => signals.bandSumToReceiver24hMinor),
  'corridor.risk': signal('count', 'risk of the two countries, 0 to 100', (signals) => signals.corridorRisk),
  'screening.isPep': field('flag', 'a party may hold a public office, however far the names are', (facts) => topHit(facts, isPep) !== null),
  'screening.pepScore': field('score', 'the best match with an office holder', (facts) => topHit(facts, isPep)?.score ?? null),
  'screening.topScore': field('score', 'the best match with any list', (facts) => topHit(facts)?.score ?? null),
  'screening.topic': field('word', 'of that match: none, sanction, restriction or pep', (facts) => {
    const top = topHit(facts);
    return top === null ? 'none' : (top.topic ?? 'sanction');
  }),
  'fatf.from': field('word', "the FATF on the sender's country: none, grey, black", (facts) => facts.fatf.from),
  'fatf.to': field('word', "the FATF on the receiver's country", (facts) => facts.fatf.to),
  'travelRule.missing': signal(
    'count',
    'data of the travel rule that lacks, where it applies',
    (signals) => signals.travelRuleMissing?.length,
  ),
  'travelRule.missingNext': signal(
    'count',
    'data that lacks by the text of the travel rule that comes next, where it applies',
    (signals) => signals.travelRuleMissingNext?.length,
  ),
  'travelRule.isUnverified': signal(
    'flag',
    "the travel rule applies and the sender's identity is not verified",
    (signals) => signals.isOriginatorUnverified,
  ),
  'risk.score': field('score', 'the risk model: chance that the payment is fraud', (facts) => facts.risk?.score ?? null),
  'threshold.id': field('word', 'which threshold', (_, threshold) => threshold?.id ?? null),
  'threshold.amount': field('source', 'the threshold', (_, threshold) => threshold?.thresholdMinor ?? null),
  'threshold.inBand': field('flag', 'the amount is just below it', (_, threshold) => threshold?.inBand ?? null),
  'threshold.count24h': field('count', 'payments just below it in 24 hours', (_, threshold) => threshold?.count24h ?? null),
  'threshold.sum24h': field('source', 'their sum', (_, threshold) => threshold?.sum24hMinor ?? null),
  'threshold.count7d': field('count', 'payments just below it in 7 days', (_, threshold) => threshold?.count7d ?? null),
  'threshold.sum7d': field('source', 'their sum', (_, threshold) => threshold?.sum7dMinor ?? null),
} satisfies Record<string, Field>;

export type FieldName = keyof typeof FIELD_LIST;

/** Every field by its name. */
export const FIELDS: Readonly<Record<FieldName, Field>> = FIELD_LIST;

export const FIELD_NAMES = Object.keys(FIELD_LIST) as readonly FieldName[];

export function isFieldName(text: string): text is FieldName {
  return Object.hasOwn(FIELD_LIST, text);
}

/** Whether two fields can be held against each other: amounts of one currency, or numbers of one kind. */
export function areComparable(one: FieldName, other: FieldName): boolean {
  return FIELDS[one].kind === FIELDS[other].kind;
}
