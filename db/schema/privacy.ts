/** What keeps personal data only as long and as readable as it must be: jobs over keys, holds, and what retention did. */
import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { bytea, moment } from './columns.ts';
import { users } from './parties.ts';

/** A walk over everybody, in the order of their ids: it goes on where it was left, whoever takes it up. */
export const keyJobs = pgTable(
  'key_jobs',
  {
    id: uuid('id').primaryKey(),
    /** `wrap`: wrap data keys anew; `data`: give everybody a new data key; `index`: make indexes anew. */
    kind: text('kind').notNull(),
    /** Everybody up to here was looked at in this pass; null before the first. */
    lastUserId: uuid('last_user_id'),
    /** Passes over everybody; the last finds nothing to do. */
    passes: integer('passes').notNull().default(1),
    looked: bigint('looked', { mode: 'bigint' }).notNull().default(sql`0`),
    changed: bigint('changed', { mode: 'bigint' }).notNull().default(sql`0`),
    /** What was changed in this pass. */
    passChanged: bigint('pass_changed', { mode: 'bigint' }).notNull().default(sql`0`),
    startedAt: moment('started_at').notNull(),
    updatedAt: moment('updated_at').notNull(),
    finishedAt: moment('finished_at'),
  },
  (table) => [
    check('key_jobs_kind', sql`${table.kind} in ('wrap', 'data', 'index')`),
    uniqueIndex('key_jobs_open').on(table.kind).where(sql`${table.finishedAt} is null`),
  ],
);

/** The keys of blind indexes and seals that a start has named, by a digest of a constant: a start without one that is in force is refused. */
export const indexKeys = pgTable('index_keys', {
  /** Keyed digest of a constant: tells the key again and gives it to nobody. */
  keyCheck: bytea('key_check').primaryKey(),
  namedAt: moment('named_at').notNull(),
  /** What bears its seal must be older; null while it is in force. */
  retiredAt: moment('retired_at'),
});

/** The data key of the texts of a case, a report or a statement, wrapped; null once it was destroyed. */
export const textKeys = pgTable(
  'text_keys',
  {
    /** The id of what it belongs to. */
    subjectId: uuid('subject_id').primaryKey(),
    kind: text('kind').notNull(),
    wrapped: bytea('wrapped'),
    madeAt: moment('made_at').notNull(),
    destroyedAt: moment('destroyed_at'),
  },
  (table) => [
    check('text_keys_kind', sql`${table.kind} in ('case', 'report', 'statement')`),
    check('text_keys_destroyed', sql`(${table.wrapped} is null) = (${table.destroyedAt} is not null)`),
    index('text_keys_age').on(table.kind, table.madeAt).where(sql`${table.wrapped} is not null`),
  ],
);

/** People whose data must be kept whatever the policies say, because a court or an authority wants it. */
export const legalHolds = pgTable(
  'legal_holds',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    /** The file number of whoever ordered it; never a name. */
    reference: text('reference').notNull(),
    placedBy: text('placed_by').notNull(),
    placedAt: moment('placed_at').notNull(),
    liftedBy: text('lifted_by'),
    liftedAt: moment('lifted_at'),
  },
  (table) => [index('legal_holds_user').on(table.userId).where(sql`${table.liftedAt} is null`)],
);

/** What each run of retention deleted and erased, by kind, and whom it could not go on with. */
export const retentionRuns = pgTable('retention_runs', {
  id: uuid('id').primaryKey(),
  startedAt: moment('started_at').notNull(),
  finishedAt: moment('finished_at'),
  report: jsonb('report').notNull().default(sql`'{}'`).$type<Readonly<Record<string, number>>>(),
});
