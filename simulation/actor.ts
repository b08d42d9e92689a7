/**
 * A process of the platform as the simulation sees it: it waits at steps, and at each of them it can be
 * killed, stopped for a while, or find that its clock has jumped. A killed one goes on with nothing: whatever
 * it waited for never comes, which is all that SIGKILL leaves of a process.
 */
import type { Clock } from '../domain/clock.ts';
import type { FaultKind, Faults } from './faults.ts';
import type { Stage } from './stage.ts';

export interface Actor {
  /** `worker-1.0`: the program, and how often it was started before. */
  readonly name: string;
  readonly clock: Clock;
  readonly isAlive: () => boolean;
  /** Ends it. What it has at the database is cleaned up as its connections are found dead. */
  kill(): void;
  /** Hears of the end. */
  onEnd(listener: () => void): void;
  /**
   * Waits `delayMs`, then acts, while everybody else stands still; what `act` comes to is what the step comes to.
   * An `act` that finds that it must wait for others lets them go on by `yieldStage`.
   */
  step<T>(what: string, delayMs: number, act: (point: string, yieldStage: () => void) => Promise<T> | T): Promise<T>;
  /** The name of the next point of a kind. */
  pointOf(what: string): string;
}

export interface ActorOptions {
  readonly stage: Stage;
  readonly faults: Faults;
  readonly name: string;
  /** What can befall the process itself before and after it acts. */
  readonly mortality: { readonly before: readonly FaultKind[]; readonly after: readonly FaultKind[] };
  readonly clockSkewMs?: number;
  /** How long it stands still at most when it is stopped; a quarter of an hour unless told. */
  readonly pauseMsMax?: number;
}

/** A process may be stopped for longer than anything is waited for, and a clock may be wrong by less than that. */
const PAUSE_MS = { min: 500, max: 900_000 };
const JUMP_MS = { min: 200, max: 60_000 };

/** Starts a process. */
export function createActor(options: ActorOptions): Actor {
  const { stage, faults, name } = options;
  const counts = new Map<string, number>();
  const listeners: (() => void)[] = [];
  let alive = true;
  let pausedUntilMs = 0;
  let skewMs = options.clockSkewMs ?? 0;

  function pointOf(what: string): string {
    const count = counts.get(what) ?? 0;
    counts.set(what, count + 1);
    return `${name} ${what} #${count}`;
  }

  function kill(): void {
    if (!alive) return;
    alive = false;
    stage.note(`${name} is dead`);
    for (const listener of listeners) listener();
  }

  /** What befalls the process at this point; true when it is the end of it. */
  function befall(point: string, kinds: readonly FaultKind[]): boolean {
    const fault = faults.at(point, kinds);
    if (fault === 'paused') pausedUntilMs = stage.now() + faults.sizeMs(point, PAUSE_MS.min, options.pauseMsMax ?? PAUSE_MS.max);
    if (fault === 'clock_jumps') {
      const sizeMs = faults.sizeMs(point, JUMP_MS.min, JUMP_MS.max);
      skewMs = stage.chance.draw('direction', point) < 0.5 ? -sizeMs : sizeMs;
    }
    if (fault?.includes('killed') === true) kill();
    return !alive;
  }

  return {
    name,
    clock: { now: () => stage.now() + skewMs },
    isAlive: () => alive,
    kill,
    onEnd: (listener) => void listeners.push(listener),
    pointOf,
    step<T>(what: string, delayMs: number, act: (point: string, yieldStage: () => void) => Promise<T> | T): Promise<T> {
      const point = pointOf(what);
      return new Promise<T>((resolve, reject) => {
        const settle = (how: () => void): void => {
          if (alive) how();
        };
        const run = async (yieldStage: () => void): Promise<void> => {
          try {
            const result = await act(point, yieldStage);
            if (befall(point, options.mortality.after)) return;
            settle(() => resolve(result));
          } catch (error) {
            settle(() => reject(error as Error));
          }
        };
        let hasBefallen = false;
        const turn = async (): Promise<void> => {
          if (!alive) return;
          if (pausedUntilMs <= stage.now() && !hasBefallen) {
            hasBefallen = true;
            if (befall(point, options.mortality.before)) return;
          }
          if (pausedUntilMs > stage.now()) return stage.after(pausedUntilMs - stage.now(), turn);
          stage.note(point);
          await new Promise<void>((yieldStage) => {
            void run(yieldStage).finally(yieldStage);
          });
        };
        stage.after(delayMs, turn);
      });
    },
  };
}
