/** What processes share about operators: access tokens, how much each may be sent, how legs do by corridor, balances they tell, and what could not be used of their answers. */
import { sql } from 'drizzle-orm';
import { bigserial, check, doublePrecision, index, integer, pgTable, primaryKey, smallint, text, unique, uuid } from 'drizzle-orm/pg-core';
import { bytea, minorUnits, moment, updatedAt } from './columns.ts';

/** The live access token of each of our accounts at an operator. A deployment without Redis shares them here. */
export const operatorTokens = pgTable('operator_tokens', {
  /** Protocol, rail and product: `mpesa:mpesa-ke`, `mtn_momo:mtn-ug:collection`. */
  name: text('name').primaryKey(),
  /** Ciphertext of the token; null until the first is there. */
  token: bytea('token'),
  /** From when a new one is fetched, by the clock of the database. */
  renewAt: moment('renew_at'),
  /** Who is fetching one, and until when the others wait for it. */
  leaseToken: uuid('lease_token'),
  leaseUntil: moment('lease_until'),
  updatedAt: updatedAt(),
});

/** How much an operator may be sent on a product: a token bucket, and the pause it has asked for. */
export const operatorRates = pgTable(
  'operator_rates',
  {
    railId: text('rail_id').notNull(),
    /** `collection`, `payout` or `inquiry`. */
    product: text('product').notNull(),
    /** Requests that may leave at once, as of `updated_at`. */
    permits: doublePrecision('permits').notNull(),
    /** Times in a row that the operator said it was sent too much. */
    refusals: integer('refusals').notNull().default(0),
    /** Until when nothing is sent. */
    pausedUntil: moment('paused_until'),
    updatedAt: updatedAt(),
  },
  (table) => [
    primaryKey({ columns: [table.railId, table.product] }),
    check('operator_rates_product', sql`${table.product} in ('collection', 'payout', 'inquiry')`),
  ],
);

/** How our PINs at operators stand: one that was refused is not sent again. */
export const operatorPins = pgTable(
  'operator_pins',
  {
    railId: text('rail_id').notNull(),
    /** A keyed hash of the rail and the PIN. */
    digest: bytea('digest').notNull(),
    /** `on_trial`: one call tries it · `accepted` · `refused`: until a person lifts it. */
    state: text('state').notNull(),
    changedAt: moment('changed_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.railId, table.digest] }),
    check('operator_pins_state', sql`${table.state} in ('on_trial', 'accepted', 'refused')`),
  ],
);

/** Decayed counts of how attempts ended, by corridor, rail and leg. */
export const corridorHealth = pgTable(
  'corridor_health',
  {
    /** `KE-UG`. */
    corridor: text('corridor').notNull(),
    railId: text('rail_id').notNull(),
    leg: text('leg').notNull(),
    successWeight: doublePrecision('success_weight').notNull(),
    failureWeight: doublePrecision('failure_weight').notNull(),
    updatedAt: updatedAt(),
  },
  (table) => [
    primaryKey({ columns: [table.corridor, table.railId, table.leg] }),
    check('corridor_health_leg', sql`${table.leg} in ('collection', 'payout')`),
  ],
);

/** Questions for balances that operators tell by a message to an address of each question's own, and what they came to. */
export const operatorBalances = pgTable(
  'operator_balances',
  {
    id: uuid('id').primaryKey(),
    railId: text('rail_id').notNull(),
    /** The operator's name for the account: a short code. */
    account: text('account').notNull(),
    /** SHA-256 of the unguessable token in the address. */
    tokenHash: bytea('token_hash').notNull().unique('operator_balances_token'),
    askedAt: moment('asked_at').notNull(),
    endedAt: moment('ended_at'),
    /** What the account held; null when nothing was told. */
    amount: minorUnits('amount'),
    currency: text('currency'),
    /** Why nothing was told. */
    reasonCode: text('reason_code'),
  },
  (table) => [
    check('operator_balances_told', sql`(${table.amount} is null) = (${table.currency} is null)`),
    check('operator_balances_ended', sql`(${table.endedAt} is null) = (${table.amount} is null and ${table.reasonCode} is null)`),
    index('operator_balances_latest').on(table.railId, table.account, table.askedAt),
    index('operator_balances_age').on(table.askedAt),
  ],
);

/** Answers of operators that could not be used, without the secrets in them. Bodies hold personal data and are ciphertext. */
export const operatorAnswers = pgTable(
  'operator_answers',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    railId: text('rail_id').notNull(),
    /** What was being done: money moved or was asked about, an app asked for its token, people asked something of a payer or registered us. */
    product: text('product').notNull(),
    /** Null where no attempt was at work. */
    attemptId: uuid('attempt_id'),
    /** HTTP status. */
    status: smallint('status').notNull(),
    reasonCode: text('reason_code').notNull(),
    /** Its head. */
    body: bytea('body').notNull(),
    bodyDigest: bytea('body_digest').notNull(),
    /** How often the same came for the same. */
    times: integer('times').notNull().default(1),
    receivedAt: moment('received_at').notNull(),
    lastReceivedAt: moment('last_received_at').notNull(),
  },
  (table) => [
    check(
      'operator_answers_product',
      sql`${table.product} in ('collection', 'payout', 'refund', 'inquiry', 'balance', 'wallet', 'token', 'consent', 'notification', 'registration')`,
    ),
    unique('operator_answers_same').on(table.attemptId, table.railId, table.product, table.reasonCode, table.bodyDigest).nullsNotDistinct(),
    index('operator_answers_age').on(table.lastReceivedAt),
  ],
);
