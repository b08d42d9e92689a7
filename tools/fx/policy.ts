/**
 * What is expected of rates, as data: how far sources may lie apart, how much a currency moves in a day,
 * when a figure is too old. The numbers come from daily rates of 2020 to 2026 and from how far two
 * independent sources lay apart on days of 2024 to 2026; docs/decisions/0005 says how they are used.
 */
import type { Currency } from '../../domain/currency.ts';

export interface CurrencyExpectation {
  /** How far from the median a source may lie, basis points. */
  readonly toleranceBps: number;
  /** Standard deviation of daily changes, basis points, until there is history of our own. */
  readonly dailyVolatilityBps: number;
  /** Daily change that 99 of 100 days stay below, basis points. */
  readonly largeMoveBps: number;
  /** False where a central bank holds the rate, so that standing still says nothing. */
  readonly floats: boolean;
}

function expect(toleranceBps: number, dailyVolatilityBps: number, largeMoveBps: number, floats = true): CurrencyExpectation {
  return { toleranceBps, dailyVolatilityBps, largeMoveBps, floats };
}

export const EXPECTATIONS: Readonly<Record<Currency, CurrencyExpectation>> = {
  CDF: expect(200, 117, 353),
  EUR: expect(100, 40, 133),
  GHS: expect(200, 156, 430),
  KES: expect(100, 40, 200),
  MWK: expect(200, 104, 139),
  MZN: expect(100, 26, 79, false),
  NGN: expect(200, 182, 763),
  RWF: expect(100, 64, 231),
  TZS: expect(100, 39, 128),
  UGX: expect(100, 37, 130),
  USD: expect(0, 0, 0, false),
  XAF: expect(100, 40, 133, false),
  XOF: expect(100, 40, 133, false),
  ZAR: expect(100, 77, 259),
  ZMW: expect(100, 84, 352),
};

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** A rate may be this old, hours of Saturday and Sunday (UTC) not counted: 26 h in the week, 74 h over a weekend. */
export const AGE_MS_MAX = 26 * HOUR_MS;
/** A source whose clock runs ahead of ours by more than this is not believed. */
export const AHEAD_MS_MAX = HOUR_MS;
/** The same figure for this long in a floating currency: the source has stopped looking. */
export const FROZEN_AFTER_MS = 5 * DAY_MS;
/** A change against the last accepted rate that a person has to confirm, basis points. */
export const PERSON_MOVE_BPS = 1000;
/** A confirmation holds for this long, for rates as near to the confirmed one as two sources must be. */
export const CONFIRMATION_MS = 24 * HOUR_MS;
/** A rate this many times above or below what is known is of another scale: an old code, or minor for major units. */
export const SCALE_FACTOR = 5n;
/** How far a pair may lie from the way round over USD, basis points. */
export const TRIANGLE_BPS = 50;
/** How far a source's own CFA franc may lie from its euro times the parity, basis points; sources round to four digits. */
export const PEG_BPS = 10;
/** Publishers that must agree before anything is quoted. */
export const PUBLISHERS_MIN = 2;

/** CFA francs for one euro, in thousandths. Fixed by treaty since 1999-01-01 (BCEAO, BEAC: 655.957). */
export const CFA_PER_EUR_MILLI = 655_957n;

export function isCfa(currency: Currency): boolean {
  return currency === 'XOF' || currency === 'XAF';
}

/** Milliseconds of an interval that do not lie on a Saturday or Sunday (UTC). */
export function weekdayMs(fromMs: number, untilMs: number): number {
  let counted = 0;
  for (let atMs = fromMs; atMs < untilMs; ) {
    const nextDayMs = Math.min(untilMs, (Math.floor(atMs / DAY_MS) + 1) * DAY_MS);
    const weekday = new Date(atMs).getUTCDay();
    if (weekday !== 0 && weekday !== 6) counted += nextDayMs - atMs;
    // Beyond this nobody asks how much older it is, and a date of 1970 must not cost a walk through decades.
    if (counted > AGE_MS_MAX) return counted;
    atMs = nextDayMs;
  }
  return counted;
}

/** Says whether a rate of `asOfMs` may still be used at `nowMs`. */
export function isFresh(asOfMs: number, nowMs: number): boolean {
  return asOfMs <= nowMs + AHEAD_MS_MAX && weekdayMs(asOfMs, nowMs) <= AGE_MS_MAX;
}

/** Distance of two rates in basis points of the second, rounded up. */
export function distanceBps(rate: bigint, reference: bigint): number {
  const gap = rate > reference ? rate - reference : reference - rate;
  const bps = (gap * 10_000n + reference - 1n) / reference;
  return bps > 1_000_000n ? 1_000_000 : Number(bps);
}
