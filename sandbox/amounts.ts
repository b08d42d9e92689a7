/** Amounts on the wires of the sandbox operators, to minor units and back, without floats. */
import { type Currency, isCurrency } from '../domain/currency.ts';
import { formatAmount, money, parseAmount } from '../domain/money.ts';

/** A decimal text as minor units; null when it is none, or not positive, or too precise for its currency. */
export function minorOf(text: string, currency: string): bigint | null {
  if (!isCurrency(currency)) return null;
  try {
    const { minor } = parseAmount(text, currency);
    return minor > 0n ? minor : null;
  } catch {
    return null;
  }
}

/** Minor units as text with all the currency's places. */
export function textOfMinor(minor: bigint, currency: Currency): string {
  return formatAmount(money(minor, currency));
}

/** The same without places that say nothing: "600", "10.5" stays "10.50". */
export function shortTextOfMinor(minor: bigint, currency: Currency): string {
  return textOfMinor(minor, currency).replace(/\.0+$/, '');
}

/** Minor units as a JSON number, digit for digit. */
export function jsonNumberOfMinor(minor: bigint, currency: Currency): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(shortTextOfMinor(minor, currency));
}
