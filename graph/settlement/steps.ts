/**
 * The driver's memory: batches under lease, and every step to the chain, written before its first byte is
 * sent. Each write names the lease, so that a worker whose lease is gone changes nothing.
 */
import type { Pool, PoolClient } from 'pg';
import { type Queryable, withTransaction } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { haltsInForce } from '../../db/queries/halts.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Currency } from '../../domain/currency.ts';
import type { Facts } from '../../domain/decision.ts';
import { fault } from '../../domain/errors.ts';
import { coversSettlement } from '../../domain/halt.ts';
import { digestOf, newId } from '../../domain/ids.ts';
import type { BatchStatus } from '../../domain/settlement.ts';
import type { DrivenBatch, OpenStep, StepKind } from './types.ts';

interface BatchRow {
  id: string;
  partner: string;
  currency: Currency;
  due: bigint;
  root: string;
  items: number;
  status: BatchStatus;
  approvalBy: 'policy' | 'people';
  approvalsNeeded: number;
  deadlineAt: Date | null;
  digest: string | null;
  setbacks: number;
  disputeAsked: string | null;
  leaseToken: string;
}

const COLUMNS = `b.id, partner, currency, due_amount as due, merkle_root as root, item_count as items, status, approval_by as "approvalBy",
  approvals_needed as "approvalsNeeded", deadline_at as "deadlineAt", proposal_digest as digest, setbacks,
  (select d.evidence_hash from settlement_disputes d where d.batch_id = b.id) as "disputeAsked", lease_token as "leaseToken"`;

function batchOf(row: BatchRow): DrivenBatch {
  return {
    id: row.id,
    partner: row.partner,
    currency: row.currency,
    dueMinor: row.due,
    merkleRoot: row.root,
    itemCount: row.items,
    status: row.status,
    approvalBy: row.approvalBy,
    approvalsNeeded: row.approvalsNeeded,
    deadlineMs: row.deadlineAt?.getTime() ?? null,
    proposalDigest: row.digest,
    setbacks: row.setbacks,
    disputeAsked: row.disputeAsked,
    leaseToken: row.leaseToken,
  };
}

/**
 * Takes batches whose next step is due and whom nobody holds. While one is held its next step is due at the end of the lease: any other
 * moment was written since by somebody who asks for something, and `changeBatch` keeps it.
 */
export async function claimBatches(pool: Pool, nowMs: number, leaseMs: number, limit: number): Promise<DrivenBatch[]> {
  const { rows } = await pool.query<BatchRow>({
    name: 'claim_settlement_batches',
    text: `with due as (
        select id from settlement_batches
        where method = 'chain' and status in ('closed', 'proposed', 'approved', 'executed', 'disputed') and next_step_at <= $1
          and (lease_until is null or lease_until <= $1)
        order by next_step_at, id limit $3 for update skip locked
      )
      update settlement_batches b set lease_token = gen_random_uuid(), lease_until = $2, next_step_at = $2, updated_at = $1 from due where b.id = due.id
      returning ${COLUMNS}`,
    values: [new Date(nowMs), new Date(nowMs + leaseMs), limit],
  });
  return rows.map(batchOf).toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** What is written of a batch with a step; undefined leaves a field as it is. */
export interface BatchChange {
  readonly status?: BatchStatus | undefined;
  readonly setbacks?: number | undefined;
  /** Gives the batch back, to be looked at from this moment on, or sooner where that was asked for meanwhile; held further unless given. */
  readonly restUntilMs?: number | undefined;
  readonly deadlineMs?: number | undefined;
  readonly proposalDigest?: string | undefined;
  readonly transactionHash?: string | null | undefined;
  readonly ledgerVersion?: bigint | null | undefined;
  readonly settledAtMs?: number | undefined;
  /** What arbiters gave back, minor units without a sign. */
  readonly reversedMinor?: bigint | undefined;
  /** When it can be paid if nothing else happens. */
  readonly payableAtMs?: number | null | undefined;
  /** What the chain holds of the evidence of a dispute. */
  readonly evidenceHash?: string | null | undefined;
}

/** Changes a batch under its lease and gives it back as it is now. Throws `lease_lost` when another worker has it. */
export async function changeBatch(
  tx: PoolClient,
  batch: DrivenBatch,
  change: BatchChange,
  at: { readonly nowMs: number; readonly leaseMs: number },
): Promise<DrivenBatch> {
  const isGivenBack = change.restUntilMs !== undefined;
  const { rows } = await tx.query<BatchRow>({
    name: 'change_settlement_batch',
    text: `update settlement_batches b set status = coalesce($3, status), setbacks = coalesce($4, setbacks),
        deadline_at = coalesce(deadline_at, $5), proposal_digest = coalesce(proposal_digest, $6),
        transaction_hash = coalesce($7, transaction_hash), ledger_version = coalesce($8, ledger_version), settled_at = coalesce($9, settled_at), reversed_amount = coalesce($13, reversed_amount), payable_at = coalesce($14, payable_at), evidence_hash = coalesce($15, evidence_hash),
        next_step_at = case when next_step_at = lease_until then $11::timestamptz when $10 then least(next_step_at, $11) else next_step_at end,
        lease_until = case when $10 then null else $11::timestamptz end, updated_at = $12
      where b.id = $1 and lease_token = $2
      returning ${COLUMNS}`,
    values: [
      batch.id,
      batch.leaseToken,
      change.status ?? null,
      change.setbacks ?? null,
      change.deadlineMs === undefined ? null : new Date(change.deadlineMs),
      change.proposalDigest ?? null,
      change.transactionHash ?? null,
      change.ledgerVersion ?? null,
      change.settledAtMs === undefined ? null : new Date(change.settledAtMs),
      isGivenBack,
      new Date(change.restUntilMs ?? at.nowMs + at.leaseMs),
      new Date(at.nowMs),
      change.reversedMinor ?? null,
      change.payableAtMs === undefined || change.payableAtMs === null ? null : new Date(change.payableAtMs),
      change.evidenceHash ?? null,
    ],
  });
  const [row] = rows;
  if (row === undefined) throw fault('lease_lost', { internal: `settlement batch ${batch.id}` });
  return batchOf(row);
}

/** The step of a batch whose outcome is not recorded, or null. */
export async function findOpenStep(pool: Pool, batchId: string): Promise<OpenStep | null> {
  const { rows } = await pool.query<{ id: string; kind: StepKind; signer: string; sentAt: Date; inquiries: number }>({
    name: 'find_open_settlement_step',
    text: `select id, kind, signer, sent_at as "sentAt", inquiries from settlement_steps where batch_id = $1 and state in ('sent', 'unknown')`,
    values: [batchId],
  });
  const [row] = rows;
  return row === undefined ? null : { ...row, sentAtMs: row.sentAt.getTime() };
}

/** Signers whose approval the chain has taken in. */
export async function findApproved(pool: Pool, batchId: string): Promise<ReadonlySet<string>> {
  const { rows } = await pool.query<{ signer: string }>({
    name: 'find_settlement_approved',
    text: `select signer from settlement_steps where batch_id = $1 and kind = 'approve' and state = 'succeeded'`,
    values: [batchId],
  });
  return new Set(rows.map(({ signer }) => signer));
}

/** Steps by which money moves. What freezes a batch, or speaks on one that is frozen, goes on under a halt. */
const MOVES_MONEY: ReadonlySet<StepKind> = new Set<StepKind>(['propose', 'approve', 'execute', 'pay', 'refund']);

/** Whether a halt in force covers the settlement with a partner. */
export async function isHalted(db: Queryable, partner: string): Promise<boolean> {
  return (await haltsInForce(db)).some((halt) => coversSettlement(halt, partner));
}

/** Commits that a step is about to be sent. Null, and nothing is written, when money would move by it and a halt covers that. */
export async function openStep(
  pool: Pool,
  batch: DrivenBatch,
  step: { readonly kind: StepKind; readonly signer: string },
  change: BatchChange,
  at: { readonly nowMs: number; readonly leaseMs: number },
): Promise<{ readonly batch: DrivenBatch; readonly step: OpenStep } | null> {
  return withTransaction(pool, async (tx) => {
    if (MOVES_MONEY.has(step.kind) && (await isHalted(tx, batch.partner))) return null;
    const held = await changeBatch(tx, batch, change, at);
    const id = newId();
    await tx.query({
      name: 'open_settlement_step',
      text: `insert into settlement_steps (id, batch_id, kind, signer, sequence, sent_at)
        select $1, $2, $3, $4, count(*) + 1, $5 from settlement_steps where batch_id = $2 and kind = $3 and signer = $4`,
      values: [id, batch.id, step.kind, step.signer, new Date(at.nowMs)],
    });
    return { batch: held, step: { id, ...step, sentAtMs: at.nowMs, inquiries: 0 } };
  });
}

/** How a step ended, or that it has not. */
export interface StepEnd {
  readonly state: 'unknown' | 'succeeded' | 'failed';
  readonly reasonCode?: string;
  readonly transactionHash?: string | null;
  readonly ledgerVersion?: bigint | null;
}

/** Writes what became of a step; one that has ended before stays as it is. */
export async function endStep(tx: PoolClient, step: OpenStep, end: StepEnd, nowMs: number): Promise<void> {
  await tx.query({
    name: 'end_settlement_step',
    text: `update settlement_steps set state = $2, reason_code = $3, transaction_hash = coalesce($4, transaction_hash),
        ledger_version = coalesce($5, ledger_version), inquiries = inquiries + case when $2 = 'unknown' then 1 else 0 end,
        resolved_at = case when $2 = 'unknown' then null else $6::timestamptz end
      where id = $1 and state in ('sent', 'unknown')`,
    values: [step.id, end.state, end.reasonCode ?? null, end.transactionHash ?? null, end.ledgerVersion ?? null, new Date(nowMs)],
  });
}

export type CaseKind = 'disputed' | 'expired' | 'mismatched' | 'refused' | 'reversed';

/** Puts a batch before people, once per kind while the case is open. Whether it had to be. */
export async function raiseCase(tx: PoolClient, batchId: string, kind: CaseKind, evidence: Facts, nowMs: number): Promise<boolean> {
  const id = newId();
  const made = await tx.query({
    name: 'raise_settlement_case',
    text: `insert into settlement_cases (id, batch_id, kind, evidence, evidence_digest, created_at) values ($1, $2, $3, $4, $5, $6)
      on conflict (batch_id, kind) where status = 'open' do nothing`,
    values: [id, batchId, kind, JSON.stringify(evidence), digestOf(canonicalJson(evidence)), new Date(nowMs)],
  });
  if (made.rowCount === 0) return false;
  const event = { clientId: null, actor: 'agent:settlement', action: 'settlement_case.opened', subject: `settlement_case:${id}` };
  await recordAuditEvents(tx, [{ ...event, details: { batchId, kind } }], nowMs);
  return true;
}

/** The same, but not when a person has closed the last case of the kind on the very same evidence. */
export async function raiseCaseAnew(tx: PoolClient, batchId: string, kind: CaseKind, evidence: Facts, nowMs: number): Promise<boolean> {
  const { rows } = await tx.query<{ closedBy: string | null; digest: string }>({
    name: 'find_last_settlement_case',
    text: `select closed_by as "closedBy", evidence_digest as digest from settlement_cases where batch_id = $1 and kind = $2
      order by created_at desc, id desc limit 1`,
    values: [batchId, kind],
  });
  const [last] = rows;
  const isKnown =
    last !== undefined && last.closedBy !== null && last.closedBy !== 'system' && last.digest === digestOf(canonicalJson(evidence));
  return isKnown ? false : raiseCase(tx, batchId, kind, evidence, nowMs);
}

/** Closes the cases of these kinds that have come to an end by themselves; resolves with how many. */
export async function closeCases(tx: PoolClient, batchId: string, kinds: readonly CaseKind[], nowMs: number): Promise<number> {
  const { rows } = await tx.query<{ closed: number }>({
    name: 'close_settlement_cases',
    text: `with closed as (
        update settlement_cases set status = 'resolved', closed_by = 'system', reason_code = 'ended_by_itself', closed_at = $3
        where batch_id = $1 and kind = any($2::text[]) and status = 'open' returning id
      ), noted as (
        insert into audit_events (actor, action, subject, details, created_at)
        select 'system', 'settlement_case.resolved', 'settlement_case:' || id, jsonb_build_object('batchId', $1::text), $3 from closed
      )
      select count(*)::int as closed from closed`,
    values: [batchId, kinds, new Date(nowMs)],
  });
  return rows[0]?.closed ?? 0;
}
