/**
 * What one source has to pass before its figures count: its age, its direction and scale, its own
 * triangles, the parity of the CFA franc, and that it has not stopped moving. Pure.
 */
import type { Currency } from '../../domain/currency.ts';
import { divide } from '../../domain/money.ts';
import { crossRate, RATE_SCALE } from '../../domain/rate.ts';
import {
  AHEAD_MS_MAX,
  CFA_PER_EUR_MILLI,
  distanceBps,
  EXPECTATIONS,
  FROZEN_AFTER_MS,
  isCfa,
  isFresh,
  PEG_BPS,
  SCALE_FACTOR,
  TRIANGLE_BPS,
} from './policy.ts';
import type { SourceRates } from './source.ts';

export type GateCode = 'from_the_future' | 'stale' | 'base' | 'scale' | 'inverted' | 'triangle' | 'peg' | 'frozen' | 'outlier';

/** A source, or one currency of it, that does not count, and why. */
export interface Dropped {
  readonly source: string;
  /** Null: the whole source. */
  readonly currency: Currency | null;
  readonly code: GateCode;
  /** One sentence for people. */
  readonly text: string;
}

export interface Observation {
  readonly asOfMs: number;
  readonly rate: bigint;
}

/** Per source and currency what it said before, oldest first. */
export type RateHistory = ReadonlyMap<string, ReadonlyMap<Currency, readonly Observation[]>>;

export interface GateContext {
  /** The best that is known of a currency's level, however old: the last accepted rate, or the embedded one. */
  readonly levelOf: (currency: Currency) => bigint | undefined;
  readonly history: RateHistory;
  readonly nowMs: number;
}

export interface Inspection {
  /** What counts, CFA francs left out: they are computed from the euro. */
  readonly kept: ReadonlyMap<Currency, bigint>;
  readonly dropped: readonly Dropped[];
}

/** CFA francs per USD from euros per USD, both scaled; the parity is exact. */
export function cfaFromEuro(eurPerUsd: bigint): bigint {
  return divide(eurPerUsd * CFA_PER_EUR_MILLI, 1000n, 'half_even');
}

/** Runs one source through every gate. */
export function inspectSource(rates: SourceRates, context: GateContext): Inspection {
  const aged = ageGate(rates, context.nowMs);
  if (aged !== null) return { kept: new Map(), dropped: [aged] };
  const dropped: Dropped[] = [];
  const kept = new Map<Currency, bigint>();
  for (const [currency, perUsd] of rates.perUsd) {
    const refusal = currencyGate(rates, currency, perUsd, context);
    if (refusal === null) kept.set(currency, perUsd);
    else dropped.push(refusal);
  }
  dropped.push(...pegGate(rates, kept), ...triangleGate(rates, kept));
  for (const { currency } of dropped) if (currency !== null) kept.delete(currency);
  for (const currency of kept.keys()) if (isCfa(currency)) kept.delete(currency);
  return { kept, dropped };
}

function ageGate(rates: SourceRates, nowMs: number): Dropped | null {
  const refuse = (code: GateCode, text: string): Dropped => ({ source: rates.source, currency: null, code, text });
  if (rates.asOfMs > nowMs + AHEAD_MS_MAX) return refuse('from_the_future', `${rates.source} dates its rates ahead of time.`);
  if (!isFresh(rates.asOfMs, nowMs)) return refuse('stale', `${rates.source} is of ${new Date(rates.asOfMs).toISOString()}: too old.`);
  const usd = rates.perUsd.get('USD');
  if (usd !== undefined && usd !== RATE_SCALE) return refuse('base', `${rates.source} does not give one dollar for a dollar.`);
  return null;
}

function currencyGate(rates: SourceRates, currency: Currency, perUsd: bigint, context: GateContext): Dropped | null {
  const refuse = (code: GateCode, text: string): Dropped => ({ source: rates.source, currency, code, text });
  const level = context.levelOf(currency);
  if (level !== undefined) {
    if (isInverted(perUsd, level)) return refuse('inverted', `${currency} at ${rates.source} is dollars per unit, not units per dollar.`);
    if (perUsd > level * SCALE_FACTOR || perUsd * SCALE_FACTOR < level) {
      return refuse('scale', `${currency} at ${rates.source} is of another scale than what is known.`);
    }
  }
  const seen = context.history.get(rates.source)?.get(currency) ?? [];
  if (EXPECTATIONS[currency].floats && unchangedMs(seen, perUsd, rates.asOfMs) >= FROZEN_AFTER_MS) {
    return refuse('frozen', `${currency} at ${rates.source} has not changed for five days.`);
  }
  return null;
}

/** Nearer to one over the known level than to the level itself, by more than the scale factor; near parity it cannot be told. */
function isInverted(perUsd: bigint, level: bigint): boolean {
  const turned = (RATE_SCALE * RATE_SCALE) / perUsd;
  const fits = turned < level * 2n && turned * 2n > level;
  return fits && (perUsd > level * SCALE_FACTOR || perUsd * SCALE_FACTOR < level);
}

/** How long the source has been giving exactly this figure, up to `asOfMs`. */
export function unchangedMs(seen: readonly Observation[], rate: bigint, asOfMs: number): number {
  let sinceMs = asOfMs;
  for (const observation of seen.toReversed()) {
    if (observation.asOfMs >= asOfMs) continue;
    if (observation.rate !== rate) break;
    sinceMs = observation.asOfMs;
  }
  return asOfMs - sinceMs;
}

/** A source whose franc is not its euro times the parity has one of them wrong, and nobody can tell which. */
function pegGate(rates: SourceRates, kept: ReadonlyMap<Currency, bigint>): Dropped[] {
  const euro = kept.get('EUR');
  if (euro === undefined) return [];
  const broken = (['XOF', 'XAF'] as const).filter((currency) => {
    const franc = kept.get(currency);
    return franc !== undefined && distanceBps(franc, cfaFromEuro(euro)) > PEG_BPS;
  });
  if (broken.length === 0) return [];
  return (['EUR', ...broken] as const).map((currency) => ({
    source: rates.source,
    currency,
    code: 'peg',
    text: `${broken.join(' and ')} at ${rates.source} is not 655.957 to its own euro.`,
  }));
}

function triangleGate(rates: SourceRates, kept: ReadonlyMap<Currency, bigint>): Dropped[] {
  const dropped: Dropped[] = [];
  for (const { from, to, rate } of rates.crosses ?? []) {
    const fromPerUsd = kept.get(from);
    const toPerUsd = kept.get(to);
    if (fromPerUsd === undefined || toPerUsd === undefined || from === to) continue;
    if (distanceBps(rate, crossRate(fromPerUsd, toPerUsd)) <= TRIANGLE_BPS) continue;
    dropped.push({
      source: rates.source,
      currency: to,
      code: 'triangle',
      text: `${from} to ${to} at ${rates.source} is not what it is over USD.`,
    });
  }
  return dropped;
}
