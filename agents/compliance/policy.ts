/**
 * The policy of the compliance agent: thresholds of its rules, limits of KYC tiers, reporting
 * thresholds and country lists, all of them dated data with their sources. Pure.
 */
import { type Currency, minorPerMajor, parseCurrency } from '../../domain/currency.ts';
import { parseAmount } from '../../domain/money.ts';
import { convert, parseRate } from '../../domain/rate.ts';
import { inForce } from '../../domain/network.ts';
import corridorRiskEntries from './data/corridor-risk.json' with { type: 'json' };
import fatfEntries from './data/fatf.json' with { type: 'json' };
import policyEntries from './data/policy.json' with { type: 'json' };
import referenceRates from './data/reference-rates.json' with { type: 'json' };
import thresholdEntries from './data/thresholds.json' with { type: 'json' };
import limitEntries from './data/tier-limits.json' with { type: 'json' };

/** Grounds on which a payment is held for people whatever the rules say; the other grounds are those of the rule set. */
export type FlagRule = 'sanctions_possible_match' | 'name_obscured' | 'kyc_none';

export type CompliancePolicy = {
  readonly version: string;
  readonly validFrom: string;
  readonly source: string;
  /** Scores of similar names, 0 to 1: from `reviewScore` on people look. */
  readonly screening: { readonly reviewScore: number };
  /** Amounts of `lowBps` to `highBps` of a threshold are just below it. */
  readonly structuring: { readonly lowBps: number; readonly highBps: number };
  /** Case priority by rule, 0 to 100. */
  readonly priority: Readonly<Record<FlagRule, number>>;
  readonly priorityPerFurtherRule: number;
  readonly priorityAboveTravelRule: number;
  /** What a risk score of 1 adds to the priority of a case. */
  readonly priorityOfRisk: number;
};

const POLICIES: readonly CompliancePolicy[] = policyEntries;

/** The policy that is live. Earlier versions stay in the data, so that their decisions can be made again. */
export const COMPLIANCE_POLICY: CompliancePolicy = policyInForce();

function policyInForce(): CompliancePolicy {
  const policy = inForce(POLICIES, '9999-12-31');
  if (policy === undefined) throw new RangeError('agents/compliance/data/policy.json holds no policy');
  return policy;
}

/** The policy of that version, by which an earlier decision can be made again; undefined when there never was one. */
export function policyByVersion(version: string): CompliancePolicy | undefined {
  return POLICIES.find((policy) => policy.version === version);
}

/** What a wallet of a country and tier may hold and move, minor units of its currency; null: no figure is known. */
export interface TierLimits {
  readonly singleMinor: bigint | null;
  readonly dailyMinor: bigint | null;
  readonly monthlyMinor: bigint | null;
  readonly balanceMinor: bigint | null;
  readonly dailyCount: number | null;
  readonly tier: number;
  readonly validFrom: string;
}

/** The entry that counts on a day; before the first one, the first. */
function onDay<Entry extends { readonly validFrom: string }>(versions: readonly Entry[], day: string): Entry | undefined {
  return inForce(versions, day) ?? versions.toSorted((a, b) => (a.validFrom < b.validFrom ? -1 : 1))[0];
}

type TierEntry = TierLimits & { readonly country: string; readonly currency: string };

function readTierEntry(entry: (typeof limitEntries)[number]): TierEntry {
  const minorOf = (text: string | null): bigint | null => (text === null ? null : parseAmount(text, parseCurrency(entry.currency)).minor);
  const { country, currency, tier, dailyCount, validFrom } = entry;
  return {
    country,
    currency,
    tier,
    dailyCount,
    validFrom,
    singleMinor: minorOf(entry.single),
    dailyMinor: minorOf(entry.daily),
    monthlyMinor: minorOf(entry.monthly),
    balanceMinor: minorOf(entry.balance),
  };
}

/** Entries by country and currency, highest tier first. */
const TIERS: ReadonlyMap<string, readonly TierEntry[]> = Map.groupBy(
  limitEntries.map(readTierEntry).sort((a, b) => b.tier - a.tier),
  (entry) => `${entry.country} ${entry.currency}`,
);

/**
 * Limits of a KYC tier on a day (ISO date, UTC): those of the highest tier in the data that is not above
 * the given one, or of the lowest there is. Null where no limits are known for country and currency.
 */
export function tierLimits(country: string, currency: Currency, tier: number, day: string): TierLimits | null {
  const known = TIERS.get(`${country} ${currency}`);
  const used = known?.find((each) => each.tier <= tier) ?? known?.at(-1);
  if (known === undefined || used === undefined) return null;
  return (
    onDay(
      known.filter((each) => each.tier === used.tier),
      day,
    ) ?? null
  );
}

/** Units of a currency for one USD, times 10^12. */
export type UsdRates = ReadonlyMap<Currency, bigint>;

const REFERENCE_RATES: UsdRates = new Map(
  Object.entries(referenceRates.unitsPerUsd).map(([currency, rate]) => [parseCurrency(currency), parseRate(rate)]),
);

/** A threshold from which on somebody must be told, in the currency asked for. */
export interface ReportingThreshold {
  /** `travel_rule`, `cash_report`, `transfer_report`, `transfer_abroad`. */
  readonly id: string;
  readonly minor: bigint;
}

/**
 * The thresholds that count for payments out of a country in a currency on a day (UTC), rounded down to
 * minor units. Those the law states in USD are converted by `rates`, or by dated reference rates.
 */
export function reportingThresholds(country: string, currency: Currency, day: string, rates: UsdRates): ReportingThreshold[] {
  const known = thresholdEntries.filter((entry) => entry.countries.length === 0 || entry.countries.includes(country));
  return [...Map.groupBy(known, (entry) => entry.id)].flatMap(([id, versions]) => {
    const entry = onDay(versions, day);
    const minor = entry === undefined ? null : inCurrency(entry.amount, parseCurrency(entry.currency), currency, rates);
    return minor === null ? [] : [{ id, minor }];
  });
}

function inCurrency(amount: string, from: Currency, to: Currency, rates: UsdRates): bigint | null {
  const value = parseAmount(amount, from);
  if (from === to) return value.minor;
  const rate = rates.get(to) ?? REFERENCE_RATES.get(to);
  return from !== 'USD' || rate === undefined ? null : convert(value, to, rate, 'down').minor;
}

const CORRIDOR_RISK = corridorRiskEntries;

/**
 * How risky money between two countries is, 0 to 100: the riskier of the two by the FATF's standing, more when
 * both stand out, less within a union of one currency, whose controls are shared.
 */
export function corridorRisk(from: FatfStanding, to: FatfStanding, isOneCurrency: boolean, day: string): number {
  const entry = onDay(CORRIDOR_RISK, day);
  if (entry === undefined) throw new RangeError('agents/compliance/data/corridor-risk.json holds no entry');
  const [one, other] = [entry.standing[from], entry.standing[to]];
  const both = from !== 'none' && to !== 'none' ? entry.bothStandOut : 0;
  return Math.max(0, Math.min(100, Math.max(one, other) + both - (isOneCurrency ? entry.oneCurrency : 0)));
}

/** An amount in US cents by the rates at hand, or by dated reference rates, rounded down; null without a rate. */
export function usdCents(minor: bigint, currency: Currency, rates: UsdRates): bigint | null {
  if (currency === 'USD') return minor;
  const perUsd = rates.get(currency) ?? REFERENCE_RATES.get(currency);
  if (perUsd === undefined || perUsd <= 0n) return null;
  return (minor * 100n * RATE_SCALE) / (perUsd * minorPerMajor(currency));
}

const RATE_SCALE = 10n ** 12n;

/** What the FATF says of a country: `black` calls for action, `grey` for attention. */
export type FatfStanding = 'none' | 'grey' | 'black';

/** The standing of a country (ISO 3166-1 alpha-2) on a day (UTC), and the date of the list that says so. */
export function fatfStanding(country: string, day: string): { readonly standing: FatfStanding; readonly asOf: string } {
  const list = onDay(fatfEntries, day);
  if (list === undefined) throw new RangeError('agents/compliance/data/fatf.json holds no list');
  const standing = list.black.includes(country) ? 'black' : list.grey.includes(country) ? 'grey' : 'none';
  return { standing, asOf: list.validFrom };
}
