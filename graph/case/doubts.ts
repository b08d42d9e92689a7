/**
 * Doubts that people should know of. An attempt whose outcome its operator has not told within its limit
 * gets a case, which ends by itself with the attempt; an operator that says it moved money for an attempt
 * recorded as failed, or none for one recorded as succeeded, gets a case, and a break with the entries that put
 * the books right. None of it moves money: what is unknown is never retried or refunded, and the entries are
 * posted by two people.
 */
import { type Queryable, withTransaction } from '../../db/connect.ts';
import { isStated } from '../../db/queries/reconciliation.ts';
import type { Currency } from '../../domain/currency.ts';
import type { Facts, Reason } from '../../domain/decision.ts';
import { newId } from '../../domain/ids.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import { railById } from '../../domain/network.ts';
import type { Outcome } from '../../tools/mmo/operator.ts';
import type { Doubt } from '../../tools/mmo/reasons.ts';
import { type BookedAttempt, type Break, movedAfterAll, movedNothing } from '../../tools/reconciliation/breaks.ts';
import { factsDigest } from '../decide.ts';
import { entryFacts, GRACE_MS, raiseBreak } from '../reconciliation/found.ts';
import type { GraphDeps } from '../types.ts';

interface DoubtfulAttempt {
  id: string;
  client_id: string;
  payment_id: string;
  payment_status: string;
  leg: Leg;
  rail_id: string;
  state: BookedAttempt['state'];
  amount: bigint;
  currency: Currency;
  sent_at: Date;
  inquiries: number;
  reason_code: string | null;
  receipt: string | null;
  resolved_at: Date | null;
}

const COLUMNS = `a.id, a.client_id, a.payment_id, p.status as payment_status, a.leg, a.rail_id, a.state, a.amount, a.currency, a.sent_at,
  a.inquiries, a.reason_code, a.receipt, a.resolved_at`;

interface DoubtCase {
  readonly kind: 'in_doubt' | 'late_success' | 'contradicted';
  readonly attempt: DoubtfulAttempt;
  readonly priority: number;
  readonly reason: Reason;
  readonly evidence: Facts;
  readonly dueInMs: number;
}

const HOUR_MS = 3_600_000;
const DOUBTS_AT_ONCE = 500;

/** Opens a case for every attempt that has been open for longer than its rail's limit; resolves with how many. */
export async function escalateDoubts(deps: GraphDeps): Promise<number> {
  const { doubtLimitMs, doubtLimitsMs } = deps.settings;
  const nowMs = deps.clock.now();
  const overdue = await deps.pool.query<DoubtfulAttempt>({
    name: 'overdue_attempts',
    text: `select ${COLUMNS} from attempts a join payments p on p.id = a.payment_id
      where a.state in ('sent', 'pending', 'unknown')
        and a.sent_at <= $1::timestamptz - coalesce(($2::jsonb ->> a.rail_id)::bigint, $3) * interval '1 millisecond'
        and not exists (select 1 from cases c where c.attempt_id = a.id and c.kind = 'in_doubt')
      order by a.sent_at limit $4`,
    values: [new Date(nowMs), JSON.stringify(doubtLimitsMs), doubtLimitMs, DOUBTS_AT_ONCE],
  });
  const opened = await openDoubtCases(
    deps.pool,
    nowMs,
    overdue.rows.map((attempt) => overdueCase(attempt, doubtLimitsMs[attempt.rail_id] ?? doubtLimitMs, nowMs)),
  );
  if (opened > 0) deps.log.warn({ cases: opened }, 'attempts in doubt escalated');
  return opened;
}

function overdueCase(attempt: DoubtfulAttempt, limitMs: number, nowMs: number): DoubtCase {
  const ageMs = nowMs - attempt.sent_at.getTime();
  const isOfAnotherAmount = attempt.reason_code === ('amount_mismatch' satisfies Doubt);
  return {
    kind: 'in_doubt',
    attempt,
    priority: 60,
    reason: isOfAnotherAmount
      ? { code: 'amount_mismatch', text: `The operator tells of a ${attempt.leg} of another amount than was asked for.` }
      : { code: 'outcome_overdue', text: `The operator has not told the outcome of a ${attempt.leg} within its limit.` },
    evidence: { ...aboutAttempt(attempt), state: attempt.state, inquiries: attempt.inquiries, ageMs, limitMs },
    dueInMs: 4 * HOUR_MS,
  };
}

/** What is known of an attempt, without anything of the people concerned. */
function aboutAttempt(attempt: DoubtfulAttempt): Facts {
  return {
    attemptId: attempt.id,
    leg: attempt.leg,
    railId: attempt.rail_id,
    amountMinor: attempt.amount.toString(),
    currency: attempt.currency,
    sentAt: attempt.sent_at.toISOString(),
    paymentStatus: attempt.payment_status,
    reasonCode: attempt.reason_code,
  };
}

/** Closes cases whose attempt has got its outcome meanwhile; resolves with how many. */
export async function closeSettledDoubts(deps: Pick<GraphDeps, 'pool' | 'clock'>): Promise<number> {
  const result = await deps.pool.query({
    name: 'close_settled_doubts',
    text: `with closed as (
        update cases c set status = 'resolved', closed_at = $1, updated_at = $1 from attempts a
        where c.kind = 'in_doubt' and c.status = 'open' and a.id = c.attempt_id and a.state in ('succeeded', 'failed')
        returning c.id, c.client_id, c.payment_id, a.state
      )
      insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, 'system', 'case.resolved', 'case:' || id, payment_id, jsonb_build_object('attemptState', state), $1 from closed`,
    values: [new Date(deps.clock.now())],
  });
  return result.rowCount ?? 0;
}

/** Who says that the money moved: the operator's statement, the operator when asked, or its message alone. */
export type LateWord = 'statement' | 'operator' | 'message';

/**
 * Opens a case for an attempt recorded as failed whose operator says it moved the money after all, and the break over which two
 * people post the entries that correct the books; of what a statement says, reconciling it finds the break. False when there is a
 * case already, or the attempt did not fail.
 */
export async function raiseLateSuccess(deps: GraphDeps, attemptId: string, saidBy: LateWord): Promise<boolean> {
  const attempt = await endedAttempt(deps, attemptId);
  if (attempt?.state !== 'failed') return false;
  const { leg, rail_id: railId } = attempt;
  const correction = movedAfterAll(railById(railId), breakAttempt(attempt), { saidBy });
  const late: DoubtCase = {
    kind: 'late_success',
    attempt,
    priority: 85,
    reason: { code: 'late_success', text: `The operator says that a ${leg} recorded as failed has moved money.` },
    evidence: { ...aboutAttempt(attempt), saidBy, proposedEntries: correction.entries.map(entryFacts) },
    dueInMs: 8 * HOUR_MS,
  };
  const opened = await openWithBreak(deps, late, saidBy === 'statement' ? null : correction, deps.clock.now());
  if (opened) deps.log.warn({ attemptId, railId }, 'late success raised');
  return opened;
}

/** What an operator said of an attempt that had ended otherwise. */
export interface Said {
  readonly state: Outcome['state'];
  readonly reasonCode: string | null;
}

export function saidBy(outcome: Outcome): Said {
  return { state: outcome.state, reasonCode: 'reasonCode' in outcome ? outcome.reasonCode : null };
}

/** Opens the case that belongs to what an operator said. False when there is one already. */
export function raiseSaid(deps: GraphDeps, attemptId: string, said: Said): Promise<boolean> {
  return said.state === 'succeeded' ? raiseLateSuccess(deps, attemptId, 'operator') : raiseContradicted(deps, attemptId, said);
}

/**
 * Opens the cases of contradictions that have none, as when the process that wrote one down died before its case; resolves with how many.
 * What was said before that was kept is what can have been: money that moved after a failure, none after a success; there any case will do.
 */
export async function raiseMissing(deps: GraphDeps): Promise<number> {
  const { rows } = await deps.pool.query<{ id: string; said: Said['state']; reason: string | null }>({
    name: 'contradictions_without_case',
    text: `select a.id, said.state as said, a.contradicted_reason as reason from attempts a
      cross join lateral (select coalesce(a.contradicted_by, case when a.state = 'succeeded' then 'failed'
        when a.reason_code = 'never_received' then 'pending' else 'succeeded' end) as state) said
      where a.contradicted_at is not null and a.state in ('succeeded', 'failed') and a.sent_at is not null
        and not exists (select 1 from cases c where c.attempt_id = a.id
          and c.kind in ('late_success', 'contradicted')
          and (a.contradicted_by is null or c.kind = case when said.state = 'succeeded' then 'late_success' else 'contradicted' end))
      order by a.contradicted_at limit $1`,
    values: [DOUBTS_AT_ONCE],
  });
  let opened = 0;
  for (const { id, said, reason } of rows) if (await raiseSaid(deps, id, { state: said, reasonCode: reason })) opened += 1;
  if (opened > 0) deps.log.warn({ cases: opened }, 'contradictions without a case have got theirs');
  return opened;
}

/**
 * Opens a case for an attempt that has ended and whose operator says otherwise since. When we hold it as succeeded and the operator
 * says that it failed, a break comes with it, by which the float's movement can be taken back; statements that have the movement end
 * the break, and where one has it already there is none: what goes back then is a movement of its own. False when there is a case already.
 */
async function raiseContradicted(deps: GraphDeps, attemptId: string, said: Said): Promise<boolean> {
  const attempt = await endedAttempt(deps, attemptId);
  if (attempt === null) return false;
  const { leg, rail_id: railId, state } = attempt;
  const isInStatement = attempt.receipt !== null && (await isStated(deps.pool, railId, attempt.receipt));
  const facts = { saidBy: 'operator', said: said.state, saidReason: said.reasonCode, isInStatement };
  const isTakenBack = state === 'succeeded' && said.state === 'failed' && !isInStatement;
  const correction = isTakenBack ? movedNothing(railById(railId), breakAttempt(attempt), facts) : null;
  const contradicted: DoubtCase = {
    kind: 'contradicted',
    attempt,
    priority: 85,
    reason: { code: 'contradicts_outcome', text: `The operator says otherwise of a ${leg} than is recorded.` },
    evidence: { ...aboutAttempt(attempt), state, ...facts, proposedEntries: (correction?.entries ?? []).map(entryFacts) },
    dueInMs: 8 * HOUR_MS,
  };
  // Under the day in whose statement the movement has to be, so that reconciling that day finds the same break.
  const dayOfMs = (attempt.resolved_at?.getTime() ?? deps.clock.now()) + GRACE_MS;
  return openWithBreak(deps, contradicted, correction, dayOfMs);
}

async function endedAttempt(deps: GraphDeps, attemptId: string): Promise<DoubtfulAttempt | null> {
  const found = await deps.pool.query<DoubtfulAttempt>({
    name: 'ended_attempt',
    text: `select ${COLUMNS} from attempts a join payments p on p.id = a.payment_id
      where a.id = $1 and a.state in ('succeeded', 'failed') and a.sent_at is not null`,
    values: [attemptId],
  });
  return found.rows[0] ?? null;
}

/** An attempt as its break names it. */
function breakAttempt(attempt: DoubtfulAttempt): Parameters<typeof movedAfterAll>[1] {
  return {
    id: attempt.id,
    clientId: attempt.client_id,
    paymentId: attempt.payment_id,
    leg: attempt.leg,
    state: attempt.state,
    amountMinor: attempt.amount,
    sentAtMs: attempt.sent_at.getTime(),
    receipt: attempt.receipt,
  };
}

/** A case and its break come together, so that neither is without the other whatever happens between. */
async function openWithBreak(deps: GraphDeps, doubt: DoubtCase, correction: Break | null, dayOfMs: number): Promise<boolean> {
  const nowMs = deps.clock.now();
  return withTransaction(deps.pool, async (tx) => {
    const opened = await openDoubtCases(tx, nowMs, [doubt]);
    if (opened > 0 && correction !== null) await raiseBreak(tx, railById(doubt.attempt.rail_id), correction, dayOfMs, nowMs);
    return opened > 0;
  });
}

/** An attempt has one case of each kind, however often it is found. */
async function openDoubtCases(db: Queryable, nowMs: number, doubts: readonly DoubtCase[]): Promise<number> {
  if (doubts.length === 0) return 0;
  const column = <T>(pick: (each: DoubtCase) => T): T[] => doubts.map(pick);
  const result = await db.query({
    name: 'open_doubt_cases',
    text: `with made as (insert into cases (id, client_id, payment_id, kind, attempt_id, priority, reasons, evidence, evidence_digest, due_at, created_at, updated_at)
      select id, client_id, payment_id, kind, attempt_id, priority, reasons::jsonb, evidence::jsonb, digest, due_at, $11, $11
      from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::smallint[], $7::text[], $8::text[], $9::text[], $10::timestamptz[])
        as doubt(id, client_id, payment_id, kind, attempt_id, priority, reasons, evidence, digest, due_at)
      on conflict (attempt_id, kind) where kind <> 'held' do nothing
      returning id, client_id, payment_id, kind, evidence_digest)
      insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, 'system', 'case.opened', 'case:' || id, payment_id,
        jsonb_build_object('kind', kind, 'evidenceDigest', evidence_digest), $11 from made`,
    values: [
      column(() => newId()),
      column((each) => each.attempt.client_id),
      column((each) => each.attempt.payment_id),
      column((each) => each.kind),
      column((each) => each.attempt.id),
      column((each) => each.priority),
      column((each) => JSON.stringify([each.reason])),
      column((each) => JSON.stringify(each.evidence)),
      column((each) => factsDigest(each.evidence)),
      column((each) => new Date(nowMs + each.dueInMs)),
      new Date(nowMs),
    ],
  });
  return result.rowCount ?? 0;
}
