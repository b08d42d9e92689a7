/** What was sent to the settlement chain, each transaction whole before its first byte left. */
import { sql } from 'drizzle-orm';
import { bigint, check, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { createdAt, updatedAt } from './columns.ts';

export const chainTransactions = pgTable(
  'chain_transactions',
  {
    /** What it is about, such as a batch id, and what it does to it. */
    subject: text('subject').notNull(),
    step: text('step').notNull(),
    /** 1 for the first try. */
    attempt: integer('attempt').notNull(),
    /** Unix seconds by the chain's clock; after them the chain takes it no more. */
    expiresAtSecs: bigint('expires_at_secs', { mode: 'bigint' }).notNull(),
    /** Hash, signed bytes and gas price of every edition, the dearest last. */
    editions: jsonb('editions').notNull().$type<readonly { hash: string; bytes: string; gasUnitPrice: string }[]>(),
    state: text('state').notNull().default('open'),
    /** The edition that was committed. */
    hash: text('hash'),
    ledgerVersion: bigint('ledger_version', { mode: 'bigint' }),
    gasUsed: bigint('gas_used', { mode: 'bigint' }),
    gasUnitPrice: bigint('gas_unit_price', { mode: 'bigint' }),
    vmStatus: text('vm_status'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    primaryKey({ columns: [table.subject, table.step, table.attempt] }),
    check('chain_transactions_state', sql`${table.state} in ('open', 'executed', 'failed', 'refused', 'absent')`),
    check('chain_transactions_committed', sql`(${table.state} in ('executed', 'failed')) = (${table.hash} is not null)`),
  ],
);
