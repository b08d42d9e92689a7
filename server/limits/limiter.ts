/**
 * Limits that hold over all processes without a round trip for each request: a process takes a share of a
 * window from the shared store, a lease, and hands it out by itself.
 *
 * Keys and clients are counted exactly, but for what lies unused in leases of other processes: at most a twentieth
 * of the limit in each. For addresses, of which a flood may bring any number, the first lease is handed out
 * before the store hears of it, so that an address that asks little costs the store nothing; each process
 * may so hand out a twentieth too many. When the store is away each process keeps the limit by itself.
 */
import type { Clock } from '../../domain/clock.ts';
import type { LimitPolicy } from './policy.ts';
import type { LimitStore } from './store.ts';

export interface Verdict {
  readonly allowed: boolean;
  /** Requests left in the window, as far as this process knows. */
  readonly remaining: number;
  /** Until the window ends, milliseconds. */
  readonly msToEnd: number;
}

export interface Limiter {
  /** Takes one request of who asks. Answers at once, without a promise, as long as a lease lasts. */
  take(policy: LimitPolicy, who: string): Verdict | Promise<Verdict>;
  /** Takes one request that is given back if it turns out to cost nothing. Only what is given back in the same window is of use. */
  borrow(policy: LimitPolicy, who: string): Promise<Loan>;
  /** Whether the window of who asks is used up, as far as this process knows; takes nothing. */
  refusal(policy: LimitPolicy, who: string): Verdict | null;
  /** Windows that are remembered. */
  size(): number;
}

export interface Loan {
  readonly verdict: Verdict;
  /** To be called once at most, and only of what was allowed. */
  giveBack(): void;
}

export interface LimiterDeps {
  readonly store: LimitStore;
  readonly clock: Clock;
  /** Makes the key under which the store knows who asks: nothing may be read from it. */
  readonly keyOf: (who: string) => string;
  /** Hears that the store is away; once for each lease. */
  readonly onStoreError: (error: unknown) => void;
  /** Windows remembered at most; the oldest are forgotten first. */
  readonly windowsMax?: number;
}

/** A lease is this share of a limit. */
const LEASES_PER_WINDOW = 20;
const WINDOWS_MAX = 50_000;

interface Window {
  /** What may still be handed out here. */
  left: number;
  /** Handed out or taken into the lease without telling the store. */
  untold: number;
  /** Taken by this process in all; the count that is kept to while the store is away. */
  taken: number;
  /** What the store had left at the last look. */
  leftInStore: number;
  usedUp: boolean;
  endsAtMs: number;
  refill: Promise<void> | null;
}

/** Makes a limiter. */
export function createLimiter(deps: LimiterDeps): Limiter {
  const windows = new Map<string, Window>();
  const windowsMax = deps.windowsMax ?? WINDOWS_MAX;

  function windowOf(policy: LimitPolicy, id: string, nowMs: number): Window {
    const current = windows.get(id);
    if (current !== undefined && (current.endsAtMs > nowMs || current.refill !== null)) return current;
    if (current === undefined && windows.size >= windowsMax) forget(windows, windowsMax, nowMs);
    const lease = policy.countedBy === 'address' ? leaseOf(policy) : 0;
    const fresh: Window = {
      left: lease,
      untold: lease,
      taken: lease,
      leftInStore: policy.requestsMax - lease,
      usedUp: false,
      endsAtMs: nowMs + policy.windowS * 1000,
      refill: null,
    };
    // Taken out and put in again, so that the map stays in the order of age.
    windows.delete(id);
    windows.set(id, fresh);
    return fresh;
  }

  async function refill(policy: LimitPolicy, who: string, window: Window): Promise<void> {
    const lease = leaseOf(policy);
    const asked = window.untold + lease;
    window.taken += lease;
    let used = window.taken;
    try {
      const count = await deps.store.add(policy, deps.keyOf(who), asked);
      used = count.used;
      window.untold = 0;
      window.endsAtMs = deps.clock.now() + count.msToEnd;
    } catch (error) {
      window.untold = asked;
      deps.onStoreError(error);
    }
    window.left += Math.max(0, Math.min(lease, lease - (used - policy.requestsMax)));
    window.leftInStore = Math.max(0, policy.requestsMax - used);
    window.usedUp = window.left === 0;
  }

  function answer(window: Window, allowed: boolean, nowMs: number): Verdict {
    return { allowed, remaining: window.left + window.leftInStore, msToEnd: Math.max(0, window.endsAtMs - nowMs) };
  }

  async function wait(policy: LimitPolicy, who: string, window: Window): Promise<Verdict> {
    window.refill ??= refill(policy, who, window).finally(() => {
      window.refill = null;
    });
    await window.refill;
    return take(policy, who);
  }

  function take(policy: LimitPolicy, who: string): Verdict | Promise<Verdict> {
    const nowMs = deps.clock.now();
    const window = windowOf(policy, `${policy.name} ${who}`, nowMs);
    if (window.left > 0) {
      window.left -= 1;
      return answer(window, true, nowMs);
    }
    return window.usedUp ? answer(window, false, nowMs) : wait(policy, who, window);
  }

  return {
    take,
    borrow: async (policy, who) => {
      const verdict = await take(policy, who);
      const window = windows.get(`${policy.name} ${who}`);
      return {
        verdict,
        giveBack: () => {
          if (window !== undefined) window.left += 1;
        },
      };
    },
    refusal: (policy, who) => {
      const nowMs = deps.clock.now();
      const window = windows.get(`${policy.name} ${who}`);
      return window?.usedUp === true && window.left === 0 && window.endsAtMs > nowMs ? answer(window, false, nowMs) : null;
    },
    size: () => windows.size,
  };
}

function leaseOf(policy: LimitPolicy): number {
  return Math.max(1, Math.floor(policy.requestsMax / LEASES_PER_WINDOW));
}

/** Makes room: windows that are over, and if none is, the oldest tenth. */
function forget(windows: Map<string, Window>, windowsMax: number, nowMs: number): void {
  for (const [id, window] of windows) if (window.endsAtMs <= nowMs) windows.delete(id);
  if (windows.size < windowsMax) return;
  let surplus = Math.ceil(windowsMax / 10);
  for (const id of windows.keys()) {
    if (surplus-- <= 0) return;
    windows.delete(id);
  }
}
