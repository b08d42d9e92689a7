/**
 * How much a currency moves in a day, from the rates we accepted. A statistic, so floats are in place;
 * it leaves here as whole basis points, rounded up.
 */
import type { Observation } from './gates.ts';

/** Weight of yesterday's estimate: RiskMetrics technical document (J.P. Morgan, 1996), daily data. */
const DECAY = 0.94;
/** With fewer changes than this the long-run figure says more than our own. */
const CHANGES_MIN = 10;
const DAY_MS = 86_400_000;

/**
 * Standard deviation of daily changes in basis points: exponentially weighted over the history, oldest
 * first. Never below half of the long-run figure, for a held rate looks calm until the day it is let go.
 */
export function volatilityBps(history: readonly Observation[], longRunBps: number): number {
  let variance = (longRunBps / 10_000) ** 2;
  let changes = 0;
  for (let index = 1; index < history.length; index++) {
    const before = history[index - 1];
    const after = history[index];
    if (before === undefined || after === undefined || after.asOfMs <= before.asOfMs) continue;
    const days = Math.max(1, (after.asOfMs - before.asOfMs) / DAY_MS);
    const change = Math.log(Number(after.rate) / Number(before.rate));
    variance = DECAY * variance + (1 - DECAY) * (change ** 2 / days);
    changes += 1;
  }
  if (changes < CHANGES_MIN) return longRunBps;
  return Math.max(Math.ceil(longRunBps / 2), Math.ceil(Math.sqrt(variance) * 10_000));
}
