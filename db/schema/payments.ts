/** Payments, their quotes, the tries at operators, what operators said, and what clients were told. */
import { sql } from 'drizzle-orm';
import {
  bigserial,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, createdAt, minorUnits, moment, updatedAt, writtenBy } from './columns.ts';
import { clients, users } from './parties.ts';

/** One request that carried many intents. */
export const intentBatches = pgTable('intent_batches', {
  id: uuid('id').primaryKey(),
  clientId: uuid('client_id')
    .notNull()
    .references(() => clients.id),
  rowsAccepted: integer('rows_accepted').notNull(),
  rowsRejected: integer('rows_rejected').notNull(),
  createdAt: createdAt(),
});

export const payments = pgTable(
  'payments',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    /** The client's own name for the payment, unique per client. */
    referenceId: text('reference_id').notNull(),
    /** SHA-256 of the intent as accepted; tells a repeat from a clash of references. */
    fingerprint: bytea('fingerprint').notNull(),
    batchId: uuid('batch_id').references(() => intentBatches.id),
    status: text('status').notNull().default('accepted'),
    /** Why the payment is where it is, a code of the error catalogue; null while all is well. */
    reasonCode: text('reason_code'),
    /** What the sender pays in all, fee included, in minor units of `from_currency`. */
    amount: minorUnits('amount').notNull(),
    fromCurrency: text('from_currency').notNull(),
    toCurrency: text('to_currency').notNull(),
    fromCountry: text('from_country').notNull(),
    toCountry: text('to_country').notNull(),
    /** Our fee, taken out of `amount`, in minor units of `from_currency`; known once quoted. */
    feeAmount: minorUnits('fee_amount'),
    /** What the receiver gets, in minor units of `to_currency`; known once routed. */
    targetAmount: minorUnits('target_amount'),
    /** Where the money comes from: the sender's wallet, or the client's balance with us. */
    funding: text('funding').notNull().default('wallet'),
    /** Where it goes: the receiver's wallet, or the client's balance with us. */
    delivery: text('delivery').notNull().default('wallet'),
    senderId: uuid('sender_id')
      .notNull()
      .references(() => users.id),
    receiverId: uuid('receiver_id')
      .notNull()
      .references(() => users.id),
    senderWallet: text('sender_wallet').notNull(),
    receiverWallet: text('receiver_wallet').notNull(),
    /** Names and numbers as given in the intent, each party under the data key of that person. */
    parties: bytea('parties').notNull(),
    preference: text('preference').notNull().default('cheapest'),
    purpose: text('purpose').notNull().default('family_support'),
    quoteId: uuid('quote_id'),
    /** Rails in the order they are to be tried, per leg. */
    collectionRoute: text('collection_route').array().notNull().default(sql`'{}'`),
    payoutRoute: text('payout_route').array().notNull().default(sql`'{}'`),
    /** Rails that were tried and failed, per leg. */
    collectionSpent: text('collection_spent').array().notNull().default(sql`'{}'`),
    payoutSpent: text('payout_spent').array().notNull().default(sql`'{}'`),
    /** The pending transfer that holds the payout's float. */
    reservationId: uuid('reservation_id'),
    refundRequestedAt: moment('refund_requested_at'),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    authorizedAt: moment('authorized_at'),
    collectedAt: moment('collected_at'),
    completedAt: moment('completed_at'),
  },
  (table) => [
    unique('payments_reference').on(table.clientId, table.referenceId),
    check('payments_amount_positive', sql`${table.amount} > 0`),
    check('payments_fee', sql`${table.feeAmount} >= 0 and ${table.feeAmount} < ${table.amount}`),
    check('payments_target_positive', sql`${table.targetAmount} > 0`),
    check('payments_funding', sql`${table.funding} in ('wallet', 'balance')`),
    check('payments_delivery', sql`${table.delivery} in ('wallet', 'balance')`),
    check('payments_preference', sql`${table.preference} in ('cheapest', 'fastest', 'most_reliable')`),
    check(
      'payments_status',
      sql`${table.status} in ('accepted','held','released','queued','authorized','collecting','collected','disbursing','refunding','paid','refunded','rejected','failed','cancelled')`,
    ),
    // No index over anything that a step of the payment changes: each step would write into every index of the row. Payments are
    // found by status in `payments_by_status`.
    index('payments_client_list').on(table.clientId, table.id),
    index('payments_batch').on(table.batchId).where(sql`${table.batchId} is not null`),
    index('payments_sender_recent').on(table.senderId, table.createdAt),
    index('payments_receiver_recent').on(table.receiverId, table.createdAt),
  ],
);

/**
 * Where each payment stands and who works on it, in narrow rows of their own: what workers claim from, and what lists by status are
 * read from. It follows `payments` by a trigger. Those that are paid are not in it: nobody looks for them by status.
 */
export const paymentsByStatus = pgTable(
  'payments_by_status',
  {
    status: text('status').notNull(),
    /** Ids are ordered by time, so the first of a status is the oldest. */
    paymentId: uuid('payment_id').notNull(),
    clientId: uuid('client_id').notNull(),
    /** Which worker holds the payment now; a commit without this token changes nothing. */
    leaseToken: uuid('lease_token'),
    leaseUntil: moment('lease_until'),
    /** Not before this moment is the payment claimed again. */
    notBefore: moment('not_before'),
  },
  (table) => [
    primaryKey({ name: 'payments_by_status_pkey', columns: [table.status, table.paymentId] }),
    // Where payments stay for long; those on their way are few.
    index('payments_by_status_client')
      .on(table.clientId, table.status, table.paymentId)
      .where(sql`${table.status} not in ('accepted', 'authorized', 'collected', 'paid')`),
  ],
);

export const quotes = pgTable(
  'quotes',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    fromCurrency: text('from_currency').notNull(),
    toCurrency: text('to_currency').notNull(),
    fromCountry: text('from_country').notNull(),
    toCountry: text('to_country').notNull(),
    /** What the sender pays in all, minor units of `from_currency`. */
    amount: minorUnits('amount').notNull(),
    feeAmount: minorUnits('fee_amount').notNull(),
    /** What is left after the fee at the quoted rate, minor units of `to_currency`, before operator rounding. */
    targetAmount: minorUnits('target_amount').notNull(),
    /** Units of `to_currency` per unit of `from_currency`, times 10^12, spread included. */
    rate: minorUnits('rate').notNull(),
    /** The same without the spread. */
    midRate: minorUnits('mid_rate').notNull(),
    spreadBps: integer('spread_bps').notNull(),
    policyVersion: text('policy_version').notNull(),
    /** HMAC-SHA256 over the canonical JSON of the quote's terms. */
    signature: bytea('signature').notNull(),
    createdAt: createdAt(),
    expiresAt: moment('expires_at').notNull(),
    /** The payment that used the quote; a quote is used once. */
    paymentId: uuid('payment_id').unique('quotes_payment'),
  },
  (table) => [
    check(
      'quotes_amounts',
      sql`${table.amount} > 0 and ${table.feeAmount} >= 0 and ${table.feeAmount} < ${table.amount} and ${table.targetAmount} > 0`,
    ),
    check('quotes_rate', sql`${table.rate} > 0 and ${table.midRate} > 0`),
  ],
);

export const attempts = pgTable(
  'attempts',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    paymentId: uuid('payment_id')
      .notNull()
      .references(() => payments.id),
    leg: text('leg').notNull(),
    /** 1 for the first try of the leg. */
    sequence: smallint('sequence').notNull(),
    railId: text('rail_id').notNull(),
    /** What the operator knows us by: derived from payment, leg and sequence, never reused. */
    requestId: uuid('request_id').notNull().unique('attempts_request'),
    /** The collection that a refund takes back by its operator's own operation; null for one that goes out as a payout. */
    takesBack: uuid('takes_back'),
    amount: minorUnits('amount').notNull(),
    currency: text('currency').notNull(),
    state: text('state').notNull().default('created'),
    /** Operator ids that an inquiry needs: one encrypted JSON object, for some hold the payer's number. */
    operatorHandle: bytea('operator_handle'),
    /** The operator's receipt once it succeeded. */
    receipt: text('receipt'),
    reasonCode: text('reason_code'),
    /** For a failed attempt: `never`, `later` or `after_customer`, as the operator's code says. */
    retry: text('retry'),
    /** We refused it ourselves, or could not send it: how it ended says nothing of its operator. */
    isUnsent: boolean('is_unsent').notNull().default(false),
    /** SHA-256 of the unguessable token in the callback address. */
    callbackTokenHash: bytea('callback_token_hash').notNull().unique('attempts_callback_token'),
    /** The grant that lets it be sent, of `execution_grants`, and until when. No reference: the sender holds the grant against its seal. */
    grantId: uuid('grant_id'),
    grantExpiresAt: moment('grant_expires_at'),
    inquiries: integer('inquiries').notNull().default(0),
    nextInquiryAt: moment('next_inquiry_at'),
    /** The outcome has been worked into the payment. */
    applied: boolean('applied').notNull().default(false),
    /** When the operator first said something that cannot be true if the recorded end is: for people to look at. */
    contradictedAt: moment('contradicted_at'),
    /** What it said, as the state it would be in, and why: for the case that people get. Null for what was said before this was kept. */
    contradictedBy: text('contradicted_by'),
    contradictedReason: text('contradicted_reason'),
    leaseToken: uuid('lease_token'),
    leaseUntil: moment('lease_until'),
    createdAt: createdAt(),
    sentAt: moment('sent_at'),
    resolvedAt: moment('resolved_at'),
    updatedAt: updatedAt(),
  },
  (table) => [
    unique('attempts_sequence').on(table.paymentId, table.leg, table.sequence),
    check('attempts_leg', sql`${table.leg} in ('collection', 'payout', 'refund')`),
    check('attempts_state', sql`${table.state} in ('created', 'sent', 'pending', 'unknown', 'succeeded', 'failed')`),
    check('attempts_retry', sql`${table.retry} in ('never', 'later', 'after_customer')`),
    check('attempts_amount', sql`${table.amount} > 0`),
    check('attempts_contradicted_by', sql`${table.contradictedBy} in ('succeeded', 'failed', 'pending', 'unknown')`),
    check('attempts_takes_back', sql`${table.takesBack} is null or ${table.leg} = 'refund'`),
    // A leg has one try that has not failed: none is made while the first is in doubt, none after a success.
    uniqueIndex('attempts_one_alive').on(table.paymentId, table.leg).where(sql`${table.state} <> 'failed'`),
    // An operator is asked once to take a collection back; after its sure failure the money goes out as a payout.
    uniqueIndex('attempts_taken_back_once').on(table.paymentId).where(sql`${table.takesBack} is not null`),
    index('attempts_to_send').on(table.railId, table.id).where(sql`${table.state} = 'created'`),
    index('attempts_to_inquire').on(table.nextInquiryAt).where(sql`${table.state} in ('sent', 'pending', 'unknown')`),
    // Reconciliation reads the attempts of some days: a summary per block finds them, at next to no cost for the writer.
    index('attempts_age').using('brin', table.createdAt),
    index('attempts_contradicted').on(table.contradictedAt).where(sql`${table.contradictedAt} is not null`),
    index('attempts_to_apply').on(table.id).where(sql`${table.state} in ('succeeded', 'failed') and not ${table.applied}`),
  ],
);

/** Permissions to send: one row for all attempts that one transaction opened, sealed under a key. Append-only. */
export const executionGrants = pgTable(
  'execution_grants',
  {
    id: uuid('id').primaryKey(),
    issuedAt: moment('issued_at').notNull(),
    expiresAt: moment('expires_at').notNull(),
    /** SHA-256 of the terms of each attempt, one after the other, 32 bytes each. */
    digests: bytea('digests').notNull(),
    /** A keyed hash over all of it: who can write to the database, but has not the keys, grants nothing. */
    seal: bytea('seal').notNull(),
  },
  (table) => [
    check('execution_grants_time', sql`${table.expiresAt} > ${table.issuedAt}`),
    check('execution_grants_digests', sql`length(${table.digests}) > 0 and length(${table.digests}) % 32 = 0`),
  ],
);

/** Every callback as it came, stored before it is answered. Bodies hold personal data and are ciphertext. */
export const operatorCallbacks = pgTable(
  'operator_callbacks',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    railId: text('rail_id').notNull(),
    attemptId: uuid('attempt_id'),
    body: bytea('body').notNull(),
    bodyDigest: bytea('body_digest').notNull(),
    sourceAddress: text('source_address').notNull(),
    receivedAt: moment('received_at').notNull().default(sql`now()`),
    /** Until when a worker is reading it. */
    leaseUntil: moment('lease_until'),
    processedAt: moment('processed_at'),
    /** matched, duplicate or quarantined, once processed. */
    verdict: text('verdict'),
    reasonCode: text('reason_code'),
  },
  (table) => [
    check('operator_callbacks_verdict', sql`${table.verdict} in ('matched', 'duplicate', 'quarantined')`),
    index('operator_callbacks_waiting').on(table.id).where(sql`${table.processedAt} is null`),
    index('operator_callbacks_attempt').on(table.attemptId),
  ],
);

/** Every change of status, with what caused it. */
export const paymentEvents = pgTable(
  'payment_events',
  {
    /** Order of writing; a row is looked for by its payment. */
    id: bigserial('id', { mode: 'bigint' }).notNull(),
    txId: writtenBy(),
    clientId: uuid('client_id').notNull(),
    paymentId: uuid('payment_id')
      .notNull()
      .references(() => payments.id),
    fromStatus: text('from_status'),
    toStatus: text('to_status').notNull(),
    reasonCode: text('reason_code'),
    /** `client`, `principal:<name>` for whoever handed it in, `cohort:<id>`, `attempt:<id>`, `case:<id>` or `sweeper`. */
    cause: text('cause').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ name: 'payment_events_payment', columns: [table.paymentId, table.id] }),
    index('payment_events_written').on(table.txId),
  ],
);

/** What is to be told to clients, written in the transaction that made it true. */
export const outbox = pgTable(
  'outbox',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    txId: writtenBy(),
    clientId: uuid('client_id').notNull(),
    paymentId: uuid('payment_id').notNull(),
    /** `payment.paid`, `payment.held` and so on. */
    topic: text('topic').notNull(),
    payload: jsonb('payload').notNull(),
    createdAt: createdAt(),
    /** When it was handed to the client's webhook endpoints. */
    plannedAt: moment('planned_at'),
    /** When every endpoint was done with it; at once when there is none. */
    publishedAt: moment('published_at'),
  },
  (table) => [
    unique('outbox_once').on(table.paymentId, table.topic, table.createdAt),
    index('outbox_unplanned').on(table.id).where(sql`${table.plannedAt} is null`),
    // Rows are written in the order of their age: a summary per block finds a day of them, at next to no cost for the writer.
    index('outbox_age').using('brin', table.createdAt),
  ],
);

/** Answers kept for requests that carried an Idempotency-Key. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    key: text('key').notNull(),
    /** SHA-256 of method, path and body. */
    fingerprint: bytea('fingerprint').notNull(),
    responseStatus: smallint('response_status'),
    responseBody: text('response_body'),
    lockedUntil: moment('locked_until').notNull(),
    createdAt: createdAt(),
  },
  (table) => [unique('idempotency_keys_key').on(table.clientId, table.key), index('idempotency_keys_age').on(table.createdAt)],
);
