/** Cases as officers work on them: the queue, claims, decisions. */
import type { Pool } from 'pg';
import type { Facts, Reason } from '../../domain/decision.ts';
import type { Queryable } from '../connect.ts';

export interface CaseRow {
  readonly id: string;
  readonly paymentId: string;
  readonly kind: 'held' | 'in_doubt' | 'late_success';
  /** What a case that is not `held` is about. */
  readonly attemptId: string | null;
  readonly status: 'open' | 'deciding' | 'released' | 'rejected' | 'withdrawn' | 'resolved';
  readonly priority: number;
  readonly reasons: readonly Reason[];
  readonly evidence: Facts;
  readonly evidenceDigest: string;
  readonly approvalsNeeded: number;
  readonly claimedBy: string | null;
  readonly claimedUntil: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly dueAt: Date;
  readonly closedAt: Date | null;
}

const COLUMNS = `id, payment_id as "paymentId", kind, attempt_id as "attemptId", status, priority, reasons, evidence,
  evidence_digest as "evidenceDigest", approvals_needed as "approvalsNeeded", claimed_by as "claimedBy", claimed_until as "claimedUntil", created_at as "createdAt",
  updated_at as "updatedAt", due_at as "dueAt", closed_at as "closedAt"`;

/** A client's case, or null. */
export async function findCase(db: Pool, clientId: string, caseId: string): Promise<CaseRow | null> {
  const result = await db.query<CaseRow>({
    name: 'find_case',
    text: `select ${COLUMNS} from cases where id = $2 and client_id = $1`,
    values: [clientId, caseId],
  });
  return result.rows[0] ?? null;
}

/** The cases a payment ever had, oldest first. */
export async function findCasesOfPayment(db: Pool, paymentId: string): Promise<CaseRow[]> {
  const result = await db.query<CaseRow>({
    name: 'find_cases_of_payment',
    text: `select ${COLUMNS} from cases where payment_id = $1 order by created_at`,
    values: [paymentId],
  });
  return result.rows;
}

export interface CasePlace {
  readonly priority: number;
  readonly createdAt: Date;
  readonly id: string;
}

/** A client's cases, the most pressing first, from after a place on. */
export async function listCases(
  db: Pool,
  clientId: string,
  filter: { readonly status?: string | undefined; readonly claimedBy?: string | undefined; readonly kind?: string | undefined },
  page: { readonly after: CasePlace | null; readonly limit: number },
): Promise<CaseRow[]> {
  const result = await db.query<CaseRow>({
    name: 'list_cases',
    text: `select ${COLUMNS} from cases where client_id = $1
        and ($2::text is null or status = $2) and ($3::text is null or claimed_by = $3)
        and ($4::smallint is null or priority < $4 or (priority = $4 and (created_at, id) > ($5::timestamptz, $6::uuid)))
        and ($8::text is null or kind = $8)
      order by priority desc, created_at, id limit $7`,
    values: [
      clientId,
      filter.status ?? null,
      filter.claimedBy ?? null,
      page.after?.priority ?? null,
      page.after?.createdAt ?? null,
      page.after?.id ?? null,
      page.limit,
      filter.kind ?? null,
    ],
  });
  return result.rows;
}

/** Part of a statement: writes what the officer `$3` did to the cases in `cases` at the moment `$4` into the audit log. */
function noted(cases: string, action: string): string {
  return `noted as (
    insert into audit_events (client_id, actor, action, subject, payment_id, created_at)
    select client_id, $3, '${action}', 'case:' || id, payment_id, $4 from ${cases}
  )`;
}

/** Gives an open case to an officer, or lengthens the officer's claim. Null when it is not to be had. */
export async function claimCase(
  db: Pool,
  claim: { readonly clientId: string; readonly caseId: string; readonly officer: string; readonly nowMs: number; readonly untilMs: number },
): Promise<CaseRow | null> {
  const result = await db.query<CaseRow>({
    name: 'claim_case',
    text: `with claimed as (
        update cases set claimed_by = $3, claimed_until = $5, updated_at = $4
        where id = $2 and client_id = $1 and status = 'open' and (claimed_by is null or claimed_by = $3 or claimed_until <= $4)
        returning *
      ), ${noted('claimed', 'case.claimed')}
      select ${COLUMNS} from claimed`,
    values: [claim.clientId, claim.caseId, claim.officer, new Date(claim.nowMs), new Date(claim.untilMs)],
  });
  return result.rows[0] ?? null;
}

/** Puts a case back for others; null unless the officer holds it. */
export async function releaseClaim(db: Pool, clientId: string, caseId: string, officer: string, nowMs: number): Promise<CaseRow | null> {
  const result = await db.query<CaseRow>({
    name: 'release_claim',
    text: `with freed as (
        update cases set claimed_by = null, claimed_until = null, updated_at = $4
        where id = $2 and client_id = $1 and claimed_by = $3 and status = 'open' returning *
      ), ${noted('freed', 'case.claim_released')}
      select ${COLUMNS} from freed`,
    values: [clientId, caseId, officer, new Date(nowMs)],
  });
  return result.rows[0] ?? null;
}

/** Locks a client's case for a decision, or null. */
export async function lockCase(tx: Queryable, clientId: string, caseId: string): Promise<CaseRow | null> {
  const result = await tx.query<CaseRow>({
    name: 'lock_case',
    text: `select ${COLUMNS} from cases where id = $2 and client_id = $1 for update`,
    values: [clientId, caseId],
  });
  return result.rows[0] ?? null;
}

export interface CaseDecisionRow {
  readonly id: string;
  readonly officer: string;
  readonly verdict: 'release' | 'reject' | 'resolve';
  readonly reasonCode: string;
  /** Ciphertext. */
  readonly note: Buffer | null;
  readonly evidenceDigest: string;
  readonly createdAt: Date;
  readonly appliedAt: Date | null;
}

/** What officers said about a case, in the order they said it. */
export async function findCaseDecisions(db: Queryable | Pool, caseId: string): Promise<CaseDecisionRow[]> {
  const result = await db.query<CaseDecisionRow>({
    name: 'find_case_decisions',
    text: `select id, officer, verdict, reason_code as "reasonCode", note, evidence_digest as "evidenceDigest", created_at as "createdAt",
      applied_at as "appliedAt" from case_decisions where case_id = $1 order by created_at, id`,
    values: [caseId],
  });
  return result.rows;
}

export interface NewCaseDecision {
  readonly id: string;
  readonly caseId: string;
  readonly paymentId: string;
  readonly officer: string;
  readonly verdict: 'release' | 'reject' | 'resolve';
  readonly reasonCode: string;
  readonly note: Buffer | null;
  readonly evidenceDigest: string;
  readonly nowMs: number;
}

/** Writes down what an officer said and marks the case as being decided. */
export async function decideCase(tx: Queryable, decision: NewCaseDecision): Promise<void> {
  await tx.query({
    name: 'decide_case',
    text: `with said as (
        insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, note, evidence_digest, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
      )
      update cases set status = 'deciding', updated_at = $9 where id = $2`,
    values: [
      decision.id,
      decision.caseId,
      decision.paymentId,
      decision.officer,
      decision.verdict,
      decision.reasonCode,
      decision.note,
      decision.evidenceDigest,
      new Date(decision.nowMs),
    ],
  });
}

/** Writes down that an officer has seen to what a case is about, and closes it. */
export async function resolveCase(tx: Queryable, decision: NewCaseDecision): Promise<void> {
  await decideCase(tx, decision);
  await tx.query({
    name: 'resolve_case',
    text: `with taken as (
        update case_decisions set applied_at = $4 where id = $2
      ), closed as (
        update cases set status = 'resolved', closed_at = $4, updated_at = $4 where id = $1 returning id, client_id, payment_id
      ), ${noted('closed', 'case.resolved')}
      select 1`,
    values: [decision.caseId, decision.id, decision.officer, new Date(decision.nowMs)],
  });
}

/** Closes the open case of a payment whose client took it back. */
export async function withdrawCase(tx: Queryable, clientId: string, paymentId: string, nowMs: number): Promise<void> {
  await tx.query({
    name: 'withdraw_case',
    text: `update cases set status = 'withdrawn', closed_at = $3, updated_at = $3, interrupt_id = null
      where payment_id = $2 and client_id = $1 and kind = 'held' and status in ('open', 'deciding')`,
    values: [clientId, paymentId, new Date(nowMs)],
  });
}
