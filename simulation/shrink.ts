/** Makes a failing script short: fewer faults, fewer wishes, fewer workers, as long as it still fails. */
import type { Fault } from './faults.ts';
import type { Script } from './script.ts';

export interface ShrinkOptions {
  /** Says whether a script fails. */
  readonly fails: (script: Script) => Promise<boolean>;
  /** Runs that may be spent. */
  readonly runsMax: number;
}

export interface Shrunken {
  readonly script: Script;
  readonly runs: number;
}

/**
 * Shrinks a script that failed, given what struck then. The faults are written out first, so that leaving one
 * out leaves the others where they are; then parts are left out in halves, quarters and so on (delta
 * debugging, Zeller and Hildebrandt 2002).
 */
export async function shrink(script: Script, struck: readonly Fault[], options: ShrinkOptions): Promise<Shrunken> {
  let runs = 0;
  const mayRun = (): boolean => runs < options.runsMax;
  const fails = async (candidate: Script): Promise<boolean> => {
    runs += 1;
    return options.fails(candidate);
  };
  let best: Script = {
    ...script,
    faults: script.faults ?? [...struck],
    wishes: script.wishes ?? Array.from({ length: script.payments }, (_, index) => index),
  };
  if (!(await fails(best))) return { script, runs };
  for (let before = ''; before !== JSON.stringify(best) && mayRun(); ) {
    before = JSON.stringify(best);
    const { faults = [], wishes = [] } = best;
    best = { ...best, faults: await fewer(faults, (some) => fails({ ...best, faults: [...some] }), mayRun) };
    best = { ...best, wishes: await fewer(wishes, (some) => fails({ ...best, wishes: [...some] }), mayRun) };
    if (best.workers > 1 && mayRun() && (await fails({ ...best, workers: best.workers - 1 })))
      best = { ...best, workers: best.workers - 1 };
  }
  return { script: best, runs };
}

/** The fewest of the items that still fail, as far as leaving out ever smaller parts can tell. */
export async function fewer<Item>(
  items: readonly Item[],
  fails: (some: readonly Item[]) => Promise<boolean>,
  mayRun: () => boolean,
): Promise<Item[]> {
  let kept = [...items];
  if (kept.length > 0 && mayRun() && (await fails([]))) return [];
  for (let parts = 2; kept.length > 1 && mayRun(); ) {
    const size = Math.ceil(kept.length / parts);
    let shrunk = false;
    for (let from = 0; from < kept.length && mayRun(); from += size) {
      const rest = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (rest.length === 0 || !(await fails(rest))) continue;
      kept = rest;
      shrunk = true;
      break;
    }
    if (shrunk) parts = Math.max(2, parts - 1);
    else if (size === 1) break;
    else parts = Math.min(kept.length, parts * 2);
  }
  return kept;
}
