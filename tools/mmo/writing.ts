/** Writes what operators want in forms of their own: amounts as JSON numbers, numbers without calling code. */
import { formatAmount, type Money } from '../../domain/money.ts';
import { nationalNumber } from '../../domain/phone.ts';

/** An amount without places that say nothing: "600", "10.50". */
export function wireAmount(amount: Money): string {
  return formatAmount(amount).replace(/\.0+$/, '');
}

/**
 * An amount that `JSON.stringify` writes as a number, digit for digit, so that it never passes through a
 * float. Source: ECMA-262, JSON.rawJSON.
 */
export function wireNumber(amount: Money): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(wireAmount(amount));
}

/** The national part of an E.164 number, or null for a number of no country served. */
export function nationalOf(phone: string): string | null {
  try {
    return nationalNumber(phone);
  } catch {
    return null;
  }
}
