/** Reading settlement for those who ask: batches with their way over the chain, cases, and where a payment stands. */
import type { Pool } from 'pg';
import type { Facts, Reason } from '../../domain/decision.ts';
import { type BatchStatus, DRIVEN_STATUSES, type SettlementMethod } from '../../domain/settlement.ts';
import type { Queryable } from '../connect.ts';

export interface BatchRow {
  readonly id: string;
  readonly windowId: string;
  readonly partner: string;
  readonly currency: string;
  readonly paymentCount: number;
  readonly itemCount: number;
  readonly collectedAmount: bigint;
  readonly disbursedAmount: bigint;
  readonly netAmount: bigint;
  readonly carriedAmount: bigint;
  readonly dueAmount: bigint;
  readonly reversedAmount: bigint;
  readonly merkleRoot: string;
  readonly method: SettlementMethod;
  readonly status: BatchStatus;
  readonly policyVersion: string;
  readonly facts: Facts;
  readonly factsDigest: string;
  readonly reasons: readonly Reason[];
  readonly approvalBy: 'policy' | 'people' | null;
  readonly approvalsNeeded: number;
  readonly deadlineAt: Date | null;
  readonly proposalDigest: string | null;
  readonly carriedTo: string | null;
  readonly transactionHash: string | null;
  readonly ledgerVersion: bigint | null;
  readonly payableAt: Date | null;
  readonly evidenceHash: string | null;
  readonly createdAt: Date;
  readonly settledAt: Date | null;
}

/** Of `settlement_batches b`. */
export const BATCH_COLUMNS = `b.id, b.window_id as "windowId", b.partner, b.currency, b.payment_count as "paymentCount", b.item_count as "itemCount",
  b.collected_amount as "collectedAmount", b.disbursed_amount as "disbursedAmount", b.net_amount as "netAmount",
  b.carried_amount as "carriedAmount", b.due_amount as "dueAmount", b.reversed_amount as "reversedAmount", b.merkle_root as "merkleRoot", b.method, b.status,
  b.policy_version as "policyVersion", b.facts, b.facts_digest as "factsDigest", b.reasons, b.approval_by as "approvalBy",
  b.approvals_needed as "approvalsNeeded", b.deadline_at as "deadlineAt", b.proposal_digest as "proposalDigest", b.carried_to as "carriedTo",
  b.transaction_hash as "transactionHash", b.ledger_version as "ledgerVersion", b.payable_at as "payableAt", b.evidence_hash as "evidenceHash", b.created_at as "createdAt", b.settled_at as "settledAt"`;

export interface BatchFilter {
  readonly status?: string | undefined;
  readonly method?: string | undefined;
  readonly partner?: string | undefined;
}

/** Batches, newest first, from after a batch id on. */
export async function listSettlementBatches(
  db: Pool,
  filter: BatchFilter,
  page: { readonly afterId: string | null; readonly limit: number },
): Promise<BatchRow[]> {
  const result = await db.query<BatchRow>({
    name: 'list_settlement_batches',
    text: `select ${BATCH_COLUMNS} from settlement_batches b
      where ($1::text is null or b.status = $1) and ($2::text is null or b.method = $2) and ($3::text is null or b.partner = $3)
        and ($4::uuid is null or b.id < $4)
      order by b.id desc limit $5`,
    values: [filter.status ?? null, filter.method ?? null, filter.partner ?? null, page.afterId, page.limit],
  });
  return result.rows;
}

export async function findSettlementBatch(db: Queryable | Pool, batchId: string): Promise<BatchRow | null> {
  const result = await db.query<BatchRow>({
    name: 'find_settlement_batch',
    text: `select ${BATCH_COLUMNS} from settlement_batches b where b.id = $1`,
    values: [batchId],
  });
  return result.rows[0] ?? null;
}

export interface StepRow {
  readonly kind: string;
  readonly signer: string;
  readonly sequence: number;
  readonly state: string;
  readonly reasonCode: string | null;
  readonly transactionHash: string | null;
  readonly ledgerVersion: bigint | null;
  readonly inquiries: number;
  readonly sentAt: Date;
  readonly resolvedAt: Date | null;
}

/** Everything that was sent to the chain for a batch, in the order it was sent. */
export async function findSettlementSteps(db: Pool, batchId: string): Promise<StepRow[]> {
  const result = await db.query<StepRow>({
    name: 'find_settlement_steps',
    text: `select kind, signer, sequence, state, reason_code as "reasonCode", transaction_hash as "transactionHash",
        ledger_version as "ledgerVersion", inquiries, sent_at as "sentAt", resolved_at as "resolvedAt"
      from settlement_steps where batch_id = $1 order by sent_at, id`,
    values: [batchId],
  });
  return result.rows;
}

export interface ApprovalRow {
  readonly approver: string;
  readonly keyName: string;
  readonly proposalDigest: string;
  readonly createdAt: Date;
}

/** Who consented to a batch, in the order they did. */
export async function findSettlementApprovals(db: Queryable | Pool, batchId: string): Promise<ApprovalRow[]> {
  const result = await db.query<ApprovalRow>({
    name: 'list_settlement_approvals',
    text: `select approver, key_name as "keyName", proposal_digest as "proposalDigest", created_at as "createdAt" from settlement_approvals
      where batch_id = $1 order by created_at, approver`,
    values: [batchId],
  });
  return result.rows;
}

/** Locks a batch for an approval, or null. */
export async function lockSettlementBatch(tx: Queryable, batchId: string): Promise<BatchRow | null> {
  const result = await tx.query<BatchRow>({
    name: 'lock_settlement_batch',
    text: `select ${BATCH_COLUMNS} from settlement_batches b where b.id = $1 for no key update`,
    values: [batchId],
  });
  return result.rows[0] ?? null;
}

export interface NewApproval extends Omit<ApprovalRow, 'createdAt'> {
  readonly id: string;
  readonly batchId: string;
  readonly nowMs: number;
}

/** Writes a person's approval down, and has the batch looked at. False when the approver, or the key, approved before. */
export async function writeSettlementApproval(tx: Queryable, approval: NewApproval): Promise<boolean> {
  const result = await tx.query<{ written: number }>({
    name: 'write_settlement_approval',
    text: `with written as (
        insert into settlement_approvals (id, batch_id, approver, key_name, proposal_digest, created_at) values ($1, $2, $3, $4, $5, $6)
        on conflict do nothing returning batch_id
      ), due as (
        update settlement_batches b set next_step_at = $6 from written where b.id = written.batch_id
      ), noted as (
        insert into audit_events (actor, action, subject, details, created_at)
        select $3, 'settlement.approval_given', 'settlement_batch:' || batch_id, jsonb_build_object('proposalDigest', $5::text), $6 from written
      )
      select count(*)::int as written from written`,
    values: [approval.id, approval.batchId, approval.approver, approval.keyName, approval.proposalDigest, new Date(approval.nowMs)],
  });
  return result.rows[0]?.written === 1;
}

export interface SettlementCaseRow {
  readonly id: string;
  readonly batchId: string;
  readonly kind: string;
  readonly status: string;
  readonly evidence: Facts;
  readonly evidenceDigest: string;
  readonly closedBy: string | null;
  readonly reasonCode: string | null;
  readonly createdAt: Date;
  readonly closedAt: Date | null;
}

const CASE_COLUMNS = `id, batch_id as "batchId", kind, status, evidence, evidence_digest as "evidenceDigest", closed_by as "closedBy",
  reason_code as "reasonCode", created_at as "createdAt", closed_at as "closedAt"`;

/** Settlement cases, newest first, from after a case id on. */
export async function listSettlementCases(
  db: Pool,
  status: string | null,
  page: { readonly afterId: string | null; readonly limit: number },
): Promise<SettlementCaseRow[]> {
  const result = await db.query<SettlementCaseRow>({
    name: 'list_settlement_cases',
    text: `select ${CASE_COLUMNS} from settlement_cases where ($1::text is null or status = $1) and ($2::uuid is null or id < $2)
      order by id desc limit $3`,
    values: [status, page.afterId, page.limit],
  });
  return result.rows;
}

export async function findSettlementCase(db: Queryable | Pool, caseId: string): Promise<SettlementCaseRow | null> {
  const result = await db.query<SettlementCaseRow>({
    name: 'find_settlement_case',
    text: `select ${CASE_COLUMNS} from settlement_cases where id = $1`,
    values: [caseId],
  });
  return result.rows[0] ?? null;
}

/**
 * Closes a case on the evidence that was read. A batch that did not agree with the chain goes on from where it stood,
 * and is held against the chain again with its next step. False when the case is not open, or its evidence is another.
 */
export async function resolveSettlementCase(
  tx: Queryable,
  closing: {
    readonly caseId: string;
    readonly principal: string;
    readonly reasonCode: string;
    readonly evidenceDigest: string;
    readonly nowMs: number;
  },
): Promise<boolean> {
  const result = await tx.query<{ closed: number }>({
    name: 'resolve_settlement_case',
    text: `with closed as (
        update settlement_cases set status = 'resolved', closed_by = $2, reason_code = $3, closed_at = $5
        where id = $1 and status = 'open' and evidence_digest = $4 returning id, batch_id, kind, evidence->>'ourStatus' as stood
      ), again as (
        update settlement_batches b set status = case when stood = any($6::text[]) then stood else 'executed' end, next_step_at = $5, updated_at = $5, setbacks = 0 from closed
        where b.id = closed.batch_id and closed.kind = 'mismatched' and b.status = 'mismatched'
      ), noted as (
        insert into audit_events (actor, action, subject, details, created_at)
        select $2, 'settlement_case.resolved', 'settlement_case:' || id, jsonb_build_object('reasonCode', $3::text), $5 from closed
      )
      select count(*)::int as closed from closed`,
    values: [closing.caseId, closing.principal, closing.reasonCode, closing.evidenceDigest, new Date(closing.nowMs), DRIVEN_STATUSES],
  });
  return result.rows[0]?.closed === 1;
}
