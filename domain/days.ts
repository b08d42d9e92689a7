/** The day of an operator: from midnight to midnight where it is. */
import { fault } from './errors.ts';
import type { Country } from './rail.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** Hours ahead of UTC; none of these countries moves its clocks (IANA time zone database, 2026a). CD: Kinshasa. */
const HOURS_AHEAD: Readonly<Record<Country, number>> = {
  CD: 1,
  CI: 0,
  CM: 1,
  GH: 0,
  KE: 3,
  MW: 2,
  MZ: 2,
  NG: 1,
  RW: 2,
  SN: 0,
  TZ: 3,
  UG: 3,
  ZA: 2,
  ZM: 2,
};

/** What the clocks of a country are ahead of UTC, milliseconds. */
export function offsetMsOf(country: Country): number {
  return HOURS_AHEAD[country] * HOUR_MS;
}

/** The calendar day of a moment in a country: "2026-11-25". */
export function dayIn(country: Country, atMs: number): string {
  return new Date(atMs + offsetMsOf(country)).toISOString().slice(0, 10);
}

/** First moment of a day, and first moment after it, milliseconds since the epoch. Throws `usage_invalid` for what is no day. */
export function boundsOfDay(country: Country, day: string): { readonly fromMs: number; readonly untilMs: number } {
  const ms = /^\d{4}-\d\d-\d\d$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : Number.NaN;
  if (Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== day)
    throw fault('usage_invalid', { field: 'date', detail: 'A day is written as 2026-11-25.' });
  const fromMs = ms - offsetMsOf(country);
  return { fromMs, untilMs: fromMs + DAY_MS };
}
