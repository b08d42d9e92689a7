/**
 * How long an effect may take to begin, and how long "the operator does not know it" has to last before it
 * means "it never came". The two belong together: a request that could still leave after it was called
 * absent would be paid twice.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Clock } from '../../domain/clock.ts';
import { type Fetch, TOO_LATE } from './http.ts';
import type { OperatorClient } from './operator.ts';

/** Nothing leaves us for an effect this long after its attempt was marked as sent, milliseconds: not after a pause of the process, not after a slow token. */
export const SEND_WITHIN_MS = 5_000;

/** The latest an effect can reach its operator, milliseconds after it was marked as sent: its last request begins in time, and has its own time-out. */
export function reachesWithinMs(settings: { readonly timeoutMs: number }): number {
  return SEND_WITHIN_MS + settings.timeoutMs;
}

/** Says whether settings wait long enough before they read absence as failure. */
export function absenceIsSure(settings: { readonly absentAfterMs: number; readonly timeoutMs: number }): boolean {
  return settings.absentAfterMs >= reachesWithinMs(settings);
}

export const ABSENCE_IS_SURE = { path: ['absentAfterMs'], message: `must be at least timeoutMs and ${SEND_WITHIN_MS} ms` };

export interface Deadlines {
  /** A `fetch` that sends nothing for an effect whose time is over. */
  readonly fetch: Fetch;
  /** The same client, whose effects are under their deadline. */
  guard<Client extends OperatorClient>(client: Client): Client;
}

/** Makes the deadline of effects, so that no client has to think of it: whatever one sends while it works on an effect passes here. */
export function createDeadlines(deps: { readonly fetch: Fetch; readonly clock: Clock }): Deadlines {
  const effects = new AsyncLocalStorage<{ readonly sentAtMs: number }>();
  return {
    fetch: async (url, init) => {
      const effect = effects.getStore();
      if (effect !== undefined && deps.clock.now() - effect.sentAtMs > SEND_WITHIN_MS) {
        throw new TypeError('an effect came too late to be sent', { cause: { code: TOO_LATE } });
      }
      return deps.fetch(url, init);
    },
    guard: (client) => ({
      ...client,
      collect: (request) => effects.run(request, () => client.collect(request)),
      disburse: (request) => effects.run(request, () => client.disburse(request)),
      refund: (request) => effects.run(request, () => client.refund(request)),
    }),
  };
}
