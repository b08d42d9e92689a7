/** The codec at the edge: how amounts, moments and rates look from outside. */
import { z } from '@hono/zod-openapi';
import { CORRIDOR_PATTERN, isCorridor } from '../../../domain/corridor.ts';
import { type Currency, CURRENCIES, parseCurrency } from '../../../domain/currency.ts';
import { ERRORS } from '../../../domain/errors.ts';
import { formatAmount, money } from '../../../domain/money.ts';
import { formatRate } from '../../../domain/rate.ts';

export const idSchema = z.uuid();
export const amountSchema = z.string().openapi({ description: 'Decimal number of major units.', example: '1250.00' });
export const minorSchema = z.string().openapi({ description: 'The same in minor units.', example: '125050' });
export const rateSchema = z.string().openapi({ description: 'Decimal number, up to twelve places.', example: '28.412' });
export const currencySchema = z.enum(CURRENCIES as [Currency, ...Currency[]]).openapi({ description: 'ISO 4217.', example: 'KES' });
export const countrySchema = z.string().length(2).openapi({ description: 'ISO 3166-1 alpha-2.', example: 'KE' });
/** A corridor of the network; any other is told as `corridor_unavailable`, for nothing would ever be found under it. */
export const corridorSchema = z
  .string()
  .regex(CORRIDOR_PATTERN, { error: 'Invalid input: expected two countries, as in KE-UG', abort: true })
  .refine(isCorridor, { error: ERRORS.corridor_unavailable.title, params: { code: 'corridor_unavailable' } })
  .openapi({ description: 'From and to; without it all corridors.', example: 'KE-UG' });
export const momentSchema = z.iso.datetime({ offset: false }).openapi({ example: '2026-03-31T09:30:00.000Z' });
/** A SHA-256. */
export const digestSchema = z.string().regex(/^[0-9a-f]{64}$/, 'Invalid input: expected 64 hex digits');

/** Minor units as a decimal string of major units; null stays null. */
export function amountOut<M extends bigint | null>(minor: M, currency: string): M extends null ? string | null : string {
  return (minor === null ? null : formatAmount(money(minor, parseCurrency(currency)))) as M extends null ? string | null : string;
}

export function momentOut<D extends Date | null>(at: D): D extends null ? string | null : string {
  return (at === null ? null : at.toISOString()) as D extends null ? string | null : string;
}

/** A rate scaled by 10^12 as a decimal string. */
export function rateOut(scaled: bigint): string {
  return formatRate(scaled);
}
