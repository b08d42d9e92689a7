/**
 * Corridors: which country pays into which, and at what fee. Prices are data (`data/corridors.json`)
 * with the day from which they count. A transfer inside one country is no corridor.
 */
import type { Currency } from './currency.ts';
import corridorEntries from './data/corridors.json' with { type: 'json' };
import { fault } from './errors.ts';
import { basisPoints, type Money, money, parseAmount } from './money.ts';
import { countryByCode, inForce, isCountry, today } from './network.ts';
import type { Country } from './rail.ts';

/** The form of a corridor's name: two ISO 3166 countries, from and to, as `KE-UG`. */
export const CORRIDOR_PATTERN = /^[A-Z]{2}-[A-Z]{2}$/;

/** What a transfer costs its sender, in the source currency, exchange margin not counted. */
export interface FeeSchedule {
  readonly fixedMinor: bigint;
  readonly feeBps: bigint;
  readonly minMinor: bigint;
  readonly maxMinor: bigint;
}

export interface Corridor {
  /** `KE-UG`: from Kenya to Uganda. */
  readonly id: string;
  readonly fromCountry: Country;
  readonly toCountry: Country;
  readonly fromCurrency: Currency;
  readonly toCurrency: Currency;
  readonly fee: FeeSchedule;
  readonly validFrom: string;
  readonly source: string;
}

function readCorridor(entry: (typeof corridorEntries)[number]): Corridor {
  const fromCurrency = countryByCode(entry.from, entry.validFrom).currency;
  const minorOf = (text: string): bigint => parseAmount(text, fromCurrency).minor;
  return {
    id: `${entry.from}-${entry.to}`,
    fromCountry: entry.from as Country,
    toCountry: entry.to as Country,
    fromCurrency,
    toCurrency: countryByCode(entry.to, entry.validFrom).currency,
    fee: {
      fixedMinor: minorOf(entry.fee.fixed),
      feeBps: BigInt(entry.fee.bps),
      minMinor: minorOf(entry.fee.min),
      maxMinor: minorOf(entry.fee.max),
    },
    validFrom: entry.validFrom,
    source: entry.source,
  };
}

const versions: ReadonlyMap<string, readonly Corridor[]> = Map.groupBy(corridorEntries.map(readCorridor), (corridor) => corridor.id);

/** Whether a text names a corridor: from one country of the network to another, open or not yet. */
export function isCorridor(text: string): boolean {
  const [from = '', to = ''] = CORRIDOR_PATTERN.test(text) ? text.split('-') : [];
  return from !== to && isCountry(from) && isCountry(to);
}

/** Every corridor open on a day (UTC), in the order of the file. */
export function listCorridors(asOf: string = today()): readonly Corridor[] {
  return [...versions.values()].flatMap((each) => inForce(each, asOf) ?? []);
}

/** The corridor between two countries on a day (UTC). Throws `corridor_unavailable` where there is none. */
export function corridorBetween(fromCountry: Country, toCountry: Country, asOf: string = today()): Corridor {
  const found = inForce(versions.get(`${fromCountry}-${toCountry}`) ?? [], asOf);
  if (!found) throw fault('corridor_unavailable');
  return found;
}

/**
 * The fee on what a sender pays in all: fixed part plus basis points, the sum rounded up to the minor
 * unit, not less than the schedule's least, not more than its most, and never more than the amount
 * itself. Of an amount too small for the fee nothing is left to exchange; the caller must look.
 *
 * Throws `currency_mismatch` when the amount is not in the corridor's source currency.
 */
export function feeFor(corridor: Corridor, amount: Money): Money {
  if (amount.currency !== corridor.fromCurrency) throw fault('currency_mismatch');
  const { fixedMinor, feeBps, minMinor, maxMinor } = corridor.fee;
  const share = basisPoints(amount, feeBps, 'up').minor;
  const bounded = least(greatest(fixedMinor + share, minMinor), maxMinor);
  return money(least(bounded, greatest(amount.minor, 0n)), amount.currency);
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function greatest(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}
