/**
 * The exchange-rate agent: decides rate, spread and expiry of every payment's quote.
 *
 * It never quotes on one source or a stale one, never better than the middle of the market, and never
 * lets a quote be used after its expiry, by two payments, or altered.
 */
import type { Pool } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import type { RateBoard } from '../../tools/fx/board.ts';
import type { Agent, CohortPayment, WorkItem } from '../agent.ts';
import { decideExchangeRate, type ExchangeRateData, type ExchangeRateOutcome } from './decide.ts';
import { type ExchangeRateFacts, priceFacts } from './facts.ts';
import { SPREAD_POLICY } from './policy.ts';
import { insertQuotes, loadQuotes, markQuotesUsed, type QuoteRow, type QuoteUse, usedQuoteRow, verifyQuote } from './quotes.ts';

export type { ExchangeRateData, ExchangeRateOutcome, ExchangeRateVerdict, UnsignedQuote } from './decide.ts';
export { decideExchangeRate } from './decide.ts';
export type { ExchangeRateFacts } from './facts.ts';
export { createQuote, signQuote, verifyQuote } from './quotes.ts';

export interface ExchangeRateDeps {
  readonly pool: Pool;
  readonly board: Pick<RateBoard, 'current'>;
  readonly clock: Clock;
}

export type ExchangeRateAgent = Agent<ExchangeRateDeps, ExchangeRateFacts, ExchangeRateOutcome, ExchangeRateData>;

/**
 * Makes the agent. The key stays in here: it signs in `apply` and verifies in `gather`, and is no fact.
 *
 * `apply` is for the payments that are authorised in the transaction: it stores new quotes as used, and
 * marks the clients' own. It throws `quote_used` when a quote was taken since `gather`.
 */
export function createExchangeRateAgent(settings: { readonly quoteKey: Buffer }): ExchangeRateAgent {
  const { quoteKey } = settings;
  return {
    name: 'exchange-rate',
    policyVersion: SPREAD_POLICY.version,
    ownFacts: ['amountMinor', 'clientQuote', 'corridor', 'newQuoteId'],

    async gather(deps, items) {
      const quotes = await loadQuotes(deps.pool, namedQuoteIds(items));
      const snapshot = deps.board.current();
      const nowMs = deps.clock.now();
      const taken = new Set<string>();
      return items.map(({ payment }) => {
        const clientQuote = quoteFacts(payment, quotes, taken, quoteKey);
        const facts = priceFacts(payment, { snapshot, nowMs, newQuoteId: newId(), clientQuote });
        // Of two payments in one cohort that name the same quote, the first that may have it has it.
        if (payment.quoteId !== null && decideExchangeRate(facts).outcome === 'quoted') taken.add(payment.quoteId);
        return facts;
      });
    },

    decide: decideExchangeRate,

    async apply(tx, items, verdicts) {
      const made: QuoteRow[] = [];
      const uses: QuoteUse[] = [];
      for (const [index, { payment }] of items.entries()) {
        const data = verdicts[index]?.data;
        if (data === undefined || data.quote === null) continue;
        if (data.isNew) made.push(usedQuoteRow(data.quote, payment, payment.id, quoteKey));
        else uses.push({ quoteId: data.quote.id, clientId: payment.clientId, paymentId: payment.id });
      }
      await insertQuotes(tx, made);
      await markQuotesUsed(tx, uses);
    },
  };
}

function namedQuoteIds(items: readonly WorkItem[]): string[] {
  return [...new Set(items.flatMap(({ payment }) => payment.quoteId ?? []))];
}

function quoteFacts(
  payment: CohortPayment,
  quotes: ReadonlyMap<string, QuoteRow>,
  taken: ReadonlySet<string>,
  quoteKey: Buffer,
): ExchangeRateFacts['clientQuote'] {
  if (payment.quoteId === null) return 'none';
  const row = quotes.get(payment.quoteId);
  if (row === undefined || row.clientId !== payment.clientId) return 'missing';
  return {
    id: row.id,
    signatureValid: verifyQuote(row, quoteKey),
    usedByAnother: taken.has(row.id) || (row.paymentId !== null && row.paymentId !== payment.id),
    amountMinor: row.amountMinor.toString(),
    feeMinor: row.feeMinor.toString(),
    exchangedMinor: row.exchangedMinor.toString(),
    rate: row.rate.toString(),
    midRate: row.midRate.toString(),
    spreadBps: row.spreadBps,
    fromCurrency: row.fromCurrency,
    toCurrency: row.toCurrency,
    fromCountry: row.fromCountry,
    toCountry: row.toCountry,
    policyVersion: row.policyVersion,
    createdAtMs: row.createdAtMs,
    expiresAtMs: row.expiresAtMs,
  };
}
