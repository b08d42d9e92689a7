/**
 * Who is served first on one machine, by word as well as by niceness (`priorities.ts`): while a crowd waits for answers of
 * the API, workers claim new work only now and then. An API process tells the supervisor of its crowd, the supervisor tells
 * the workers. Processes on machines of their own hear of nobody and wait for nobody.
 */
import { setImmediate as turnOfTheLoop, setTimeout as delay } from 'node:timers/promises';
import { type Clock, systemClock } from '../domain/clock.ts';

/** What an API process says while so many wait, and a worker hears. */
export interface CrowdMessage {
  readonly kind: 'crowd';
}

/** So many requests that wait for their commit are a crowd: more than share a statement while there is time for each. */
const CROWD = 20;
const TELL_MS = 50;

/** In an API process: tells of a crowd for as long as there is one. Returns what ends it. */
export function tellOfCrowd(waiting: () => number): () => void {
  if (process.send === undefined) return () => undefined;
  // Looked at when the requests that have just arrived were read, and before they are answered.
  const look = (): void => {
    if (waiting() >= CROWD && process.connected) process.send?.({ kind: 'crowd' } satisfies CrowdMessage);
  };
  const timer = setInterval(() => setImmediate(look), TELL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** A crowd that is not told of for so long has gone, milliseconds. */
const CROWD_MS = 300;
/** Work is let through at least this often, milliseconds: payments go on, in larger cohorts. */
const PATIENCE_MS = 500;
const LOOK_MS = 20;

export interface Courtesy {
  /** A crowd was told of. */
  hear(): void;
  /** Resolves at once when nobody waits, else when the crowd has gone or the last work was let through long enough ago. */
  wait(): Promise<void>;
}

/** Makes a worker's courtesy. `pause` waits some milliseconds; by the system's timers unless given. */
export function createCourtesy(clock: Clock = systemClock, pause: (ms: number) => Promise<unknown> = delay): Courtesy {
  let heardMs = Number.NEGATIVE_INFINITY;
  let letThroughMs = Number.NEGATIVE_INFINITY;
  return {
    hear: () => {
      heardMs = clock.now();
    },
    wait: async () => {
      // What was told while this process was busy is heard first.
      await turnOfTheLoop();
      while (clock.now() - heardMs < CROWD_MS && clock.now() - letThroughMs < PATIENCE_MS) await pause(LOOK_MS);
      letThroughMs = clock.now();
    },
  };
}
