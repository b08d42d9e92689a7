/**
 * Virtual time and the order of everything. Whatever an actor waits for (a statement, an answer, a timer)
 * is a step on this stage; steps happen one at a time, in the order of their moments, and between two of
 * them every actor runs until it waits again. Moments are drawn from the seed by the names of the steps,
 * so one seed gives one order, whatever the machine does.
 */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type Chance, createChance } from '../sandbox/random.ts';
import type { Scheduler } from '../sandbox/scheduler.ts';

export interface Stage extends Scheduler {
  readonly chance: Chance;
  /** Steps taken so far. */
  steps(): number;
  /** Writes a line into the history; what is written is what two runs of one seed must agree on. */
  note(line: string): void;
  /** SHA-256 over the history so far, hex. */
  digest(): string;
  /** Has something looked at after each step, before actors go on. */
  afterEachStep(look: () => Promise<void>): void;
  /** Takes steps until `isOver`, or the last moment has come, or nothing is left to happen. */
  play(
    isOver: () => Promise<boolean>,
    options: { readonly untilMs: number; readonly lookEveryMs: number },
  ): Promise<'over' | 'late' | 'quiet'>;
}

export interface StageOptions {
  readonly seed: string;
  readonly startMs: number;
  /** Hears every line of the history. */
  readonly trace?: (line: string) => void;
}

interface Step {
  readonly atMs: number;
  readonly order: number;
  readonly task: () => void | Promise<void>;
}

/** Makes a stage on which nothing has happened yet. */
export function createStage(options: StageOptions): Stage {
  const history = createHash('sha256');
  const agenda = createAgenda();
  const looks: (() => Promise<void>)[] = [];
  let nowMs = options.startMs;
  let order = 0;
  let steps = 0;
  let arrivals = 0;

  async function take(step: Step): Promise<void> {
    nowMs = Math.max(nowMs, step.atMs);
    steps += 1;
    await step.task();
    for (const look of looks) await look();
    await untilQuiet();
  }

  /** Actors go on by microtasks, and by turns of the event loop where a library takes one; quiet is when two turns brought nothing. */
  async function untilQuiet(): Promise<void> {
    for (let quietTurns = 0; quietTurns < 2; ) {
      const before = arrivals;
      await nextTurn();
      quietTurns = arrivals === before ? quietTurns + 1 : 0;
    }
  }

  return {
    chance: createChance(options.seed),
    now: () => Math.floor(nowMs),
    after(delayMs, task) {
      order += 1;
      arrivals += 1;
      agenda.add({ atMs: nowMs + Math.max(0, delayMs), order, task });
    },
    stop: () => agenda.clear(),
    steps: () => steps,
    note(line) {
      const full = `${Math.floor(nowMs - options.startMs)} ${line}`;
      history.update(full).update('\n');
      options.trace?.(full);
    },
    digest: () => history.copy().digest('hex'),
    afterEachStep: (look) => void looks.push(look),
    async play(isOver, { untilMs, lookEveryMs }) {
      await untilQuiet();
      for (let lookAtMs = nowMs; ; ) {
        if (nowMs >= lookAtMs) {
          if (await isOver()) return 'over';
          lookAtMs = nowMs + lookEveryMs;
        }
        const step = agenda.next();
        if (step === null) return 'quiet';
        if (step.atMs > untilMs) return 'late';
        await take(step);
      }
    },
  };
}

/** Steps by moment, and by order of arrival within one. */
function createAgenda(): { add(step: Step): void; next(): Step | null; clear(): void } {
  // A binary heap: each step comes before its two children.
  const heap: Step[] = [];
  const isBefore = (a: Step, b: Step): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  const swap = (i: number, j: number): void => {
    [heap[i], heap[j]] = [heap[j] as Step, heap[i] as Step];
  };
  const goesBefore = (i: number, j: number): boolean => j < heap.length && isBefore(heap[j] as Step, heap[i] as Step);
  return {
    add(step) {
      heap.push(step);
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!goesBefore(parent, at)) break;
        swap(parent, at);
        at = parent;
      }
    },
    next() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined) return null;
      if (heap.length === 0) return first;
      heap[0] = last;
      for (let at = 0; ; ) {
        const [left, right] = [2 * at + 1, 2 * at + 2];
        let least = at;
        if (goesBefore(least, left)) least = left;
        if (goesBefore(least, right)) least = right;
        if (least === at) return first;
        swap(at, least);
        at = least;
      }
    },
    clear: () => void heap.splice(0),
  };
}
