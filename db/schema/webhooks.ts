/** Webhooks out: where clients want to be told, and what became of each telling. */
import { sql } from 'drizzle-orm';
import { bigint, check, index, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, moment, updatedAt } from './columns.ts';
import { clients } from './parties.ts';
import { outbox } from './payments.ts';

export const webhookEndpoints = pgTable(
  'webhook_endpoints',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    url: text('url').notNull(),
    /** `whsec_…`, encrypted. */
    secret: bytea('secret').notNull(),
    /** The secret before the last rotation, encrypted; signs as well until `previous_secret_until`. */
    previousSecret: bytea('previous_secret'),
    previousSecretUntil: moment('previous_secret_until'),
    /** What it is told about; none means everything. */
    topics: text('topics').array().notNull(),
    status: text('status').notNull().default('enabled'),
    /** `client`, `failing` or `gone`. */
    disabledReason: text('disabled_reason'),
    disabledAt: moment('disabled_at'),
    /** Tries that failed since the last one that did not. */
    failuresInRow: integer('failures_in_row').notNull().default(0),
    /** When the first of them was made. */
    failingSince: moment('failing_since'),
    lastSuccessAt: moment('last_success_at'),
    lastFailureAt: moment('last_failure_at'),
    lastFailureCode: text('last_failure_code'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    deletedAt: moment('deleted_at'),
  },
  (table) => [
    check('webhook_endpoints_status', sql`${table.status} in ('enabled', 'disabled')`),
    check('webhook_endpoints_reason', sql`(${table.status} = 'disabled') = (${table.disabledReason} is not null)`),
    index('webhook_endpoints_client').on(table.clientId).where(sql`${table.deletedAt} is null`),
  ],
);

/** One event for one endpoint, with every try. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id').notNull(),
    endpointId: uuid('endpoint_id')
      .notNull()
      .references(() => webhookEndpoints.id),
    /** The event of the outbox; null for tests and notices, which belong to no payment. */
    outboxId: bigint('outbox_id', { mode: 'bigint' }).references(() => outbox.id),
    paymentId: uuid('payment_id'),
    /** What receivers tell repeats by: one per event, the same at every endpoint and every try. */
    eventId: uuid('event_id').notNull(),
    topic: text('topic').notNull(),
    /** The body as it is signed and sent; without personal data. */
    body: text('body').notNull(),
    state: text('state').notNull().default('waiting'),
    /** Why it was given up: `retries_spent`, `endpoint_disabled` or `endpoint_gone`. */
    reasonCode: text('reason_code'),
    /** Tries since it was planned or last replayed. */
    tries: integer('tries').notNull().default(0),
    firstTryAt: moment('first_try_at'),
    nextAttemptAt: moment('next_attempt_at'),
    /** `[{at, durationMs, status, code}]`, the newest last. */
    attemptLog: jsonb('attempt_log')
      .notNull()
      .default([])
      .$type<readonly { at: string; durationMs: number; status: number | null; code: string | null }[]>(),
    /** Fences a slow sender: the next try's moment doubles as the end of its lease. */
    leaseToken: uuid('lease_token'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    endedAt: moment('ended_at'),
  },
  (table) => [
    check('webhook_deliveries_state', sql`${table.state} in ('waiting', 'delivered', 'given_up')`),
    check('webhook_deliveries_next', sql`(${table.state} = 'waiting') = (${table.nextAttemptAt} is not null)`),
    uniqueIndex('webhook_deliveries_once').on(table.endpointId, table.outboxId).where(sql`${table.outboxId} is not null`),
    index('webhook_deliveries_due').on(table.nextAttemptAt).where(sql`${table.state} = 'waiting'`),
    index('webhook_deliveries_order').on(table.endpointId, table.paymentId, table.outboxId).where(sql`${table.state} = 'waiting'`),
    index('webhook_deliveries_outbox').on(table.outboxId).where(sql`${table.state} = 'waiting'`),
    index('webhook_deliveries_log').on(table.endpointId, table.createdAt, table.id),
  ],
);
