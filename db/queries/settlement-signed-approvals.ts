/** Approvals signed with keys that are elsewhere: the transactions as they were handed in, until the chain has taken one of each signer. */
import type { Pool } from 'pg';
import { FINAL_CODES } from '../../domain/errors.ts';
import type { Queryable } from '../connect.ts';

export interface SignedApprovalRow {
  readonly approver: string;
  readonly signer: string;
  readonly transaction: string;
  readonly authenticator: string;
  readonly expiresAt: Date;
  /** The chain would refuse it again. */
  readonly isRefused: boolean;
}

/** The latest that each approver of a batch has signed. */
export async function findSignedApprovals(db: Queryable | Pool, batchId: string): Promise<SignedApprovalRow[]> {
  const result = await db.query<SignedApprovalRow>({
    name: 'find_signed_settlement_approvals',
    text: `select distinct on (a.approver) a.approver, a.signer, a.transaction, a.authenticator, a.expires_at as "expiresAt",
        exists (select from settlement_steps s where s.batch_id = a.batch_id and s.kind = 'approve' and s.signer = a.signer
          and s.state = 'failed' and s.reason_code = any($2::text[]) and s.sent_at >= a.created_at) as "isRefused"
      from settlement_signed_approvals a where a.batch_id = $1 order by a.approver, a.created_at desc, a.id desc`,
    values: [batchId, FINAL_CODES],
  });
  return result.rows;
}

export interface NewSignedApproval extends Omit<SignedApprovalRow, 'isRefused'> {
  readonly id: string;
  readonly batchId: string;
  readonly nowMs: number;
}

/** Writes one down, with its audit event, and has the batch looked at. False when this very transaction was handed in before. */
export async function writeSignedApproval(tx: Queryable, signed: NewSignedApproval): Promise<boolean> {
  const result = await tx.query<{ written: number }>({
    name: 'write_signed_settlement_approval',
    text: `with written as (
        insert into settlement_signed_approvals (id, batch_id, approver, signer, transaction, authenticator, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (batch_id, transaction) do nothing returning batch_id
      ), due as (
        update settlement_batches b set next_step_at = $8 from written where b.id = written.batch_id
      ), noted as (
        insert into audit_events (actor, action, subject, details, created_at)
        select $3, 'settlement.approval_signed', 'settlement_batch:' || batch_id,
          jsonb_build_object('signer', $4::text, 'transactionDigest', encode(sha256(decode($5, 'hex')), 'hex')), $8 from written
      )
      select count(*)::int as written from written`,
    values: [
      signed.id,
      signed.batchId,
      signed.approver,
      signed.signer,
      signed.transaction,
      signed.authenticator,
      signed.expiresAt,
      new Date(signed.nowMs),
    ],
  });
  return result.rows[0]?.written === 1;
}
