/** By what people hold agents and money back: dials of autonomy, and halts. */
import { sql } from 'drizzle-orm';
import { check, index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';
import { clients } from './parties.ts';

/** How far an agent that asks a model may go; a dial without a row lets it go as far as agents may. */
export const autonomyDials = pgTable(
  'autonomy_dials',
  {
    /** The agent, and the client and corridor it is for: `investigator/<client>/KE-UG`. */
    scope: text('scope').primaryKey(),
    level: text('level').notNull(),
    reason: text('reason').notNull(),
    changedBy: text('changed_by').notNull(),
    changedAt: moment('changed_at').notNull(),
    /** Who else agreed, where it was turned up last. */
    raisedWith: text('raised_with'),
    /** A wish to turn it up that waits for a second person. */
    pendingLevel: text('pending_level'),
    pendingReason: text('pending_reason'),
    pendingBy: text('pending_by'),
    pendingAt: moment('pending_at'),
  },
  (table) => [
    check('autonomy_dials_level', sql`${table.level} in ('off', 'explain', 'rank', 'tighten')`),
    check(
      'autonomy_dials_pending',
      sql`num_nonnulls(${table.pendingLevel}, ${table.pendingReason}, ${table.pendingBy}, ${table.pendingAt}) in (0, 4)`,
    ),
  ],
);

/** While `lifted_at` is null no money moves for what a halt covers. */
export const executionHalts = pgTable(
  'execution_halts',
  {
    id: uuid('id').primaryKey(),
    /** Null: of every client; and so on. */
    clientId: uuid('client_id').references(() => clients.id),
    corridor: text('corridor'),
    railId: text('rail_id'),
    paymentId: uuid('payment_id'),
    reason: text('reason').notNull(),
    begunBy: text('begun_by').notNull(),
    begunAt: moment('begun_at').notNull(),
    /** The client whose people may lift it; null: only whoever runs the platform. */
    liftClientId: uuid('lift_client_id').references(() => clients.id),
    liftAskedBy: text('lift_asked_by'),
    liftAskedAt: moment('lift_asked_at'),
    liftedBy: text('lifted_by'),
    liftedAt: moment('lifted_at'),
  },
  (table) => [
    // Lifted by two, or not at all.
    check(
      'execution_halts_lifted',
      sql`(${table.liftedAt} is null) = (${table.liftedBy} is null) and (${table.liftedBy} is null or ${table.liftedBy} <> ${table.liftAskedBy})`,
    ),
    check('execution_halts_lifted_asked', sql`${table.liftedBy} is null or ${table.liftAskedBy} is not null`),
    check('execution_halts_lifters', sql`${table.liftClientId} is null or ${table.liftClientId} is not distinct from ${table.clientId}`),
    index('execution_halts_in_force').on(table.id).where(sql`${table.liftedAt} is null`),
  ],
);
