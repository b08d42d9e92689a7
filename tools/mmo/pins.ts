/**
 * Our PINs at operators that lock an account after a few wrong ones. A PIN that was refused is not tried again, by any process, until
 * there is a new one or a person has said that it is right; one that nobody has seen taken yet is tried by one payout at a time.
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
  /** Makes a call under the PIN, unless it was refused before. Nothing is sent where a trial elsewhere does not end. */
  use(name: PinName, call: () => Promise<Outcome>): Promise<Outcome>;
  /** Whether it was refused. */
  isRefused(name: PinName): Promise<boolean>;
}

/** Looks at a trial elsewhere before the payout is left for later. */
const LOOKS_MAX = 40;

/** Makes the guard of one process. */
export function createPinGuard(store: PinStore): PinGuard {
  /** Trials of this process. */
  const trials = new Map<string, Promise<unknown>>();
  const keyOf = ({ railId, pin }: PinName): string => `${railId} ${pin}`;

  async function attempt(name: PinName, standing: 'accepted' | 'yours', call: () => Promise<Outcome>): Promise<Outcome> {
    const outcome = await call();
    const shown = shownBy(outcome);
    if (shown === 'refused' || standing === 'yours') await store.report(name, shown);
    return outcome;
  }

  return {
    async use(name, call) {
      for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
        const standing = (await store.look(name)) ?? ((await store.begin(name)) ? 'yours' : 'on_trial');
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
    isRefused: async (name) => (await store.look(name)) === 'refused',
  };
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
  const standings = new Map<string, { readonly standing: 'accepted' | 'refused' | 'on_trial'; readonly sinceMs: number }>();
  const keyOf = ({ railId, pin }: PinName): string => `${railId} ${pin}`;
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
      if (shown === 'untold') standings.delete(keyOf(name));
      else standings.set(keyOf(name), { standing: shown, sinceMs: clock.now() });
    },
    wait: async () => undefined,
  };
}
