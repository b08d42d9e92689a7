/**
 * The facts of a cohort: who pays whom, what the lists say of their names, and what they paid lately.
 *
 * Names are decrypted here, screened, and forgotten; facts hold only what was found. Payments of one cohort
 * see each other in the order in which they were accepted; one that this very cohort refuses does not count.
 */
import type { Queryable } from '../../db/connect.ts';
import type { Parties, Person, PersonKeys } from '../../db/person-keys.ts';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { money } from '../../domain/money.ts';
import { dayOf } from '../../domain/network.ts';
import { storedDetails } from '../../domain/party.ts';
import { type TravelRuleGaps, travelRuleGaps } from '../../domain/travel-rule.ts';
import type { SanctionsList } from '../../tools/sanctions/list.ts';
import { normaliseName } from '../../tools/sanctions/name.ts';
import { comparedOf } from '../../tools/sanctions/screening/compare.ts';
import { inTurns } from '../../tools/turns.ts';
import type { WorkItem } from '../agent.ts';
import { decideByRules } from './decide.ts';
import type { ComplianceFacts, HitFacts, LimitFacts, PartyFacts, Signals } from './facts.ts';
import { compareAccepted, HISTORY_MS, isInBand, type PastPayment, senderFacts, sendersWithinDay, thresholdFacts } from './history.ts';
import { type FourEyesDeps, gatherHits, withoutScantWord } from './hits.ts';
import {
  type CompliancePolicy,
  corridorRisk,
  fatfStanding,
  type ReportingThreshold,
  reportingThresholds,
  type TierLimits,
  tierLimits,
  type UsdRates,
  usdCents,
} from './policy.ts';
import {
  type HistoryRequest,
  type PartyRow,
  readFlaggedRules,
  readLastBefore,
  readParties,
  readReceived,
  readSent,
  type UserHistory,
} from './queries.ts';
import { riskInputOf } from './risk/input.ts';
import type { RiskModel } from './risk/model.ts';
import type { ReadyRuleSet } from './rules/rule-set.ts';
import type { LiveRules } from './rules/live.ts';
import { signalsOf } from './signals.ts';

export interface ComplianceDeps extends FourEyesDeps {
  readonly db: Queryable;
  /** Opens the parties of payments. */
  readonly keyring: { readonly people: Pick<PersonKeys, 'openParties'> };
  readonly sanctions: SanctionsList;
  /** Units of each currency for one USD, times 10^12, for thresholds stated in USD; without it dated reference rates are used. */
  readonly usdRates?: () => Promise<UsdRates>;
}

/** By what the facts are looked at: the policy, the rules that are in force, and the risk model. */
export interface Lenses {
  readonly policy: CompliancePolicy;
  readonly rules: LiveRules;
  readonly risk: RiskModel;
}

/** Everything that was read for a cohort. */
interface Readings {
  readonly parties: ReadonlyMap<string, PartyRow>;
  /** When those senders paid last who were there before the window. */
  readonly lastBefore: ReadonlyMap<string, number>;
  readonly rates: UsdRates;
  readonly ruleSet: ReadyRuleSet;
  readonly sent: ReadonlyMap<string, UserHistory>;
  readonly received: ReadonlyMap<string, UserHistory>;
  readonly flaggedRules: ReadonlyMap<string, readonly string[]>;
  /** What was made before for the same: payments share what is said of them alike. The first word says what it is, and how many follow. */
  readonly alike: <T>(same: readonly unknown[], make: () => T) => T;
  /** The lists that the whole cohort is screened against; a new edition may take their place at any moment. */
  readonly sanctions: SanctionsList;
}

/** Gathers facts for every item, in the order of the items. Throws when a payment of the cohort is not stored. */
export async function gatherCompliance(deps: ComplianceDeps, lenses: Lenses, items: readonly WorkItem[]): Promise<ComplianceFacts[]> {
  if (items.length === 0) return [];
  const readings = await read(deps, lenses, items);
  const opened = await openAll(
    deps,
    items.map((item) => rowOf(readings, item)),
  );
  const hits = await gatherHits(deps, readings.sanctions, lenses.policy, items, opened);
  const decide = (facts: ComplianceFacts) => decideByRules(facts, lenses.policy, readings.ruleSet);
  const refused = new Set<string>();
  const isMetAgain = peopleMetAgain(items);
  const order = items.map((item, index) => ({ item, index })).sort((a, b) => compareAccepted(pastOf(a.item), pastOf(b.item)));
  const facts: ComplianceFacts[] = [];
  await inTurns(order, ({ item, index }) => {
    const found = factsOf(lenses, readings, item, opened[index] ?? NOBODY, hits[index] ?? [], refused);
    const itemFacts = withoutScantWord(found, money(item.payment.amountMinor, item.payment.fromCurrency), deps, decide);
    // The rows of this cohort are still `accepted` in the database, whatever is about to be decided. Only who is met again sees of it.
    if (isMetAgain(item) && decide(itemFacts).outcome === 'block') refused.add(item.payment.id);
    facts[index] = itemFacts;
  });
  return facts;
}

/** Whether a payment is in the history of another one of the cohort: somebody who has a part in it has a part in that, too. */
function peopleMetAgain(items: readonly WorkItem[]): (item: WorkItem) => boolean {
  const times = new Map<string, number>();
  const people = ({ payment: { senderId, receiverId } }: WorkItem): readonly string[] => [senderId, receiverId];
  for (const item of items) for (const person of people(item)) times.set(person, (times.get(person) ?? 0) + 1);
  return (item) => people(item).some((person) => (times.get(person) ?? 0) > 1);
}

/** One round trip per source; only senders who were there before the window are asked about again. */
async function read(deps: ComplianceDeps, { rules }: Lenses, items: readonly WorkItem[]): Promise<Readings> {
  const payments = items.map((item) => item.payment);
  const released = payments.filter((payment) => payment.releasedByCase !== null).map((payment) => payment.id);
  const [senders, receivers] = [requestsBy(items, ['senderId']), requestsBy(items, ['senderId', 'receiverId'])];
  const readRows = readParties(
    deps.db,
    payments.map((payment) => payment.id),
  );
  const [parties, sent, received, lastBefore, flaggedRules, rates, ruleSet] = await Promise.all([
    readRows,
    readSent(deps.db, senders),
    readReceived(deps.db, receivers),
    readRows.then((rows) => readLastBefore(deps.db, senders.filter(wasThereBefore(items, rows)))),
    readFlaggedRules(deps.db, released),
    deps.usdRates?.() ?? new Map(),
    rules.current(),
  ]);
  const sanctions = deps.sanctions.edition();
  return { parties, sent, received, lastBefore, flaggedRules, rates, ruleSet, alike: rememberAlike(), sanctions };
}

function wasThereBefore(items: readonly WorkItem[], rows: ReadonlyMap<string, PartyRow>): (request: HistoryRequest) => boolean {
  const since = new Map(items.map(({ payment }) => [payment.senderId, rows.get(payment.id)?.senderSince.getTime() ?? 0]));
  return ({ userId, fromMs }) => (since.get(userId) ?? 0) <= fromMs - HISTORY_MS;
}

function requestsBy(items: readonly WorkItem[], keys: readonly ('senderId' | 'receiverId')[]): HistoryRequest[] {
  const found = new Map<string, { userId: string; fromMs: number; untilMs: number }>();
  for (const { payment } of items) {
    for (const key of keys) {
      const known = found.get(payment[key]);
      if (known === undefined) found.set(payment[key], { userId: payment[key], fromMs: payment.createdAtMs, untilMs: payment.createdAtMs });
      else {
        known.fromMs = Math.min(known.fromMs, payment.createdAtMs);
        known.untilMs = Math.max(known.untilMs, payment.createdAtMs);
      }
    }
  }
  return [...found.values()];
}

/**
 * A cohort has few corridors and many payments, so each answer is worked out once. It is looked for word by word: a text joined from them
 * would be put together and read through for each payment.
 */
function rememberAlike(): Readings['alike'] {
  const known = new Map<unknown, unknown>();
  return <T>(same: readonly unknown[], make: () => T): T => {
    let place = known;
    for (let at = 0; at < same.length - 1; at += 1) {
      const next = (place.get(same[at]) as typeof known | undefined) ?? new Map();
      if (next.size === 0) place.set(same[at], next);
      place = next;
    }
    const found = place.get(same.at(-1)) as T | undefined;
    if (found !== undefined) return found;
    const made = make();
    place.set(same.at(-1), made);
    return made;
  };
}

function rowOf(readings: Readings, item: WorkItem): PartyRow {
  const row = readings.parties.get(item.payment.id);
  if (row === undefined) throw fault('internal', { internal: `payment ${item.payment.id} is not stored` });
  return row;
}

const NOBODY: Parties = { sender: { name: '', phone: '' }, receiver: { name: '', phone: '' } };

/**
 * The parties of each row. What cannot be opened or read counts as missing, which refuses that payment and
 * no other; when nothing at all can be opened the key is at fault, and that throws.
 */
async function openAll(deps: ComplianceDeps, rows: readonly PartyRow[]): Promise<Parties[]> {
  const faults: unknown[] = [];
  const opened = await inTurns(rows, (row) => {
    try {
      return partiesFrom(deps.keyring.people.openParties(row));
    } catch (error) {
      faults.push(error);
      return NOBODY;
    }
  });
  if (faults.length === rows.length) throw faults[0];
  return opened;
}

/** What was stored may be anything that once was encrypted. */
function partiesFrom(opened: unknown): Parties {
  const parties = opened as Record<string, Record<string, unknown> | undefined> | null;
  return { sender: partyFrom(parties?.['sender']), receiver: partyFrom(parties?.['receiver']) };
}

function partyFrom(party: Record<string, unknown> | undefined): Person {
  const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
  const details = storedDetails(party?.['details']);
  return { name: textOf(party?.['name']), phone: textOf(party?.['phone']), ...(details === undefined ? {} : { details }) };
}

function pastOf(item: WorkItem) {
  const { id, senderId, receiverId, amountMinor, fromCurrency, createdAtMs } = item.payment;
  return { id, senderId, receiverId, amountMinor, currency: fromCurrency, createdAtMs };
}

function factsOf(
  lenses: Lenses,
  readings: Readings,
  item: WorkItem,
  parties: Parties,
  hits: readonly HitFacts[],
  refused: ReadonlySet<string>,
): ComplianceFacts {
  const { payment, quote } = item;
  const { structuring } = lenses.policy;
  const row = rowOf(readings, item);
  const at = pastOf(item);
  const day = dayOf(payment.createdAtMs);
  const sent = readings.sent.get(payment.senderId);
  const earlierSent = earlierThan(sent, at, refused);
  const toReceiver = earlierThan(readings.received.get(payment.receiverId), at, refused);
  const { fatf, risk: corridorRiskNow } = corridorFacts(readings, payment, day);
  const thresholds = thresholdsOf(readings, payment.fromCountry, payment.fromCurrency, day);
  const [sender, receiver] = [
    partyFacts(readings, parties.sender, row.senderKycStatus, row.senderKycTier),
    partyFacts(readings, parties.receiver, row.receiverKycStatus, row.receiverKycTier),
  ];
  const signals = signalsIn(lenses, readings, item, {
    earlierSent,
    toReceiver,
    thresholds,
    corridorRisk: corridorRiskNow,
    travelRule: () => travelRuleOf(payment, day, parties, { sender, receiver }),
  });
  const history = senderFacts(earlierSent, at, sent?.truncated ?? false);
  const receiverSenders24h = sendersWithinDay(toReceiver, at);
  const { risk } = lenses;
  return {
    payment: {
      amountMinor: payment.amountMinor.toString(),
      currency: payment.fromCurrency,
      fromCountry: payment.fromCountry,
      toCountry: payment.toCountry,
      targetMinor: quote?.targetMinor.toString() ?? null,
      targetCurrency: payment.toCurrency,
    },
    sender,
    receiver,
    listVersion: readings.sanctions.version,
    listSample: readings.sanctions.sample,
    hits,
    limits: limitsOf(readings, payment.fromCountry, payment.fromCurrency, row.senderKycTier, day).facts,
    receiverBalanceMinor: limitsOf(readings, payment.toCountry, payment.toCurrency, row.receiverKycTier, day).balanceMinor,
    history,
    thresholds: bandFacts(readings, { thresholds, earlierSent, at, structuring }),
    receiverSenders24h,
    fatf,
    ruleSet: readings.ruleSet.label,
    signals,
    risk: risk.score(riskInputOf(signals)),
    released:
      payment.releasedByCase === null ? null : { caseId: payment.releasedByCase, rules: readings.flaggedRules.get(payment.id) ?? [] },
  };
}

/** How both countries stand with the FATF, and how risky money between them is. */
function corridorFacts({ alike }: Readings, { fromCountry, toCountry, fromCurrency, toCurrency }: WorkItem['payment'], day: string) {
  const isOneCurrency = fromCurrency === toCurrency;
  return alike(['corridor', fromCountry, toCountry, isOneCurrency, day], () => {
    const [from, to] = [fatfStanding(fromCountry, day), fatfStanding(toCountry, day)];
    const fatf = { from: from.standing, to: to.standing, asOf: from.asOf };
    return { fatf, risk: corridorRisk(from.standing, to.standing, isOneCurrency, day) };
  });
}

interface Standing {
  readonly earlierSent: readonly PastPayment[];
  readonly toReceiver: readonly PastPayment[];
  readonly thresholds: readonly ReportingThreshold[];
  readonly corridorRisk: number;
  /** Asked for payments alone that the rule is about. */
  readonly travelRule: () => TravelRuleGaps;
}

function signalsIn({ policy }: Lenses, readings: Readings, item: WorkItem, standing: Standing): Signals {
  const { payment } = item;
  const { senderSince, senderKycStatus } = rowOf(readings, item);
  const travelRuleMinor = standing.thresholds.find((threshold) => threshold.id === 'travel_rule')?.minor ?? null;
  return signalsOf({
    at: pastOf(item),
    sent: standing.earlierSent,
    inflows: readings.received.get(payment.senderId)?.inflows ?? [],
    toReceiver: standing.toReceiver,
    lastBeforeMs: readings.lastBefore.get(payment.senderId) ?? null,
    senderSinceMs: senderSince.getTime(),
    amountUsdMinor: usdCents(payment.amountMinor, payment.fromCurrency, readings.rates),
    travelRuleMinor,
    band: policy.structuring,
    corridorRisk: standing.corridorRisk,
    travelRule: travelRuleMinor !== null && payment.amountMinor >= travelRuleMinor ? standing.travelRule() : null,
    isOriginatorVerified: senderKycStatus === 'verified',
  });
}

interface Bands {
  readonly thresholds: readonly ReportingThreshold[];
  readonly earlierSent: readonly PastPayment[];
  readonly at: PastPayment;
  readonly structuring: CompliancePolicy['structuring'];
}

/** Thresholds that count for a country, a currency and a day. */
function thresholdsOf({ alike, rates }: Readings, country: string, currency: Currency, day: string): readonly ReportingThreshold[] {
  return alike(['thresholds', country, currency, day], () => reportingThresholds(country, currency, day, rates));
}

/** Payments below thresholds; of a first payment that is not just below one there is nothing to tell, as of any other such. */
function bandFacts({ alike }: Readings, { thresholds, earlierSent, at, structuring }: Bands): ComplianceFacts['thresholds'] {
  const facts = () => thresholds.map((threshold) => thresholdFacts(earlierSent, at, threshold, structuring));
  const isQuiet = earlierSent.length === 0 && !thresholds.some((threshold) => isInBand(at, threshold, structuring));
  return isQuiet ? alike(['quiet', thresholds], facts) : facts();
}

/** What Recommendation 16 asks for and is not there, with an identity of the originator that was looked at. */
function travelRuleOf(
  { fromCountry, toCountry }: WorkItem['payment'],
  day: string,
  parties: Parties,
  { sender, receiver }: Readonly<Record<keyof Parties, PartyFacts>>,
): TravelRuleGaps {
  const partyOf = (facts: PartyFacts, { details }: Person) => ({ isNamed: facts.nameWords > 0, hasAccount: facts.phoneGiven, details });
  const gaps = travelRuleGaps([fromCountry, toCountry], day, partyOf(sender, parties.sender), partyOf(receiver, parties.receiver));
  const isLookedAt = sender.kycStatus !== 'none' && sender.kycStatus !== 'rejected';
  return isLookedAt ? gaps : { ...gaps, missing: [...gaps.missing, 'originator_identity'] };
}

function earlierThan(history: UserHistory | undefined, at: PastPayment, refused: ReadonlySet<string>): PastPayment[] {
  return (history?.payments ?? []).filter((each) => compareAccepted(each, at) < 0 && !refused.has(each.id));
}

const NAME_WORDS_MAX = 99;

function partyFacts({ alike }: Readings, party: Person, kycStatus: string, kycTier: number): PartyFacts {
  const name = normaliseName(party.name);
  const compared = comparedOf(party.name, null);
  const nameWords = Math.min(name.tokens.length, NAME_WORDS_MAX);
  const phoneGiven = party.phone.trim() !== '';
  return alike(['party', kycStatus, kycTier, nameWords, name.obscured, compared, phoneGiven], () => ({
    kycStatus,
    kycTier,
    nameWords,
    nameObscured: name.obscured,
    ...(compared === 'whole' ? {} : { nameUnscreened: compared }),
    phoneGiven,
  }));
}

/** What a tier may do in a country, and what its wallet may hold. */
function limitsOf({ alike }: Readings, country: string, currency: Currency, tier: number, day: string) {
  return alike(['limits', country, currency, tier, day], () => {
    const limits = tierLimits(country, currency, tier, day);
    return { facts: limitFacts(country, limits), balanceMinor: limits?.balanceMinor?.toString() ?? null };
  });
}

function limitFacts(country: string, limits: TierLimits | null): LimitFacts {
  return {
    country,
    tier: limits?.tier ?? null,
    validFrom: limits?.validFrom ?? null,
    singleMinor: limits?.singleMinor?.toString() ?? null,
    dailyMinor: limits?.dailyMinor?.toString() ?? null,
    monthlyMinor: limits?.monthlyMinor?.toString() ?? null,
    dailyCount: limits?.dailyCount ?? null,
  };
}
