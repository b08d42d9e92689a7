/** What officers say about cases, what they ask clients, and what clients answer. */
import type { Pool } from 'pg';
import type { CaseVerdict } from '../../domain/cases.ts';
import type { Queryable } from '../connect.ts';
import { noted } from './cases.ts';

export interface CaseDecisionRow {
  readonly id: string;
  readonly officer: string;
  readonly verdict: CaseVerdict;
  readonly reasonCode: string;
  /** Ciphertext. */
  readonly note: Buffer | null;
  readonly evidenceDigest: string;
  readonly round: number;
  /** Exactly what was agreed to. */
  readonly actionDigest: string;
  /** Until when a release counts; null for everything else. */
  readonly expiresAt: Date | null;
  readonly senior: boolean;
  readonly createdAt: Date;
  readonly appliedAt: Date | null;
}

/** What officers said about a case, in the order they said it. */
export async function findCaseDecisions(db: Queryable | Pool, caseId: string): Promise<CaseDecisionRow[]> {
  const result = await db.query<CaseDecisionRow>({
    name: 'find_case_decisions',
    text: `select id, officer, verdict, reason_code as "reasonCode", note, evidence_digest as "evidenceDigest", round,
      action_digest as "actionDigest", expires_at as "expiresAt", senior, created_at as "createdAt", applied_at as "appliedAt"
      from case_decisions where case_id = $1 order by created_at, id`,
    values: [caseId],
  });
  return result.rows;
}

export interface NewCaseDecision {
  readonly id: string;
  readonly clientId: string;
  readonly caseId: string;
  readonly paymentId: string;
  readonly officer: string;
  readonly senior: boolean;
  readonly verdict: CaseVerdict;
  readonly reasonCode: string;
  readonly note: Buffer | null;
  readonly evidenceDigest: string;
  readonly round: number;
  readonly actionDigest: string;
  readonly expiresAtMs: number | null;
  readonly nowMs: number;
}

/** Writes down what an officer said; with `taken` it waits for nobody to take it in. The case must be locked. */
async function say(tx: Queryable, decision: NewCaseDecision, taken: boolean): Promise<void> {
  const { expiresAtMs, nowMs } = decision;
  await tx.query({
    name: 'say_of_case',
    text: `insert into case_decisions (id, case_id, payment_id, officer, senior, verdict, reason_code, note, evidence_digest, round, action_digest,
        expires_at, created_at, applied_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
    values: [
      decision.id,
      decision.caseId,
      decision.paymentId,
      decision.officer,
      decision.senior,
      decision.verdict,
      decision.reasonCode,
      decision.note,
      decision.evidenceDigest,
      decision.round,
      decision.actionDigest,
      expiresAtMs === null ? null : new Date(expiresAtMs),
      new Date(nowMs),
      taken ? new Date(nowMs) : null,
    ],
  });
}

// The details seal what the row of the decision does not: the audit log keeps the round, the action and the expiry for good.
const DETAILS = `jsonb_build_object('decisionId', $5::uuid, 'verdict', $6::text, 'reasonCode', $7::text, 'round', $8::int, 'actionDigest', $9::text,
  'expiresAt', $10::timestamptz)`;

/** Changes the case as a decision asks, and writes the decision into the audit log under `action`. */
async function change(tx: Queryable, decision: NewCaseDecision, action: string, assignments: string, more: unknown[] = []): Promise<void> {
  await tx.query({
    text: `with changed as (
        update cases set ${assignments}, updated_at = $4 where id = $2 and client_id = $1 returning id, client_id, payment_id
      ), ${noted('changed', action, DETAILS)}
      select 1`,
    values: [
      decision.clientId,
      decision.caseId,
      decision.officer,
      new Date(decision.nowMs),
      decision.id,
      decision.verdict,
      decision.reasonCode,
      decision.round,
      decision.actionDigest,
      decision.expiresAtMs === null ? null : new Date(decision.expiresAtMs),
      ...more,
    ],
  });
}

/** Writes down a release or a refusal; the case graph takes it from here. */
export async function decideCase(tx: Queryable, decision: NewCaseDecision): Promise<void> {
  await say(tx, decision, false);
  await change(tx, decision, 'case.decided', `status = 'deciding'`);
}

/** Writes down that an officer has seen to what a case is about, and closes it. */
export async function resolveCase(tx: Queryable, decision: NewCaseDecision): Promise<void> {
  await say(tx, decision, true);
  await change(tx, decision, 'case.resolved', `status = 'resolved', closed_at = $4`);
}

const FREE = 'claimed_by = null, claimed_until = null';

/** Writes down that an officer has said what becomes of a case, which another one has to join: it is open for that one. */
export async function joinableDecision(tx: Queryable, decision: NewCaseDecision): Promise<void> {
  await say(tx, decision, true);
  await change(tx, decision, 'case.decided', `status = 'open', snoozed_until = null, ${FREE}`);
}

/** Asks for a senior officer: two must agree from now on, one of them a senior, and sooner. */
export async function escalateCase(
  tx: Queryable,
  decision: NewCaseDecision,
  raised: { readonly priority: number; readonly dueAtMs: number },
): Promise<void> {
  await say(tx, decision, true);
  await change(
    tx,
    decision,
    'case.escalated',
    `escalated_at = $4, escalated_by = $3, approvals_needed = 2, priority = greatest(priority, $11::smallint), due_at = least(due_at, $12),
      round = round + 1, status = 'open', snoozed_until = null, ${FREE}`,
    [raised.priority, new Date(raised.dueAtMs)],
  );
}

/** Asks the client a question. Its webhook endpoints are told that there is one, and nothing of why. */
export async function requestInformation(
  tx: Queryable,
  decision: NewCaseDecision,
  question: { id: string; dueAtMs: number },
): Promise<void> {
  await say(tx, decision, true);
  await change(
    tx,
    decision,
    'case.information_requested',
    `status = 'waiting', information_due_at = $11, round = round + 1, snoozed_until = null, ${FREE}`,
    [new Date(question.dueAtMs)],
  );
  await tx.query({
    name: 'ask_client',
    text: `with asked as (
        insert into case_information (id, client_id, case_id, payment_id, decision_id, code, asked_at, due_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) returning id, client_id, payment_id, code, due_at
      )
      insert into outbox (client_id, payment_id, topic, payload, created_at)
      select p.client_id, p.id, 'payment.information_requested', jsonb_build_object(
        'paymentId', p.id, 'referenceId', p.reference_id, 'status', p.status, 'reasonCode', p.reason_code,
        'questionId', asked.id, 'code', asked.code, 'dueAt', asked.due_at, 'at', $7::timestamptz), $7
      from asked join payments p on p.id = asked.payment_id`,
    values: [
      question.id,
      decision.clientId,
      decision.caseId,
      decision.paymentId,
      decision.id,
      decision.reasonCode,
      new Date(decision.nowMs),
      new Date(question.dueAtMs),
    ],
  });
}

export interface QuestionRow {
  readonly id: string;
  readonly caseId: string;
  readonly code: string;
  readonly askedAt: Date;
  readonly dueAt: Date;
  /** Ciphertext. */
  readonly answer: Buffer | null;
  readonly answerDigest: string | null;
  readonly answeredBy: string | null;
  readonly answeredAt: Date | null;
}

/** What a client was asked about a payment, oldest first. */
export async function findQuestions(db: Queryable | Pool, clientId: string, paymentId: string): Promise<QuestionRow[]> {
  const result = await db.query<QuestionRow>({
    name: 'find_questions',
    text: `select id, case_id as "caseId", code, asked_at as "askedAt", due_at as "dueAt", answer, answer_digest as "answerDigest",
      answered_by as "answeredBy", answered_at as "answeredAt"
      from case_information where client_id = $1 and payment_id = $2 order by asked_at, id`,
    values: [clientId, paymentId],
  });
  return result.rows;
}

export interface NewAnswer {
  readonly questionId: string;
  readonly clientId: string;
  readonly caseId: string;
  readonly actor: string;
  /** Ciphertext. */
  readonly answer: Buffer;
  readonly answerDigest: string;
  /** The evidence with the answer in it, and its digest. */
  readonly evidence: unknown;
  readonly evidenceDigest: string;
  /** With it more was said of the parties. */
  readonly rescreen: boolean;
  readonly nowMs: number;
}

/** Keeps an answer and brings its locked case back to the officers, in another round: what they read before is not all there is any more. */
export async function answerQuestion(tx: Queryable, given: NewAnswer): Promise<void> {
  const at = new Date(given.nowMs);
  await tx.query({
    name: 'answer_question',
    text: 'update case_information set answer = $2, answer_digest = $3, answered_by = $4, answered_at = $5 where id = $1',
    values: [given.questionId, given.answer, given.answerDigest, given.actor, at],
  });
  await tx.query({
    name: 'case_answered',
    text: `with changed as (
        update cases set evidence = $5, evidence_digest = $6, round = round + 1, updated_at = $4, snoozed_until = null,
          status = case when status = 'waiting' then 'open' else status end,
          rescreen_since = case when $8 then $4 else rescreen_since end,
          information_due_at = (select min(due_at) from case_information where case_id = $2 and answered_at is null)
        where id = $2 and client_id = $1 returning id, client_id, payment_id
      ), ${noted('changed', 'case.information_received', `jsonb_build_object('questionId', $7::uuid)`)}
      select 1`,
    values: [
      given.clientId,
      given.caseId,
      given.actor,
      at,
      JSON.stringify(given.evidence),
      given.evidenceDigest,
      given.questionId,
      given.rescreen,
    ],
  });
}

export interface NewEvidence {
  readonly caseId: string;
  readonly clientId: string;
  readonly evidence: unknown;
  readonly evidenceDigest: string;
  readonly nowMs: number;
}

/** Marks a locked case for another screening of its payment, in another round: of its parties more is known than the evidence says. */
export async function markForRescreening(tx: Queryable, given: NewEvidence): Promise<void> {
  await tx.query({
    name: 'mark_for_rescreening',
    text: `update cases set evidence = $3, evidence_digest = $4, round = round + 1, rescreen_since = $5, snoozed_until = null, updated_at = $5
      where id = $2 and client_id = $1`,
    values: [given.clientId, given.caseId, JSON.stringify(given.evidence), given.evidenceDigest, new Date(given.nowMs)],
  });
}
