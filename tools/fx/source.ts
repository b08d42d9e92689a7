/**
 * A source of exchange rates, and what it gives: units of a currency for one US dollar, scaled by 10^12,
 * with the moment the source says they are of.
 *
 * Numbers travel from the source's text to a scaled integer without ever being a float.
 */
import { z } from 'zod';
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { parseRate } from '../../domain/rate.ts';

/** A rate between two currencies as the source gave it directly, for the triangle check. */
export interface CrossQuote {
  readonly from: Currency;
  readonly to: Currency;
  /** Units of `to` for one `from`, scaled by 10^12. */
  readonly rate: bigint;
}

export interface SourceRates {
  /** Id of the source. */
  readonly source: string;
  /** The moment the rates are of, by the source's own word. */
  readonly asOfMs: number;
  /** Units of the currency for one USD, scaled by 10^12. */
  readonly perUsd: ReadonlyMap<Currency, bigint>;
  /** Pairs that do not go through USD, where the source has them. */
  readonly crosses?: readonly CrossQuote[];
}

export interface RateSource {
  readonly id: string;
  /** Throws `rate_source_failed` when there is no usable answer. */
  fetch(): Promise<SourceRates>;
}

/** Two copies of one publisher's figures agree about nothing but the copying: they count as one voice. */
const PUBLISHERS: Readonly<Record<string, string>> = {
  embedded: 'fawazahmed0',
  'currency-api': 'fawazahmed0',
  'open-er-api': 'exchangerate-api',
};

/** Who stands behind a source; a source of its own for every id that is not known to be a copy. */
export function publisherOf(sourceId: string): string {
  return PUBLISHERS[sourceId] ?? sourceId;
}

/** Longer numbers than this are no rates; the bound keeps hostile digits away from bigint arithmetic. */
const DECIMAL_TEXT_MAX = 40;

interface DecimalText {
  readonly decimal: string;
}

/**
 * Parses JSON with every number kept as its source text: `1.10` becomes `{ decimal: '1.10' }`.
 * Throws `rate_source_failed` for anything that is not JSON.
 */
export function parseDecimalJson(text: string, sourceId: string): unknown {
  const keepText = (_key: string, value: unknown, context?: { source?: string }): unknown => {
    if (typeof value !== 'number') return value;
    // Node before 21 does not hand the text on; better no rate than one that was a float.
    if (context?.source === undefined) throw new TypeError('this runtime does not keep the text of numbers');
    return { decimal: context.source };
  };
  try {
    return JSON.parse(text, keepText);
  } catch (cause) {
    throw sourceFailed(sourceId, 'the body is not JSON', cause);
  }
}

/** A positive JSON number as a scaled rate. */
const scaledRate = z.object({ decimal: z.string().max(DECIMAL_TEXT_MAX) }).transform((value: DecimalText, context): bigint => {
  try {
    return parseRate(value.decimal);
  } catch {
    context.addIssue({ code: 'custom', message: 'not a positive decimal number' });
    return z.NEVER;
  }
});

/** A JSON number that is a whole number of seconds since the Unix epoch, before the year 2286. */
export const unixSeconds = z.object({ decimal: z.string().regex(/^[1-9]\d{0,9}$/) }).transform((value) => Number(value.decimal) * 1000);

/** A calendar day as the moment it begins, UTC. */
export const dayBeginMs = z.iso.date().transform((day) => Date.parse(`${day}T00:00:00Z`));

/**
 * The currencies CAPP knows out of an object of rates; other keys are not looked at. One value that is
 * not a positive number spoils the whole body, for then it is not the document that was agreed on.
 */
export function ratesSchema(keyOf: (currency: Currency) => string) {
  const shape = Object.fromEntries(CURRENCIES.map((currency) => [keyOf(currency), scaledRate.optional()]));
  return z.object(shape).transform((rates): ReadonlyMap<Currency, bigint> => {
    const found = new Map<Currency, bigint>();
    for (const currency of CURRENCIES) {
      const rate = rates[keyOf(currency)];
      if (rate !== undefined) found.set(currency, rate);
    }
    return found;
  });
}

/** Checks a body against its schema. Throws `rate_source_failed`, naming the path but no content. */
export function checkBody<Schema extends z.ZodType>(schema: Schema, body: unknown, sourceId: string): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const path = parsed.error.issues[0]?.path.join('.').slice(0, 60) ?? '';
  throw sourceFailed(sourceId, `the body has not the agreed form at "${path}"`);
}

/** The fault for a source without a usable answer; `retryAfterMs` when the source said how long to stay away. */
export function sourceFailed(sourceId: string, why: string, cause?: unknown, retryAfterMs?: number): Error {
  return fault('rate_source_failed', {
    internal: `${sourceId}: ${why}`,
    cause: retryAfterMs === undefined ? cause : { retryAfterMs },
  });
}

/** How long a source that failed wants to be left alone, milliseconds; 0 when it did not say. */
export function retryAfterMsOf(error: unknown): number {
  const cause = error instanceof Error ? error.cause : undefined;
  const said = typeof cause === 'object' && cause !== null && 'retryAfterMs' in cause ? cause.retryAfterMs : 0;
  return typeof said === 'number' ? said : 0;
}
