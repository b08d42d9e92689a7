/**
 * Cases between the database and the case graph: held payments get a thread, officers' decisions are
 * carried to the interrupt that waits for them, and what they agree on moves the payment.
 */
import { type PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { type AuditEvent, recordAuditEvents } from '../../db/queries/audit.ts';
import { transitionPayments } from '../../db/queries/transitions.ts';
import { type CaseOpening, caseOpening, dueInMs, ESCALATED_PRIORITY, REFUSED_PRIORITY } from '../../domain/cases.ts';
import type { Facts, Reason } from '../../domain/decision.ts';
import { fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import type { Money } from '../../domain/money.ts';
import { factsDigest } from '../decide.ts';
import type { GraphDeps } from '../types.ts';
import { adviseOnCase } from './advice.ts';
import {
  answerCase,
  type CaseGraph,
  type CaseGraphDeps,
  type CaseStanding,
  type CaseState,
  type Paused,
  refreshCase,
} from './case-graph.ts';

/** By what it is told how grave a case is. */
export interface CaseGravity {
  /** `refused`: nobody lets the payment go any more; two officers say who the listed party is. */
  readonly kind: 'held' | 'refused';
  /** What compliance says of its urgency, 0 to 100. */
  readonly priority: number;
  /** A senior officer is asked for from the start. */
  readonly escalates?: boolean;
  /** The probability that something is wrong, 0 to 1, where the facts tell one. */
  readonly riskScore: number | null;
  readonly amount: Money;
}

export interface NewCase extends CaseGravity {
  readonly clientId: string;
  readonly paymentId: string;
  readonly reasons: readonly Reason[];
  readonly evidence: Facts;
}

/** Inserts one open case for each entry, in the transaction that holds or refuses the payments. */
export async function openCases(tx: PoolClient, deps: GraphDeps, wanted: readonly NewCase[]): Promise<void> {
  if (wanted.length === 0) return;
  const nowMs = deps.clock.now();
  const openings = wanted.map((entry) => openingOf(deps, entry));
  const ids = wanted.map(() => newId());
  await tx.query({
    name: 'open_cases',
    text: `
      with made as (
        insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, approvals_needed, due_at, kind, created_at, updated_at)
        select id, client_id, payment_id, priority, reasons::jsonb, evidence::jsonb, digest, approvals, due_at, kind, $11, $11
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::smallint[], $9::timestamptz[], $10::text[])
          as opened(id, client_id, payment_id, priority, reasons, evidence, digest, approvals, due_at, kind)
        returning id, client_id, payment_id, kind, evidence_digest
      )
      insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, 'system', 'case.opened', 'case:' || id, payment_id,
        jsonb_build_object('kind', kind, 'evidenceDigest', evidence_digest), $11 from made`,
    values: [
      ids,
      wanted.map((entry) => entry.clientId),
      wanted.map((entry) => entry.paymentId),
      openings.map((opening) => opening.priority),
      wanted.map((entry) => JSON.stringify(entry.reasons)),
      wanted.map((entry) => JSON.stringify(entry.evidence)),
      wanted.map((entry) => factsDigest(entry.evidence)),
      openings.map((opening) => opening.approvalsNeeded),
      openings.map((opening) => new Date(nowMs + opening.dueInMs)),
      wanted.map((entry) => entry.kind),
      new Date(nowMs),
    ],
  });
  await escalateNew(
    tx,
    ids.filter((_, at) => wanted[at]?.escalates === true),
    nowMs,
  );
}

/** Asks for a senior officer in cases that were opened just now. */
async function escalateNew(tx: PoolClient, ids: readonly string[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await tx.query({
    name: 'escalate_new_cases',
    text: `with raised as (
        update cases set escalated_at = $2, escalated_by = 'system' where id = any($1::uuid[]) returning id, client_id, payment_id
      )
      insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, 'system', 'case.escalated', 'case:' || id, payment_id, '{}', $2 from raised`,
    values: [ids, new Date(nowMs)],
  });
}

/** The probability that something is wrong, as compliance scored it; null where its facts hold none. */
export function riskScoreOf(facts: Facts): number | null {
  const risk = facts['risk'];
  const score = typeof risk === 'object' && risk !== null && 'score' in risk ? risk.score : null;
  return typeof score === 'number' ? score : null;
}

/** How a case begins: how urgent it is, by when it is due, and how many officers it takes. */
export function openingOf(deps: GraphDeps, { kind, escalates = false, priority, riskScore, amount }: CaseGravity): CaseOpening {
  const opening = caseOpening({ priority, riskScore, amount, perUsd: deps.perUsd?.(amount.currency) ?? null }, deps.settings);
  if (kind === 'held' && !escalates) return opening;
  const raised = Math.max(opening.priority, kind === 'held' ? ESCALATED_PRIORITY : REFUSED_PRIORITY);
  return { priority: raised, approvalsNeeded: 2, dueInMs: dueInMs(raised) };
}

/** A case whose thread is to be brought to its round. */
export interface CaseRow {
  id: string;
  payment_id: string;
  round: number;
}

/** What an officer said of a case, and its thread has not heard yet. */
export interface DecisionRow extends CaseRow {
  decision_id: string;
  officer: string;
  verdict: 'release' | 'reject';
  reason_code: string;
  action_digest: string;
  decided_on: string;
}

/** What the case graph needs besides its checkpointer, from the database. */
export function caseGraphDeps(deps: GraphDeps): Omit<CaseGraphDeps, 'checkpointer'> {
  const { advise } = deps;
  return {
    readCase: (caseId) => readCase(deps, caseId),
    ...(advise === undefined ? {} : { advise: (caseId, round) => adviseOnCase(deps, advise, caseId, round) }),
    applyVerdict: verdictApplier(deps),
  };
}

async function readCase(deps: GraphDeps, caseId: string): Promise<CaseStanding> {
  const found = await deps.pool.query<CaseStanding>({
    name: 'read_case_standing',
    text: 'select round, evidence_digest as "evidenceDigest", approvals_needed as "approvalsNeeded" from cases where id = $1',
    values: [caseId],
  });
  const standing = found.rows[0];
  if (standing === undefined) throw fault('internal', { internal: `case ${caseId} is not stored` });
  return standing;
}

/** Brings the thread of a case to the round the case is in; a new case gets its thread. */
export async function followRound(deps: GraphDeps, graph: CaseGraph, row: CaseRow): Promise<void> {
  const paused = await refreshCase(graph, { caseId: row.id, paymentId: row.payment_id }, row.round);
  await withTransaction(deps.pool, (tx) => notePause(tx, deps, row.id, paused));
}

/** Gives an officer's decision to the thread that waits for it, and writes down where that waits now. */
export async function carryDecision(deps: GraphDeps, graph: CaseGraph, row: DecisionRow): Promise<void> {
  const paused = await answerCase(graph, row.id, {
    decisionId: row.decision_id,
    verdict: row.verdict,
    officer: row.officer,
    reasonCode: row.reason_code,
    actionDigest: row.action_digest,
    paymentId: row.payment_id,
    evidenceDigest: row.decided_on,
    round: row.round,
  });
  // Together: a case whose decision is taken in, but which is not open again, would wait for nobody for ever.
  await withTransaction(deps.pool, async (tx) => {
    await tx.query('update case_decisions set applied_at = $2 where id = $1 and applied_at is null', [
      row.decision_id,
      new Date(deps.clock.now()),
    ]);
    await notePause(tx, deps, row.id, paused);
  });
}

/**
 * Writes down where a thread waits. What was said in an earlier round and has not been taken in never will be; a case
 * that waits for another officer, and has nothing left to take in, is open again for claiming.
 */
async function notePause(tx: PoolClient, deps: GraphDeps, caseId: string, paused: Paused): Promise<void> {
  const at = new Date(deps.clock.now());
  await tx.query({
    name: 'pass_over_decisions',
    text: 'update case_decisions set applied_at = $2 where case_id = $1 and applied_at is null and round < $3',
    values: [caseId, at, paused.round],
  });
  await tx.query({
    name: 'note_pause',
    text: `update cases c set interrupt_id = $2, asked_round = $4, updated_at = $3,
        status = case when free then 'open' else status end,
        claimed_by = case when free then null else claimed_by end,
        claimed_until = case when free then null else claimed_until end
      from (
        select id, $2::text is not null and status = 'deciding'
          and not exists (select 1 from case_decisions d where d.case_id = $1 and d.applied_at is null) as free
        from cases where id = $1 and status in ('open', 'deciding', 'waiting') for update
      ) as now where c.id = now.id`,
    values: [caseId, paused.interruptId, at, paused.round],
  });
}

/** The closing of a case as the audit log tells it. */
function closingOf({ caseId, paymentId, answers }: CaseState, release: boolean): Omit<AuditEvent, 'clientId'> {
  const details = { decisions: answers.map((answer) => answer.decisionId) };
  return { actor: 'system', action: release ? 'case.released' : 'case.rejected', subject: `case:${caseId}`, paymentId, details };
}

interface AppliedTo {
  readonly clientId: string;
  readonly status: string;
  readonly round: number;
  readonly approvalsNeeded: number;
  readonly isEscalated: boolean;
  readonly agreed: number;
  readonly hasSenior: boolean;
}

/**
 * A case with how many officers have said, in the round the graph speaks of, exactly what the graph says they did, on the
 * evidence as it is and not too long ago. The graph's own answers are a way to get here and no proof.
 */
async function lockForVerdict(tx: PoolClient, state: CaseState, release: boolean, nowMs: number): Promise<AppliedTo | undefined> {
  await tx.query('select 1 from cases where id = $1 for update', [state.caseId]);
  const found = await tx.query<AppliedTo>({
    name: 'lock_case_for_verdict',
    text: `select c.client_id as "clientId", c.status, c.round, c.approvals_needed as "approvalsNeeded",
        c.escalated_at is not null as "isEscalated", said.agreed, said.senior as "hasSenior"
      from cases c cross join lateral (
        select count(distinct d.officer)::int as agreed, coalesce(bool_or(d.senior), false) as senior from case_decisions d
        where d.case_id = c.id and d.id = any($2::uuid[]) and d.round = c.round and d.verdict = $3 and d.payment_id = c.payment_id
          and d.evidence_digest = c.evidence_digest and d.action_digest = $4 and (d.expires_at is null or d.expires_at > $5)
      ) said where c.id = $1`,
    values: [
      state.caseId,
      state.answers.map((answer) => answer.decisionId),
      release ? 'release' : 'reject',
      state.answers.at(-1)?.actionDigest ?? '',
      new Date(nowMs),
    ],
  });
  return found.rows[0];
}

/** A release needs all who must agree, with a senior among them where one was asked for; a refusal one. */
function carries({ agreed, approvalsNeeded, isEscalated, hasSenior }: AppliedTo, release: boolean): boolean {
  if (isEscalated && !hasSenior) return false;
  return agreed >= (release ? approvalsNeeded : 1);
}

/** Begins another round: what was said so far counts for nothing, and the officers are asked anew. */
async function askAnew(tx: PoolClient, state: CaseState, clientId: string, nowMs: number): Promise<void> {
  await tx.query({
    name: 'ask_anew',
    text: `with passed as (update case_decisions set applied_at = $2 where case_id = $1 and applied_at is null)
      update cases set round = round + 1, status = 'open', claimed_by = null, claimed_until = null, updated_at = $2 where id = $1`,
    values: [state.caseId, new Date(nowMs)],
  });
  const subject = `case:${state.caseId}`;
  await recordAuditEvents(tx, [{ clientId, actor: 'system', action: 'case.approvals_void', subject, paymentId: state.paymentId }], nowMs);
}

/** Puts what the officers agreed on into effect; a second call finds the case closed, or in another round, and does nothing. */
export function verdictApplier(deps: GraphDeps): (state: CaseState) => Promise<'applied' | 'void'> {
  return async (state) => {
    const release = state.answers.every((answer) => answer.verdict === 'release');
    const nowMs = deps.clock.now();
    const done = await withTransaction(deps.pool, async (tx) => {
      const row = await lockForVerdict(tx, state, release, nowMs);
      if (row === undefined || !['open', 'deciding', 'waiting'].includes(row.status)) return 'applied';
      // They are being asked anew already, by this verdict before a crash among other things.
      if (row.round !== state.round) return 'void';
      if (!carries(row, release)) {
        await askAnew(tx, state, row.clientId, nowMs);
        return 'void';
      }
      await close(tx, state, row.clientId, release, nowMs);
      return 'applied';
    });
    if (done === 'void') deps.log.error({ caseId: state.caseId }, 'a verdict without the approvals it needs: asked anew');
    else if (release) deps.notify('authorize');
    return done;
  };
}

async function close(tx: PoolClient, state: CaseState, clientId: string, release: boolean, nowMs: number): Promise<void> {
  const { caseId, paymentId } = state;
  await tx.query({
    name: 'close_case',
    text: `with taken as (update case_decisions set applied_at = $3 where case_id = $1 and applied_at is null)
      update cases set status = $2, closed_at = $3, updated_at = $3, interrupt_id = null where id = $1`,
    values: [caseId, release ? 'released' : 'rejected', new Date(nowMs)],
  });
  await recordAuditEvents(tx, [{ ...closingOf(state, release), clientId }], nowMs);
  const [to, reasonCode] = release ? (['released', null] as const) : (['rejected', 'compliance_refused'] as const);
  await transitionPayments(tx, [{ paymentId, from: 'held', to, reasonCode, cause: `case:${caseId}` }], { nowMs, leaseToken: null });
}
