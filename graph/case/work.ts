/**
 * Who works on which case when: decisions of officers are carried at once, and threads that wait for an adviser go
 * aside, a few abreast. A model that is slow, or hangs until its deadline, holds up its own case and nobody else's.
 */
import type { ComplianceAgent } from '../agents.ts';
import type { Precedence } from '../precedence.ts';
import type { GraphDeps } from '../types.ts';
import type { CaseGraph } from './case-graph.ts';
import { carryDecision, type CaseRow, type DecisionRow, followRound } from './cases.ts';
import { rescreenCases } from './rescreen.ts';

/** Threads on their way at once in one process. Each holds a connection while its adviser thinks. */
export const THREADS_ABREAST = 3;

export interface CaseWork {
  /**
   * Screens up to `limit` payments again of whose parties more was said, carries up to as many decisions of officers to their threads,
   * and sends up to as many threads on their way that are new or behind their case. Resolves with how many, as soon as the decisions
   * are carried.
   */
  work(limit: number): Promise<number>;
  /** Resolves when no thread is on its way. */
  idle(): Promise<void>;
  /** Sends no more threads on their way, and waits for those that are. */
  stop(): Promise<void>;
}

/** Makes the case work of one process. A thread waits for its `turn`; it has it at once unless given. */
export function createCaseWork(deps: GraphDeps, graph: CaseGraph, compliance: ComplianceAgent, turn?: Precedence['turn']): CaseWork {
  const waiting: CaseRow[] = [];
  const known = new Set<string>();
  const lanes = new Set<Promise<void>>();

  async function walk(): Promise<void> {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const thread = row;
      await turn?.();
      const hasArrived = await oneAtATime(deps, thread.id, () => followRound(deps, graph, thread)).catch((error: unknown) => {
        deps.log.error({ caseId: thread.id, error: error instanceof Error ? error.message : 'unknown' }, 'thread of a case did not start');
        return false;
      });
      known.delete(thread.id);
      // An officer may have decided while the thread was on its way.
      if (hasArrived) deps.notify('cases');
    }
  }

  function send(rows: readonly CaseRow[]): number {
    const fresh = rows.filter((row) => !known.has(row.id));
    for (const row of fresh) known.add(row.id);
    waiting.push(...fresh);
    while (lanes.size < Math.min(THREADS_ABREAST, known.size)) {
      const lane = walk().finally(() => lanes.delete(lane));
      lanes.add(lane);
    }
    return fresh.length;
  }

  async function idle(): Promise<void> {
    while (lanes.size > 0) await Promise.all(lanes);
  }

  return {
    work: async (limit) => {
      const screened = await rescreenCases(deps, compliance, limit);
      const sent = send(await findBehind(deps, limit));
      return screened + sent + (await carryDecisions(deps, graph, limit));
    },
    idle,
    stop: () => {
      waiting.length = 0;
      return idle();
    },
  };
}

/** One look at all cases, one after another and with nothing left under way; resolves with how many moved. */
export async function workCases(deps: GraphDeps, graph: CaseGraph, limit: number): Promise<number> {
  const behind = await findBehind(deps, limit);
  for (const row of behind) await oneAtATime(deps, row.id, () => followRound(deps, graph, row));
  return behind.length + (await carryDecisions(deps, graph, limit));
}

async function findBehind({ pool }: GraphDeps, limit: number): Promise<CaseRow[]> {
  const behind = await pool.query<CaseRow>({
    name: 'cases_behind',
    text: `select id, payment_id, round from cases
           where kind = 'held' and status in ('open', 'deciding', 'waiting') and (interrupt_id is null or asked_round <> round)
           order by rank_at limit $1`,
    values: [limit],
  });
  return behind.rows;
}

async function carryDecisions(deps: GraphDeps, graph: CaseGraph, limit: number): Promise<number> {
  const decided = await deps.pool.query<DecisionRow>({
    name: 'decided_cases',
    text: `select c.id, c.payment_id, c.round, d.id as decision_id, d.officer, d.verdict, d.reason_code, d.action_digest,
             d.evidence_digest as decided_on
           from case_decisions d join cases c on c.id = d.case_id
           where d.applied_at is null and c.kind = 'held' and c.status in ('open', 'deciding', 'waiting') and c.interrupt_id is not null
             and d.round = c.round and c.asked_round = c.round
           order by d.created_at limit $1`,
    values: [limit],
  });
  for (const row of decided.rows) await oneAtATime(deps, row.id, () => carryDecision(deps, graph, row));
  return decided.rows.length;
}

/** Two runs of one thread would overwrite each other's checkpoints: the database lets one in. Says whether the work was done. */
async function oneAtATime(deps: GraphDeps, caseId: string, work: () => Promise<void>): Promise<boolean> {
  const client = await deps.pool.connect();
  try {
    const lock = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [caseId]);
    if (lock.rows[0]?.locked !== true) return false;
    try {
      await work();
      return true;
    } catch (error) {
      // One case that cannot go on must not keep the others waiting; it is tried again at the next sweep.
      deps.log.error({ caseId, error: error instanceof Error ? error.message : 'unknown' }, 'case did not move');
      return false;
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [caseId]);
    }
  } finally {
    client.release();
  }
}
