/** Leaves an endpoint alone that failed several times in a row: while it rests, nobody waits for it. */
import type { Clock } from '../../domain/clock.ts';

const FAILURES_MAX = 3;
const REST_MS = 60_000;

export interface Breaker {
  /** Whether it may be asked; after a rest one caller at a time may try. */
  isOpen(): boolean;
  succeeded(): void;
  failed(): void;
}

/** Makes a breaker that rests a minute after three failures in a row. */
export function createBreaker(clock: Clock): Breaker {
  let failures = 0;
  let restsUntilMs = 0;
  return {
    isOpen: () => {
      if (clock.now() < restsUntilMs) return false;
      // The next rest begins at once: one caller finds out whether it is over, the others do not wait with it.
      if (failures >= FAILURES_MAX) restsUntilMs = clock.now() + REST_MS;
      return true;
    },
    succeeded: () => {
      failures = 0;
      restsUntilMs = 0;
    },
    failed: () => {
      failures += 1;
      if (failures >= FAILURES_MAX) restsUntilMs = clock.now() + REST_MS;
    },
  };
}
