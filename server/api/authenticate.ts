/**
 * Who asks, and may they. Keys are looked up once and remembered for a short while, so that a revoked
 * key stops working within that time. The presented key itself is never kept, only its hash.
 */
import { hash } from 'node:crypto';
import { countLookups } from '../../domain/cache.ts';
import type { Clock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import type { Scope } from '../../domain/scopes.ts';
import type { Caller } from './deps.ts';
import type { ApiContext } from './http.ts';
import type { ApiLimits } from './limits.ts';

/** How long a key is remembered; a revoked key works no longer than this. */
const KNOWN_FOR_MS = 30_000;
/** How long a wrong key is remembered, so that a new key works soon. */
const UNKNOWN_FOR_MS = 5_000;
const REMEMBERED_MAX = 10_000;
/** `Bearer`, then a key as `capp keys` makes them, or an access token. */
const PRESENTED = /^Bearer ([A-Za-z0-9_.-]{8,2048})$/i;
/** How long the second factor counts as just shown, milliseconds. */
export const STEP_UP_MS = 5 * 60_000;

interface Remembered {
  readonly caller: Promise<Caller | null>;
  untilMs: number;
  isGood: boolean;
}

export type Authenticate = (c: ApiContext) => Promise<Caller>;

/**
 * Makes the function that finds the caller of a request. It throws `unauthenticated`, and `rate_limited`
 * for an address from which too many keys came that are none; keys that were good when they were last looked up are still let in.
 */
export function createAuthenticate(deps: {
  readonly clock: Clock;
  readonly findCaller: (presented: string) => Promise<Caller | null>;
  readonly limits: ApiLimits;
}): Authenticate {
  const remembered = new Map<string, Remembered>();
  const counts = countLookups('callers', remembered);

  function look(c: ApiContext, presented: string, nowMs: number): Promise<Caller | null> {
    const key = hash('sha256', presented, 'base64');
    const earlier = remembered.get(key);
    if (earlier && earlier.untilMs > nowMs) {
      counts.hits += 1;
      return earlier.caller;
    }
    counts.misses += 1;
    // Whoever guesses beside a key that is good does not lock it out, however long they do.
    if (earlier?.isGood !== true) deps.limits.beforeLookup(c);
    if (remembered.size >= REMEMBERED_MAX) forget(remembered);
    const entry: Remembered = { caller: deps.findCaller(presented), untilMs: nowMs + KNOWN_FOR_MS, isGood: false };
    remembered.set(key, entry);
    entry.caller.then(
      (caller) => {
        entry.isGood = caller !== null;
        if (caller === null) entry.untilMs = nowMs + UNKNOWN_FOR_MS;
      },
      () => {
        // It was not said of a key that was good that it is none.
        if (earlier?.isGood === true) remembered.set(key, earlier);
        else remembered.delete(key);
      },
    );
    return entry.caller;
  }

  return async (c) => {
    const presented = PRESENTED.exec(c.req.header('authorization') ?? '')?.[1];
    const caller = presented === undefined ? null : await look(c, presented, deps.clock.now());
    if (caller !== null && !(caller.session !== undefined && caller.session.expiresAtMs <= deps.clock.now())) return caller;
    // Nothing was guessed without a key; such a request costs little, and counts as any other of its address.
    await (presented === undefined ? deps.limits.ofAddress(c, 'public') : deps.limits.afterFailure(c));
    throw fault('unauthenticated');
  };
}

/** Makes room: what is no key, and if that is not enough, everything. */
function forget(remembered: Map<string, Remembered>): void {
  for (const [key, { isGood }] of remembered) if (!isGood) remembered.delete(key);
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
}

/** The caller of an authenticated request, who must hold the scope. Throws `forbidden`. */
export function requireScope(c: ApiContext, scope: Scope): Caller {
  const caller = c.get('caller');
  if (!caller.scopes.includes(scope))
    throw fault('forbidden', { detail: `The ${caller.session === undefined ? 'API key' : 'token'} does not carry the scope ${scope}.` });
  return caller;
}

/**
 * Throws `step_up_needed` unless a person has shown the second factor a short while ago, and `forbidden` for keys and programs
 * where only people decide.
 */
export function requireStepUp(caller: Caller, deps: { readonly clock: Clock; readonly programsDecide?: boolean }): void {
  const { session } = caller;
  if (session?.kind !== 'person') {
    if (deps.programsDecide === false)
      throw fault('forbidden', { detail: 'People decide this, logged in with their second factor; no key may.' });
    return;
  }
  const shownAtMs = session.secondFactorAtMs ?? Number.NEGATIVE_INFINITY;
  if (deps.clock.now() - shownAtMs > STEP_UP_MS) throw fault('step_up_needed');
}
