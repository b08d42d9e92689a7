/**
 * Our PINs at operators that lock an account after a few wrong ones. A PIN that was refused is not tried again, by any process, until
 * there is a new one or a person has said that it is right; one that nobody has seen taken yet is tried by one call at a time.
 */
import type { Outcome } from './operator.ts';
import { failed } from './reasons.ts';

export interface PinName {
  readonly railId: string;
  readonly pin: string;
}

/** How a PIN stands: taken, refused, or being tried by somebody. */
export type PinStanding = 'accepted' | 'refused' | 'on_trial';

/** Where processes share how PINs stand. */
export interface PinStore {
  /** How it stands; null for one that nobody tries, or whose trial has taken too long. */
  look(name: PinName): Promise<PinStanding | null>;
  /** Begins a trial of one that stands nowhere; false when somebody else was faster. */
  begin(name: PinName): Promise<boolean>;
  /** What a use has shown; `untold` ends a trial that has shown nothing. */
  report(name: PinName, shown: 'accepted' | 'refused' | 'untold'): Promise<void>;
  /** Resolves when it is worth looking again at what somebody else tries. */
  wait(): Promise<void>;
}

export interface PinGuard {
  /**
   * Makes a call under the PIN, whatever it is for, unless the PIN was refused before. Nothing is sent where a trial elsewhere does not
   * end, or where nobody can say how the PIN stands.
   */
  use(name: PinName, call: () => Promise<Outcome>): Promise<Outcome>;
}

/** Looks at a trial elsewhere before the payout is left for later. */
const LOOKS_MAX = 40;

/** Makes the guard of one process. */
export function createPinGuard(store: PinStore): PinGuard {
  /** Trials of this process. */
  const trials = new Map<string, Promise<unknown>>();
  /** Refusals that the store could not be told of yet. */
  const unreported = new Set<string>();

  async function standingOf(name: PinName): Promise<PinStanding | 'yours' | null> {
    try {
      if (unreported.has(keyOf(name))) {
        await store.report(name, 'refused');
        unreported.delete(keyOf(name));
      }
      return (await store.look(name)) ?? ((await store.begin(name)) ? 'yours' : 'on_trial');
    } catch {
      return null;
    }
  }

  async function attempt(name: PinName, standing: 'accepted' | 'yours', call: () => Promise<Outcome>): Promise<Outcome> {
    const outcome = await call();
    const shown = shownBy(outcome);
    if (standing === 'accepted' && shown !== 'refused') return outcome;
    try {
      await store.report(name, shown);
    } catch {
      // What became of the money is not lost over how the PIN stands: a trial ends by itself, a refusal is told before the next use.
      if (shown === 'refused') unreported.add(keyOf(name));
    }
    return outcome;
  }

  return {
    async use(name, call) {
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        const standing = await standingOf(name);
        if (standing === null) return failed('store_unavailable');
        if (standing === 'refused') return failed('pin_refused');
        if (standing === 'accepted') return attempt(name, standing, call);
        if (standing === 'yours') {
          const trial = attempt(name, standing, call);
          const key = keyOf(name);
          trials.set(key, trial);
          return trial.finally(() => trials.delete(key));
        }
        await (trials.get(keyOf(name))?.catch(() => undefined) ?? store.wait());
      }
      return failed('operator_busy');
    },
  };
}

function keyOf({ railId, pin }: PinName): string {
  return `${railId} ${pin}`;
}

/** What the outcome of a call shows of its PIN. A lost answer shows nothing: the next payout tries, one at a time still. */
function shownBy(outcome: Outcome): 'accepted' | 'refused' | 'untold' {
  switch (outcome.state) {
    case 'succeeded':
    case 'pending':
      return 'accepted';
    case 'failed':
      return outcome.reasonCode === 'pin_refused' ? 'refused' : 'untold';
    case 'unknown':
      return 'untold';
  }
}

/** How long a trial is waited for whose process has died. */
export const TRIAL_MS = 60_000;

/** PINs as one process alone knows them. */
export function memoryPinStore(clock: { now(): number }): PinStore {
  const standings = new Map<string, { readonly standing: PinStanding; readonly sinceMs: number }>();
  return {
    async look(name) {
      const held = standings.get(keyOf(name));
      return held === undefined || (held.standing === 'on_trial' && clock.now() - held.sinceMs >= TRIAL_MS) ? null : held.standing;
    },
    async begin(name) {
      const held = standings.get(keyOf(name));
      if (held !== undefined && (held.standing !== 'on_trial' || clock.now() - held.sinceMs < TRIAL_MS)) return false;
      standings.set(keyOf(name), { standing: 'on_trial', sinceMs: clock.now() });
      return true;
    },
    async report(name, shown) {
      if (shown !== 'untold') standings.set(keyOf(name), { standing: shown, sinceMs: clock.now() });
      else if (standings.get(keyOf(name))?.standing === 'on_trial') standings.delete(keyOf(name));
    },
    wait: async () => undefined,
  };
}
