/** What was sent to the settlement chain, each transaction whole before its first byte left; and what the registry there was told. */
import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, moment, updatedAt } from './columns.ts';
import { users } from './parties.ts';

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

/**
 * What was put into the compliance registry on the chain, or is about to be: a row is committed before the transaction leaves. The
 * latest row of a subject is what holds of it.
 */
export const registryRecords = pgTable(
  'registry_records',
  {
    id: uuid('id').primaryKey(),
    kind: text('kind').notNull(),
    /** The name of a list, the id of a user, or kind, month and currency of reports. On the chain stands no name. */
    subject: text('subject').notNull(),
    /** What is said of it: numbers and hashes. */
    content: jsonb('content').notNull().$type<Readonly<Record<string, string>>>(),
    state: text('state').notNull().default('sent'),
    transactionHash: text('transaction_hash'),
    ledgerVersion: bigint('ledger_version', { mode: 'bigint' }),
    createdAt: createdAt(),
    /** When it was last tried: one that is refused holds up none of the others. */
    triedAt: moment('tried_at').notNull(),
    putAt: moment('put_at'),
  },
  (table) => [
    check('registry_records_kind', sql`${table.kind} in ('list', 'attest', 'revoke', 'report')`),
    check('registry_records_state', sql`${table.state} in ('sent', 'unknown', 'there')`),
    // What is said later must not overtake what was said before.
    uniqueIndex('registry_records_open').on(table.subject).where(sql`${table.state} <> 'there'`),
    index('registry_records_subject').on(table.subject, table.createdAt),
  ],
);

/** Under which hash the registry knows a customer, and what it was told last. */
export const registrySubjects = pgTable(
  'registry_subjects',
  {
    userId: uuid('user_id')
      .primaryKey()
      .references(() => users.id),
    /** Nobody finds the hash by trying ids without it. It goes when the person is erased. */
    salt: bytea('salt'),
    /** SHA-256 of salt and id, hex. */
    subject: text('subject').notNull().unique('registry_subjects_subject'),
    /** The tier that is attested; null while nothing is. */
    tier: integer('tier'),
    expiresAt: moment('expires_at'),
  },
  (table) => [check('registry_subjects_attested', sql`(${table.tier} is null) = (${table.expiresAt} is null)`)],
);
