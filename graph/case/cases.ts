/**
 * Cases between the database and the case graph: held payments get a thread, officers' decisions are
 * carried to the interrupt that waits for them, and what they agree on moves the payment.
 */
import { type PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { type AuditEvent, recordAuditEvents } from '../../db/queries/audit.ts';
import { transitionPayments } from '../../db/queries/transitions.ts';
import type { Facts, Reason } from '../../domain/decision.ts';
import { newId } from '../../domain/ids.ts';
import { factsDigest } from '../decide.ts';
import type { GraphDeps } from '../types.ts';
import { answerCase, type CaseGraph, type CaseState, runCase } from './case-graph.ts';

export interface NewCase {
  readonly clientId: string;
  readonly paymentId: string;
  readonly reasons: readonly Reason[];
  readonly evidence: Facts;
  /** 0 to 100. */
  readonly priority: number;
}

const HOUR_MS = 3_600_000;

/** Inserts one open case for each entry, in the transaction that holds the payments. */
export async function openCases(tx: PoolClient, deps: GraphDeps, wanted: readonly NewCase[]): Promise<void> {
  if (wanted.length === 0) return;
  const nowMs = deps.clock.now();
  await tx.query({
    name: 'open_cases',
    text: `
      with made as (
        insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, approvals_needed, due_at, created_at, updated_at)
        select id, client_id, payment_id, priority, reasons::jsonb, evidence::jsonb, digest, approvals, due_at, $10, $10
        from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::smallint[], $5::text[], $6::text[], $7::text[], $8::smallint[], $9::timestamptz[])
          as opened(id, client_id, payment_id, priority, reasons, evidence, digest, approvals, due_at)
        returning id, client_id, payment_id, evidence_digest
      )
      insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, 'system', 'case.opened', 'case:' || id, payment_id, jsonb_build_object('evidenceDigest', evidence_digest), $10 from made`,
    values: [
      wanted.map(() => newId()),
      wanted.map((entry) => entry.clientId),
      wanted.map((entry) => entry.paymentId),
      wanted.map((entry) => entry.priority),
      wanted.map((entry) => JSON.stringify(entry.reasons)),
      wanted.map((entry) => JSON.stringify(entry.evidence)),
      wanted.map((entry) => factsDigest(entry.evidence)),
      wanted.map((entry) => (entry.priority >= deps.settings.fourEyesPriority ? 2 : 1)),
      // The more pressing the case, the sooner it is due: between 4 and 24 hours.
      wanted.map((entry) => new Date(nowMs + (24 - Math.round(entry.priority / 5)) * HOUR_MS)),
      new Date(nowMs),
    ],
  });
}

interface CaseRow {
  id: string;
  payment_id: string;
  evidence_digest: string;
  approvals_needed: number;
}

interface DecisionRow extends CaseRow {
  decision_id: string;
  officer: string;
  verdict: 'release' | 'reject';
  reason_code: string;
  decided_on: string;
}

/** Starts threads for new cases and carries decisions to theirs; resolves with how many cases moved. */
export async function workCases(deps: GraphDeps, graph: CaseGraph, limit: number): Promise<number> {
  const fresh = await deps.pool.query<CaseRow>({
    name: 'fresh_cases',
    text: `select id, payment_id, evidence_digest, approvals_needed::int from cases
           where kind = 'held' and status = 'open' and interrupt_id is null order by priority desc, created_at limit $1`,
    values: [limit],
  });
  for (const row of fresh.rows) await oneAtATime(deps, row.id, () => startCase(deps, graph, row));
  const decided = await deps.pool.query<DecisionRow>({
    name: 'decided_cases',
    text: `select c.id, c.payment_id, c.evidence_digest, c.approvals_needed::int, d.id as decision_id, d.officer, d.verdict, d.reason_code,
             d.evidence_digest as decided_on
           from case_decisions d join cases c on c.id = d.case_id
           where d.applied_at is null and c.status in ('open', 'deciding') and c.interrupt_id is not null
           order by d.created_at limit $1`,
    values: [limit],
  });
  for (const row of decided.rows) await oneAtATime(deps, row.id, () => carryDecision(deps, graph, row));
  return fresh.rows.length + decided.rows.length;
}

/** Two runs of one thread would overwrite each other's checkpoints: the database lets one in. */
async function oneAtATime(deps: GraphDeps, caseId: string, work: () => Promise<void>): Promise<void> {
  const client = await deps.pool.connect();
  try {
    const lock = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [caseId]);
    if (lock.rows[0]?.locked !== true) return;
    try {
      await work();
    } catch (error) {
      // One case that cannot go on must not keep the others waiting; it is tried again at the next sweep.
      deps.log.error({ caseId, error: error instanceof Error ? error.message : 'unknown' }, 'case did not move');
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [caseId]);
    }
  } finally {
    client.release();
  }
}

async function startCase(deps: GraphDeps, graph: CaseGraph, row: CaseRow): Promise<void> {
  const interruptId = await runCase(graph, {
    caseId: row.id,
    paymentId: row.payment_id,
    evidenceDigest: row.evidence_digest,
    approvalsNeeded: row.approvals_needed,
  });
  await noteInterrupt(deps, row.id, interruptId);
}

async function carryDecision(deps: GraphDeps, graph: CaseGraph, row: DecisionRow): Promise<void> {
  const interruptId = await answerCase(graph, row.id, {
    decisionId: row.decision_id,
    verdict: row.verdict,
    officer: row.officer,
    reasonCode: row.reason_code,
    paymentId: row.payment_id,
    evidenceDigest: row.decided_on,
  });
  await deps.pool.query('update case_decisions set applied_at = $2 where id = $1 and applied_at is null', [
    row.decision_id,
    new Date(deps.clock.now()),
  ]);
  await noteInterrupt(deps, row.id, interruptId);
}

/** A case that waits for another officer is open again for claiming. */
async function noteInterrupt(deps: GraphDeps, caseId: string, interruptId: string | null): Promise<void> {
  await deps.pool.query({
    name: 'note_interrupt',
    text: `update cases set interrupt_id = $2, updated_at = $3,
             status = case when $2::text is null then status else 'open' end,
             claimed_by = case when $2::text is null then claimed_by end
           where id = $1 and status in ('open', 'deciding')`,
    values: [caseId, interruptId, new Date(deps.clock.now())],
  });
}

/** The closing of a case as the audit log tells it. */
function closingOf({ caseId, paymentId, answers }: CaseState, release: boolean): Omit<AuditEvent, 'clientId'> {
  const details = { decisions: answers.map((answer) => answer.decisionId) };
  return { actor: 'system', action: release ? 'case.released' : 'case.rejected', subject: `case:${caseId}`, paymentId, details };
}

/** Puts what the officers agreed on into effect; a second call finds the case closed and does nothing. */
export function verdictApplier(deps: GraphDeps): (state: CaseState) => Promise<void> {
  return async (state) => {
    const release = state.answers.every((answer) => answer.verdict === 'release');
    const nowMs = deps.clock.now();
    await withTransaction(deps.pool, async (tx) => {
      const closed = await tx.query<{ clientId: string }>(
        `update cases set status = $2, closed_at = $3, updated_at = $3, interrupt_id = null
         where id = $1 and status in ('open', 'deciding') returning client_id as "clientId"`,
        [state.caseId, release ? 'released' : 'rejected', new Date(nowMs)],
      );
      const clientId = closed.rows[0]?.clientId;
      if (clientId === undefined) return;
      await recordAuditEvents(tx, [{ ...closingOf(state, release), clientId }], nowMs);
      await transitionPayments(
        tx,
        [
          {
            paymentId: state.paymentId,
            from: 'held',
            to: release ? 'released' : 'rejected',
            reasonCode: release ? null : 'compliance_refused',
            cause: `case:${state.caseId}`,
          },
        ],
        { nowMs, leaseToken: null },
      );
    });
    if (release) deps.notify('authorize');
  };
}
