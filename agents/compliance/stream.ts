/**
 * Facts of transactions that come from a file and not from the database: to try rules on somebody's history
 * before it is ours. Each transaction sees those before it and no other. What a file does not tell (names, hits,
 * identities) is taken to be in order, so that only patterns, limits and the risk model speak.
 */
import type { Currency } from '../../domain/currency.ts';
import { dayOf } from '../../domain/network.ts';
import type { ComplianceFacts, PartyFacts } from './facts.ts';
import { compareAccepted, FAN_IN_MS, HISTORY_MS, type PastPayment, senderFacts, sendersWithinDay, thresholdFacts } from './history.ts';
import { type CompliancePolicy, corridorRisk, fatfStanding, reportingThresholds, tierLimits, usdCents } from './policy.ts';
import { riskInputOf } from './risk/input.ts';
import type { RiskModel } from './risk/model.ts';
import { type Inflow, signalsOf } from './signals.ts';

/** One transaction of a file. */
export interface StreamedTransaction {
  readonly id: string;
  readonly atMs: number;
  readonly from: string;
  readonly to: string;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly fromCountry: string;
  readonly toCountry: string;
}

export interface StreamOptions {
  readonly policy: CompliancePolicy;
  readonly risk: RiskModel;
  readonly ruleSet: string;
}

interface Account {
  sent: PastPayment[];
  received: PastPayment[];
  inflows: Inflow[];
  sinceMs: number;
  lastSentMs: number | null;
}

const NO_RATES = new Map();
const IN_ORDER: PartyFacts = { kycStatus: 'verified', kycTier: 0, nameWords: 2, nameObscured: false, phoneGiven: true };
/** One account is remembered with so many payments at most, as one sender is in the database. */
const REMEMBERED_MAX = 1_000;

/** Makes a stream: takes transactions in the order of their time, and gives the facts of each. */
export function createFactStream(options: StreamOptions): (transaction: StreamedTransaction) => ComplianceFacts {
  const accounts = new Map<string, Account>();
  const accountOf = (name: string, atMs: number): Account => {
    const known = accounts.get(name);
    if (known !== undefined) return known;
    const made: Account = { sent: [], received: [], inflows: [], sinceMs: atMs, lastSentMs: null };
    accounts.set(name, made);
    return made;
  };
  return (transaction) => {
    const { id, atMs, from, to, amountMinor, currency } = transaction;
    const [sender, receiver] = [accountOf(from, atMs), accountOf(to, atMs)];
    forget(sender, atMs);
    forget(receiver, atMs);
    const at = { id, senderId: from, receiverId: to, amountMinor, currency, createdAtMs: atMs };
    const facts = factsOf(options, transaction, at, sender, receiver);
    sender.sent.push(at);
    sender.lastSentMs = atMs;
    receiver.received.push(at);
    receiver.inflows.push({ amountMinor, currency, createdAtMs: atMs });
    return facts;
  };
}

function forget(account: Account, atMs: number): void {
  const keep = <Item extends { readonly createdAtMs: number }>(items: Item[], windowMs: number): Item[] => {
    const [first] = items;
    if (first === undefined || (first.createdAtMs > atMs - windowMs && items.length <= REMEMBERED_MAX)) return items;
    return items.filter((each) => each.createdAtMs > atMs - windowMs).slice(-REMEMBERED_MAX);
  };
  account.sent = keep(account.sent, HISTORY_MS);
  account.received = keep(account.received, FAN_IN_MS);
  account.inflows = keep(account.inflows, FAN_IN_MS);
}

function factsOf(
  { policy, risk, ruleSet }: StreamOptions,
  { fromCountry, toCountry, currency, amountMinor, atMs }: StreamedTransaction,
  at: PastPayment & { readonly receiverId: string },
  sender: Account,
  receiver: Account,
): ComplianceFacts {
  const day = dayOf(atMs);
  const earlier = sender.sent.filter((each) => compareAccepted(each, at) < 0 || each.createdAtMs === atMs);
  const thresholds = reportingThresholds(fromCountry, currency, day, NO_RATES);
  const [fatfFrom, fatfTo] = [fatfStanding(fromCountry, day), fatfStanding(toCountry, day)];
  const limits = tierLimits(fromCountry, currency, IN_ORDER.kycTier, day);
  const textOf = (minor: bigint | null | undefined): string | null => minor?.toString() ?? null;
  const signals = signalsOf({
    at,
    sent: earlier,
    inflows: sender.inflows,
    toReceiver: receiver.received,
    lastBeforeMs: sender.lastSentMs,
    senderSinceMs: null,
    amountUsdMinor: usdCents(amountMinor, currency, NO_RATES),
    travelRuleMinor: thresholds.find((threshold) => threshold.id === 'travel_rule')?.minor ?? null,
    band: policy.structuring,
    corridorRisk: corridorRisk(fatfFrom.standing, fatfTo.standing, fromCountry === toCountry, day),
    travelRule: null,
    isOriginatorVerified: true,
  });
  const receiverSenders24h = sendersWithinDay(receiver.received, at);
  return {
    payment: { amountMinor: amountMinor.toString(), currency, fromCountry, toCountry, targetMinor: null, targetCurrency: currency },
    sender: IN_ORDER,
    receiver: IN_ORDER,
    listVersion: 'none',
    listSample: false,
    hits: [],
    limits: {
      country: fromCountry,
      tier: limits?.tier ?? null,
      validFrom: limits?.validFrom ?? null,
      singleMinor: textOf(limits?.singleMinor),
      dailyMinor: textOf(limits?.dailyMinor),
      monthlyMinor: textOf(limits?.monthlyMinor),
      dailyCount: limits?.dailyCount ?? null,
    },
    receiverBalanceMinor: null,
    history: senderFacts(earlier, at, earlier.length >= REMEMBERED_MAX),
    thresholds: thresholds.map((threshold) => thresholdFacts(earlier, at, threshold, policy.structuring)),
    receiverSenders24h,
    fatf: { from: fatfFrom.standing, to: fatfTo.standing, asOf: fatfFrom.asOf },
    ruleSet,
    signals,
    risk: risk.score(riskInputOf(signals)),
    released: null,
  };
}
