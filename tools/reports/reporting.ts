/**
 * Who must be told what, by country: dated data with sources (`data/reporting.json`). Laws change and some
 * figures are uncertain; each entry says which. Pure.
 */
import { type Currency, parseCurrency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { type Money, parseAmount } from '../../domain/money.ts';
import { inForce } from '../../domain/network.ts';
import { convert, crossRate } from '../../domain/rate.ts';
import entries from './data/reporting.json' with { type: 'json' };

/** How long after the suspicion arose a report is due. */
export interface SuspicionClock {
  readonly hours?: number;
  readonly days?: number;
  readonly kind: string;
}

export interface ReportThreshold {
  readonly id: string;
  /** `cash` counts wallet transfers as what may be cash at an agent; the other two what they say. */
  readonly counts: string;
  /** Amounts of one person on one day count together, or each transaction by itself. */
  readonly per: string;
  readonly amount: string;
  /** Strictly above the amount, instead of from it on. */
  readonly strictly: boolean;
  readonly currency: string;
  readonly due: string | null;
}

export interface Reporting {
  readonly country: string;
  readonly currency: string;
  readonly authority: string;
  /** `goAML`, or `own`: a form that is not public. */
  readonly form: string;
  readonly validFrom: string;
  readonly source: string;
  readonly suspicion: SuspicionClock;
  readonly thresholds: readonly ReportThreshold[];
  readonly recordYears: number;
  readonly uncertain: readonly string[];
}

/** What counts in a country on a day (`2026-11-25`). Throws `report_country_unknown`. */
export function reportingOf(country: string, asOf: string): Reporting {
  const found = inForce(
    (entries as readonly Reporting[]).filter((entry) => entry.country === country),
    asOf,
  );
  if (found === undefined) throw fault('report_country_unknown');
  return found;
}

/** Countries with an entry. */
export const REPORTING_COUNTRIES: readonly string[] = [...new Set(entries.map((entry) => entry.country))];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/**
 * When a suspicion that arose at a moment must be reported at the latest. Working days are Monday to Friday in UTC; public
 * holidays are not known, so the true moment may be later, never earlier.
 */
export function suspicionDueMs(suspectedMs: number, clock: SuspicionClock): number {
  const wanted = clock.days ?? (clock.hours ?? 0) / 24;
  if (clock.kind === 'calendar') return suspectedMs + wanted * DAY_MS;
  let dueMs = suspectedMs;
  for (let left = wanted; left > 0; ) {
    dueMs += DAY_MS;
    if (![0, 6].includes(new Date(dueMs).getUTCDay())) left -= 1;
  }
  return dueMs;
}

/** Units of a currency for one US dollar, times 10^12; null when it is not known. */
export type PerUsd = (currency: Currency) => bigint | null;

/** A threshold in the country's own currency by a day's rates, rounded down so that nothing is missed. Throws `rate_unavailable`. */
export function thresholdIn(threshold: ReportThreshold, local: Currency, perUsd: PerUsd): Money {
  const stated = parseAmount(threshold.amount, parseCurrency(threshold.currency));
  if (stated.currency === local) return stated;
  const [from, to] = [stated.currency === 'USD' ? 10n ** 12n : perUsd(stated.currency), perUsd(local)];
  if (from === null || to === null) throw fault('rate_unavailable', { detail: `No rate of ${local} is known for that day.` });
  return convert(stated, local, crossRate(from, to), 'down');
}
