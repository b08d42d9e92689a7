/** Disputes of settlement batches as people ask for and judge them: each is written down with its audit event, and has the batch looked at. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';

export interface DisputeRow {
  readonly openedBy: string;
  readonly reasonCode: string;
  readonly evidenceHash: string;
  readonly createdAt: Date;
}

/** The dispute that a person asked for, or null. */
export async function findSettlementDispute(db: Queryable | Pool, batchId: string): Promise<DisputeRow | null> {
  const result = await db.query<DisputeRow>({
    name: 'find_settlement_dispute',
    text: `select opened_by as "openedBy", reason_code as "reasonCode", evidence_hash as "evidenceHash", created_at as "createdAt"
      from settlement_disputes where batch_id = $1`,
    values: [batchId],
  });
  return result.rows[0] ?? null;
}

export interface NewDispute extends Omit<DisputeRow, 'createdAt'> {
  readonly batchId: string;
  readonly nowMs: number;
}

/** Writes a dispute down. False when one was asked for before. */
export async function writeSettlementDispute(tx: Queryable, dispute: NewDispute): Promise<boolean> {
  const result = await tx.query<{ written: number }>({
    name: 'write_settlement_dispute',
    text: `with written as (
        insert into settlement_disputes (batch_id, opened_by, reason_code, evidence_hash, created_at) values ($1, $2, $3, $4, $5)
        on conflict do nothing returning batch_id
      ), due as (
        update settlement_batches b set next_step_at = $5 from written where b.id = written.batch_id
      ), noted as (
        insert into audit_events (actor, action, subject, details, created_at)
        select $2, 'settlement.dispute_asked', 'settlement_batch:' || batch_id,
          jsonb_build_object('reasonCode', $3::text, 'evidenceHash', $4::text), $5 from written
      )
      select count(*)::int as written from written`,
    values: [dispute.batchId, dispute.openedBy, dispute.reasonCode, dispute.evidenceHash, new Date(dispute.nowMs)],
  });
  return result.rows[0]?.written === 1;
}

export interface VoteRow {
  readonly arbiter: string;
  readonly keyName: string;
  /** 1 for the arbiter's first. */
  readonly number: number;
  readonly reversedAmount: bigint;
  readonly reasonCode: string;
  readonly evidenceHash: string;
  readonly createdAt: Date;
}

/** Every vote on a batch, in the order they were given; of each arbiter the last one counts. */
export async function findSettlementVotes(db: Queryable | Pool, batchId: string): Promise<VoteRow[]> {
  const result = await db.query<VoteRow>({
    name: 'find_settlement_votes',
    text: `select arbiter, key_name as "keyName", number::int as number, reversed_amount as "reversedAmount", reason_code as "reasonCode",
        evidence_hash as "evidenceHash", created_at as "createdAt"
      from settlement_votes where batch_id = $1 order by created_at, arbiter, number`,
    values: [batchId],
  });
  return result.rows;
}

/** Whether somebody approved the batch, or asked for its dispute. */
export async function hasPartInSettlement(db: Queryable, batchId: string, principal: string): Promise<boolean> {
  const result = await db.query<{ has: boolean }>({
    name: 'has_part_in_settlement',
    text: `select exists (select 1 from settlement_approvals where batch_id = $1 and approver = $2)
        or exists (select 1 from settlement_disputes where batch_id = $1 and opened_by = $2) as has`,
    values: [batchId, principal],
  });
  return result.rows[0]?.has === true;
}

export interface NewVote extends Omit<VoteRow, 'createdAt'> {
  readonly batchId: string;
  readonly nowMs: number;
}

/** Writes a vote down. The batch must be locked, so that the votes of an arbiter are counted one after another. */
export async function writeSettlementVote(tx: Queryable, vote: NewVote): Promise<void> {
  await tx.query({
    name: 'write_settlement_vote',
    text: `with written as (
        insert into settlement_votes (batch_id, arbiter, key_name, number, reversed_amount, reason_code, evidence_hash, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) returning batch_id
      ), due as (
        update settlement_batches b set next_step_at = $8 from written where b.id = written.batch_id
      )
      insert into audit_events (actor, action, subject, details, created_at)
      select $2, 'settlement.vote_given', 'settlement_batch:' || batch_id,
        jsonb_build_object('number', $4::int, 'reversedMinor', $5::bigint::text, 'reasonCode', $6::text, 'evidenceHash', $7::text), $8 from written`,
    values: [
      vote.batchId,
      vote.arbiter,
      vote.keyName,
      vote.number,
      vote.reversedAmount,
      vote.reasonCode,
      vote.evidenceHash,
      new Date(vote.nowMs),
    ],
  });
}
