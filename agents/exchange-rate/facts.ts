/**
 * The facts an exchange-rate decision stands on, and how they are taken from the board, the corridor's
 * price list and a client's quote. Plain JSON: amounts and rates are decimal strings of whole numbers.
 */
import { corridorBetween, feeFor } from '../../domain/corridor.ts';
import { type Currency, exponentOf } from '../../domain/currency.ts';
import { isFault } from '../../domain/errors.ts';
import { money } from '../../domain/money.ts';
import { dayOf, payoutPlaces } from '../../domain/network.ts';
import type { Country } from '../../domain/rail.ts';
import type { RateSnapshot } from '../../tools/fx/consensus.ts';

/** One currency of the pair as the board had it. */
export type LegFacts = {
  readonly currency: Currency;
  /** Units for one USD, times 10^12; null when the board has no rate it trusts. */
  readonly perUsd: string | null;
  /** Why there is none. */
  readonly refusal: string | null;
  readonly voices: readonly { readonly source: string; readonly asOfMs: number }[];
  readonly disagreementBps: number;
  readonly volatilityBps: number;
  readonly warnings: readonly string[];
};

/** A quote the payment refers to, as stored. */
export type StoredQuoteFacts = {
  readonly id: string;
  readonly signatureValid: boolean;
  readonly usedByAnother: boolean;
  readonly amountMinor: string;
  readonly feeMinor: string;
  readonly exchangedMinor: string;
  readonly rate: string;
  readonly midRate: string;
  readonly spreadBps: number;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly policyVersion: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
};

export type ExchangeRateFacts = {
  readonly nowMs: number;
  /** The id a new quote would get. */
  readonly newQuoteId: string;
  readonly amountMinor: string;
  readonly fromCurrency: Currency;
  readonly toCurrency: Currency;
  readonly fromCountry: Country;
  readonly toCountry: Country;
  /** Null where no corridor is open between the two. */
  readonly corridor: { readonly id: string; readonly feeMinor: string } | null;
  /** Decimal places that every rail paying out to the receiver takes. */
  readonly payoutPlaces: number;
  readonly legs: readonly [LegFacts, LegFacts];
  /** `none`: the payment names no quote · `missing`: it names one that its client does not have. */
  readonly clientQuote: 'none' | 'missing' | StoredQuoteFacts;
};

/** What a price is asked for. */
export interface PriceRequest {
  readonly amountMinor: bigint;
  readonly fromCurrency: Currency;
  readonly toCurrency: Currency;
  readonly fromCountry: Country;
  readonly toCountry: Country;
  readonly delivery: 'wallet' | 'balance';
  /** Null while the receiver is not known yet. */
  readonly receiverWallet: string | null;
}

export interface PriceContext {
  readonly snapshot: RateSnapshot;
  readonly nowMs: number;
  readonly newQuoteId: string;
  readonly clientQuote: ExchangeRateFacts['clientQuote'];
}

/** Puts the facts of one payment or one asked-for quote together; reads memory only. */
export function priceFacts(request: PriceRequest, context: PriceContext): ExchangeRateFacts {
  const { snapshot, nowMs, newQuoteId, clientQuote } = context;
  return {
    nowMs,
    newQuoteId,
    amountMinor: request.amountMinor.toString(),
    fromCurrency: request.fromCurrency,
    toCurrency: request.toCurrency,
    fromCountry: request.fromCountry,
    toCountry: request.toCountry,
    corridor: corridorFacts(request, dayOf(nowMs)),
    payoutPlaces: placesOf(request, dayOf(nowMs)),
    legs: legsOf(request, snapshot),
    clientQuote,
  };
}

function corridorFacts(request: PriceRequest, day: string): ExchangeRateFacts['corridor'] {
  const { fromCountry, toCountry, fromCurrency, toCurrency, amountMinor } = request;
  const corridor = orNull(() => corridorBetween(fromCountry, toCountry, day));
  if (corridor === null || corridor.fromCurrency !== fromCurrency || corridor.toCurrency !== toCurrency) return null;
  return { id: corridor.id, feeMinor: feeFor(corridor, money(amountMinor, fromCurrency)).minor.toString() };
}

/** Where there is no wallet, or no rail to it yet, the currency's own places count; the route agent has the last word on rails. */
function placesOf(request: PriceRequest, day: string): number {
  const { receiverWallet, delivery, toCurrency } = request;
  const own = exponentOf(toCurrency);
  if (delivery === 'balance' || receiverWallet === null) return own;
  return orNull(() => payoutPlaces(receiverWallet, day)) ?? own;
}

function orNull<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}

/** Both currencies of each pair that was asked for at a snapshot: payments of a pair share what is said of it. */
const LEGS = new WeakMap<RateSnapshot, Map<string, ExchangeRateFacts['legs']>>();

function legsOf({ fromCurrency, toCurrency }: PriceRequest, snapshot: RateSnapshot): ExchangeRateFacts['legs'] {
  let known = LEGS.get(snapshot);
  if (known === undefined) LEGS.set(snapshot, (known = new Map()));
  const pair = `${fromCurrency} ${toCurrency}`;
  let legs = known.get(pair);
  if (legs === undefined) known.set(pair, (legs = [legFacts(fromCurrency, snapshot), legFacts(toCurrency, snapshot)]));
  return legs;
}

function legFacts(currency: Currency, snapshot: RateSnapshot): LegFacts {
  const rate = snapshot.rates.get(currency);
  return {
    currency,
    perUsd: rate === undefined ? null : rate.perUsd.toString(),
    refusal: rate === undefined ? (snapshot.refusals.get(currency)?.code ?? 'not_loaded') : null,
    voices: rate?.voices.map(({ source, asOfMs }) => ({ source, asOfMs })) ?? [],
    disagreementBps: rate?.disagreementBps ?? 0,
    volatilityBps: rate?.volatilityBps ?? 0,
    warnings: rate?.warnings ?? [],
  };
}
