/** Transactions of a rail by everything they are asked for by. */
import type { Transaction } from './journal.ts';

export interface Index {
  readonly all: Transaction[];
  readonly byReference: Map<string, Transaction>;
  readonly byName: Map<string, Transaction>;
  add(transaction: Transaction): void;
}

/** Makes the look-up, with what the books hold already. */
export function createIndex(replayed: readonly Transaction[]): Index {
  const index: Index = {
    all: [],
    byReference: new Map(),
    byName: new Map(),
    add(transaction) {
      index.all.push(transaction);
      index.byReference.set(`${transaction.kind} ${transaction.ourReference}`, transaction);
      index.byName.set(transaction.id, transaction);
      for (const name of Object.values(transaction.names)) index.byName.set(name, transaction);
    },
  };
  for (const transaction of replayed) index.add(transaction);
  return index;
}
