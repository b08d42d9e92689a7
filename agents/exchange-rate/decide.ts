/**
 * The exchange-rate decision: the terms of a quote, or a refusal with a code of the error catalogue. Pure,
 * and the same for a payment on its way and for a client who asks for a quote ahead of it.
 *
 * fee = price list(amount); exchanged = floor((amount - fee) × rate); rate = floor(mid × (1 - spread)); the
 * receiver gets what is exchanged, cut down to the places that every payout rail takes.
 */
import type { Currency } from '../../domain/currency.ts';
import type { Reason, Verdict } from '../../domain/decision.ts';
import { type ErrorCode, ERRORS, isFault } from '../../domain/errors.ts';
import { divide, type Money, MINOR_MAX, money, truncateToPlaces } from '../../domain/money.ts';
import { convert, crossRate, formatRate, RATE_SCALE } from '../../domain/rate.ts';
import { isCfa, isFresh, PUBLISHERS_MIN } from '../../tools/fx/policy.ts';
import type { QuoteTerms } from '../agent.ts';
import type { ExchangeRateFacts, LegFacts, StoredQuoteFacts } from './facts.ts';
import { pairVolatilityBps, SPREAD_POLICY, spreadOf, validityMsOf } from './policy.ts';

export type ExchangeRateOutcome = 'quoted' | 'refused';

/** Terms before they are signed. */
export type UnsignedQuote = Omit<QuoteTerms, 'signature'>;

export interface ExchangeRateData {
  /** Null when refused. */
  readonly quote: UnsignedQuote | null;
  /** The quote was made by this decision and is not stored yet. */
  readonly isNew: boolean;
  /** Null when quoted. */
  readonly refusalCode: ErrorCode | null;
}

export type ExchangeRateVerdict = Verdict<ExchangeRateOutcome, ExchangeRateData>;

/** Decides one payment from its facts. */
export function decideExchangeRate(facts: ExchangeRateFacts): ExchangeRateVerdict {
  if (facts.clientQuote === 'missing') return refuse('quote_not_found');
  if (facts.clientQuote !== 'none') return honourQuote(facts, facts.clientQuote);
  if (facts.corridor === null) return refuse('corridor_unavailable');
  const pricing = pricingOf(facts);
  if ('refusal' in pricing) return pricing.refusal;
  return makeQuote(facts, facts.corridor, pricing);
}

/** A client's own quote is kept to the letter, or refused; it is never replaced by another price. */
function honourQuote(facts: ExchangeRateFacts, quote: StoredQuoteFacts): ExchangeRateVerdict {
  if (!quote.signatureValid) return refuse('quote_altered');
  if (quote.usedByAnother) return refuse('quote_used');
  if (facts.nowMs >= quote.expiresAtMs) return refuse('quote_expired');
  const isSame =
    quote.amountMinor === facts.amountMinor &&
    quote.fromCurrency === facts.fromCurrency &&
    quote.toCurrency === facts.toCurrency &&
    quote.fromCountry === facts.fromCountry &&
    quote.toCountry === facts.toCountry;
  if (!isSame) return refuse('quote_mismatch');
  const exchanged = money(BigInt(quote.exchangedMinor), facts.toCurrency);
  const target = truncateToPlaces(exchanged, facts.payoutPlaces);
  if (target.minor <= 0n) return refuse('amount_below_minimum');
  const terms: UnsignedQuote = {
    id: quote.id,
    amountMinor: BigInt(quote.amountMinor),
    feeMinor: BigInt(quote.feeMinor),
    exchangedMinor: exchanged.minor,
    targetMinor: target.minor,
    rate: BigInt(quote.rate),
    midRate: BigInt(quote.midRate),
    spreadBps: quote.spreadBps,
    createdAtMs: quote.createdAtMs,
    expiresAtMs: quote.expiresAtMs,
    policyVersion: quote.policyVersion,
  };
  const leftMs = quote.expiresAtMs - facts.nowMs;
  return accept(terms, false, [reason('client_quote', `The client's quote is valid for another ${Math.floor(leftMs / 1000)} s.`)]);
}

interface Pricing {
  readonly midRate: bigint;
  readonly rate: bigint;
  readonly spreadBps: number;
  readonly validityMs: number;
  readonly reasons: readonly Reason[];
}

/** What was priced last of legs that several payments share: a pair has one price for a cohort, whatever the amounts. */
const PRICED = new WeakMap<
  ExchangeRateFacts['legs'],
  { readonly facts: ExchangeRateFacts; readonly pricing: ReturnType<typeof pricePair> }
>();

function pricingOf(facts: ExchangeRateFacts): ReturnType<typeof pricePair> {
  const known = PRICED.get(facts.legs);
  if (known?.facts.nowMs === facts.nowMs && known.facts.fromCurrency === facts.fromCurrency && known.facts.toCurrency === facts.toCurrency)
    return known.pricing;
  const pricing = pricePair(facts);
  PRICED.set(facts.legs, { facts, pricing });
  return pricing;
}

/** The price of a pair; depends on its currencies, its legs and the moment alone. */
function pricePair(facts: ExchangeRateFacts): Pricing | { readonly refusal: ExchangeRateVerdict } {
  const { fromCurrency: from, toCurrency: to } = facts;
  if (from === to) {
    const reasons = [reason('same_currency', 'Both sides are the same currency: nothing is exchanged.')];
    return { midRate: RATE_SCALE, rate: RATE_SCALE, spreadBps: 0, validityMs: SPREAD_POLICY.validityMs.calm, reasons };
  }
  if (isCfa(from) && isCfa(to)) {
    const calm = { volatilityBps: 0, disagreementBps: 0, ageMs: 0 };
    return priceAt(from, to, RATE_SCALE, calm, [reason('parity', 'Both CFA francs have the same parity to the euro.')]);
  }
  const [first, second] = facts.legs;
  const doubts = facts.legs.flatMap((leg) => doubtOf(leg, facts.nowMs));
  if (doubts.length > 0 || first.perUsd === null || second.perUsd === null) return { refusal: refuse('rate_unavailable', doubts) };
  const asOf = facts.legs.flatMap((leg) => leg.voices.map((voice) => voice.asOfMs));
  const risk = {
    volatilityBps: pairVolatilityBps(first.volatilityBps, second.volatilityBps),
    disagreementBps: first.disagreementBps + second.disagreementBps,
    ageMs: Math.max(0, ...asOf.map((asOfMs) => facts.nowMs - asOfMs)),
  };
  const isRestless = facts.legs.some((leg) => leg.warnings.includes('large_move'));
  const reasons = facts.legs.filter((leg) => leg.currency !== 'USD').map(sourcesReason);
  const priced = priceAt(from, to, crossRate(BigInt(first.perUsd), BigInt(second.perUsd)), risk, reasons);
  if ('refusal' in priced || !isRestless) return priced;
  const text = 'A currency of the pair moved further than on 99 of 100 days: the quote is short.';
  return { ...priced, validityMs: SPREAD_POLICY.validityMs.restless, reasons: [...priced.reasons, reason('large_move', text)] };
}

interface Risk {
  readonly volatilityBps: number;
  readonly disagreementBps: number;
  readonly ageMs: number;
}

function priceAt(
  from: Currency,
  to: Currency,
  midRate: bigint,
  risk: Risk,
  reasons: readonly Reason[],
): Pricing | { readonly refusal: ExchangeRateVerdict } {
  const spread = spreadOf({ from, to, ...risk });
  const rate = divide(midRate * BigInt(10_000 - spread.totalBps), 10_000n, 'down');
  // The database holds rates as 64-bit numbers; a rate of nothing would give the receiver nothing.
  if (rate <= 0n || midRate > MINOR_MAX) return { refusal: refuse('rate_unavailable') };
  const { totalBps, baseBps, volatilityBps, disagreementBps, ageBps } = spread;
  const text = `${totalBps} bps on a mid of ${formatRate(midRate)}: base ${baseBps}, volatility ${volatilityBps}, disagreement ${disagreementBps}, age ${ageBps}.`;
  return {
    midRate,
    rate,
    spreadBps: totalBps,
    validityMs: validityMsOf(risk.volatilityBps),
    reasons: [...reasons, reason('spread', text)],
  };
}

/** The board looked some time ago; whether its sources are still fresh is asked again for this moment. */
function doubtOf(leg: LegFacts, nowMs: number): Reason[] {
  if (leg.currency === 'USD') return [];
  if (leg.perUsd === null) return [reason(leg.refusal ?? 'not_loaded', `There is no rate of ${leg.currency} to trust: ${leg.refusal}.`)];
  const fresh = new Set(leg.voices.filter((voice) => isFresh(voice.asOfMs, nowMs)).map((voice) => voice.source));
  if (fresh.size >= PUBLISHERS_MIN) return [];
  return [reason('sources_stale', `Only ${fresh.size} of ${PUBLISHERS_MIN} sources needed for ${leg.currency} are fresh.`)];
}

function sourcesReason(leg: LegFacts): Reason {
  const names = leg.voices.map((voice) => voice.source).join(' and ');
  return reason('sources', `${leg.currency} from ${names}, ${leg.disagreementBps} bps apart.`);
}

function makeQuote(facts: ExchangeRateFacts, corridor: NonNullable<ExchangeRateFacts['corridor']>, pricing: Pricing): ExchangeRateVerdict {
  const amountMinor = BigInt(facts.amountMinor);
  const feeMinor = BigInt(corridor.feeMinor);
  if (amountMinor - feeMinor <= 0n) return refuse('amount_below_minimum', [reason('fee', 'The fee leaves nothing to exchange.')]);
  const exchanged = exchangeOrNull(money(amountMinor - feeMinor, facts.fromCurrency), facts.toCurrency, pricing.rate);
  if (exchanged === null) return refuse('amount_out_of_range');
  const target = truncateToPlaces(exchanged, facts.payoutPlaces);
  if (target.minor <= 0n) return refuse('amount_below_minimum', [reason('rounding', 'What is left is less than the operators move.')]);
  const terms: UnsignedQuote = {
    id: facts.newQuoteId,
    amountMinor,
    feeMinor,
    exchangedMinor: exchanged.minor,
    targetMinor: target.minor,
    rate: pricing.rate,
    midRate: pricing.midRate,
    spreadBps: pricing.spreadBps,
    createdAtMs: facts.nowMs,
    expiresAtMs: facts.nowMs + pricing.validityMs,
    policyVersion: SPREAD_POLICY.version,
  };
  return accept(terms, true, pricing.reasons);
}

function exchangeOrNull(value: Money, target: Currency, rate: bigint): Money | null {
  try {
    return convert(value, target, rate, 'down');
  } catch (error) {
    if (isFault(error, 'amount_out_of_range')) return null;
    throw error;
  }
}

function accept(quote: UnsignedQuote, isNew: boolean, reasons: readonly Reason[]): ExchangeRateVerdict {
  return { outcome: 'quoted', reasons, confidence: 1, data: { quote, isNew, refusalCode: null } };
}

/** The first reason is always the code of the error catalogue. */
function refuse(code: ErrorCode, because: readonly Reason[] = []): ExchangeRateVerdict {
  return {
    outcome: 'refused',
    reasons: [reason(code, ERRORS[code].title), ...because],
    confidence: 1,
    data: { quote: null, isNew: false, refusalCode: code },
  };
}

function reason(code: string, text: string): Reason {
  return { code, text };
}
