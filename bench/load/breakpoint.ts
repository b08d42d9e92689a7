/** The search for the highest rate that holds: pure, told what became of each rate that was tried. */
import { type BreakpointPhase, STEPS_MAX } from './scenario.ts';

export interface Tried {
  readonly perSecond: number;
  /** Whether every threshold was kept. */
  readonly held: boolean;
}

export interface Found {
  /** The highest rate that held; null when not even the first did. */
  readonly held: number | null;
  /** The lowest rate above it that did not; null when all did. */
  readonly missed: number | null;
}

const GROWTH = 1.5;

export function foundBy(tried: readonly Tried[]): Found {
  const missedMin = Math.min(...tried.flatMap(({ held, perSecond }) => (held ? [] : [perSecond])));
  // A rate that happened to hold above one that did not proves nothing.
  const holding = tried.flatMap(({ held, perSecond }) => (held && perSecond < missedMin ? [perSecond] : []));
  return { held: holding.length === 0 ? null : Math.max(...holding), missed: Number.isFinite(missedMin) ? missedMin : null };
}

type Search = Pick<BreakpointPhase, 'fromPerSecond' | 'toPerSecond' | 'precision'>;

/** The rate to try next, or null when the search is over: upwards by halves until one does not hold, then between the two. */
export function nextRate({ fromPerSecond, toPerSecond, precision }: Search, tried: readonly Tried[]): number | null {
  if (tried.length >= STEPS_MAX) return null;
  if (tried.length === 0) return fromPerSecond;
  const { held, missed } = foundBy(tried);
  if (held === null) return null;
  if (missed === null) return held >= toPerSecond ? null : Math.min(toPerSecond, held * GROWTH);
  return (missed - held) / held <= precision ? null : (held + missed) / 2;
}
