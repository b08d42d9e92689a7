/**
 * Money: a whole number of minor units and its currency. Never a float, never a bare number.
 *
 * Every division names its rounding, and every split gives back exactly what went in.
 */
import { type Currency, exponentOf } from './currency.ts';
import { fault } from './errors.ts';

export interface Money {
  readonly minor: bigint;
  readonly currency: Currency;
}

/** How a division that does not come out even is rounded. `half_even` is banker's rounding. */
export type Rounding = 'down' | 'up' | 'half_even';

/** Largest amount the database can hold: a PostgreSQL bigint. */
export const MINOR_MAX = 2n ** 63n - 1n;

/** Makes money from minor units. Throws `amount_out_of_range` past what the ledger can hold. */
export function money(minor: bigint, currency: Currency): Money {
  if (minor > MINOR_MAX || minor < -MINOR_MAX) throw fault('amount_out_of_range');
  return { minor, currency };
}

const DECIMAL = /^(\d{1,16})(?:\.(\d{1,9}))?$/;

/**
 * Parses a decimal string in major units ("1250.50") into minor units.
 *
 * Throws `amount_malformed` (not a plain non-negative decimal), `amount_too_precise` (more decimal
 * places than the currency has; trailing zeros count as places only when they are not zero).
 */
export function parseAmount(text: string, currency: Currency): Money {
  const match = DECIMAL.exec(text.trim());
  if (!match) throw fault('amount_malformed');
  const exponent = exponentOf(currency);
  const fraction = match[2] ?? '';
  if (/[1-9]/.test(fraction.slice(exponent))) throw fault('amount_too_precise');
  return money(BigInt((match[1] ?? '0') + fraction.slice(0, exponent).padEnd(exponent, '0')), currency);
}

/** Writes money as a decimal string in major units with all the currency's places: "1250.50". */
export function formatAmount(value: Money): string {
  const exponent = exponentOf(value.currency);
  const sign = value.minor < 0n ? '-' : '';
  const digits = (value.minor < 0n ? -value.minor : value.minor).toString().padStart(exponent + 1, '0');
  if (exponent === 0) return sign + digits;
  return `${sign}${digits.slice(0, -exponent)}.${digits.slice(-exponent)}`;
}

/** Sum of two amounts. Throws `currency_mismatch` when their currencies differ. */
export function add(a: Money, b: Money): Money {
  assertSameCurrency(a, b);
  return money(a.minor + b.minor, a.currency);
}

/** `a` less `b`; may be negative. Throws `currency_mismatch` when their currencies differ. */
export function subtract(a: Money, b: Money): Money {
  assertSameCurrency(a, b);
  return money(a.minor - b.minor, a.currency);
}

/** Divides integers with a stated rounding; the divisor must be positive. */
export function divide(numerator: bigint, divisor: bigint, rounding: Rounding): bigint {
  if (divisor <= 0n) throw new RangeError('divisor must be positive');
  let quotient = numerator / divisor;
  let remainder = numerator % divisor;
  if (remainder < 0n) {
    quotient -= 1n;
    remainder += divisor;
  }
  if (remainder === 0n || rounding === 'down') return quotient;
  if (rounding === 'up') return quotient + 1n;
  const twice = remainder * 2n;
  if (twice !== divisor) return twice > divisor ? quotient + 1n : quotient;
  return quotient % 2n === 0n ? quotient : quotient + 1n;
}

/** `bps` basis points (1/100 of a percent) of an amount, rounded as said. */
export function basisPoints(value: Money, bps: bigint, rounding: Rounding): Money {
  return money(divide(value.minor * bps, 10_000n, rounding), value.currency);
}

/** Rounds an amount down to a multiple of 10^-`places` major units, e.g. whole shillings for 0. */
export function truncateToPlaces(value: Money, places: number): Money {
  const step = 10n ** BigInt(Math.max(0, exponentOf(value.currency) - places));
  return money(divide(value.minor, step, 'down') * step, value.currency);
}

/**
 * Splits an amount by whole-number weights so that the parts add up to it exactly: largest
 * remainders get the left-over units, ties in the order given. Needs one positive weight.
 */
export function allocate(value: Money, weights: readonly bigint[]): Money[] {
  const total = weights.reduce((sum, weight) => {
    if (weight < 0n) throw new RangeError('weights must not be negative');
    return sum + weight;
  }, 0n);
  if (total === 0n) throw new RangeError('at least one weight must be positive');
  const parts = weights.map((weight, index) => ({
    index,
    minor: divide(value.minor * weight, total, 'down'),
    remainder: value.minor * weight - divide(value.minor * weight, total, 'down') * total,
  }));
  let left = value.minor - parts.reduce((sum, part) => sum + part.minor, 0n);
  for (const part of [...parts].sort((a, b) => (b.remainder > a.remainder ? 1 : b.remainder < a.remainder ? -1 : a.index - b.index))) {
    if (left === 0n) break;
    part.minor += 1n;
    left -= 1n;
  }
  return parts.map((part) => money(part.minor, value.currency));
}

function assertSameCurrency(a: Money, b: Money): void {
  if (a.currency !== b.currency) throw fault('currency_mismatch', { internal: `${a.currency} with ${b.currency}` });
}
