/** Breaks as people work on them: the queue, proposals, approvals. */
import type { Pool } from 'pg';
import type { BreakKind } from '../../domain/breaks.ts';
import type { Facts } from '../../domain/decision.ts';
import type { Queryable } from '../connect.ts';

export const BREAK_STATUSES = ['open', 'proposed', 'posted', 'dismissed', 'resolved'] as const;

export interface BreakRow {
  readonly id: string;
  readonly railId: string;
  readonly day: string;
  readonly kind: BreakKind;
  readonly attemptId: string | null;
  readonly paymentId: string | null;
  readonly ourAmount: bigint | null;
  readonly theirAmount: bigint | null;
  readonly currency: string;
  readonly evidence: Facts;
  readonly proposedEntries: readonly Facts[];
  readonly status: (typeof BREAK_STATUSES)[number];
  readonly foundAt: Date;
  readonly lastSeenAt: Date;
  readonly dueAt: Date;
  readonly closedAt: Date | null;
}

const COLUMNS = `id, rail_id as "railId", to_char(day, 'YYYY-MM-DD') as day, kind, attempt_id as "attemptId", payment_id as "paymentId",
  our_amount as "ourAmount", their_amount as "theirAmount", currency, evidence, proposed_entries as "proposedEntries", status,
  found_at as "foundAt", last_seen_at as "lastSeenAt", due_at as "dueAt", closed_at as "closedAt"`;

export interface BreakFilter {
  readonly status?: string | undefined;
  readonly kind?: string | undefined;
  readonly railId?: string | undefined;
  readonly day?: string | undefined;
}

/** Breaks, the oldest first, from after a place on. */
export async function listBreaks(
  db: Pool,
  filter: BreakFilter,
  page: { readonly after: { readonly foundAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<BreakRow[]> {
  const result = await db.query<BreakRow>({
    name: 'list_breaks',
    text: `select ${COLUMNS} from breaks
      where ($1::text is null or status = $1) and ($2::text is null or kind = $2) and ($3::text is null or rail_id = $3)
        and ($4::date is null or day = $4) and ($5::timestamptz is null or (found_at, id) > ($5, $6::uuid))
      order by found_at, id limit $7`,
    values: [
      filter.status ?? null,
      filter.kind ?? null,
      filter.railId ?? null,
      filter.day ?? null,
      page.after?.foundAt ?? null,
      page.after?.id ?? null,
      page.limit,
    ],
  });
  return result.rows;
}

/** A break, or null. */
export async function findBreak(db: Queryable | Pool, id: string): Promise<BreakRow | null> {
  const { rows } = await db.query<BreakRow>({ name: 'find_break', text: `select ${COLUMNS} from breaks where id = $1`, values: [id] });
  return rows[0] ?? null;
}

/** Locks a break for a decision, or null. */
export async function lockBreak(tx: Queryable, id: string): Promise<BreakRow | null> {
  const { rows } = await tx.query<BreakRow>({
    name: 'lock_break',
    text: `select ${COLUMNS} from breaks where id = $1 for update`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Puts a break into another status; the end of one is noted with its time. */
export async function moveBreak(tx: Queryable, id: string, status: BreakRow['status'], nowMs: number): Promise<BreakRow> {
  const { rows } = await tx.query<BreakRow>({
    name: 'move_break',
    text: `update breaks set status = $2, updated_at = $3, closed_at = case when $2 in ('posted', 'dismissed', 'resolved') then $3::timestamptz end
      where id = $1 returning ${COLUMNS}`,
    values: [id, status, new Date(nowMs)],
  });
  const row = rows[0];
  if (row === undefined) throw new RangeError('a break that was locked is gone');
  return row;
}

export interface BreakDecisionRow {
  readonly id: string;
  readonly principal: string;
  readonly action: 'propose' | 'approve' | 'reject';
  readonly reasonCode: string;
  readonly entries: readonly Facts[];
  readonly entriesDigest: string;
  /** The link of the transfers that an approval posted. */
  readonly linkId: string | null;
  readonly createdAt: Date;
}

const DECISION_COLUMNS = `id, principal, action, reason_code as "reasonCode", entries, entries_digest as "entriesDigest", link_id as "linkId",
  created_at as "createdAt"`;

/** What people said about a break, in the order they said it. */
export async function findBreakDecisions(db: Queryable | Pool, breakId: string): Promise<BreakDecisionRow[]> {
  const { rows } = await db.query<BreakDecisionRow>({
    name: 'find_break_decisions',
    text: `select ${DECISION_COLUMNS} from break_decisions where break_id = $1 order by created_at, id`,
    values: [breakId],
  });
  return rows;
}

/** The proposal that counts, or null. */
export async function latestProposal(db: Queryable, breakId: string): Promise<BreakDecisionRow | null> {
  const { rows } = await db.query<BreakDecisionRow>({
    name: 'latest_proposal',
    text: `select ${DECISION_COLUMNS} from break_decisions where break_id = $1 and action = 'propose' order by created_at desc, id desc limit 1`,
    values: [breakId],
  });
  return rows[0] ?? null;
}

/** Writes down what somebody said about a break. */
export async function keepBreakDecision(tx: Queryable, decision: BreakDecisionRow & { readonly breakId: string }): Promise<void> {
  await tx.query({
    name: 'keep_break_decision',
    text: `insert into break_decisions (id, break_id, principal, action, reason_code, entries, entries_digest, link_id, created_at)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    values: [
      decision.id,
      decision.breakId,
      decision.principal,
      decision.action,
      decision.reasonCode,
      JSON.stringify(decision.entries),
      decision.entriesDigest,
      decision.linkId,
      decision.createdAt,
    ],
  });
}

/** Breaks that have not ended, by rail and kind, with the oldest of each. */
export async function countOpenBreaks(
  db: Pool,
): Promise<readonly { readonly railId: string; readonly kind: string; readonly count: number; readonly oldest: Date }[]> {
  const { rows } = await db.query<{ railId: string; kind: string; count: number; oldest: Date }>({
    name: 'count_open_breaks',
    text: `select rail_id as "railId", kind, count(*)::int as count, min(found_at) as oldest from breaks
      where status in ('open', 'proposed') group by 1, 2`,
  });
  return rows;
}
