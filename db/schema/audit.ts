/** The audit log: acts that leave no row of their own elsewhere, and the chain of blocks that seals every such row. */
import { sql } from 'drizzle-orm';
import { bigint, bigserial, check, index, integer, jsonb, pgTable, primaryKey, smallint, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, moment, writtenBy, xid8 } from './columns.ts';

/** One row per act, append-only, written in the transaction of the act. Never holds personal data in clear. */
export const auditEvents = pgTable(
  'audit_events',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    txId: writtenBy(),
    /** Whose data it is about; null for acts on the platform itself. */
    clientId: uuid('client_id'),
    /** Who did it: the principal of a key, `agent:<name>`, or `system`. */
    actor: text('actor').notNull(),
    /** `case.claimed`, `key.revoked` and so on. */
    action: text('action').notNull(),
    /** What it was done to: `case:<id>`, `key:<id>`, `payment:<id>`. */
    subject: text('subject').notNull(),
    paymentId: uuid('payment_id'),
    details: jsonb('details').notNull().default(sql`'{}'`).$type<Readonly<Record<string, unknown>>>(),
    createdAt: createdAt(),
  },
  (table) => [
    index('audit_events_written').on(table.txId),
    index('audit_events_payment').on(table.paymentId).where(sql`${table.paymentId} is not null`),
  ],
);

/** A link of the chain. Its hash covers the hash before it and the Merkle root of everything it seals. */
export const auditBlocks = pgTable(
  'audit_blocks',
  {
    /** 1 for the first, without gaps. */
    number: bigint('number', { mode: 'bigint' }).primaryKey(),
    previousHash: text('previous_hash').notNull(),
    merkleRoot: text('merkle_root').notNull(),
    leafCount: integer('leaf_count').notNull(),
    sealedAt: moment('sealed_at').notNull(),
    hash: text('hash').notNull(),
    /** A keyed hash of the hash: who can write to the database, but has not the keys, cannot make a chain of his own. */
    seal: bytea('seal').notNull(),
  },
  (table) => [
    unique('audit_blocks_hash').on(table.hash),
    // Two blocks cannot follow the same one.
    unique('audit_blocks_previous').on(table.previousHash),
    check('audit_blocks_count', sql`${table.leafCount} > 0`),
  ],
);

/** What a block seals of one source: all rows behind one place, up to and including another. */
export const auditRanges = pgTable(
  'audit_ranges',
  {
    blockNumber: bigint('block_number', { mode: 'bigint' })
      .notNull()
      .references(() => auditBlocks.number),
    source: text('source').notNull(),
    /** The edition of the leaf encoding. */
    form: smallint('form').notNull(),
    afterTx: xid8('after_tx').notNull(),
    afterKey: text('after_key').notNull(),
    upToTx: xid8('up_to_tx').notNull(),
    upToKey: text('up_to_key').notNull(),
    leafCount: integer('leaf_count').notNull(),
    /** Keys of the rows in their order, 8 or 16 bytes each, so that a missing row can be named. */
    keys: bytea('keys').notNull(),
    /** Leaf hashes in the same order, 32 bytes each. */
    hashes: bytea('hashes').notNull(),
  },
  (table) => [primaryKey({ columns: [table.blockNumber, table.source] }), index('audit_ranges_place').on(table.source, table.upToTx)],
);

/**
 * Blocks whose hash was put on chain, where nobody who can write to this database can change it. A row is
 * committed before the transaction leaves, so that an answer that is lost is asked for and not sent again.
 */
export const auditAnchors = pgTable(
  'audit_anchors',
  {
    blockNumber: bigint('block_number', { mode: 'bigint' })
      .primaryKey()
      .references(() => auditBlocks.number),
    hash: text('hash').notNull(),
    state: text('state').notNull().default('sent'),
    transactionHash: text('transaction_hash'),
    ledgerVersion: bigint('ledger_version', { mode: 'bigint' }),
    sentAt: moment('sent_at').notNull(),
    anchoredAt: moment('anchored_at'),
  },
  (table) => [check('audit_anchors_state', sql`${table.state} in ('sent', 'unknown', 'anchored', 'overtaken')`)],
);
