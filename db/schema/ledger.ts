/** The books: accounts, transfers, and the liquidity pools that treasury sees. */
import { sql } from 'drizzle-orm';
import { bigserial, check, foreignKey, index, integer, pgTable, pgView, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { createdAt, minorUnits, moment, updatedAt, writtenBy } from './columns.ts';
import { clients } from './parties.ts';

/**
 * One account per purpose and currency. Balances are kept, not summed: a transfer and the change it
 * makes to its two accounts commit together, hot accounts once per cohort.
 */
export const accounts = pgTable(
  'accounts',
  {
    id: integer('id').primaryKey().generatedAlwaysAsIdentity(),
    /** `float:mtn-ug`, `clearing:KES`, `fees:KES`, `position:KES`, `rounding:UGX`, `treasury:KES`, `suspense:KES`, `client:<id>:KES`, `partner:mtn-ug`, `chain:UGX`. */
    code: text('code').notNull().unique('accounts_code'),
    kind: text('kind').notNull(),
    currency: text('currency').notNull(),
    /** The side that makes the balance grow: assets are debit, what we owe or earn is credit. */
    normalSide: text('normal_side').notNull(),
    /** The balance less what is pending against it never goes below this; null: no floor. */
    floor: minorUnits('floor'),
    clientId: uuid('client_id').references(() => clients.id),
    debitsPosted: minorUnits('debits_posted').notNull().default(sql`0`),
    creditsPosted: minorUnits('credits_posted').notNull().default(sql`0`),
    debitsPending: minorUnits('debits_pending').notNull().default(sql`0`),
    creditsPending: minorUnits('credits_pending').notNull().default(sql`0`),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
  },
  (table) => [
    // Lets a transfer refer to account and currency at once, so that it cannot be of another currency.
    unique('accounts_id_currency').on(table.id, table.currency),
    check(
      'accounts_kind',
      sql`${table.kind} in ('float', 'clearing', 'fees', 'position', 'rounding', 'treasury', 'suspense', 'client', 'partner', 'chain')`,
    ),
    check('accounts_side', sql`${table.normalSide} in ('debit', 'credit')`),
    check(
      'accounts_not_negative',
      sql`${table.debitsPosted} >= 0 and ${table.creditsPosted} >= 0 and ${table.debitsPending} >= 0 and ${table.creditsPending} >= 0`,
    ),
    check(
      'accounts_floor',
      sql`${table.floor} is null or case ${table.normalSide}
        when 'debit' then ${table.debitsPosted} - ${table.creditsPosted} - ${table.creditsPending}
        else ${table.creditsPosted} - ${table.debitsPosted} - ${table.debitsPending} end >= ${table.floor}`,
    ),
  ],
);

/**
 * Movements, append-only. `posted` moves at once; `pending` reserves; `post`, `void` and `expire` end
 * one pending transfer, named by `pending_id`, once.
 */
export const transfers = pgTable(
  'transfers',
  {
    id: uuid('id').primaryKey(),
    type: text('type').notNull(),
    pendingId: uuid('pending_id'),
    /** Transfers of one exchange or one closing carry the same link. */
    linkId: uuid('link_id'),
    debitAccountId: integer('debit_account_id').notNull(),
    creditAccountId: integer('credit_account_id').notNull(),
    amount: minorUnits('amount').notNull(),
    currency: text('currency').notNull(),
    /** What it is for: collection, fee, exchange_out, exchange_in, rounding, payout, refund, opening, rebalance … */
    reason: text('reason').notNull(),
    paymentId: uuid('payment_id'),
    attemptId: uuid('attempt_id'),
    /** When a pending transfer may be expired. */
    expiresAt: moment('expires_at'),
    createdAt: createdAt(),
    txId: writtenBy(),
  },
  (table) => [
    foreignKey({
      name: 'transfers_debit_account',
      columns: [table.debitAccountId, table.currency],
      foreignColumns: [accounts.id, accounts.currency],
    }),
    foreignKey({
      name: 'transfers_credit_account',
      columns: [table.creditAccountId, table.currency],
      foreignColumns: [accounts.id, accounts.currency],
    }),
    foreignKey({ name: 'transfers_pending_transfer', columns: [table.pendingId], foreignColumns: [table.id] }),
    check('transfers_type', sql`${table.type} in ('posted', 'pending', 'post', 'void', 'expire')`),
    check('transfers_pending', sql`(${table.type} in ('post', 'void', 'expire')) = (${table.pendingId} is not null)`),
    check('transfers_amount', sql`${table.amount} > 0`),
    check('transfers_two_accounts', sql`${table.debitAccountId} <> ${table.creditAccountId}`),
    uniqueIndex('transfers_pending_once').on(table.pendingId).where(sql`${table.pendingId} is not null`),
    index('transfers_payment').on(table.paymentId).where(sql`${table.paymentId} is not null`),
    index('transfers_expiring').on(table.expiresAt).where(sql`${table.type} = 'pending'`),
    // The audit log seals rows in the order of their transactions.
    index('transfers_written').on(table.txId),
  ],
);

/**
 * A float account as treasury sees it. `balance` and `reserved` follow the account by a trigger, so
 * they cannot say anything else than the books.
 */
export const liquidityPools = pgTable(
  'liquidity_pools',
  {
    /** The rail the float sits at: `mtn-ug`. */
    id: text('id').primaryKey(),
    accountId: integer('account_id')
      .notNull()
      .unique('liquidity_pools_account')
      .references(() => accounts.id),
    currency: text('currency').notNull(),
    country: text('country').notNull(),
    balance: minorUnits('balance').notNull().default(sql`0`),
    reserved: minorUnits('reserved').notNull().default(sql`0`),
    /** Below this a rebalance is proposed, up to `target`. */
    lowWater: minorUnits('low_water').notNull().default(sql`0`),
    target: minorUnits('target').notNull().default(sql`0`),
    updatedAt: updatedAt(),
  },
  (table) => [check('liquidity_pools_reserved', sql`${table.reserved} >= 0 and ${table.reserved} <= ${table.balance}`)],
);

/** Pending transfers on a pool, and how they ended. */
export const reservations = pgView('reservations', {
  id: uuid('id').notNull(),
  poolId: text('pool_id').notNull(),
  paymentId: uuid('payment_id'),
  amount: minorUnits('amount').notNull(),
  currency: text('currency').notNull(),
  state: text('state').notNull(),
  expiresAt: moment('expires_at'),
  createdAt: moment('created_at').notNull(),
}).as(sql`
  select pending.id, pool.id as pool_id, pending.payment_id, pending.amount, pending.currency,
    case ended.type when 'post' then 'posted' when 'void' then 'voided' when 'expire' then 'expired' else 'pending' end as state,
    pending.expires_at, pending.created_at
  from transfers pending
  join liquidity_pools pool on pool.account_id = pending.credit_account_id
  left join transfers ended on ended.pending_id = pending.id
  where pending.type = 'pending'`);

/** What the liquidity agent proposes to treasury; nothing moves until a person has it done. */
export const rebalanceProposals = pgTable(
  'rebalance_proposals',
  {
    id: uuid('id').primaryKey(),
    fromPool: text('from_pool'),
    toPool: text('to_pool')
      .notNull()
      .references(() => liquidityPools.id),
    amount: minorUnits('amount').notNull(),
    currency: text('currency').notNull(),
    reasonCode: text('reason_code').notNull(),
    status: text('status').notNull().default('proposed'),
    createdAt: createdAt(),
  },
  (table) => [
    check('rebalance_proposals_status', sql`${table.status} in ('proposed', 'done', 'dismissed')`),
    uniqueIndex('rebalance_proposals_open').on(table.toPool).where(sql`${table.status} = 'proposed'`),
  ],
);

/** Rates as sources gave them. */
export const exchangeRates = pgTable(
  'exchange_rates',
  {
    id: bigserial('id', { mode: 'bigint' }).primaryKey(),
    txId: writtenBy(),
    source: text('source').notNull(),
    /** Units of `currency` for one USD, times 10^12. */
    currency: text('currency').notNull(),
    rate: minorUnits('rate').notNull(),
    /** The moment the source says the rate is of. */
    asOf: moment('as_of').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    check('exchange_rates_rate', sql`${table.rate} > 0`),
    uniqueIndex('exchange_rates_once').on(table.currency, table.asOf, table.source),
    index('exchange_rates_history').on(table.currency, table.createdAt),
  ],
);
