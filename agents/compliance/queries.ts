/** What compliance reads, set-wise: one statement per source and cohort. */
import { momentArray, plainArray, textArray, uuidArray } from '../../db/arrays.ts';
import type { Queryable } from '../../db/connect.ts';
import type { SealedParties } from '../../db/person-keys.ts';
import type { HitFacts } from './facts.ts';
import { FAN_IN_MS, HISTORY_MS, type PastPayment } from './history.ts';
import type { Inflow } from './signals.ts';

export interface PartyRow extends SealedParties {
  readonly paymentId: string;
  readonly senderKycStatus: string;
  readonly senderKycTier: number;
  readonly receiverKycStatus: string;
  readonly receiverKycTier: number;
  /** When the sender was first seen. */
  readonly senderSince: Date;
}

/** Names (as ciphertext) and KYC standing of both parties, by payment id. */
export async function readParties(db: Queryable, paymentIds: readonly string[]): Promise<Map<string, PartyRow>> {
  const result = await db.query<PartyRow>({
    name: 'compliance_parties',
    text: `select p.id as "paymentId", p.parties, sender.data_key as "senderKey", receiver.data_key as "receiverKey",
        sender.kyc_status as "senderKycStatus", sender.kyc_tier as "senderKycTier",
        receiver.kyc_status as "receiverKycStatus", receiver.kyc_tier as "receiverKycTier",
        sender.created_at as "senderSince"
      from payments p
      join users sender on sender.id = p.sender_id
      join users receiver on receiver.id = p.receiver_id
      where p.id = any($1::uuid[])`,
    values: [uuidArray(paymentIds)],
  });
  return new Map(result.rows.map((row) => [row.paymentId, row]));
}

/** Somebody whose payments are wanted: those accepted up to `untilMs`, and since a window before `fromMs`. */
export interface HistoryRequest {
  readonly userId: string;
  readonly fromMs: number;
  readonly untilMs: number;
}

export interface UserHistory {
  /** In no particular order. */
  readonly payments: readonly PastPayment[];
  /** Those of them that were paid, as what the receiver got. */
  readonly inflows: readonly Inflow[];
  /** There were more; the oldest are missing. */
  readonly truncated: boolean;
}

/** Payments of one user that are read at most; who has more in a window is flagged for that. */
export const HISTORY_ROWS_MAX = 1_000;

interface HistoryRow {
  readonly userId: string;
  readonly id: string;
  readonly senderId: string;
  readonly receiverId: string;
  readonly amount: bigint | string;
  readonly currency: string;
  readonly createdAt: Date;
  /** What the receiver got, once it was paid. */
  readonly paidAmount: bigint | string | null;
  readonly paidCurrency: string;
}

/** Payments by sender or receiver; those that were refused, cancelled or never collected do not count. */
function historySql(column: 'sender_id' | 'receiver_id'): string {
  return `select wanted.user_id as "userId", recent.*
    from unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) as wanted(user_id, since, until)
    cross join lateral (
      select p.id, p.sender_id as "senderId", p.receiver_id as "receiverId", p.amount, p.from_currency as currency, p.created_at as "createdAt",
        case when p.status = 'paid' then p.target_amount end as "paidAmount", p.to_currency as "paidCurrency"
      from payments p
      where p.${column} = wanted.user_id and p.created_at > wanted.since and p.created_at <= wanted.until
        and p.status not in ('rejected', 'cancelled', 'failed')
      order by p.created_at desc
      limit $4) recent`;
}

const SENT_SQL = historySql('sender_id');
const RECEIVED_SQL = historySql('receiver_id');

/** What each sender sent in the 30 days before `fromMs` and up to `untilMs`, by user id. */
export function readSent(db: Queryable, requests: readonly HistoryRequest[]): Promise<Map<string, UserHistory>> {
  return readHistory(db, { name: 'compliance_sent', text: SENT_SQL }, requests, HISTORY_MS);
}

/** What each user was sent in the 24 hours before `fromMs` and up to `untilMs`, by user id. */
export function readReceived(db: Queryable, requests: readonly HistoryRequest[]): Promise<Map<string, UserHistory>> {
  return readHistory(db, { name: 'compliance_received', text: RECEIVED_SQL }, requests, FAN_IN_MS);
}

async function readHistory(
  db: Queryable,
  statement: { readonly name: string; readonly text: string },
  requests: readonly HistoryRequest[],
  windowMs: number,
): Promise<Map<string, UserHistory>> {
  const result = await db.query<HistoryRow>({
    ...statement,
    values: [
      uuidArray(requests.map((each) => each.userId)),
      momentArray(requests.map((each) => each.fromMs - windowMs)),
      momentArray(requests.map((each) => each.untilMs)),
      HISTORY_ROWS_MAX,
    ],
  });
  return new Map(
    [...Map.groupBy(result.rows, (row) => row.userId)].map(([userId, rows]) => [
      userId,
      {
        payments: rows.map(pastPayment),
        inflows: rows.flatMap(inflowOf),
        truncated: rows.length >= HISTORY_ROWS_MAX,
      },
    ]),
  );
}

function pastPayment(row: HistoryRow): PastPayment {
  return {
    id: row.id,
    senderId: row.senderId,
    receiverId: row.receiverId,
    amountMinor: BigInt(row.amount),
    currency: row.currency,
    createdAtMs: row.createdAt.getTime(),
  };
}

function inflowOf(row: HistoryRow): Inflow[] {
  if (row.paidAmount === null) return [];
  return [{ amountMinor: BigInt(row.paidAmount), currency: row.paidCurrency, createdAtMs: row.createdAt.getTime() }];
}

/** When each sender last paid before a moment, milliseconds by user id. Ask only for those who were there before it. */
export async function readLastBefore(db: Queryable, requests: readonly HistoryRequest[]): Promise<Map<string, number>> {
  if (requests.length === 0) return new Map();
  const result = await db.query<{ userId: string; createdAt: Date }>({
    name: 'compliance_last_before',
    text: `select wanted.user_id as "userId", earlier.created_at as "createdAt"
      from unnest($1::uuid[], $2::timestamptz[]) as wanted(user_id, before)
      cross join lateral (
        select p.created_at from payments p
        where p.sender_id = wanted.user_id and p.created_at <= wanted.before and p.status not in ('rejected', 'cancelled', 'failed')
        order by p.created_at desc
        limit 1) earlier`,
    values: [uuidArray(requests.map((each) => each.userId)), momentArray(requests.map((each) => each.fromMs - HISTORY_MS))],
  });
  return new Map(result.rows.map((row) => [row.userId, row.createdAt.getTime()]));
}

/** The rules on which each payment was last flagged: what the people saw who released it. */
export async function readFlaggedRules(db: Queryable, paymentIds: readonly string[]): Promise<Map<string, readonly string[]>> {
  if (paymentIds.length === 0) return new Map();
  const result = await db.query<{ paymentId: string; rules: readonly string[] }>({
    name: 'compliance_flagged_rules',
    text: `select distinct on (payment_id) payment_id as "paymentId", rules
      from compliance_records where payment_id = any($1::uuid[]) and outcome = 'flag'
      order by payment_id, created_at desc, id desc`,
    values: [paymentIds],
  });
  return new Map(result.rows.map((row) => [row.paymentId, row.rules]));
}

/** A case about a match that has ended, with what was said of it and the parties of its payment, sealed. */
export interface ClosedCase extends SealedParties {
  readonly caseId: string;
  readonly userId: string;
  /** What the person was in its payment. */
  readonly role: 'sender' | 'receiver';
  readonly closedAt: Date;
  /** Those of the evidence on which it was decided. */
  readonly hits: readonly HitFacts[];
  /** As many officers as had to agree said of the evidence as it was that the listed party is somebody else. */
  readonly isSomebodyElse: boolean;
  /** Officers let the payment go on, for whatever reason. */
  readonly isReleased: boolean;
  readonly officers: number;
}

/** A payment may have been held for some time before its case ended. */
const HELD_DAYS = 60;

/** The cases about matches of some people that ended since a moment, the newest first. */
export async function readClosedCases(db: Queryable, userIds: readonly string[], since: Date): Promise<ClosedCase[]> {
  const past = (column: 'sender_id' | 'receiver_id', role: string): string =>
    `select p.id, p.parties, p.sender_id, p.receiver_id, '${role}' as role from payments p
      where p.${column} = wanted.user_id and p.created_at > $2::timestamptz - interval '${HELD_DAYS} days'`;
  const result = await db.query<ClosedCase>({
    name: 'compliance_closed_cases',
    text: `select c.id as "caseId", wanted.user_id as "userId", past.role, c.closed_at as "closedAt",
        coalesce(c.evidence -> 'facts' -> 'hits', '[]') as hits, past.parties, s.data_key as "senderKey", r.data_key as "receiverKey",
        said.officers, c.status in ('released', 'resolved') and said.officers >= c.approvals_needed as "isSomebodyElse",
        c.status = 'released' as "isReleased"
      from unnest($1::uuid[]) as wanted(user_id)
      cross join lateral (${past('sender_id', 'sender')} union all ${past('receiver_id', 'receiver')}) past
      join cases c on c.payment_id = past.id and c.kind in ('held', 'refused') and c.status in ('released', 'rejected', 'resolved')
        and c.closed_at > $2
      join users s on s.id = past.sender_id
      join users r on r.id = past.receiver_id
      cross join lateral (select count(distinct d.officer)::int as officers from case_decisions d
        where d.case_id = c.id and d.round = c.round and d.evidence_digest = c.evidence_digest
          and (d.verdict, d.reason_code) in (('release', 'false_positive'), ('resolve', 'somebody_else'))) said
      order by c.closed_at desc, c.id desc`,
    values: [userIds, since],
  });
  return result.rows;
}

export interface NewRecord {
  readonly id: string;
  readonly client_id: string;
  readonly payment_id: string;
  readonly outcome: string;
  readonly list_version: string;
  readonly hits: readonly unknown[];
  readonly rules: readonly string[];
  readonly rule_set: string;
  /** What the rules in shadow would have found; null when they found nothing. */
  readonly shadow: readonly unknown[] | null;
}

/** Stores what screening found, one row per payment. */
export async function storeRecords(db: Queryable, records: readonly NewRecord[]): Promise<void> {
  if (records.length === 0) return;
  const column = <T>(pick: (record: NewRecord) => T): T[] => records.map(pick);
  await db.query({
    name: 'compliance_records_store',
    text: `insert into compliance_records (id, client_id, payment_id, outcome, list_version, hits, rules, rule_set, shadow)
      select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::jsonb[], $7::jsonb[], $8::text[], $9::jsonb[])`,
    values: [
      uuidArray(column((record) => record.id)),
      uuidArray(column((record) => record.client_id)),
      uuidArray(column((record) => record.payment_id)),
      plainArray(column((record) => record.outcome)),
      textArray(column((record) => record.list_version)),
      textArray(column((record) => jsonOf(record.hits))),
      textArray(column((record) => jsonOf(record.rules))),
      textArray(column((record) => record.rule_set)),
      textArray(column((record) => (record.shadow === null ? null : jsonOf(record.shadow)))),
    ],
  });
}

/** Of most payments nothing was found. */
function jsonOf(found: readonly unknown[]): string {
  return found.length === 0 ? '[]' : JSON.stringify(found);
}
