/** The queue of the simulation: hints get lost, come twice or late, and go to whichever process has room. */
import { type HintQueue, type Lane, LANES, laneOf } from '../graph/queue.ts';
import type { Hint } from '../graph/types.ts';
import type { Actor } from './actor.ts';
import type { Faults } from './faults.ts';
import type { Stage } from './stage.ts';

export interface Hints {
  /** The queue as one process holds it. */
  queueFor(actor: Actor): HintQueue;
}

interface Consumer {
  readonly actor: Actor;
  readonly concurrency: number;
  readonly handle: (hint: Hint) => Promise<void>;
  running: number;
}

/** Repeats of a hint by one process within this time are one, as in `graph/queue.ts`. */
const QUIET_MS = 50;
const TRAVEL_MS = { min: 1, max: 30 };
const LATE_MS = { min: 500, max: 30_000 };

/** Opens the queue. */
export function createHints(deps: { readonly stage: Stage; readonly faults: Faults }): Hints {
  const { stage, faults } = deps;
  const lanes = Object.keys(LANES) as Lane[];
  const consumers = new Map<Lane, Consumer[]>(lanes.map((lane) => [lane, []]));
  const waiting = new Map<Lane, Hint[]>(lanes.map((lane) => [lane, []]));

  function travel(actor: Actor, hint: Hint): void {
    const point = actor.pointOf(`hint ${hint}`);
    const fault = faults.at(point, ['hint_lost', 'hint_doubled', 'hint_late']);
    const quickMs = TRAVEL_MS.min * (TRAVEL_MS.max / TRAVEL_MS.min) ** stage.chance.draw('hint', point);
    if (fault !== 'hint_lost')
      stage.after(fault === 'hint_late' ? faults.sizeMs(point, LATE_MS.min, LATE_MS.max) : quickMs, () => arrive(hint));
    if (fault === 'hint_doubled') stage.after(2 * quickMs, () => arrive(hint));
  }

  function arrive(hint: Hint): void {
    const lane = laneOf(hint);
    waiting.get(lane)?.push(hint);
    hand(lane);
  }

  function hand(lane: Lane): void {
    const queue = waiting.get(lane) ?? [];
    while (queue.length > 0) {
      const free = (consumers.get(lane) ?? []).filter((each) => each.running < each.concurrency);
      const consumer = free[Math.floor(stage.chance.draw('consumer', lane, stage.steps(), queue.length) * free.length)];
      const hint = queue[0];
      if (consumer === undefined || hint === undefined) return;
      queue.shift();
      consumer.running += 1;
      stage.note(`${consumer.actor.name} takes ${hint}`);
      const done = (): void => {
        consumer.running -= 1;
        hand(lane);
      };
      // What a hint's work failed with is in the log of its process; the hint is gone either way.
      consumer
        .handle(hint)
        .catch(() => undefined)
        .finally(done);
    }
  }

  return {
    queueFor(actor) {
      const quietUntil = new Map<Hint, number>();
      const notify = (hint: Hint): void => {
        if (!actor.isAlive()) return;
        const restMs = (quietUntil.get(hint) ?? 0) - stage.now();
        if (restMs > QUIET_MS) return;
        quietUntil.set(hint, Math.max(0, restMs) + stage.now() + QUIET_MS);
        if (restMs <= 0) travel(actor, hint);
        else stage.after(restMs, () => void (actor.isAlive() && travel(actor, hint)));
      };
      actor.onEnd(() => {
        for (const lane of lanes) {
          const others = (consumers.get(lane) ?? []).filter((each) => each.actor !== actor);
          consumers.set(lane, others);
        }
      });
      return {
        notify,
        consume: (lane, concurrency, handle) => void consumers.get(lane)?.push({ actor, concurrency, handle, running: 0 }),
        depth: async () => Object.fromEntries(lanes.map((lane) => [lane, waiting.get(lane)?.length ?? 0])) as Record<Lane, number>,
        close: async () => undefined,
      };
    },
  };
}
