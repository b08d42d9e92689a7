/**
 * Limits as callers meet them: the fields `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers)
 * with every answer, and `rate_limited` with `Retry-After` for what is too much.
 */
import { getConnInfo } from '@hono/node-server/conninfo';
import { type Fault, fault, isFault } from '../../domain/errors.ts';
import { addressToCount, callerAddress, IN_PROCESS } from '../limits/address.ts';
import type { Limiter, Verdict } from '../limits/limiter.ts';
import { CLIENT_CLASSES, type LimitClass, type LimitPolicies, type LimitPolicy } from '../limits/policy.ts';
import type { ApiDeps, Caller } from './deps.ts';
import { addHeader } from './headers.ts';
import type { ApiContext } from './http.ts';

export interface LimitDeps {
  readonly limiter: Limiter;
  readonly policies: LimitPolicies;
  /** How many proxies of ours stand before the API. */
  readonly trustedProxies: number;
}

export interface ApiLimits {
  /** Counts a request of an authenticated caller, for the key and then for its client. Throws `rate_limited`. */
  ofCaller(c: ApiContext, limitClass: LimitClass, caller: Caller): Promise<void>;
  /** Counts a request by the address it comes from. Throws `rate_limited`. */
  ofAddress(c: ApiContext, limitClass: LimitClass): Promise<void>;
  /** Throws `rate_limited` when too many keys that are none came from this address. */
  beforeLookup(c: ApiContext): void;
  /** Counts a key that is none. Throws `rate_limited` when it was one too many. */
  afterFailure(c: ApiContext): Promise<void>;
  /**
   * Counts a guess for its address before it is looked at, so that no more of them are looked at than may be wrong, however many come
   * at once. What was not `unauthenticated` is given back. Throws `rate_limited`.
   */
  guess<T>(c: ApiContext, look: () => Promise<T>): Promise<T>;
}

const NO_LIMITS: ApiLimits = {
  ofCaller: () => Promise.resolve(),
  ofAddress: () => Promise.resolve(),
  beforeLookup: () => undefined,
  afterFailure: () => Promise.resolve(),
  guess: (_, look) => look(),
};

/** Makes the limits of an API; none without a limiter. */
export function createApiLimits(deps: LimitDeps | undefined): ApiLimits {
  if (deps === undefined) return NO_LIMITS;
  const { limiter, policies, trustedProxies } = deps;
  const fields = new Map(
    Object.values(policies).map(({ name, requestsMax, windowS }) => [name, `"${name}";q=${requestsMax};w=${windowS}`]),
  );
  const addressOf = (c: ApiContext): string => addressToCount(socketAddressOf(c), c.req.header('x-forwarded-for'), trustedProxies);

  function tell(c: ApiContext, policy: LimitPolicy, verdict: Verdict): void {
    addHeader(c, 'RateLimit-Policy', fields.get(policy.name) ?? '');
    addHeader(c, 'RateLimit', `"${policy.name}";r=${verdict.remaining};t=${secondsOf(verdict)}`);
    if (!verdict.allowed) throw tooMuch(policy, verdict);
  }

  async function count(c: ApiContext, policy: LimitPolicy, who: string): Promise<void> {
    const taken = limiter.take(policy, who);
    tell(c, policy, taken instanceof Promise ? await taken : taken);
  }

  /** What a key is refused takes nothing from its client, of whom the caller hears only when that is what refuses. */
  async function countCaller(c: ApiContext, limitClass: LimitClass, caller: Caller): Promise<void> {
    await count(c, policies[limitClass], `${caller.clientId} ${keyOf(caller)}`);
    if (!isOfKeys(limitClass)) return;
    const policy = policies[CLIENT_CLASSES[limitClass]];
    const taken = limiter.take(policy, caller.clientId);
    const verdict = taken instanceof Promise ? await taken : taken;
    if (!verdict.allowed) tell(c, policy, verdict);
  }

  async function guess<T>(c: ApiContext, look: () => Promise<T>): Promise<T> {
    const { verdict, giveBack } = await limiter.borrow(policies.failed_auth, addressOf(c));
    if (!verdict.allowed) tell(c, policies.failed_auth, verdict);
    try {
      const found = await look();
      giveBack();
      return found;
    } catch (error) {
      if (isFault(error, 'unauthenticated')) tell(c, policies.failed_auth, verdict);
      else giveBack();
      throw error;
    }
  }

  return {
    ofCaller: countCaller,
    ofAddress: (c, limitClass) => count(c, policies[limitClass], addressOf(c)),
    beforeLookup: (c) => {
      const refusal = limiter.refusal(policies.failed_auth, addressOf(c));
      if (refusal !== null) throw tooMuch(policies.failed_auth, refusal);
    },
    afterFailure: (c) => count(c, policies.failed_auth, addressOf(c)),
    guess,
  };
}

const isOfKeys = (limitClass: LimitClass): limitClass is keyof typeof CLIENT_CLASSES => Object.hasOwn(CLIENT_CLASSES, limitClass);

/** A token counts as the key that it was got with; those of people count for the person. */
function keyOf({ keyId, principal }: Caller): string {
  return keyId === undefined ? principal : `key ${keyId}`;
}

function secondsOf({ msToEnd }: Verdict): number {
  return Math.ceil(msToEnd / 1000);
}

function tooMuch({ name, countedBy, requestsMax, windowS }: LimitPolicy, verdict: Verdict): Fault {
  const whose = countedBy === 'client' ? ' by all keys of the client' : '';
  const detail =
    name === 'failed_auth'
      ? 'Too many keys that are none came from this address.'
      : `More than ${requestsMax} requests of the kind ${name} in ${windowS} seconds${whose}.`;
  return Object.assign(fault('rate_limited', { detail }), { retryAfterS: Math.max(1, secondsOf(verdict)) });
}

/** Where the request came from, as the socket says; requests without one (tests, in-process) say so. */
export function socketAddressOf(c: ApiContext): string {
  const bindings = c.env as { incoming?: unknown } | undefined;
  return bindings?.incoming === undefined ? IN_PROCESS : (getConnInfo(c).remote.address ?? 'unknown');
}

/** Where the request came from, behind the proxies of ours that stand before the API. */
export function callerAddressOf(deps: Pick<ApiDeps, 'limits'>, c: ApiContext): string {
  return callerAddress(socketAddressOf(c), c.req.header('x-forwarded-for'), deps.limits?.trustedProxies ?? 0);
}
