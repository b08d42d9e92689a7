/** Reconciliation: operators' statements as they came, the runs that held them against our books, and the breaks. */
import { sql } from 'drizzle-orm';
import { bigserial, check, date, index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, minorUnits, moment, updatedAt } from './columns.ts';
import { attempts } from './payments.ts';

/** A statement as an operator gave it, word for word. One that could not be read is kept as well, with the reason. */
export const statements = pgTable(
  'statements',
  {
    id: uuid('id').primaryKey(),
    railId: text('rail_id').notNull(),
    /** The day it is asked for, in the country of the rail. */
    day: date('day', { mode: 'string' }).notNull(),
    format: text('format').notNull(),
    status: text('status').notNull(),
    reasonCode: text('reason_code'),
    /** Ciphertext: statements name people. */
    body: bytea('body').notNull(),
    /** Keyed hash of the text, by which the same file is known again. */
    bodyDigest: bytea('body_digest').notNull(),
    lineCount: integer('line_count').notNull(),
    /** Balances the statement begins and ends with, where it tells them. */
    openingBalance: minorUnits('opening_balance'),
    closingBalance: minorUnits('closing_balance'),
    loadedBy: text('loaded_by').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    unique('statements_once').on(table.railId, table.day, table.bodyDigest),
    check('statements_status', sql`${table.status} in ('loaded', 'refused')`),
    check('statements_refused', sql`(${table.status} = 'refused') = (${table.reasonCode} is not null)`),
    index('statements_day').on(table.railId, table.day),
  ],
);

/** One movement of a statement. Nothing of the people concerned is kept outside the statement itself. */
export const statementLines = pgTable(
  'statement_lines',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    statementId: uuid('statement_id')
      .notNull()
      .references(() => statements.id),
    railId: text('rail_id').notNull(),
    /** Its place in the file, 1 for the first. */
    position: integer('position').notNull(),
    operatorReference: text('operator_reference').notNull(),
    /** What we called it, where the operator repeats that. */
    ourReference: text('our_reference'),
    direction: text('direction').notNull(),
    /** More than zero; `direction` says which way it went. */
    amount: minorUnits('amount').notNull(),
    fee: minorUnits('fee').notNull(),
    currency: text('currency').notNull(),
    occurredAt: moment('occurred_at').notNull(),
  },
  (table) => [
    unique('statement_lines_position').on(table.statementId, table.position),
    check('statement_lines_direction', sql`${table.direction} in ('in', 'out', 'fee')`),
    check('statement_lines_amount', sql`${table.amount} > 0 and ${table.fee} >= 0`),
    index('statement_lines_reference').on(table.railId, table.operatorReference),
    index('statement_lines_moment').on(table.railId, table.occurredAt),
  ],
);

/** One reconciliation of a rail and a day, and what it found. */
export const reconciliations = pgTable(
  'reconciliations',
  {
    id: uuid('id').primaryKey(),
    railId: text('rail_id').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    /** What our books were held against. */
    basis: text('basis').notNull(),
    statementId: uuid('statement_id').references(() => statements.id),
    /** Counts and sums, as decimal strings of minor units. */
    summary: jsonb('summary').notNull(),
    startedBy: text('started_by').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    check('reconciliations_basis', sql`${table.basis} in ('statement', 'balance', 'none')`),
    index('reconciliations_day').on(table.railId, table.day, table.createdAt),
  ],
);

/**
 * What does not agree. A break is found once, however often the day is reconciled. It ends when two people have
 * agreed on the entries that correct the books, or by itself when both sides agree after all.
 */
export const breaks = pgTable(
  'breaks',
  {
    id: uuid('id').primaryKey(),
    railId: text('rail_id').notNull(),
    day: date('day', { mode: 'string' }).notNull(),
    kind: text('kind').notNull(),
    /** What it is about: an attempt, a line, a day. With rail and kind it names the break. */
    subject: text('subject').notNull(),
    attemptId: uuid('attempt_id').references(() => attempts.id),
    paymentId: uuid('payment_id'),
    /** What our side says, minor units; null where it says nothing. */
    ourAmount: minorUnits('our_amount'),
    /** What the operator says. */
    theirAmount: minorUnits('their_amount'),
    currency: text('currency').notNull(),
    evidence: jsonb('evidence').notNull(),
    /** Entries that would put the books right; posted by people only. */
    proposedEntries: jsonb('proposed_entries').notNull(),
    status: text('status').notNull().default('open'),
    foundAt: moment('found_at').notNull(),
    lastSeenAt: moment('last_seen_at').notNull(),
    /** When somebody should have seen to it. */
    dueAt: moment('due_at').notNull(),
    closedAt: moment('closed_at'),
    updatedAt: updatedAt(),
  },
  (table) => [
    unique('breaks_once').on(table.railId, table.kind, table.subject),
    check(
      'breaks_kind',
      sql`${table.kind} in ('missing_here', 'missing_there', 'amount_differs', 'duplicate', 'fee_differs', 'not_booked', 'balance_differs')`,
    ),
    check('breaks_status', sql`${table.status} in ('open', 'proposed', 'posted', 'dismissed', 'resolved')`),
    check('breaks_closed', sql`(${table.status} in ('posted', 'dismissed', 'resolved')) = (${table.closedAt} is not null)`),
    index('breaks_queue').on(table.status, table.foundAt, table.id),
    index('breaks_day').on(table.railId, table.day),
    index('breaks_attempt').on(table.attemptId),
  ],
);

/** What people said about breaks, append-only: who proposed which entries, and who agreed. */
export const breakDecisions = pgTable(
  'break_decisions',
  {
    id: uuid('id').primaryKey(),
    breakId: uuid('break_id')
      .notNull()
      .references(() => breaks.id),
    principal: text('principal').notNull(),
    action: text('action').notNull(),
    reasonCode: text('reason_code').notNull(),
    entries: jsonb('entries').notNull(),
    /** SHA-256 of the canonical JSON of `entries`; an approval names it. */
    entriesDigest: text('entries_digest').notNull(),
    /** The link that all transfers of an approval carry. */
    linkId: uuid('link_id'),
    createdAt: createdAt(),
  },
  (table) => [
    check('break_decisions_action', sql`${table.action} in ('propose', 'approve', 'reject')`),
    index('break_decisions_break').on(table.breakId, table.createdAt),
  ],
);
