/**
 * Time in the sandbox: a clock and timers behind one small interface, so that the same operators live
 * in real time as a server and in virtual time inside a simulation.
 */

export interface Scheduler {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Runs a task once, `delayMs` from now. */
  after(delayMs: number, task: () => void | Promise<void>): void;
  /** Drops every task that has not run. */
  stop(): void;
}

/** Real time. Its timers do not keep a process alive by themselves. */
export function systemScheduler(): Scheduler {
  const timers = new Set<NodeJS.Timeout>();
  return {
    now: () => Date.now(),
    after(delayMs, task) {
      const timer = setTimeout(() => {
        timers.delete(timer);
        void task();
      }, delayMs);
      timer.unref();
      timers.add(timer);
    },
    stop() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}

export interface ManualScheduler extends Scheduler {
  /** Moves time on, running what falls due in order, each task to its end before the next. */
  advance(ms: number): Promise<void>;
  /** Tasks that wait. */
  waiting(): number;
}

/** Virtual time that moves only when told. Tasks due at the same moment run in the order they were given. */
export function manualScheduler(startMs: number): ManualScheduler {
  let nowMs = startMs;
  let tasks: { dueAtMs: number; order: number; task: () => void | Promise<void> }[] = [];
  let order = 0;
  return {
    now: () => nowMs,
    after(delayMs, task) {
      order += 1;
      tasks.push({ dueAtMs: nowMs + Math.max(0, delayMs), order, task });
    },
    stop() {
      tasks = [];
    },
    waiting: () => tasks.length,
    async advance(ms) {
      const untilMs = nowMs + ms;
      for (;;) {
        tasks.sort((a, b) => a.dueAtMs - b.dueAtMs || a.order - b.order);
        const next = tasks[0];
        if (next === undefined || next.dueAtMs > untilMs) break;
        tasks.shift();
        nowMs = next.dueAtMs;
        await next.task();
      }
      nowMs = untilMs;
    },
  };
}
