/** Messaging with people: their wishes, their USSD sessions, the texts they are sent, and what gateways told us in vain. */
import { sql } from 'drizzle-orm';
import { bigint, bigserial, check, index, integer, pgTable, smallint, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, createdAt, moment, updatedAt } from './columns.ts';
import { clients } from './parties.ts';
import { payments } from './payments.ts';

/** What a person told us of themselves over USSD or SMS, whichever client's payments they are in. No number is kept, only its hash. */
export const subscribers = pgTable(
  'subscribers',
  {
    /** Keyed hash of the number. */
    phoneIndex: bytea('phone_index').primaryKey(),
    /** The language they chose; null: never. */
    language: text('language'),
    /** Full name as they gave it, encrypted. */
    name: bytea('name'),
    /** Since when they want no text messages. */
    optedOutAt: moment('opted_out_at'),
    /** How we learned it: `keyword`, `gateway` or `operator`. */
    optOutSource: text('opt_out_source'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    check('subscribers_language', sql`${table.language} in ('en', 'sw', 'fr')`),
    check('subscribers_opt_out_source', sql`${table.optOutSource} in ('keyword', 'gateway', 'operator')`),
    check('subscribers_opt_out', sql`(${table.optedOutAt} is null) = (${table.optOutSource} is null)`),
    index('subscribers_opted_out').on(table.optedOutAt).where(sql`${table.optedOutAt} is not null`),
  ],
);

/** One USSD session: where it stands, and what was said last, so that a repeated request gets the same again. */
export const ussdSessions = pgTable(
  'ussd_sessions',
  {
    /** Ours; the payment that the session makes is named after it. */
    id: uuid('id').primaryKey(),
    gateway: text('gateway').notNull(),
    /** The gateway's. */
    sessionId: text('session_id').notNull(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** Keyed hash of the caller's number. */
    phoneIndex: bytea('phone_index').notNull(),
    /** Requests answered. A step is written only over the one before it. */
    step: integer('step').notNull(),
    /** Length and keyed hash of what the last request carried. */
    inputLength: integer('input_length').notNull(),
    inputDigest: bytea('input_digest').notNull(),
    /** Where the menu stands, encrypted; null once the session is over. */
    state: bytea('state'),
    /** What was answered last, encrypted. */
    reply: bytea('reply').notNull(),
    paymentId: uuid('payment_id'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    expiresAt: moment('expires_at').notNull(),
  },
  (table) => [
    unique('ussd_sessions_session').on(table.gateway, table.sessionId),
    check('ussd_sessions_gateway', sql`${table.gateway} in ('africastalking', 'mtn')`),
    check('ussd_sessions_step', sql`${table.step} > 0`),
    index('ussd_sessions_age').on(table.expiresAt),
    index('ussd_sessions_phone').on(table.phoneIndex),
  ],
);

/** A text message to the sender or the receiver of a payment. Number and text are made when it is sent, and kept nowhere. */
export const smsMessages = pgTable(
  'sms_messages',
  {
    /** Also what the gateway knows it by, where it takes an id of ours. */
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id').notNull(),
    paymentId: uuid('payment_id')
      .notNull()
      .references(() => payments.id),
    /** The event it tells of. */
    outboxId: bigint('outbox_id', { mode: 'bigint' }).notNull(),
    topic: text('topic').notNull(),
    role: text('role').notNull(),
    state: text('state').notNull().default('queued'),
    reasonCode: text('reason_code'),
    gateway: text('gateway'),
    /** The gateway's own id of the message. */
    gatewayId: text('gateway_id'),
    /** Keyed hash of the number, once it was looked up. */
    phoneIndex: bytea('phone_index'),
    language: text('language'),
    /** Messages the operator bills. */
    segments: smallint('segments'),
    tries: integer('tries').notNull().default(0),
    nextAttemptAt: moment('next_attempt_at'),
    leaseToken: uuid('lease_token'),
    leaseUntil: moment('lease_until'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    endedAt: moment('ended_at'),
  },
  (table) => [
    unique('sms_messages_once').on(table.outboxId, table.role),
    check('sms_messages_role', sql`${table.role} in ('sender', 'receiver')`),
    check('sms_messages_state', sql`${table.state} in ('queued', 'sending', 'accepted', 'delivered', 'failed', 'unknown', 'suppressed')`),
    check('sms_messages_next', sql`(${table.state} = 'queued') = (${table.nextAttemptAt} is not null)`),
    check('sms_messages_lease', sql`(${table.state} = 'sending') = (${table.leaseUntil} is not null)`),
    index('sms_messages_due').on(table.nextAttemptAt).where(sql`${table.state} = 'queued'`),
    index('sms_messages_under_way').on(table.leaseUntil).where(sql`${table.state} = 'sending'`),
    index('sms_messages_gateway_id').on(table.gatewayId).where(sql`${table.gatewayId} is not null`),
    index('sms_messages_payment').on(table.paymentId),
    index('sms_messages_client').on(table.clientId, table.createdAt, table.id),
    index('sms_messages_phone').on(table.phoneIndex).where(sql`${table.phoneIndex} is not null`),
  ],
);

/** What a gateway posted that was refused, or that belongs to no message of ours yet: word for word, encrypted. */
export const gatewayRecords = pgTable(
  'gateway_records',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    gateway: text('gateway').notNull(),
    kind: text('kind').notNull(),
    body: bytea('body').notNull(),
    bodyDigest: bytea('body_digest').notNull(),
    sourceAddress: text('source_address').notNull(),
    receivedAt: moment('received_at').notNull().default(sql`now()`),
    verdict: text('verdict').notNull(),
    reasonCode: text('reason_code').notNull(),
    /** The gateway's id of the message that a report is about. */
    reference: text('reference'),
  },
  (table) => [
    check('gateway_records_verdict', sql`${table.verdict} in ('refused', 'unmatched', 'matched')`),
    index('gateway_records_age').on(table.receivedAt),
    index('gateway_records_unmatched').on(table.reference).where(sql`${table.verdict} = 'unmatched'`),
  ],
);
