/**
 * Reads what operators send. Numbers keep the digits they were written with (as strings), so that no
 * amount ever passes through a float, and a code is the same whether it came as 0 or as "0".
 */
import { type Currency, exponentOf } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { type Money, parseAmount } from '../../domain/money.ts';

/** JSON as operators write it, with every number as the text it was written as. */
export type Reading = string | boolean | null | readonly Reading[] | { readonly [key: string]: Reading };
export type ReadingObject = { readonly [key: string]: Reading };

/** Parses JSON, numbers as text; undefined when it is not JSON (an HTML page, an empty body). */
export function parseReading(text: string): Reading | undefined {
  try {
    return JSON.parse(text, (_key, value: unknown, context?: { source?: string }) =>
      typeof value === 'number' ? (context?.source ?? String(value)) : value,
    ) as Reading;
  } catch {
    return undefined;
  }
}

/** Parses a body that must be a JSON object; undefined for anything else. */
export function parseObject(text: string): ReadingObject | undefined {
  const reading = parseReading(text);
  return isObject(reading) ? reading : undefined;
}

/** A callback body as a JSON object. Throws `malformed_body` for anything else; never repeats the body. */
export function parseCallbackObject(text: string): ReadingObject {
  const object = parseObject(text);
  if (object === undefined) throw fault('malformed_body', { detail: 'The callback is not a JSON object.' });
  return object;
}

export function isObject(value: Reading | undefined): value is ReadingObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text under a key; null when it is missing, empty or no text. */
export function textOf(object: ReadingObject | undefined, key: string): string | null {
  if (object === undefined || !Object.hasOwn(object, key)) return null;
  const value = object[key];
  return typeof value === 'string' && value !== '' ? value : null;
}

/** The object under a key; undefined when there is none. */
export function objectOf(object: ReadingObject | undefined, key: string): ReadingObject | undefined {
  if (object === undefined || !Object.hasOwn(object, key)) return undefined;
  const value = object[key];
  return isObject(value) ? value : undefined;
}

/** The objects under a key that holds one object or a list of them. */
export function listOf(object: ReadingObject | undefined, key: string): readonly ReadingObject[] {
  if (object === undefined || !Object.hasOwn(object, key)) return [];
  const value = object[key];
  if (Array.isArray(value)) return value.filter(isObject);
  return isObject(value) ? [value] : [];
}

/**
 * An amount as operators write it: "1", "1.00", "1,000.00". Null when it is none, or does not fit the
 * currency.
 */
export function readAmount(text: string | null, currency: Currency): Money | null {
  if (text === null) return null;
  const plain = /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(text) ? text.replaceAll(',', '') : text;
  try {
    return parseAmount(plain, currency);
  } catch {
    return null;
  }
}

/** A balance as it is told; `truncated` when it has parts of a minor unit, which are left out. */
export interface ToldBalance {
  readonly amount: Money;
  readonly truncated: boolean;
}

/**
 * A balance as operators write it. Unlike an amount it may hold parts of a minor unit, for some keep accounts in hundredths of
 * currencies that have none; nobody can pay those out, so they are cut off. Null when it is no balance.
 */
export function readBalance(text: string | null, currency: Currency): ToldBalance | null {
  const exact = readAmount(text, currency);
  if (exact !== null) return { amount: exact, truncated: false };
  const [, whole = '', parts = ''] = /^(\d[\d,]*)\.(\d+)$/.exec(text ?? '') ?? [];
  if (whole === '') return null;
  const places = exponentOf(currency);
  const amount = readAmount(places === 0 ? whole : `${whole}.${parts.slice(0, places)}`, currency);
  return amount === null ? null : { amount, truncated: true };
}
