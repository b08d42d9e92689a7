/** Sharing the event loop: long work gives way, so that short work beside it stays quick. */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one piece of work may hold the event loop, milliseconds. */
const SLICE_MS = 4;

/** Makes a function to be awaited between steps of long work; it lets others run once the slice is used up. */
export function turnTaker(): () => Promise<void> | undefined {
  let sliceEndMs = performance.now() + SLICE_MS;
  return () => {
    if (performance.now() < sliceEndMs) return undefined;
    return nextTurn().then(() => {
      sliceEndMs = performance.now() + SLICE_MS;
    });
  };
}
