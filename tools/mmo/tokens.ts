/**
 * Access tokens. One live token per name, fetched by one caller while the others wait, renewed early,
 * and thrown away when the operator refuses it; a refused call is repeated once with a new token.
 *
 * At M-Pesa a new token may kill the one before it, so the processes of a deployment share their tokens
 * (`vault/`); a program that stands alone keeps them in its memory.
 */
import type { Clock } from '../../domain/clock.ts';
import { digestOf } from '../../domain/ids.ts';
import type { HttpAnswer } from './http.ts';

export interface Token {
  readonly value: string;
  readonly expiresAtMs: number;
}

/** What came of asking for a token. `refused`: our credentials are wrong; `unavailable`: ask later. */
export type Grant = Token | 'refused' | 'unavailable';

export interface TokenVault {
  /**
   * A token that is good for use. `stale` is one the operator has just refused: it is not handed out
   * again. `fetchGrant` is called by one caller at a time per name.
   */
  take(name: string, stale: string | null, fetchGrant: () => Promise<Grant>): Promise<Grant>;
}

/**
 * The name of the token of one app at one address: whichever rails or processes use the app, it has one token.
 * The app's own id stays out of it. `product` is for operators that give one for each.
 */
export function tokenNameOf(protocol: string, baseUrl: string, appId: string, product?: string): string {
  const name = `${protocol}:${digestOf(`token of ${appId} at ${baseUrl}`).slice(0, 24)}`;
  return product === undefined ? name : `${name}:${product}`;
}

/** Renewed this long before its end, or at half its life when it lives shorter. */
const RENEW_EARLY_MS = 60_000;

/** For how long from now a new token may be handed out, milliseconds. */
export function renewInMs(token: Token, nowMs: number): number {
  const lifeMs = token.expiresAtMs - nowMs;
  return lifeMs - Math.min(RENEW_EARLY_MS, lifeMs / 2);
}

/** A vault in this process's memory. */
export function memoryTokenVault(clock: Clock): TokenVault {
  const live = new Map<string, { value: string; renewAtMs: number }>();
  const flights = new Map<string, Promise<Grant>>();
  return {
    async take(name, stale, fetchGrant) {
      const held = live.get(name);
      if (held && held.value !== stale && clock.now() < held.renewAtMs) return { value: held.value, expiresAtMs: held.renewAtMs };
      const flight = flights.get(name) ?? fetchGrant().finally(() => flights.delete(name));
      flights.set(name, flight);
      const grant = await flight;
      if (typeof grant === 'object') live.set(name, { value: grant.value, renewAtMs: clock.now() + renewInMs(grant, clock.now()) });
      return grant;
    },
  };
}

/**
 * Calls with a token; when the operator refuses the token, once more with a new one. Without a token
 * nothing is sent at all, and the answer says so.
 */
export async function callWithToken(
  take: (stale: string | null) => Promise<Grant>,
  call: (token: string) => Promise<HttpAnswer>,
  refusesToken: (answer: HttpAnswer & { kind: 'answered' }) => boolean,
): Promise<HttpAnswer> {
  const first = await take(null);
  if (typeof first === 'string') return notSent(first);
  const answer = await call(first.value);
  if (answer.kind !== 'answered' || !refusesToken(answer)) return answer;
  const second = await take(first.value);
  // The refused call did nothing at the operator, so to the caller nothing was sent.
  if (typeof second === 'string') return notSent(second);
  return call(second.value);
}

function notSent(grant: 'refused' | 'unavailable'): HttpAnswer {
  return { kind: 'not_sent', reason: grant === 'refused' ? 'credentials_refused' : 'no_token' };
}
