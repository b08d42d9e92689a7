/**
 * What a rate costs, as versioned data, and the arithmetic over it: a base by the dearer currency of the
 * pair, plus shares of its volatility, of the sources' disagreement and of the rates' age, up to a cap.
 * Whole basis points, every share rounded up. Pure.
 */
import type { Currency } from '../../domain/currency.ts';

export const SPREAD_POLICY = {
  version: 'fx-2026.1',
  /** Basis points before anything else, by how easily we can turn the currency over. */
  baseBps: {
    EUR: 30,
    USD: 30,
    XAF: 30,
    XOF: 30,
    ZAR: 30,
    KES: 40,
    MZN: 40,
    RWF: 40,
    TZS: 40,
    UGX: 40,
    CDF: 90,
    GHS: 90,
    MWK: 90,
    NGN: 90,
    ZMW: 90,
  } satisfies Record<Currency, number>,
  /** Share of the pair's daily volatility, percent. */
  volatilityShare: 25,
  /** Share of the distance between the sources, percent: the truth may lie at either end. */
  disagreementShare: 50,
  /** Share of the daily volatility for every full day of the older rate's age, percent. */
  ageShare: 25,
  spreadBpsMax: 400,
  /** A quote of a calm pair lives long, one of a restless pair shortly; linear between the two volatilities. */
  validityMs: { calm: 300_000, restless: 30_000 },
  calmBps: 40,
  restlessBps: 240,
} as const;

export interface PairRisk {
  readonly from: Currency;
  readonly to: Currency;
  /** Of the pair, per day. */
  readonly volatilityBps: number;
  readonly disagreementBps: number;
  /** Age of the oldest rate that was heard. */
  readonly ageMs: number;
}

export interface Spread {
  readonly totalBps: number;
  readonly baseBps: number;
  readonly volatilityBps: number;
  readonly disagreementBps: number;
  readonly ageBps: number;
}

const DAY_MS = 86_400_000;

/** The spread of a pair and what it is made of; the total is capped, the parts are not. */
export function spreadOf(risk: PairRisk): Spread {
  const policy = SPREAD_POLICY;
  const baseBps = Math.max(policy.baseBps[risk.from], policy.baseBps[risk.to]);
  const volatilityBps = share(risk.volatilityBps, policy.volatilityShare);
  const disagreementBps = share(risk.disagreementBps, policy.disagreementShare);
  const ageBps = Math.ceil((risk.volatilityBps * policy.ageShare * Math.max(0, risk.ageMs)) / (100 * DAY_MS));
  const totalBps = Math.min(policy.spreadBpsMax, baseBps + volatilityBps + disagreementBps + ageBps);
  return { totalBps, baseBps, volatilityBps, disagreementBps, ageBps };
}

function share(bps: number, percent: number): number {
  return Math.ceil((bps * percent) / 100);
}

/** How long a quote holds, milliseconds, by the pair's daily volatility. */
export function validityMsOf(volatilityBps: number): number {
  const { calmBps, restlessBps, validityMs } = SPREAD_POLICY;
  const restless = Math.min(Math.max(volatilityBps - calmBps, 0), restlessBps - calmBps);
  return validityMs.calm - Math.ceil(((validityMs.calm - validityMs.restless) * restless) / (restlessBps - calmBps));
}

/** Volatility of a pair whose legs move independently: the root of the sum of squares, rounded up. */
export function pairVolatilityBps(firstBps: number, secondBps: number): number {
  return Math.ceil(Math.sqrt(firstBps * firstBps + secondBps * secondBps));
}
