/**
 * From what several sources say to one rate per currency, or to a refusal with its reason. Pure: sources,
 * what was accepted before, and the moment go in; the same input gives the same snapshot everywhere.
 */
import { CURRENCIES, type Currency } from '../../domain/currency.ts';
import { divide } from '../../domain/money.ts';
import { RATE_SCALE } from '../../domain/rate.ts';
import { cfaFromEuro, type Dropped, inspectSource, type Observation, type RateHistory } from './gates.ts';
import { CONFIRMATION_MS, distanceBps, EXPECTATIONS, isCfa, PERSON_MOVE_BPS, PUBLISHERS_MIN } from './policy.ts';
import { publisherOf, type SourceRates } from './source.ts';
import { volatilityBps } from './volatility.ts';

export type RateWarning = 'source_dropped' | 'large_move' | 'move_confirmed';

export interface RateVoice {
  readonly source: string;
  readonly publisher: string;
  readonly asOfMs: number;
  readonly perUsd: bigint;
}

export interface CurrencyRate {
  readonly currency: Currency;
  /** Mid-market units for one USD, scaled by 10^12. */
  readonly perUsd: bigint;
  /** Who was heard, one per publisher. Empty for USD only. */
  readonly voices: readonly RateVoice[];
  /** From the lowest to the highest voice, basis points of the rate. */
  readonly disagreementBps: number;
  /** Standard deviation of daily changes, basis points. */
  readonly volatilityBps: number;
  /** Against the last accepted rate, basis points; 0 when there was none. */
  readonly moveBps: number;
  readonly warnings: readonly RateWarning[];
}

export type RateRefusalCode = 'not_loaded' | 'no_source' | 'one_source' | 'sources_disagree' | 'move_needs_person';

export interface RateRefusal {
  readonly currency: Currency;
  readonly code: RateRefusalCode;
  /** One sentence for people. */
  readonly text: string;
  /** What the sources would have given, when they agreed on something. */
  readonly proposedPerUsd: bigint | null;
}

export interface RateSnapshot {
  readonly atMs: number;
  readonly rates: ReadonlyMap<Currency, CurrencyRate>;
  /** Every currency that has no rate, with the reason. */
  readonly refusals: ReadonlyMap<Currency, RateRefusal>;
  readonly dropped: readonly Dropped[];
}

/** A person's word that a large move is real. */
export interface MoveConfirmation {
  readonly currency: Currency;
  readonly perUsd: bigint;
  readonly atMs: number;
}

/** What is known from before. */
export interface Previous {
  /** The last accepted rate per currency. */
  readonly accepted: ReadonlyMap<Currency, bigint>;
  /** Accepted rates per currency, one a day, oldest first. */
  readonly acceptedHistory: ReadonlyMap<Currency, readonly Observation[]>;
  /** What each source said before. */
  readonly sourceHistory: RateHistory;
  readonly confirmations: readonly MoveConfirmation[];
}

export const NOTHING_BEFORE: Previous = { accepted: new Map(), acceptedHistory: new Map(), sourceHistory: new Map(), confirmations: [] };

/** A snapshot that has no rate but the dollar, for a board that has not looked yet. */
export function emptySnapshot(atMs: number): RateSnapshot {
  const refuse = (currency: Currency) => refusal(currency, 'not_loaded', `No rate of ${currency} has been loaded yet.`);
  const others = CURRENCIES.filter((currency) => currency !== 'USD');
  return { atMs, rates: new Map([['USD', DOLLAR]]), refusals: new Map(others.map((each) => [each, refuse(each)])), dropped: [] };
}

const DOLLAR: CurrencyRate = {
  currency: 'USD',
  perUsd: RATE_SCALE,
  voices: [],
  disagreementBps: 0,
  volatilityBps: 0,
  moveBps: 0,
  warnings: [],
};

/** One rate per currency from what the sources say at `nowMs`. */
export function consensus(sources: readonly SourceRates[], previous: Previous, nowMs: number): RateSnapshot {
  const embedded = sources.find((each) => each.source === 'embedded');
  const context = {
    levelOf: (currency: Currency) => previous.accepted.get(currency) ?? embedded?.perUsd.get(currency),
    history: previous.sourceHistory,
    nowMs,
  };
  const dropped: Dropped[] = [];
  const voices = new Map<Currency, RateVoice[]>();
  // The younger copy of a publisher comes first and is the one that is heard.
  for (const rates of [...sources].sort((a, b) => b.asOfMs - a.asOfMs || (a.source < b.source ? -1 : 1))) {
    const inspection = inspectSource(rates, context);
    dropped.push(...inspection.dropped);
    for (const [currency, perUsd] of inspection.kept) {
      const heard = voices.get(currency) ?? [];
      const publisher = publisherOf(rates.source);
      if (heard.some((voice) => voice.publisher === publisher)) continue;
      voices.set(currency, [...heard, { source: rates.source, publisher, asOfMs: rates.asOfMs, perUsd }]);
    }
  }
  const rates = new Map<Currency, CurrencyRate>([['USD', DOLLAR]]);
  const refusals = new Map<Currency, RateRefusal>();
  for (const currency of CURRENCIES) {
    if (currency === 'USD' || isCfa(currency)) continue;
    const verdict = settleCurrency(currency, voices.get(currency) ?? [], previous, nowMs);
    dropped.push(...verdict.dropped);
    if (verdict.rate !== null) rates.set(currency, verdict.rate);
    else refusals.set(currency, verdict.refusal);
  }
  addFrancs(rates, refusals);
  return { atMs: nowMs, rates, refusals, dropped };
}

type Settled = { readonly dropped: readonly Dropped[] } & (
  | { readonly rate: CurrencyRate; readonly refusal: null }
  | { readonly rate: null; readonly refusal: RateRefusal }
);

function settleCurrency(currency: Currency, heard: readonly RateVoice[], previous: Previous, nowMs: number): Settled {
  const { toleranceBps, dailyVolatilityBps, largeMoveBps } = EXPECTATIONS[currency];
  if (heard.length < PUBLISHERS_MIN) {
    const code = heard.length === 0 ? 'no_source' : 'one_source';
    const text = `${heard.length} of ${PUBLISHERS_MIN} publishers needed give a usable rate of ${currency}.`;
    return { dropped: [], rate: null, refusal: refusal(currency, code, text) };
  }
  const { kept, dropped } = dropOutliers(currency, heard, toleranceBps);
  if (kept.length < PUBLISHERS_MIN) {
    const text = `The publishers lie more than ${toleranceBps} bps apart on ${currency}.`;
    return { dropped, rate: null, refusal: refusal(currency, 'sources_disagree', text) };
  }
  const perUsd = median(kept.map((voice) => voice.perUsd));
  const before = previous.accepted.get(currency);
  const moveBps = before === undefined ? 0 : distanceBps(perUsd, before);
  const warnings: RateWarning[] = dropped.length > 0 ? ['source_dropped'] : [];
  if (moveBps > largeMoveBps) warnings.push('large_move');
  if (moveBps > PERSON_MOVE_BPS) {
    if (!isConfirmed(currency, perUsd, previous.confirmations, nowMs)) {
      const text = `${currency} moved ${moveBps} bps since it was last accepted; a person has to confirm that.`;
      return { dropped, rate: null, refusal: refusal(currency, 'move_needs_person', text, perUsd) };
    }
    warnings.push('move_confirmed');
  }
  const rate: CurrencyRate = {
    currency,
    perUsd,
    voices: kept,
    disagreementBps: spanBps(kept, perUsd),
    volatilityBps: volatilityBps(previous.acceptedHistory.get(currency) ?? [], dailyVolatilityBps),
    moveBps,
    warnings,
  };
  return { dropped, rate, refusal: null };
}

/**
 * Drops voices further than the tolerance from the median. Two voices have no median worth the name:
 * when only two are left, they must lie within the tolerance of each other, or neither is believed.
 */
function dropOutliers(currency: Currency, heard: readonly RateVoice[], toleranceBps: number) {
  const middle = median(heard.map((voice) => voice.perUsd));
  const near = heard.length < 3 ? heard : heard.filter((voice) => distanceBps(voice.perUsd, middle) <= toleranceBps);
  const [first, second] = near;
  const apart = near.length === 2 && first && second ? spanBps(near, median([first.perUsd, second.perUsd])) : 0;
  const kept = apart > toleranceBps ? [] : near;
  const dropped = heard
    .filter((voice) => !kept.includes(voice))
    .map(
      (voice): Dropped => ({
        source: voice.source,
        currency,
        code: 'outlier',
        text: `${currency} at ${voice.source} lies too far from the others.`,
      }),
    );
  return { kept, dropped };
}

/** The middle value; of two middles their mean, half to even. */
export function median(values: readonly bigint[]): bigint {
  const sorted = values.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const upper = sorted[Math.floor(sorted.length / 2)];
  if (upper === undefined) throw new RangeError('the median of nothing');
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? upper;
  return divide(lower + upper, 2n, 'half_even');
}

function spanBps(voices: readonly RateVoice[], reference: bigint): number {
  const values = voices.map((voice) => voice.perUsd);
  const lowest = values.reduce((a, b) => (a < b ? a : b));
  const highest = values.reduce((a, b) => (a > b ? a : b));
  return distanceBps(reference + highest - lowest, reference);
}

function isConfirmed(currency: Currency, perUsd: bigint, confirmations: readonly MoveConfirmation[], nowMs: number): boolean {
  return confirmations.some(
    (each) =>
      each.currency === currency &&
      each.atMs <= nowMs &&
      nowMs - each.atMs <= CONFIRMATION_MS &&
      distanceBps(perUsd, each.perUsd) <= EXPECTATIONS[currency].toleranceBps,
  );
}

/** The CFA francs go with the euro, for better or worse; their parity is exact. */
function addFrancs(rates: Map<Currency, CurrencyRate>, refusals: Map<Currency, RateRefusal>): void {
  const euro = rates.get('EUR');
  const refused = refusals.get('EUR');
  for (const currency of CURRENCIES.filter(isCfa)) {
    if (euro !== undefined) {
      rates.set(currency, {
        ...euro,
        currency,
        perUsd: cfaFromEuro(euro.perUsd),
        voices: euro.voices.map((voice) => ({ ...voice, perUsd: cfaFromEuro(voice.perUsd) })),
      });
    } else if (refused !== undefined) {
      const proposed = refused.proposedPerUsd === null ? null : cfaFromEuro(refused.proposedPerUsd);
      refusals.set(currency, { ...refused, currency, text: `${currency} follows the euro. ${refused.text}`, proposedPerUsd: proposed });
    }
  }
}

function refusal(currency: Currency, code: RateRefusalCode, text: string, proposedPerUsd: bigint | null = null): RateRefusal {
  return { currency, code, text, proposedPerUsd };
}
