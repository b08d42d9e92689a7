/** The memory of what was sent, in the database: it outlives any process, and all processes share it. */
import type { Pool } from 'pg';
import {
  findChainTransaction,
  insertChainTransaction,
  listChainTransactions,
  updateChainTransaction,
} from '../../db/queries/chain-transactions.ts';
import type { SentTransactions } from './sent.ts';

export function databaseSent(pool: Pool): SentTransactions {
  return {
    latest: (subject, step) => findChainTransaction(pool, subject, step),
    ofSubject: (subject) => listChainTransactions(pool, subject),
    insert: (transaction) => insertChainTransaction(pool, transaction),
    update: (transaction) => updateChainTransaction(pool, transaction),
  };
}
