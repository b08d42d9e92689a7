/**
 * How long an effect may take to begin, and how long "the operator does not know it" has to last before it
 * means "it never came". The two belong together: a request that could still leave after it was called
 * absent would be paid twice.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
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

/** Requests under way, with whether each is too late by now. */
const lateness = new WeakMap<object, () => boolean>();

/**
 * Looks at the deadline again when the first byte of a request is about to be written: between the call of `fetch` and that
 * moment lie the look-up of the name, the connection and its handshake, and whatever pause the process took meanwhile. Node's
 * `fetch` tells of the moment on a channel (undici, `DiagnosticsChannel`); a connection that is closed there has sent nothing.
 * What is left is a pause between this look and the write that follows it in the same turn.
 */
subscribe('undici:client:sendHeaders', (message) => {
  const { request, socket } = message as { readonly request: object; readonly socket: Socket };
  if (lateness.get(request)?.() === true) socket.destroy(tooLate());
});

function tooLate(): Error {
  return Object.assign(new Error('an effect came too late to be sent'), { code: TOO_LATE });
}

/** Makes the deadline of effects, so that no client has to think of it: whatever one sends while it works on an effect passes here. */
export function createDeadlines(deps: { readonly fetch: Fetch; readonly clock: Clock }): Deadlines {
  const effects = new AsyncLocalStorage<{ readonly sentAtMs: number }>();
  const isLate = (effect: { readonly sentAtMs: number }): boolean => deps.clock.now() - effect.sentAtMs > SEND_WITHIN_MS;
  // Made in the turn of the `fetch` that asks for it, where it is known for which effect.
  subscribe('undici:request:create', (message) => {
    const effect = effects.getStore();
    if (effect !== undefined) lateness.set((message as { readonly request: object }).request, () => isLate(effect));
  });
  return {
    fetch: async (url, init) => {
      const effect = effects.getStore();
      if (effect !== undefined && isLate(effect)) throw new TypeError('an effect came too late to be sent', { cause: tooLate() });
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
