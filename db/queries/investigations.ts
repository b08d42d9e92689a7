/** What the investigator reads of a case and of the people in it. Reads only; everything is bound to the client of the case. */
import type { Pool } from 'pg';
import type { Facts, Reason } from '../../domain/decision.ts';
import type { SealedParties } from '../person-keys.ts';

export interface CaseEvidenceRow extends SealedParties {
  readonly caseId: string;
  readonly clientId: string;
  readonly paymentId: string;
  readonly priority: number;
  readonly approvalsNeeded: number;
  readonly reasons: readonly Reason[];
  readonly evidence: Facts;
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly purpose: string;
  readonly referenceId: string;
  readonly senderId: string;
  readonly receiverId: string;
  readonly senderKycStatus: string;
  readonly senderKycTier: number;
  readonly receiverKycStatus: string;
  readonly receiverKycTier: number;
  /** Paid payments between the two before this one, in either direction. */
  readonly pairPayments: number;
}

/** A case with its payment and the standing of both parties, or null. */
export async function findCaseEvidence(pool: Pool, caseId: string): Promise<CaseEvidenceRow | null> {
  const result = await pool.query<CaseEvidenceRow>({
    name: 'find_case_evidence',
    text: `select c.id as "caseId", c.client_id as "clientId", c.payment_id as "paymentId", c.priority::int, c.approvals_needed::int as "approvalsNeeded",
        c.reasons, c.evidence, p.amount, p.from_currency as "fromCurrency", p.from_country as "fromCountry", p.to_country as "toCountry", p.purpose,
        p.reference_id as "referenceId", p.sender_id as "senderId", p.receiver_id as "receiverId", p.parties, s.data_key as "senderKey", r.data_key as "receiverKey",
        s.kyc_status as "senderKycStatus", s.kyc_tier as "senderKycTier", r.kyc_status as "receiverKycStatus", r.kyc_tier as "receiverKycTier",
        (select count(*)::int from (select from payments o where o.sender_id = p.sender_id and o.receiver_id = p.receiver_id and o.status = 'paid' and o.created_at <= p.created_at
          union all select from payments o where o.sender_id = p.receiver_id and o.receiver_id = p.sender_id and o.status = 'paid' and o.created_at <= p.created_at) pair) as "pairPayments"
      from cases c join payments p on p.id = c.payment_id and p.client_id = c.client_id
      join users s on s.id = p.sender_id join users r on r.id = p.receiver_id
      where c.id = $1`,
    values: [caseId],
  });
  return result.rows[0] ?? null;
}

export interface PartyHistoryRow {
  readonly knownSince: Date | null;
  readonly payments: number;
  readonly paid: number;
  readonly refused: number;
  readonly casesReleased: number;
  readonly casesRejected: number;
  readonly casesOpen: number;
}

const HISTORY_MS = 365 * 86_400_000;
const HISTORY_ROWS_MAX = 2_000;

/** A person's payments of the last year and their cases, without the payment in question; at most 2,000 of each direction are counted. */
export async function findPartyHistory(pool: Pool, userId: string, exceptPaymentId: string, nowMs: number): Promise<PartyHistoryRow> {
  const result = await pool.query<PartyHistoryRow>({
    name: 'find_party_history',
    text: `with own as (
        (select id, status from payments where sender_id = $1 and created_at > $3 and id <> $2 order by created_at desc limit $4)
        union (select id, status from payments where receiver_id = $1 and created_at > $3 and id <> $2 order by created_at desc limit $4)
      ), held as (select c.status from own join cases c on c.payment_id = own.id and c.kind = 'held')
      select (select created_at from users where id = $1) as "knownSince",
        count(*)::int as payments, (count(*) filter (where status = 'paid'))::int as paid,
        (count(*) filter (where status in ('rejected', 'failed', 'refunded')))::int as refused,
        (select (count(*) filter (where status = 'released'))::int from held) as "casesReleased",
        (select (count(*) filter (where status = 'rejected'))::int from held) as "casesRejected",
        (select (count(*) filter (where status in ('open', 'deciding')))::int from held) as "casesOpen"
      from own`,
    values: [userId, exceptPaymentId, new Date(nowMs - HISTORY_MS), HISTORY_ROWS_MAX],
  });
  const row = result.rows[0];
  if (row === undefined) throw new RangeError('an aggregate without a row');
  return row;
}

export interface LinkedCaseRow {
  readonly relation: 'same_sender' | 'same_receiver' | 'crossed';
  readonly status: string;
  readonly reasons: readonly Reason[];
  readonly createdAt: Date;
}

/** Other cases in which one of the two parties is, the newest first. */
export async function findLinkedCases(
  pool: Pool,
  of: Pick<CaseEvidenceRow, 'caseId' | 'clientId' | 'senderId' | 'receiverId'>,
  limit: number,
): Promise<LinkedCaseRow[]> {
  const result = await pool.query<LinkedCaseRow>({
    name: 'find_linked_cases',
    text: `select case when p.sender_id = $3 then 'same_sender' when p.receiver_id = $4 then 'same_receiver' else 'crossed' end as relation,
        c.status, c.reasons, c.created_at as "createdAt"
      from (
        (select id, sender_id, receiver_id from payments where sender_id in ($3, $4) order by created_at desc limit 1000)
        union (select id, sender_id, receiver_id from payments where receiver_id in ($3, $4) order by created_at desc limit 1000)
      ) p join cases c on c.payment_id = p.id
      where c.client_id = $2 and c.id <> $1 and c.kind = 'held'
      order by c.created_at desc limit $5`,
    values: [of.caseId, of.clientId, of.senderId, of.receiverId, limit],
  });
  return result.rows;
}

/** An answer of a client, encrypted, and the code of what was asked. */
export interface AnswerRow {
  readonly code: string;
  readonly answer: Buffer;
}

/** What was answered to questions about a case, as ciphertext, the newest first. */
export async function findAnswers(pool: Pool, caseId: string, limit: number): Promise<AnswerRow[]> {
  const result = await pool.query<AnswerRow>({
    name: 'find_answers',
    text: 'select code, answer from case_information where case_id = $1 and answer is not null order by answered_at desc limit $2',
    values: [caseId, limit],
  });
  return result.rows;
}
