/**
 * Access tokens shared by every process of a deployment: of all that want a new one, one fetches it while
 * the others wait. A token is kept encrypted, and how long it is good is reckoned by the store's clock, so
 * that processes whose clocks differ agree on it.
 *
 * At M-Pesa a new token ends the one before it. A process that still held the old one is refused once, comes
 * back with it as stale, and finds the new one here.
 */
import type { Keyring } from '../../../db/keyring.ts';
import type { Clock } from '../../../domain/clock.ts';
import { newId } from '../../../domain/ids.ts';
import { SEND_WITHIN_MS } from '../patience.ts';
import { type Grant, renewInMs, type Token, type TokenVault } from '../tokens.ts';

/** What a store knows of a token that is still good. */
export interface StoredToken {
  readonly sealed: Buffer;
  /** For how long it may still be handed out, milliseconds, more than zero. */
  readonly renewInMs: number;
}

/** Where processes share tokens. Each call stands for itself; none waits for another process. */
export interface TokenStore {
  /** The token under a name, or null when there is none that is good. */
  read(name: string): Promise<StoredToken | null>;
  /** Gives the right to fetch a token to one holder at a time. True: it is the holder's for `leaseMs`. */
  claim(name: string, holder: string, leaseMs: number): Promise<boolean>;
  /** Puts a token in place and ends the holder's claim. False, and nothing is kept, when the claim has passed to another. */
  keep(name: string, holder: string, token: StoredToken): Promise<boolean>;
  /** Ends the holder's claim without a token. */
  release(name: string, holder: string): Promise<void>;
}

export interface SharedVaultDeps {
  readonly store: TokenStore;
  readonly keyring: Pick<Keyring, 'encrypt' | 'decrypt'>;
  readonly clock: Clock;
  /** Lets time pass; real time unless given. */
  readonly wait?: (ms: number) => Promise<void>;
}

const CONTEXT = 'operator_tokens.token';
/** Longer than any operator is waited for; who dies while fetching holds the others up no longer than this. */
const LEASE_MS = 35_000;
const LOOK_MS = 25;
const LOOK_MS_MAX = 200;

const realWait = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

interface Held {
  readonly value: string;
  readonly renewAtMs: number;
}

/** Makes the vault of one process. A store that is away is `unavailable`: nothing is sent, and nothing is in doubt. */
export function sharedTokenVault(deps: SharedVaultDeps): TokenVault {
  const held = new Map<string, Held>();
  const flights = new Map<string, Promise<Grant>>();
  return {
    async take(name, stale, fetchGrant) {
      const own = held.get(name);
      if (own !== undefined && own.value !== stale && deps.clock.now() < own.renewAtMs) return tokenOf(own);
      const key = `${name} ${stale}`;
      const flight =
        flights.get(key) ??
        obtain(deps, name, stale, fetchGrant)
          .catch((): Grant => 'unavailable')
          .finally(() => flights.delete(key));
      flights.set(key, flight);
      const grant = await flight;
      if (typeof grant === 'object') held.set(name, { value: grant.value, renewAtMs: grant.expiresAtMs });
      return grant;
    },
  };
}

function tokenOf({ value, renewAtMs }: Held): Token {
  return { value, expiresAtMs: renewAtMs };
}

/** The token of the store, or a new one: fetched by whoever gets the claim, waited for by everybody else. */
async function obtain(deps: SharedVaultDeps, name: string, stale: string | null, fetchGrant: () => Promise<Grant>): Promise<Grant> {
  const holder = newId();
  const wait = deps.wait ?? realWait;
  for (let waitedMs = 0, pauseMs = LOOK_MS; ; waitedMs += pauseMs, pauseMs = Math.min(LOOK_MS_MAX, pauseMs * 2)) {
    const found = await look(deps, name, stale);
    if (found !== null) return found;
    if (await deps.store.claim(name, holder, LEASE_MS)) {
      const fetched = await fetchAsHolder(deps, name, stale, holder, fetchGrant);
      if (fetched !== null) return fetched;
    }
    // Nothing may leave for an effect this long after it began, so nobody waits longer for a token.
    if (waitedMs >= SEND_WITHIN_MS) return 'unavailable';
    await wait(pauseMs);
  }
}

async function look(deps: SharedVaultDeps, name: string, stale: string | null): Promise<Token | null> {
  const stored = await deps.store.read(name);
  if (stored === null) return null;
  const value = open(deps, stored.sealed);
  return value === null || value === stale ? null : { value, expiresAtMs: deps.clock.now() + stored.renewInMs };
}

/** A token under a key that is no longer in the ring is no token. */
function open(deps: SharedVaultDeps, sealed: Buffer): string | null {
  try {
    return deps.keyring.decrypt(sealed, CONTEXT);
  } catch {
    return null;
  }
}

/** Null when the claim passed to another process while the operator took its time: that one's token counts. */
async function fetchAsHolder(
  deps: SharedVaultDeps,
  name: string,
  stale: string | null,
  holder: string,
  fetchGrant: () => Promise<Grant>,
): Promise<Grant | null> {
  let isKept = false;
  try {
    // Somebody may have finished between our look and our claim; a second token would end theirs.
    const found = await look(deps, name, stale);
    if (found !== null) return found;
    const grant = await fetchGrant();
    if (typeof grant === 'string') return grant;
    const goodForMs = renewInMs(grant, deps.clock.now());
    const sealed = deps.keyring.encrypt(grant.value, CONTEXT);
    isKept = await deps.store.keep(name, holder, { sealed, renewInMs: goodForMs });
    return isKept ? { value: grant.value, expiresAtMs: deps.clock.now() + goodForMs } : null;
  } finally {
    if (!isKept) await deps.store.release(name, holder);
  }
}
