/** Quotes: what a payment would cost and bring, locked for a while. */
import { z } from '@hono/zod-openapi';
import { findQuotes, type QuoteRow } from '../../../db/queries/quotes.ts';
import { corridorBetween } from '../../../domain/corridor.ts';
import { CURRENCIES } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import { parseAmount } from '../../../domain/money.ts';
import { COUNTRIES } from '../../../domain/network.ts';
import type { ApiDeps, Caller, QuoteRequest } from '../deps.ts';
import { addHeader } from '../headers.ts';
import { answers, idParam, idParams, validate } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import {
  amountOut,
  amountSchema,
  countrySchema,
  currencySchema,
  idSchema,
  minorSchema,
  momentSchema,
  rateOut,
  rateSchema,
} from '../resources/common.ts';

const requestSchema = z
  .strictObject({
    amount: z.string().min(1).max(32).openapi({ description: 'What the sender pays in all, in major units.', example: '1250' }),
    fromCurrency: z.enum(CURRENCIES),
    toCurrency: z.enum(CURRENCIES),
    fromCountry: z.enum(COUNTRIES.map((entry) => entry.country)),
    toCountry: z.enum(COUNTRIES.map((entry) => entry.country)),
  })
  .openapi('QuoteRequest');

const quoteSchema = z
  .object({
    id: idSchema,
    amount: amountSchema,
    amountMinor: minorSchema,
    feeAmount: amountSchema,
    feeAmountMinor: minorSchema,
    targetAmount: amountSchema.openapi({ description: 'What is left after the fee, at the quoted rate, before operators round.' }),
    targetAmountMinor: minorSchema,
    fromCurrency: currencySchema,
    toCurrency: currencySchema,
    fromCountry: countrySchema,
    toCountry: countrySchema,
    rate: rateSchema,
    midRate: rateSchema,
    spreadBps: z.int(),
    policyVersion: z.string(),
    signature: z.string().openapi({ description: 'HMAC-SHA256 of the terms, hex.' }),
    createdAt: momentSchema,
    expiresAt: momentSchema,
    paymentId: idSchema.nullable().openapi({ description: 'The payment that used it; a quote is used once.' }),
  })
  .openapi('Quote');

type QuoteResource = z.infer<typeof quoteSchema>;

function quoteOut(row: QuoteRow): QuoteResource {
  return {
    id: row.id,
    amount: amountOut(row.amount, row.fromCurrency),
    amountMinor: row.amount.toString(),
    feeAmount: amountOut(row.feeAmount, row.fromCurrency),
    feeAmountMinor: row.feeAmount.toString(),
    targetAmount: amountOut(row.targetAmount, row.toCurrency),
    targetAmountMinor: row.targetAmount.toString(),
    fromCurrency: row.fromCurrency as QuoteResource['fromCurrency'],
    toCurrency: row.toCurrency as QuoteResource['toCurrency'],
    fromCountry: row.fromCountry,
    toCountry: row.toCountry,
    rate: rateOut(row.rate),
    midRate: rateOut(row.midRate),
    spreadBps: row.spreadBps,
    policyVersion: row.policyVersion,
    signature: row.signature.toString('hex'),
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt.toISOString(),
    paymentId: row.paymentId,
  };
}

/** Checks a request as far as rules without rates can: form, corridor, currencies, amount. */
function readRequest(value: unknown): Omit<QuoteRequest, 'clientId'> {
  const { amount, fromCurrency, toCurrency, fromCountry, toCountry } = validate(requestSchema, value);
  const corridor = corridorBetween(fromCountry, toCountry);
  if (corridor.fromCurrency !== fromCurrency) throw fault('currency_mismatch', { field: 'fromCurrency' });
  if (corridor.toCurrency !== toCurrency) throw fault('currency_mismatch', { field: 'toCurrency' });
  const money = parseAmount(amount, fromCurrency);
  if (money.minor <= 0n) throw fault('amount_not_positive', { field: 'amount' });
  return { amount: money, toCurrency, fromCountry, toCountry };
}

async function load(deps: ApiDeps, caller: Caller, quoteId: string): Promise<QuoteResource> {
  const row = (await findQuotes(deps.tenants.of(caller.clientId), caller.clientId, [quoteId]))[0];
  if (!row) throw fault('quote_not_found');
  return quoteOut(row);
}

/** Mounts the routes of quotes. */
export function mountQuotes(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/quotes',
      operationId: 'createQuote',
      tag: 'Quotes',
      summary: 'Ask what a payment would cost and bring',
      scope: 'quotes:write',
      idempotent: true,
      body: { schema: requestSchema, read: readRequest },
      responses: { 201: answers('A signed quote, good until it expires.', quoteSchema) },
      refusals: ['corridor_unavailable', 'currency_mismatch', 'amount_malformed', 'rate_unavailable'],
    },
    async ({ c, caller, body }) => {
      const { id } = await deps.createQuote({ clientId: caller.clientId, ...body });
      c.set('logged', { quoteId: id });
      addHeader(c, 'Location', `/v1/quotes/${id}`);
      return { status: 201, body: await load(deps, caller, id) };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/quotes/{id}',
      operationId: 'getQuote',
      tag: 'Quotes',
      summary: 'Read a quote',
      scope: 'quotes:write',
      tagged: true,
      params: idParams,
      responses: { 200: answers('The quote.', quoteSchema) },
      refusals: ['quote_not_found'],
    },
    async ({ c, caller }) => ({ status: 200, body: await load(deps, caller, idParam(c)) }),
  );
}
