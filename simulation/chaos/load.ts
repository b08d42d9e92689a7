/** Clients under chaos: they send at a steady rate, and send again until they are answered. */
import { type Capp, CappApiError } from '../../sdk/index.ts';
import { createChance } from '../../sandbox/random.ts';
import { makeWishes, type Wish } from '../intents.ts';
import { pause } from './world.ts';

export interface Load {
  /** Payments that were answered for, by reference. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Intents that were refused for what they are. */
  readonly refused: () => number;
  /** When the newest request that was accepted had been sent, milliseconds since the epoch. */
  readonly lastAcceptedSentAtMs: () => number;
  /** Sends nothing new; resolves when everything sent has been answered. */
  finish(): Promise<void>;
}

const AGAIN_MS = 300;

/** Intents that are made ahead, seconds' worth: more than any run with its recoveries takes. */
const AHEAD_SECONDS = 1_200;

/** Sends `perSecond` intents, for `seconds` and until it is told to finish. */
export function startLoad(capp: Capp, options: { readonly seed: string; readonly perSecond: number; readonly seconds: number }): Load {
  const accepted = new Map<string, string>();
  const sending: Promise<void>[] = [];
  let refused = 0;
  let lastAcceptedSentAtMs = 0;
  let finished = false;
  const count = options.perSecond * (options.seconds + AHEAD_SECONDS);
  const wishes = makeWishes(createChance(options.seed), count, count);

  async function send({ intent, index }: Wish): Promise<void> {
    for (;;) {
      const sentAtMs = Date.now();
      try {
        const payment = await capp.payments.create(intent, { idempotencyKey: `chaos-${index}` });
        accepted.set(intent.referenceId, payment.id);
        lastAcceptedSentAtMs = Math.max(lastAcceptedSentAtMs, sentAtMs);
        return;
      } catch (error) {
        if (error instanceof CappApiError && error.status < 500 && error.status !== 429 && error.code !== 'idempotency_in_progress') {
          refused += 1;
          return;
        }
        await pause(AGAIN_MS);
      }
    }
  }

  const flow = (async () => {
    const startMs = Date.now();
    for (const [index, wish] of wishes.entries()) {
      const dueMs = startMs + (index * 1_000) / options.perSecond;
      if (dueMs > Date.now()) await pause(dueMs - Date.now());
      if (finished) return;
      sending.push(send(wish));
    }
  })();
  return {
    accepted,
    refused: () => refused,
    lastAcceptedSentAtMs: () => lastAcceptedSentAtMs,
    finish: async () => {
      finished = true;
      await flow;
      await Promise.all(sending);
    },
  };
}
