/**
 * Sandbox operators in a process of their own that take their time once they are told to: they take requests and answer that
 * they are at it, and nothing ends until they are told to go on. From then on what was held ends at a steady pace.
 */
import { writeFile } from 'node:fs/promises';
import { RAILS } from '../domain/network.ts';
import { demoFloatMinor } from '../domain/demo-float.ts';
import { createSandbox } from '../sandbox/sandbox.ts';
import type { Scheduler } from '../sandbox/scheduler.ts';

export interface SlowOrder {
  readonly dataDir: string;
  readonly profilesPath: string;
  /** By rail, for operators that know one address for all attempts. */
  readonly applicationUrls: Readonly<Record<string, string>>;
}

/** What is told while it runs: to end so many of the held transactions each second; 0 holds everything from now on. */
export interface SlowPace {
  readonly perSecond: number;
}

const SPREAD_MS = 50;
/** Once they go on, nobody takes longer than this. */
const QUICK_MS = 500;
/** Clients of operators this slow are patient by as much: twenty minutes for a prompt. */
const SPEED = 0.01;

type Task = () => void | Promise<void>;

/** Real time, with a gate before everything that is to happen later. It is open in the beginning. */
function gatedScheduler(): Scheduler & { pace(perSecond: number): void } {
  let held: Task[] | null = null;
  const run = (task: Task, delayMs: number): void => void setTimeout(() => void task(), delayMs);
  return {
    now: () => Date.now(),
    after: (delayMs, task) => {
      if (held === null) run(task, Math.min(delayMs, QUICK_MS));
      else held.push(task);
    },
    stop: () => {
      held = [];
    },
    pace: (perSecond) => {
      const waiting = held ?? [];
      held = perSecond === 0 ? waiting : null;
      if (held !== null) return;
      const each = Math.max(1, Math.round((perSecond * SPREAD_MS) / 1_000));
      for (const [index, task] of waiting.entries()) run(task, Math.floor(index / each) * SPREAD_MS);
    },
  };
}

async function start(order: SlowOrder): Promise<void> {
  const scheduler = gatedScheduler();
  const sandbox = await createSandbox({
    port: 0,
    dataDir: order.dataDir,
    speed: SPEED,
    scheduler,
    openings: Object.fromEntries(RAILS.map((rail) => [rail.id, demoFloatMinor(rail)])),
    applicationUrl: (railId) => order.applicationUrls[railId] ?? null,
  });
  await writeFile(order.profilesPath, JSON.stringify(sandbox.profiles()), { mode: 0o600 });
  process.on('message', (told) => scheduler.pace((told as SlowPace).perSecond));
  process.send?.({ url: sandbox.url });
  process.once('disconnect', () => void sandbox.close().then(() => process.exit(0)));
}

process.once('message', (order) => {
  start(order as SlowOrder).catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
});
