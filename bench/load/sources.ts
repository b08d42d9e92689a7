/** Where the crowd takes its next request from. */
import { seededRandom } from '../../examples/random.ts';
import type { ClosedPace, LoadOrder, LoadTold, OpenPace } from './order.ts';
import type { Request } from './requests.ts';
import { type Arrival, arrivalsOf, isNeighbours, type Kind, KINDS, type Mix } from './schedule.ts';

export interface Due {
  readonly request: Request;
  readonly kind: Kind;
  readonly phase: number;
  /** When it should leave, or should have left, by `performance.now()`. */
  readonly dueMs: number;
  /** It is so late that it leaves no more. */
  readonly isOverdue: boolean;
}

/** Requests for the crowd: the next one, or null when there will be none. */
export interface Source {
  next(): Promise<Due | null>;
}

export type Make = (kind: Kind, rows?: number) => Request;

const TICK_MS = 1;
const ROOM_MS = 5;
/** How long after the last request is due any may still leave. */
export const LATE_MS_MAX = 60_000;

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A source for each crowd: a neighbour has connections of its own, so that nobody waits for its answers here. */
export function sourcesOf(order: LoadOrder, room: Room, make: Make, startMs: () => number): Source[] {
  const { pace, mix, rows } = order;
  if (pace.kind === 'closed') return [closedSource(pace, mix, rows, room, make, startMs)];
  const crowds = [false, true].filter((isOfNeighbour) =>
    KINDS.some((kind) => isNeighbours(kind) === isOfNeighbour && (mix[kind] ?? 0) > 0),
  );
  return crowds.map((isOfNeighbour) => {
    // Both take their own out of the same arrivals.
    const arrivals = arrivalsOf(pace.segments, pace.spacing, mix, seededRandom(9_000 + (order.intents.seed ?? 1)));
    return openSource(pace, ownOf(arrivals, isOfNeighbour), make, startMs);
  });
}

function* ownOf(arrivals: Iterable<Arrival>, isOfNeighbour: boolean): Generator<Arrival> {
  for (const arrival of arrivals) if (isNeighbours(arrival.kind) === isOfNeighbour) yield arrival;
}

/** Each is made before it is due, and handed out when it is. Whoever comes late for it takes it at once. */
function openSource(pace: OpenPace, arrivals: Iterator<Arrival>, make: Make, startMs: () => number): Source {
  const endMs = pace.segments.reduce((sum, { seconds }) => sum + seconds * 1_000, 0);
  return {
    next: async () => {
      const { value: arrival, done } = arrivals.next();
      if (done === true) return null;
      const { kind, phase } = arrival;
      const dueMs = startMs() + arrival.dueMs;
      const request = make(kind);
      for (let waitMs = dueMs - performance.now(); waitMs > 0; waitMs = dueMs - performance.now())
        await pause(Math.max(TICK_MS, Math.floor(waitMs)));
      return { request, kind, phase, dueMs, isOverdue: performance.now() > startMs() + endMs + LATE_MS_MAX };
    },
  };
}

/** Made when they are sent, while there is room. Of one kind only, which is the first that has a share. */
function closedSource(pace: ClosedPace, mix: Mix, rows: number, room: Room, make: Make, startMs: () => number): Source {
  const kind = KINDS.find((each) => (mix[each] ?? 0) > 0) ?? 'single';
  const each = kind === 'batch' ? rows : 1;
  let left = pace.payments;
  return {
    next: async () => {
      const untilMs = startMs() + pace.seconds * 1_000;
      const count = Math.min(each, left);
      left -= count;
      if (count === 0) return null;
      while (!room.take(count)) {
        if (performance.now() >= untilMs) return null;
        await pause(ROOM_MS);
      }
      if (performance.now() >= untilMs) return null;
      const request = make(kind, count);
      return { request, kind, phase: 0, dueMs: performance.now(), isOverdue: false };
    },
  };
}

/** How many more payments may be left unfinished. */
export interface Room {
  take(count: number): boolean;
  tell(told: LoadTold): void;
}

export function createRoom(unfinishedMax: number): Room {
  let unfinished = 0;
  return {
    take: (count) => {
      if (unfinished > 0 && unfinished + count > unfinishedMax) return false;
      unfinished += count;
      return true;
    },
    tell: (told) => {
      unfinished = told.unfinished;
    },
  };
}
