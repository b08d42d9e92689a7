/** What people look at: agent activity, compliance records, cases, the health of rails. */
import { sql } from 'drizzle-orm';
import {
  bigint,
  bigserial,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  json,
  jsonb,
  pgTable,
  primaryKey,
  real,
  smallint,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { Facts, Reason } from '../../domain/decision.ts';
import { bytea, createdAt, moment, updatedAt, writtenBy } from './columns.ts';
import { attempts, payments } from './payments.ts';

/** One row per decision of an agent, append-only. Facts carry no personal data. */
export const agentActivity = pgTable(
  'agent_activity',
  {
    /** Looked for only where a settlement window names its decision; any other decision is found by its payment or in the stream. */
    id: uuid('id').notNull(),
    txId: writtenBy(),
    /** Order of writing; with `tx_id` the cursor of the live stream. */
    position: bigserial('position', { mode: 'bigint' }).notNull(),
    clientId: uuid('client_id').notNull(),
    paymentId: uuid('payment_id')
      .notNull()
      .references(() => payments.id),
    cohortId: uuid('cohort_id').notNull(),
    agent: text('agent').notNull(),
    policyVersion: text('policy_version').notNull(),
    factsDigest: text('facts_digest').notNull(),
    // Kept as it was written, word for word: taking JSON apart to put it together again costs more than storing it.
    facts: json('facts').notNull().$type<Facts>(),
    outcome: text('outcome').notNull(),
    reasons: json('reasons').notNull().$type<readonly Reason[]>(),
    confidence: real('confidence').notNull(),
    durationUs: integer('duration_us').notNull(),
    modelId: text('model_id'),
    promptHash: text('prompt_hash'),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ name: 'agent_activity_payment', columns: [table.paymentId, table.position] }),
    uniqueIndex('agent_activity_settlement').on(table.id).where(sql`${table.agent} = 'settlement'`),
    index('agent_activity_stream').on(table.txId, table.position),
    // Of the decisions that every payment needs the stream is full; only what is rarer is looked up by agent.
    index('agent_activity_agent')
      .on(table.agent, table.txId, table.position)
      .where(sql`${table.agent} in ('settlement', 'investigator') or ${table.outcome} not in ('quoted', 'clear', 'routed', 'reserve')`),
  ],
);

/**
 * The decisions about one payment that one transaction wrote, when all of them are ordinary: what agents say of nearly every payment.
 * Here stands what is of this payment alone; what they share with those about its client's other payments is in `decision_commons`.
 * `decisions` puts both together, beside those of `agent_activity`. That there is such a payment is asked once for a statement.
 */
export const decisionSets = pgTable(
  'decision_sets',
  {
    txId: writtenBy(),
    /** Place of the first decision in the order of writing; those after it follow one by one. One sequence counts all decisions. */
    position: bigint('position', { mode: 'bigint' }).notNull().default(sql`nextval('agent_activity_position_seq')`),
    /** Of the first decision; those of the others follow from it (`decision_id`). */
    id: uuid('id').notNull(),
    clientId: uuid('client_id').notNull(),
    paymentId: uuid('payment_id').notNull(),
    cohortId: uuid('cohort_id').notNull(),
    /** What each decision shares with others: numbers of `decision_commons` of the same transaction, counted from the first of them. */
    commonsFrom: bigint('commons_from', { mode: 'bigint' }).notNull(),
    commons: integer('commons').array().notNull(),
    /** SHA-256 of the facts of each decision, 32 bytes after 32. */
    digests: bytea('digests').notNull(),
    /** The facts of each decision that are this payment's own: JSON objects with a record separator (0x1e) between them. */
    facts: text('facts').notNull(),
    createdAt: createdAt(),
  },
  (table) => [
    primaryKey({ name: 'decision_sets_payment', columns: [table.paymentId, table.position] }),
    index('decision_sets_stream').on(table.txId, table.position),
  ],
);

/** What decisions of one transaction about payments of one client have in common, said once. Append-only. */
export const decisionCommons = pgTable(
  'decision_commons',
  {
    txId: writtenBy(),
    /** A statement draws one number and counts on from there, so numbers have gaps. */
    number: bigserial('number', { mode: 'bigint' }).notNull(),
    clientId: uuid('client_id').notNull(),
    agent: text('agent').notNull(),
    policyVersion: text('policy_version').notNull(),
    outcome: text('outcome').notNull(),
    reasons: json('reasons').notNull().$type<readonly Reason[]>(),
    confidence: real('confidence').notNull(),
    durationUs: integer('duration_us').notNull(),
    /** Facts, without those that each payment has of its own. */
    facts: json('facts').notNull().$type<Facts>(),
    createdAt: createdAt(),
  },
  (table) => [primaryKey({ name: 'decision_commons_number', columns: [table.txId, table.number] })],
);

/** What screening found for a payment, and against which version of which list. */
export const complianceRecords = pgTable(
  'compliance_records',
  {
    id: uuid('id').notNull(),
    clientId: uuid('client_id').notNull(),
    paymentId: uuid('payment_id')
      .notNull()
      .references(() => payments.id),
    outcome: text('outcome').notNull(),
    listVersion: text('list_version').notNull(),
    /** `[{party, list, entryId, score, how}]`: which entries matched, never the name itself. */
    hits: jsonb('hits').notNull(),
    rules: jsonb('rules').notNull(),
    /** The set of rules that was in force, by its label. */
    ruleSet: text('rule_set'),
    /** What the rules in shadow would have found, as `[{rule, effect}]`; null when they found nothing. */
    shadow: jsonb('shadow'),
    createdAt: createdAt(),
    txId: writtenBy(),
  },
  (table) => [
    check('compliance_records_outcome', sql`${table.outcome} in ('clear', 'flag', 'block')`),
    primaryKey({ name: 'compliance_records_payment', columns: [table.paymentId, table.id] }),
    index('compliance_records_written').on(table.txId),
    index('compliance_records_shadow').on(table.createdAt).where(sql`${table.shadow} is not null`),
  ],
);

/**
 * What waits for people. `held`: a payment that compliance flagged, with a thread of the case graph ·
 * `in_doubt`: an attempt whose outcome its operator has not told within its limit; it ends with the
 * attempt · `late_success`: an operator says it moved money for an attempt that was recorded as failed ·
 * `contradicted`: an operator says otherwise of an attempt than is recorded, in any other way ·
 * `refused`: a payment that was refused for a listed name: two officers say who the party is, and none lets it go.
 */
export const cases = pgTable(
  'cases',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id').notNull(),
    paymentId: uuid('payment_id')
      .notNull()
      .references(() => payments.id),
    kind: text('kind').notNull().default('held'),
    /** The attempt that a case of operators' words is about. */
    attemptId: uuid('attempt_id').references(() => attempts.id),
    status: text('status').notNull().default('open'),
    /** 0 to 100, the higher the sooner. */
    priority: smallint('priority').notNull(),
    /** Place in the queue, earliest first: when the case came, earlier by its priority. Kept by a trigger. */
    rankAt: moment('rank_at').notNull().default(sql`now()`),
    reasons: jsonb('reasons').notNull().$type<readonly Reason[]>(),
    /** What the officers decide on; without personal data, which is joined in when it is shown. */
    evidence: jsonb('evidence').notNull().$type<Facts>(),
    /** SHA-256 of the canonical JSON of `evidence`; a decision carries it. */
    evidenceDigest: text('evidence_digest').notNull(),
    /** How many different officers must agree to a release, or to what becomes of a refusal. */
    approvalsNeeded: smallint('approvals_needed').notNull().default(1),
    claimedBy: text('claimed_by'),
    claimedUntil: moment('claimed_until'),
    /** The interrupt of the case graph that waits for an answer. */
    interruptId: text('interrupt_id'),
    /** The round of asking. Approvals of an earlier one count for nothing: each change of evidence, each expiry begins another. */
    round: smallint('round').notNull().default(1),
    /** The round in which the interrupt was asked; behind `round` until the case graph has followed. */
    askedRound: smallint('asked_round').notNull().default(1),
    /** When an officer asked for a senior one, and who. */
    escalatedAt: moment('escalated_at'),
    escalatedBy: text('escalated_by'),
    snoozedUntil: moment('snoozed_until'),
    snoozeCount: smallint('snooze_count').notNull().default(0),
    /** Until when information is waited for. */
    informationDueAt: moment('information_due_at'),
    /** Since when more is known of a party than the evidence was made from: the payment is screened again before anybody decides. */
    rescreenSince: moment('rescreen_since'),
    /** When people were told that the case is overdue. */
    overdueAt: moment('overdue_at'),
    /** What the case graph advises the officers, shown after the evidence; no part of what they decide on. */
    advice: jsonb('advice').$type<Facts>(),
    createdAt: createdAt(),
    updatedAt: updatedAt(),
    dueAt: moment('due_at').notNull(),
    closedAt: moment('closed_at'),
  },
  (table) => [
    check('cases_status', sql`${table.status} in ('open', 'deciding', 'waiting', 'released', 'rejected', 'withdrawn', 'resolved')`),
    check('cases_snoozes', sql`${table.snoozeCount} between 0 and 3`),
    check('cases_kind', sql`${table.kind} in ('held', 'in_doubt', 'late_success', 'contradicted', 'refused')`),
    check('cases_attempt', sql`(${table.kind} in ('held', 'refused')) = (${table.attemptId} is null)`),
    check('cases_refused_eyes', sql`${table.kind} <> 'refused' or ${table.approvalsNeeded} >= 2`),
    uniqueIndex('cases_one_open')
      .on(table.paymentId)
      .where(sql`${table.kind} = 'held' and ${table.status} in ('open', 'deciding', 'waiting')`),
    uniqueIndex('cases_once_per_attempt').on(table.attemptId, table.kind).where(sql`${table.kind} <> 'held'`),
    uniqueIndex('cases_one_refusal').on(table.paymentId).where(sql`${table.kind} = 'refused'`),
    index('cases_queue').on(table.clientId, table.rankAt, table.id).where(sql`${table.status} in ('open', 'deciding', 'waiting')`),
    index('cases_list').on(table.clientId, table.rankAt, table.id),
    index('cases_payment').on(table.paymentId),
  ],
);

/** What an officer said, bound to the payment and the evidence that was seen. Append-only. */
export const caseDecisions = pgTable(
  'case_decisions',
  {
    id: uuid('id').primaryKey(),
    caseId: uuid('case_id')
      .notNull()
      .references(() => cases.id),
    paymentId: uuid('payment_id').notNull(),
    officer: text('officer').notNull(),
    verdict: text('verdict').notNull(),
    reasonCode: text('reason_code').notNull(),
    /** The officer's note, encrypted: people write names into notes. */
    note: bytea('note'),
    evidenceDigest: text('evidence_digest').notNull(),
    /** The round of the case in which it was said. */
    round: smallint('round').notNull().default(1),
    /** SHA-256 over case, payment, evidence, verdict, reason and round: exactly what was agreed to. Filled and checked by a trigger. */
    actionDigest: text('action_digest'),
    /** Until when a release counts. */
    expiresAt: moment('expires_at'),
    /** The officer's key carried `cases:senior`. */
    senior: boolean('senior').notNull().default(false),
    createdAt: createdAt(),
    /** When the case graph took it in. */
    appliedAt: moment('applied_at'),
    txId: writtenBy(),
  },
  (table) => [
    check('case_decisions_verdict', sql`${table.verdict} in ('release', 'reject', 'request_information', 'escalate', 'resolve')`),
    // In one round nobody agrees or refuses twice: the maker of an approval is not its checker.
    uniqueIndex('case_decisions_officer')
      .on(table.caseId, table.round, table.officer)
      .where(sql`${table.verdict} in ('release', 'reject', 'resolve')`),
    index('case_decisions_written').on(table.txId),
    index('case_decisions_payment').on(table.paymentId),
    // One at a time: what an officer said is taken in before another may speak.
    uniqueIndex('case_decisions_waiting').on(table.caseId).where(sql`${table.appliedAt} is null`),
  ],
);

/** What an officer asked a client about a held payment, and what was answered. The answer is a customer's text: untrusted. */
export const caseInformation = pgTable(
  'case_information',
  {
    id: uuid('id').primaryKey(),
    clientId: uuid('client_id').notNull(),
    caseId: uuid('case_id')
      .notNull()
      .references(() => cases.id),
    paymentId: uuid('payment_id').notNull(),
    decisionId: uuid('decision_id').notNull(),
    /** What is asked: a reason of `request_information`. */
    code: text('code').notNull(),
    askedAt: moment('asked_at').notNull(),
    dueAt: moment('due_at').notNull(),
    /** The answer, encrypted. */
    answer: bytea('answer'),
    /** SHA-256 of the ciphertext; part of the evidence. */
    answerDigest: text('answer_digest'),
    answeredBy: text('answered_by'),
    answeredAt: moment('answered_at'),
  },
  (table) => [
    check('case_information_answer', sql`(${table.answer} is null) = (${table.answeredAt} is null)`),
    index('case_information_case').on(table.caseId, table.askedAt),
    index('case_information_payment').on(table.paymentId),
  ],
);

/** How a rail does, per leg: decayed counts of outcomes, latency, and the breaker. */
export const railHealth = pgTable(
  'rail_health',
  {
    railId: text('rail_id').notNull(),
    leg: text('leg').notNull(),
    successWeight: doublePrecision('success_weight').notNull().default(0),
    failureWeight: doublePrecision('failure_weight').notNull().default(0),
    latencyMs: doublePrecision('latency_ms').notNull().default(0),
    /** Failures to reach the operator in a row. */
    outages: integer('outages').notNull().default(0),
    /** Until when the rail counts as down. */
    downUntil: moment('down_until'),
    updatedAt: updatedAt(),
  },
  (table) => [unique('rail_health_rail').on(table.railId, table.leg)],
);
