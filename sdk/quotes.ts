/** Quotes: a price that holds until it expires, for one payment. */
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';

export interface QuoteInput {
  /** What the sender pays in all, major units. */
  readonly amount: string;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
}

export interface Quote {
  readonly id: string;
  readonly amount: string;
  readonly amountMinor: string;
  readonly feeAmount: string;
  readonly feeAmountMinor: string;
  /** What is left after the fee at the quoted rate, before operators round. */
  readonly targetAmount: string;
  readonly targetAmountMinor: string;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  /** Units of the target currency for one of the source currency, spread included; `midRate` without it. */
  readonly rate: string;
  readonly midRate: string;
  readonly spreadBps: number;
  readonly policyVersion: string;
  readonly signature: string;
  readonly createdAt: string;
  readonly expiresAt: string;
  /** The payment that used it; a quote is used once. */
  readonly paymentId: string | null;
}

export function createQuotes(transport: Transport) {
  return {
    create: (quote: QuoteInput, options: WriteOptions = {}) =>
      transport.json<Quote>({ method: 'POST', path: '/v1/quotes', body: jsonBody(quote), ...options }),
    get: (id: string, options: RequestOptions = {}) =>
      transport.json<Quote>({ method: 'GET', path: `/v1/quotes/${encodeURIComponent(id)}`, ...options }),
  };
}
