/**
 * The currencies CAPP moves, with the number of decimal places ISO 4217 gives each.
 *
 * Three facts are kept apart: the ISO exponent (this table, used by the ledger), what an operator
 * is able to move (a property of its rails), and how an amount is shown.
 */
import { fault } from './errors.ts';

/** ISO 4217 exponent per currency code. Source: ISO 4217 list one, maintenance agency SIX, 2026. */
const EXPONENTS = {
  CDF: 2,
  EUR: 2,
  GHS: 2,
  KES: 2,
  MWK: 2,
  MZN: 2,
  NGN: 2,
  RWF: 0,
  TZS: 2,
  UGX: 0,
  USD: 2,
  XAF: 0,
  XOF: 0,
  ZAR: 2,
  ZMW: 2,
} as const;

export type Currency = keyof typeof EXPONENTS;

export const CURRENCIES = Object.keys(EXPONENTS) as readonly Currency[];

/** Says whether a string is a currency CAPP knows. */
export function isCurrency(code: string): code is Currency {
  return Object.hasOwn(EXPONENTS, code);
}

/** Takes a currency code, returns it typed; throws `unknown_currency` for any other text. */
export function parseCurrency(code: string): Currency {
  // Only what could be a currency is said again; anything else may be a name.
  if (!isCurrency(code))
    throw fault('unknown_currency', { detail: `${/^[A-Z]{3}$/.test(code) ? code : 'That'} is not a currency CAPP moves` });
  return code;
}

/** Decimal places of the currency by ISO 4217: 2 for KES, 0 for UGX. */
export function exponentOf(currency: Currency): number {
  return EXPONENTS[currency];
}

/** Minor units in one major unit: 100n for KES, 1n for UGX. */
export function minorPerMajor(currency: Currency): bigint {
  return 10n ** BigInt(EXPONENTS[currency]);
}
