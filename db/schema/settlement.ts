/** Settlement: windows of paid payments, the batches they were netted into, and each batch's way over the chain. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  check,
  foreignKey,
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
import type { Facts, Reason } from '../../domain/decision.ts';
import { bytea, createdAt, minorUnits, moment, pgSnapshot, updatedAt, xid8 } from './columns.ts';
import { clients } from './parties.ts';

/**
 * A closed window. It holds the payments whose event `paid` was written by a transaction that was over at
 * `snapshot` and not yet at `base_snapshot`, behind `after` and up to `up_to`: so a payment is in one window
 * and the payments themselves need no mark. Windows follow each other without gap or overlap.
 */
export const settlementWindows = pgTable(
  'settlement_windows',
  {
    id: uuid('id').primaryKey(),
    /** 1 for the first, without gaps. */
    number: bigint('number', { mode: 'bigint' }).notNull().unique('settlement_windows_number'),
    closedBy: text('closed_by').notNull(),
    paymentCount: integer('payment_count').notNull(),
    baseSnapshot: pgSnapshot('base_snapshot').notNull(),
    snapshot: pgSnapshot('snapshot').notNull(),
    afterTx: xid8('after_tx').notNull(),
    afterEvent: bigint('after_event', { mode: 'bigint' }).notNull(),
    /** Null: to the end. Otherwise the next window goes on from here, within the same snapshots. */
    upToTx: xid8('up_to_tx'),
    upToEvent: bigint('up_to_event', { mode: 'bigint' }),
    policyVersion: text('policy_version').notNull(),
    /** What the window was closed upon. */
    facts: jsonb('facts').notNull().$type<Facts>(),
    factsDigest: text('facts_digest').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    check('settlement_windows_cause', sql`${table.closedBy} in ('count', 'age', 'value', 'exposure', 'carried')`),
    check('settlement_windows_end', sql`(${table.upToTx} is null) = (${table.upToEvent} is null)`),
  ],
);

/** The decision that told a client that its payments of a window were netted: one for all of them. */
export const settlementWindowDecisions = pgTable(
  'settlement_window_decisions',
  {
    windowId: uuid('window_id')
      .notNull()
      .references(() => settlementWindows.id),
    clientId: uuid('client_id')
      .notNull()
      .references(() => clients.id),
    decisionId: uuid('decision_id').notNull(),
  },
  (table) => [primaryKey({ columns: [table.windowId, table.clientId] })],
);

/** Paid payments that are not in the window of their event: held back, and settled later once nothing speaks against it. */
export const settlementStrays = pgTable(
  'settlement_strays',
  {
    paymentId: uuid('payment_id').primaryKey(),
    /** What held it back. */
    reasonCode: text('reason_code').notNull(),
    /** The window it was netted in at last. */
    windowId: uuid('window_id').references(() => settlementWindows.id),
    createdAt: createdAt(),
  },
  (table) => [
    index('settlement_strays_waiting').on(table.paymentId).where(sql`${table.windowId} is null`),
    index('settlement_strays_window').on(table.windowId),
  ],
);

/** What one partner and we owe each other for a window, in one currency. */
export const settlementBatches = pgTable(
  'settlement_batches',
  {
    id: uuid('id').primaryKey(),
    windowId: uuid('window_id')
      .notNull()
      .references(() => settlementWindows.id),
    /** The rail whose operator is owed or owes; `on_us` for legs that no operator moved. */
    partner: text('partner').notNull(),
    currency: text('currency').notNull(),
    paymentCount: integer('payment_count').notNull(),
    /** Leaves of its tree: one for each leg, and one for each batch that it took over. */
    itemCount: integer('item_count').notNull(),
    /** Batches it took over that are leaves of its tree; null before such leaves were made, and nothing of them is provable there. */
    carriedCount: integer('carried_count'),
    /** Sum of what was collected there, minor units. */
    collectedAmount: minorUnits('collected_amount').notNull(),
    /** Sum of what was paid out there, minor units. */
    disbursedAmount: minorUnits('disbursed_amount').notNull(),
    /** Collected less disbursed: positive, the partner owes us. */
    netAmount: minorUnits('net_amount').notNull(),
    /** What earlier batches of the partner left on the books, signed alike. */
    carriedAmount: minorUnits('carried_amount').notNull().default(sql`0`),
    /** Net and carried: what this batch settles. Zero for `on_us`. */
    dueAmount: minorUnits('due_amount').notNull(),
    /** What arbiters gave back to the payer of the amount due, without a sign. */
    reversedAmount: minorUnits('reversed_amount').notNull().default(sql`0`),
    /** SHA-256 Merkle root over the batch's items, hex. */
    merkleRoot: text('merkle_root').notNull(),
    method: text('method').notNull(),
    status: text('status').notNull(),
    /** The decision for the method and for who approves. */
    policyVersion: text('policy_version').notNull(),
    facts: jsonb('facts').notNull().$type<Facts>(),
    factsDigest: text('facts_digest').notNull(),
    reasons: jsonb('reasons').notNull().$type<readonly Reason[]>(),
    /** `policy`: keys under limits consent; `people`: only people do. Null on the books. */
    approvalBy: text('approval_by'),
    approvalsNeeded: smallint('approvals_needed').notNull().default(0),
    /** Past this the proposal can neither be approved nor executed; fixed when it is first sent. */
    deadlineAt: moment('deadline_at'),
    /** What an approval is for. */
    proposalDigest: text('proposal_digest'),
    /** The partner's next batch, which took over what this one left on the books. */
    carriedTo: uuid('carried_to'),
    /**
     * Where it is a leaf of that batch's tree, and the hashes beside the way from there to the root, 32 bytes each, lowest first; null
     * before these were kept.
     */
    carriedIndex: integer('carried_index'),
    carriedPath: bytea('carried_path'),
    /** The transaction that executed the batch, and its version in the chain's ledger. */
    transactionHash: text('transaction_hash'),
    ledgerVersion: bigint('ledger_version', { mode: 'bigint' }),
    /** When the chain pays it if nothing else happens: the end of its dispute window, or of the arbiters' time. Null before execution. */
    payableAt: moment('payable_at'),
    /** What the chain holds of the evidence of a dispute, hex. */
    evidenceHash: text('evidence_hash'),
    leaseToken: uuid('lease_token'),
    leaseUntil: moment('lease_until'),
    nextStepAt: moment('next_step_at'),
    /** When it is held against the chain next. */
    compareAt: moment('compare_at').notNull().default(sql`'-infinity'`),
    /** Refusals and losses in a row; sets the wait before the next try. */
    setbacks: integer('setbacks').notNull().default(0),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    settledAt: moment('settled_at'),
  },
  (table) => [
    check('settlement_batches_method', sql`${table.method} in ('books', 'chain')`),
    check(
      'settlement_batches_status',
      sql`${table.status} in ('closed', 'proposed', 'approved', 'executed', 'disputed', 'settled', 'expired', 'mismatched')`,
    ),
    check('settlement_batches_approval', sql`${table.approvalBy} in ('policy', 'people')`),
    check('settlement_batches_net', sql`${table.netAmount} = ${table.collectedAmount} - ${table.disbursedAmount}`),
    check('settlement_batches_reversed', sql`${table.reversedAmount} between 0 and abs(${table.dueAmount})`),
    uniqueIndex('settlement_batches_position').on(table.windowId, table.partner, table.currency),
    index('settlement_batches_to_drive')
      .on(table.nextStepAt)
      .where(sql`${table.method} = 'chain' and ${table.status} in ('closed', 'proposed', 'approved', 'executed', 'disputed')`),
    index('settlement_batches_open')
      .on(table.partner, table.currency)
      .where(sql`${table.carriedTo} is null and ${table.dueAmount} <> 0 and (${table.method} = 'books' or ${table.status} <> 'settled')`),
    index('settlement_batches_to_compare').on(table.compareAt).where(sql`${table.method} = 'chain'`),
    index('settlement_batches_by_chain')
      .on(table.partner, table.currency, table.createdAt)
      .where(sql`${table.method} = 'chain' and ${table.status} <> 'expired'`),
    index('settlement_batches_carried').on(table.carriedTo).where(sql`${table.carriedTo} is not null`),
    index('settlement_batches_keys').on(table.createdAt).where(sql`${table.approvalBy} = 'policy'`),
    index('settlement_batches_status_list').on(table.status, table.id),
  ],
);

/** The items of a batch, 25 bytes each: payment id, leg (1 collection, 2 payout), amount; by payment id, collection first. */
export const settlementItems = pgTable('settlement_items', {
  batchId: uuid('batch_id')
    .primaryKey()
    .references(() => settlementBatches.id),
  items: bytea('items').notNull(),
});

/**
 * Every call to the chain that changes something, committed before its first byte is sent. While one of a
 * batch is open, the chain is asked what became of it and nothing is sent anew.
 */
export const settlementSteps = pgTable(
  'settlement_steps',
  {
    id: uuid('id').primaryKey(),
    batchId: uuid('batch_id')
      .notNull()
      .references(() => settlementBatches.id),
    kind: text('kind').notNull(),
    /** Whose approval it is, or whose vote and the how manieth of theirs; empty for other steps. */
    signer: text('signer').notNull().default(''),
    /** 1 for the first try. */
    sequence: integer('sequence').notNull(),
    state: text('state').notNull().default('sent'),
    reasonCode: text('reason_code'),
    transactionHash: text('transaction_hash'),
    ledgerVersion: bigint('ledger_version', { mode: 'bigint' }),
    inquiries: integer('inquiries').notNull().default(0),
    sentAt: moment('sent_at').notNull(),
    resolvedAt: moment('resolved_at'),
  },
  (table) => [
    check('settlement_steps_kind', sql`${table.kind} in ('propose', 'approve', 'execute', 'pay', 'refund', 'dispute', 'vote')`),
    check('settlement_steps_state', sql`${table.state} in ('sent', 'unknown', 'succeeded', 'failed')`),
    unique('settlement_steps_sequence').on(table.batchId, table.kind, table.signer, table.sequence),
    // One open step of a batch at a time, and one success of each.
    uniqueIndex('settlement_steps_one_open').on(table.batchId).where(sql`${table.state} in ('sent', 'unknown')`),
    uniqueIndex('settlement_steps_once').on(table.batchId, table.kind, table.signer).where(sql`${table.state} = 'succeeded'`),
  ],
);

/** Who consented to a batch, and to exactly what. Append-only. */
export const settlementApprovals = pgTable(
  'settlement_approvals',
  {
    id: uuid('id').primaryKey(),
    batchId: uuid('batch_id')
      .notNull()
      .references(() => settlementBatches.id),
    /** The principal of a person's key, or `policy:<key>`. */
    approver: text('approver').notNull(),
    /** Our name for the key that signs. */
    keyName: text('key_name').notNull(),
    proposalDigest: text('proposal_digest').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    unique('settlement_approvals_approver').on(table.batchId, table.approver),
    unique('settlement_approvals_key').on(table.batchId, table.keyName),
  ],
);

/**
 * What approvers signed whose keys are elsewhere: the transaction that approves, ready for the chain. One that expired before the chain
 * took it in, or that it refused, is followed by another. Append-only.
 */
export const settlementSignedApprovals = pgTable(
  'settlement_signed_approvals',
  {
    id: uuid('id').primaryKey(),
    batchId: uuid('batch_id')
      .notNull()
      .references(() => settlementBatches.id),
    /** The principal of a person's key. */
    approver: text('approver').notNull(),
    /** The account whose keys signed. */
    signer: text('signer').notNull(),
    /** Both as the chain encodes them, hex. */
    transaction: text('transaction').notNull(),
    authenticator: text('authenticator').notNull(),
    /** After this the chain takes it no more. */
    expiresAt: moment('expires_at').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    index('settlement_signed_approvals_latest').on(table.batchId, table.approver, table.createdAt),
    unique('settlement_signed_approvals_once').on(table.batchId, table.transaction),
    foreignKey({
      name: 'settlement_signed_approvals_of',
      columns: [table.batchId, table.approver],
      foreignColumns: [settlementApprovals.batchId, settlementApprovals.approver],
    }),
  ],
);

/** The dispute that a person asked for, with the hash of the evidence, which is all that goes on chain. Append-only. */
export const settlementDisputes = pgTable('settlement_disputes', {
  batchId: uuid('batch_id')
    .primaryKey()
    .references(() => settlementBatches.id),
  /** The principal of a person's key. */
  openedBy: text('opened_by').notNull(),
  reasonCode: text('reason_code').notNull(),
  /** SHA-256 of the evidence, hex. */
  evidenceHash: text('evidence_hash').notNull(),
  createdAt: createdAt(),
});

/** What arbiters say of a dispute; the last word of each is sent to the chain. Append-only. */
export const settlementVotes = pgTable(
  'settlement_votes',
  {
    batchId: uuid('batch_id')
      .notNull()
      .references(() => settlementBatches.id),
    /** The principal of a person's key. */
    arbiter: text('arbiter').notNull(),
    /** 1 for the arbiter's first vote on the batch. */
    number: smallint('number').notNull(),
    /** Our name for the key that votes. */
    keyName: text('key_name').notNull(),
    /** What goes back to the payer, minor units; 0 lets the payout stand. */
    reversedAmount: minorUnits('reversed_amount').notNull(),
    reasonCode: text('reason_code').notNull(),
    /** Of the evidence that was judged. */
    evidenceHash: text('evidence_hash').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ columns: [table.batchId, table.arbiter, table.number] }),
    check('settlement_votes_number', sql`${table.number} >= 1`),
    check('settlement_votes_reversed', sql`${table.reversedAmount} >= 0`),
  ],
);

/** What people must look at: a dispute and what it gave back, a proposal that expired, a chain that says something else, steps that are refused. */
export const settlementCases = pgTable(
  'settlement_cases',
  {
    id: uuid('id').primaryKey(),
    batchId: uuid('batch_id')
      .notNull()
      .references(() => settlementBatches.id),
    kind: text('kind').notNull(),
    status: text('status').notNull().default('open'),
    evidence: jsonb('evidence').notNull().$type<Facts>(),
    /** SHA-256 of the canonical JSON of `evidence`; whoever closes the case names it. */
    evidenceDigest: text('evidence_digest').notNull(),
    closedBy: text('closed_by'),
    reasonCode: text('reason_code'),
    createdAt: createdAt(),
    closedAt: moment('closed_at'),
  },
  (table) => [
    check('settlement_cases_kind', sql`${table.kind} in ('disputed', 'expired', 'mismatched', 'refused', 'reversed')`),
    check('settlement_cases_status', sql`${table.status} in ('open', 'resolved')`),
    uniqueIndex('settlement_cases_one_open').on(table.batchId, table.kind).where(sql`${table.status} = 'open'`),
    index('settlement_cases_queue').on(table.status, table.createdAt),
  ],
);
