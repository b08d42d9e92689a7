/** Cases as officers work on them: the queue, claims, snoozes. What officers say is in `case-decisions.ts`. */
import type { Pool } from 'pg';
import type { CaseKind, CaseStatus } from '../../domain/cases.ts';
import type { Facts, Reason } from '../../domain/decision.ts';
import type { Queryable } from '../connect.ts';

export interface CaseRow {
  readonly id: string;
  readonly paymentId: string;
  readonly kind: CaseKind;
  /** What a case that is not `held` is about. */
  readonly attemptId: string | null;
  readonly status: CaseStatus;
  readonly priority: number;
  /** Place in the queue, earliest first. */
  readonly rankAt: Date;
  readonly reasons: readonly Reason[];
  readonly evidence: Facts;
  readonly evidenceDigest: string;
  readonly approvalsNeeded: number;
  /** The round of asking; decisions of earlier ones count for nothing. */
  readonly round: number;
  readonly claimedBy: string | null;
  readonly claimedUntil: Date | null;
  readonly escalatedAt: Date | null;
  readonly escalatedBy: string | null;
  readonly snoozedUntil: Date | null;
  readonly snoozeCount: number;
  readonly informationDueAt: Date | null;
  /** Since when the payment waits to be screened again by what was added of its parties; null when it does not. */
  readonly rescreenSince: Date | null;
  readonly advice: Facts | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly dueAt: Date;
  readonly closedAt: Date | null;
  /** Of the payment. */
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
}

const COLUMNS = `c.id, c.payment_id as "paymentId", c.kind, c.attempt_id as "attemptId", c.status, c.priority, c.rank_at as "rankAt", c.reasons,
  c.evidence, c.evidence_digest as "evidenceDigest", c.approvals_needed as "approvalsNeeded", c.round, c.claimed_by as "claimedBy",
  c.claimed_until as "claimedUntil", c.escalated_at as "escalatedAt", c.escalated_by as "escalatedBy", c.snoozed_until as "snoozedUntil",
  c.snooze_count as "snoozeCount", c.information_due_at as "informationDueAt", c.rescreen_since as "rescreenSince", c.advice, c.created_at as "createdAt",
  c.updated_at as "updatedAt", c.due_at as "dueAt", c.closed_at as "closedAt",
  p.amount, p.from_currency as "fromCurrency", p.from_country as "fromCountry", p.to_country as "toCountry"`;

/** The columns of the cases in `source`, with those of their payments. */
const casesIn = (source: string): string => `select ${COLUMNS} from ${source} c join payments p on p.id = c.payment_id`;

/** A client's case, or null. */
export async function findCase(db: Pool, clientId: string, caseId: string): Promise<CaseRow | null> {
  const result = await db.query<CaseRow>({
    name: 'find_case',
    text: `${casesIn('cases')} where c.id = $2 and c.client_id = $1`,
    values: [clientId, caseId],
  });
  return result.rows[0] ?? null;
}

/** The cases a payment ever had, oldest first. */
export async function findCasesOfPayment(db: Pool, paymentId: string): Promise<CaseRow[]> {
  const result = await db.query<CaseRow>({
    name: 'find_cases_of_payment',
    text: `${casesIn('cases')} where c.payment_id = $1 order by c.created_at`,
    values: [paymentId],
  });
  return result.rows;
}

export interface CasePlace {
  readonly rankAt: Date;
  readonly id: string;
}

export interface CaseFilter {
  readonly status?: CaseStatus | undefined;
  /** Those that are anybody's business still, whatever their status. */
  readonly live?: boolean | undefined;
  /** The officer whose claim has not lapsed. */
  readonly claimedBy?: string | undefined;
  readonly kind?: CaseKind | undefined;
  readonly overdue?: boolean | undefined;
  readonly snoozed?: boolean | undefined;
  readonly escalated?: boolean | undefined;
}

/** The index over the queue holds live cases only, so the condition stands in the text. */
const IS_LIVE = `c.status in ('open', 'deciding', 'waiting')`;

/** A client's cases in the order of the queue, from after a place on. */
export async function listCases(
  db: Pool,
  clientId: string,
  filter: CaseFilter,
  page: { readonly after: CasePlace | null; readonly limit: number; readonly nowMs: number },
): Promise<CaseRow[]> {
  const values: unknown[] = [clientId];
  const conditions = ['c.client_id = $1'];
  const where = (condition: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    values.push(value);
    conditions.push(condition.replace('?', `$${values.length}`));
  };
  const isLive = filter.live === true || ['open', 'deciding', 'waiting'].includes(filter.status ?? '');
  if (isLive || filter.overdue === true) conditions.push(IS_LIVE);
  const at = new Date(page.nowMs);
  where('c.status = ?', filter.status);
  where('c.claimed_by = ?', filter.claimedBy);
  if (filter.claimedBy !== undefined) where('c.claimed_until > ?', at);
  where('c.kind = ?', filter.kind);
  if (filter.overdue !== undefined) where(`(c.due_at <= ?) = ${filter.overdue}`, at);
  if (filter.snoozed !== undefined) where(`coalesce(c.snoozed_until > ?, false) = ${filter.snoozed}`, at);
  if (filter.escalated !== undefined) conditions.push(`(c.escalated_at is not null) = ${filter.escalated}`);
  if (page.after !== null) {
    values.push(page.after.rankAt, page.after.id);
    conditions.push(`(c.rank_at, c.id) > ($${values.length - 1}::timestamptz, $${values.length}::uuid)`);
  }
  values.push(page.limit);
  const text = `${casesIn('cases')} where ${conditions.join(' and ')} order by c.rank_at, c.id limit $${values.length}`;
  return (await db.query<CaseRow>(text, values)).rows;
}

/** Part of a statement: writes what the officer `$3` did to the cases in `cases` at the moment `$4` into the audit log. */
export function noted(cases: string, action: string, details = `'{}'`): string {
  return `noted as (
    insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
    select client_id, $3, '${action}', 'case:' || id, payment_id, ${details}, $4 from ${cases}
  )`;
}

/**
 * Gives a case to an officer, or lengthens the officer's claim; one that was put off is back. Null when it is not to be had.
 * Whoever has approved in this round has said what there was to say: their claim keeps nobody away.
 */
export async function claimCase(
  db: Pool,
  claim: { readonly clientId: string; readonly caseId: string; readonly officer: string; readonly nowMs: number; readonly untilMs: number },
): Promise<CaseRow | null> {
  const result = await db.query<CaseRow>({
    name: 'claim_case',
    text: `with claimed as (
        update cases set claimed_by = $3, claimed_until = $5, snoozed_until = null, updated_at = $4
        where id = $2 and client_id = $1 and status in ('open', 'waiting') and (claimed_by is null or claimed_by = $3 or claimed_until <= $4
          or exists (select 1 from case_decisions d where d.case_id = cases.id and d.round = cases.round and d.verdict in ('release', 'resolve')
            and d.officer = cases.claimed_by))
        returning *
      ), ${noted('claimed', 'case.claimed')}
      ${casesIn('claimed')}`,
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
        where id = $2 and client_id = $1 and claimed_by = $3 and status in ('open', 'waiting') returning *
      ), ${noted('freed', 'case.claim_released')}
      ${casesIn('freed')}`,
    values: [clientId, caseId, officer, new Date(nowMs)],
  });
  return result.rows[0] ?? null;
}

/** Puts a locked case off until a moment, and counts it. The claim on it ends; its due time stays. */
export async function snoozeCase(
  tx: Queryable,
  snooze: {
    readonly caseId: string;
    readonly clientId: string;
    readonly officer: string;
    readonly nowMs: number;
    readonly untilMs: number;
  },
): Promise<void> {
  await tx.query({
    name: 'snooze_case',
    text: `with put_off as (
        update cases set snoozed_until = $5, snooze_count = snooze_count + 1, claimed_by = null, claimed_until = null, updated_at = $4
        where id = $2 and client_id = $1 returning id, client_id, payment_id, snooze_count
      ), ${noted('put_off', 'case.snoozed', `jsonb_build_object('until', $5::timestamptz, 'count', snooze_count)`)}
      select 1`,
    values: [snooze.clientId, snooze.caseId, snooze.officer, new Date(snooze.nowMs), new Date(snooze.untilMs)],
  });
}

/** Locks a client's case for a change, or null. */
export async function lockCase(tx: Queryable, clientId: string, caseId: string): Promise<CaseRow | null> {
  const result = await tx.query<CaseRow>({
    name: 'lock_case',
    text: `${casesIn('cases')} where c.id = $2 and c.client_id = $1 for update of c`,
    values: [clientId, caseId],
  });
  return result.rows[0] ?? null;
}

/** Closes the live case of a payment whose client took it back. */
export async function withdrawCase(tx: Queryable, clientId: string, paymentId: string, nowMs: number): Promise<void> {
  await tx.query({
    name: 'withdraw_case',
    text: `with closed as (
        update cases set status = 'withdrawn', closed_at = $3, updated_at = $3, interrupt_id = null
        where payment_id = $2 and client_id = $1 and kind = 'held' and status in ('open', 'deciding', 'waiting')
        returning id, client_id, payment_id
      ), noted as (
        insert into audit_events (client_id, actor, action, subject, payment_id, created_at)
        select client_id, 'system', 'case.withdrawn', 'case:' || id, payment_id, $3 from closed
      )
      update case_decisions set applied_at = $3 where applied_at is null and case_id in (select id from closed)`,
    values: [clientId, paymentId, new Date(nowMs)],
  });
}

export interface CaseCounts {
  readonly kind: CaseKind;
  readonly status: CaseStatus;
  readonly count: number;
  readonly overdue: number;
  readonly snoozed: number;
  readonly oldestAt: Date;
  /** The earliest due time. */
  readonly dueAt: Date;
}

/** Live cases of all clients by kind and status. Reads an index that holds only those. */
export async function countCases(db: Pool, nowMs: number): Promise<CaseCounts[]> {
  const result = await db.query<CaseCounts>({
    name: 'count_cases',
    text: `select kind, status, count(*)::int as count, (count(*) filter (where due_at <= $1))::int as overdue,
        (count(*) filter (where snoozed_until > $1))::int as snoozed, min(created_at) as "oldestAt", min(due_at) as "dueAt"
      from cases where status in ('open', 'deciding', 'waiting') group by kind, status`,
    values: [new Date(nowMs)],
  });
  return result.rows;
}
