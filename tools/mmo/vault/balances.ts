/** Questions for balances in PostgreSQL: one process asks, another hears the answer. */
import type { Queryable } from '../../../db/connect.ts';
import { endQuestion, findBalanceEnd, latestQuestion, openQuestion } from '../../../db/queries/operator-balances.ts';
import type { Clock } from '../../../domain/clock.ts';
import type { BalanceStore } from '../balances.ts';

const LOOK_AGAIN_MS = 250;

/** The address of a question, and what of it is kept. */
export type BalanceAddress = (id: string) => { readonly url: string; readonly tokenHash: Buffer };

/** Makes the store. `wait` waits a moment unless something else is given. */
export function postgresBalanceStore(
  pool: Queryable,
  clock: Clock,
  addressOf: BalanceAddress,
  wait: () => Promise<void> = () => new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS)),
): BalanceStore {
  return {
    latest: (name, since) => latestQuestion(pool, name, since),
    async open(name, id) {
      const { url, tokenHash } = addressOf(id);
      await openQuestion(pool, { ...name, id, tokenHash }, clock.now());
      return url;
    },
    refuse: (id) => endQuestion(pool, id, { reasonCode: 'not_taken' }, clock.now()),
    look: (id) => findBalanceEnd(pool, id),
    wait,
  };
}
