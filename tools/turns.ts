/** Sharing the event loop: long work gives way, so that short work beside it stays quick. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one piece of work may hold the event loop, milliseconds. */
const SLICE_MS = 4;

let sliceMs = SLICE_MS;

/**
 * Has this process finish every piece of work in one go, and gives back what undoes it. For a simulation: there nothing waits in
 * real time, and a turn would end when the machine pleases, so that the same seed would not be the same run.
 */
export function takeNoTurns(): () => void {
  const before = sliceMs;
  sliceMs = Number.POSITIVE_INFINITY;
  return () => {
    sliceMs = before;
  };
}

/** Makes a function to be awaited between steps of long work; it lets others run once the slice is used up. */
export function turnTaker(): () => Promise<void> | undefined {
  let sliceEndMs = performance.now() + sliceMs;
  return () => {
    if (performance.now() < sliceEndMs) return undefined;
    return nextTurn().then(() => {
      sliceEndMs = performance.now() + sliceMs;
    });
  };
}

/**
 * Works on each item, in order, and lets others run between items once a slice is used up: who holds locks that all need hears of
 * its answer although a whole cohort is being decided beside it. Results are in the order of the items; throws what `work` throws.
 */
export async function inTurns<T, R>(items: readonly T[], work: (item: T, index: number) => R): Promise<R[]> {
  const takeTurns = turnTaker();
  const results: R[] = [];
  for (const [index, item] of items.entries()) {
    results.push(work(item, index));
    const turn = takeTurns();
    if (turn !== undefined) await turn;
  }
  return results;
}
