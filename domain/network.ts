/**
 * The network: countries, wallets and rails that CAPP reaches, read from `data/*.json`.
 *
 * Each entry says from when it counts and where it comes from. A later entry with the same id takes
 * its place from its own date on, so the past can be asked about and a change can be entered ahead.
 * Dates are ISO 8601 calendar days, UTC. Every function is pure when it is given its day; without one
 * it takes today's.
 */
import { systemClock } from './clock.ts';
import { type Currency, parseCurrency } from './currency.ts';
import countryEntries from './data/countries.json' with { type: 'json' };
import railEntries from './data/rails.json' with { type: 'json' };
import walletEntries from './data/wallets.json' with { type: 'json' };
import { fault } from './errors.ts';
import { parseAmount } from './money.ts';
import type { Country, Protocol, Rail, RailLimits, Wallet } from './rail.ts';

/** A country in which CAPP reaches wallets. */
export interface CountryEntry {
  readonly country: Country;
  readonly name: string;
  readonly currency: Currency;
  /** Without plus: "254". */
  readonly callingCode: string;
  /** People keep their number when they change operator, so a prefix is only a hint there. */
  readonly portability: boolean;
  readonly validFrom: string;
  readonly source: string;
}

/** The rail id that stands for a leg between our own accounts; it has no operator and no entry here. */
export const ON_US = 'on_us';

/** The calendar day (UTC) of a moment: "2026-03-31". */
export function dayOf(nowMs: number): string {
  const dayMs = nowMs - (((nowMs % DAY_MS) + DAY_MS) % DAY_MS);
  // Written out once a day, and asked for with every payment.
  if (dayMs !== lastDay.startsMs) lastDay = { startsMs: dayMs, name: new Date(dayMs).toISOString().slice(0, 10) };
  return lastDay.name;
}

const DAY_MS = 86_400_000;
let lastDay = { startsMs: Number.NaN, name: '' };

/** Today, by the system clock. */
export function today(): string {
  return dayOf(systemClock.now());
}

/** The version that counts on a day: the latest that does not begin after it; undefined before the first. */
export function inForce<Entry extends { readonly validFrom: string }>(versions: readonly Entry[], asOf: string): Entry | undefined {
  let found: Entry | undefined;
  for (const version of versions) {
    if (version.validFrom <= asOf && (found === undefined || version.validFrom > found.validFrom)) found = version;
  }
  return found;
}

function versionsBy<Entry>(entries: readonly Entry[], keyOf: (entry: Entry) => string): ReadonlyMap<string, readonly Entry[]> {
  return Map.groupBy(entries, keyOf);
}

/** The newest version of each entry, in the order of the file. */
function newest<Entry extends { readonly validFrom: string }>(versions: ReadonlyMap<string, readonly Entry[]>): readonly Entry[] {
  return [...versions.values()].flatMap((each) => inForce(each, '9999-12-31') ?? []);
}

function readLimits(limits: { min: string; max: string } | null, currency: Currency): RailLimits | null {
  if (limits === null) return null;
  return { minMinor: parseAmount(limits.min, currency).minor, maxMinor: parseAmount(limits.max, currency).minor };
}

function readRail(entry: (typeof railEntries)[number]): Rail {
  const { costFixed, ...rest } = entry;
  const currency = parseCurrency(entry.currency);
  return {
    ...rest,
    protocol: entry.protocol as Protocol,
    country: entry.country as Country,
    currency,
    collection: readLimits(entry.collection, currency),
    payout: readLimits(entry.payout, currency),
    costFixedMinor: parseAmount(costFixed, currency).minor,
  };
}

const countryVersions = versionsBy(
  countryEntries.map(
    (entry): CountryEntry => ({
      ...entry,
      country: entry.country as Country,
      currency: parseCurrency(entry.currency),
    }),
  ),
  (entry) => entry.country,
);

const walletVersions = versionsBy(
  walletEntries.map((entry): Wallet => ({ ...entry, country: entry.country as Country, currency: parseCurrency(entry.currency) })),
  (wallet) => wallet.id,
);

const railVersions = versionsBy(railEntries.map(readRail), (rail) => rail.id);

/** Every country, wallet and rail CAPP knows, each in its newest version. */
export const COUNTRIES: readonly CountryEntry[] = newest(countryVersions);
export const WALLETS: readonly Wallet[] = newest(walletVersions);
export const RAILS: readonly Rail[] = newest(railVersions);

const walletsByCountry: ReadonlyMap<Country, readonly Wallet[]> = Map.groupBy(WALLETS, (wallet) => wallet.country);

/** Rail ids per wallet, the direct rail first, then hubs in the order of the file. */
const railIdsByWallet: ReadonlyMap<string, readonly string[]> = new Map(
  WALLETS.map((wallet) => [
    wallet.id,
    RAILS.filter((rail) => rail.wallets.includes(wallet.id))
      .map((rail) => rail.id)
      .sort((a, b) => Number(b === wallet.id) - Number(a === wallet.id)),
  ]),
);

/** Says whether CAPP reaches wallets in a country, given as ISO 3166-1 alpha-2. */
export function isCountry(code: string): code is Country {
  return countryVersions.has(code);
}

/** The country as it counts on a day. Throws `corridor_unavailable` where CAPP reaches no wallet. */
export function countryByCode(code: string, asOf: string = today()): CountryEntry {
  const found = inForce(countryVersions.get(code) ?? [], asOf);
  if (!found) throw fault('corridor_unavailable', { internal: `no country entry in force on ${asOf}` });
  return found;
}

/** The wallet as it counts on a day. Throws `wallet_unknown` for any other id. */
export function walletById(id: string, asOf: string = today()): Wallet {
  const found = inForce(walletVersions.get(id) ?? [], asOf);
  if (!found) throw fault('wallet_unknown', { internal: `wallet ${id} on ${asOf}` });
  return found;
}

/** The rail as it counts on a day. Throws `not_found` for any other id, `on_us` included. */
export function railById(id: string, asOf: string = today()): Rail {
  const found = inForce(railVersions.get(id) ?? [], asOf);
  if (!found) throw fault('not_found', { detail: 'There is no such rail.', internal: `rail ${id} on ${asOf}` });
  return found;
}

/** The wallets of a country on a day, in the order of the file. */
export function walletsOfCountry(country: Country, asOf: string = today()): readonly Wallet[] {
  if (walletsOn.day !== asOf) walletsOn = { day: asOf, byCountry: new Map() };
  let wallets = walletsOn.byCountry.get(country);
  if (wallets === undefined) {
    wallets = (walletsByCountry.get(country) ?? []).flatMap((wallet) => inForce(walletVersions.get(wallet.id) ?? [], asOf) ?? []);
    walletsOn.byCountry.set(country, wallets);
  }
  return wallets;
}

/** Worked out once a day, and asked for with every number. */
let walletsOn = { day: '', byCountry: new Map<Country, readonly Wallet[]>() };

/** The rails that reach a wallet on a day, the direct one first, then the hubs. Throws `wallet_unknown`. */
export function railsOfWallet(walletId: string, asOf: string = today()): readonly Rail[] {
  walletById(walletId, asOf);
  return (railIdsByWallet.get(walletId) ?? [])
    .flatMap((id) => inForce(railVersions.get(id) ?? [], asOf) ?? [])
    .filter((rail) => rail.wallets.includes(walletId));
}

/**
 * Decimal places of a major unit that every rail paying out to the wallet takes: an amount cut to
 * them can be paid over any of those rails. Throws `wallet_unknown`, `no_route` when nothing pays out.
 */
export function payoutPlaces(walletId: string, asOf: string = today()): number {
  const places = railsOfWallet(walletId, asOf)
    .filter((rail) => rail.payout !== null)
    .map((rail) => rail.places);
  if (places.length === 0) throw fault('no_route', { internal: `no payout rail for ${walletId} on ${asOf}` });
  return Math.min(...places);
}
