/**
 * The seam for advice to officers: whoever gives it is asked inside a case's own thread, after the evidence
 * and before people. What it says is kept beside the evidence and is no part of it. It may make a case more
 * pressing or ask for a second officer; it can neither loosen anything nor hold a case up.
 */
import type { Facts, Reason } from '../../domain/decision.ts';
import type { GraphDeps } from '../types.ts';

/** What an adviser is told. Evidence carries no personal data; an adviser that needs more reads it by its own tools. */
export interface AdviceRequest {
  readonly caseId: string;
  readonly clientId: string;
  readonly paymentId: string;
  /** The round of asking; an adviser is asked again whenever the evidence has changed. */
  readonly round: number;
  readonly priority: number;
  readonly reasons: readonly Reason[];
  readonly evidence: Facts;
  readonly evidenceDigest: string;
}

export interface CaseAdvice {
  /** Who speaks: a model, or a policy that needs none. */
  readonly source: 'model' | 'policy';
  readonly recommendation: 'release' | 'reject' | 'request_information' | 'escalate' | 'none';
  /** For officers, without personal data. */
  readonly summary: string;
  readonly reasons: readonly Reason[];
  /** 0 to 1. */
  readonly confidence: number;
  readonly modelId: string | null;
  readonly promptHash: string | null;
  /** The record of the decision this advice is, in the agents' activity; null when there is none. */
  readonly decisionId: string | null;
  /** What it raises: the priority at least, and whether a second officer must agree. */
  readonly raise?: { readonly priority?: number; readonly secondOfficer?: true };
}

/** Gives advice on a case, within a deadline of its own. */
export type Advise = (request: AdviceRequest) => Promise<CaseAdvice | null>;

interface CaseStanding {
  readonly clientId: string;
  readonly paymentId: string;
  readonly priority: number;
  readonly reasons: readonly Reason[];
  readonly evidence: Facts;
  readonly evidenceDigest: string;
}

/** Asks for advice on a case as it stands in a round, and keeps it. An adviser that fails leaves the case as it was: people go on without. */
export async function adviseOnCase(deps: GraphDeps, advise: Advise, caseId: string, round: number): Promise<void> {
  const standing = await readStanding(deps, caseId, round);
  if (standing === null) return;
  try {
    const advice = await advise({ caseId, round, ...standing });
    if (advice !== null) await keepAdvice(deps, caseId, round, advice);
  } catch (error) {
    // The code of a database's error, not its message, which may name a person.
    const code = error instanceof Error && 'code' in error ? String(error.code) : null;
    deps.log.warn({ caseId, error: error instanceof Error ? error.name : 'unknown', code }, 'no advice for a case');
  }
}

async function readStanding(deps: GraphDeps, caseId: string, round: number): Promise<CaseStanding | null> {
  const found = await deps.pool.query<CaseStanding>({
    name: 'case_to_advise_on',
    text: `select client_id as "clientId", payment_id as "paymentId", priority, reasons, evidence, evidence_digest as "evidenceDigest"
      from cases where id = $1 and round = $2 and status in ('open', 'deciding', 'waiting')`,
    values: [caseId, round],
  });
  return found.rows[0] ?? null;
}

/** Keeps advice on a case that has not moved on meanwhile; what it raises only ever goes up. */
async function keepAdvice(deps: GraphDeps, caseId: string, round: number, advice: CaseAdvice): Promise<void> {
  const { raise = null } = advice;
  const nowMs = deps.clock.now();
  await deps.pool.query({
    name: 'keep_advice',
    text: `update cases set advice = $3, priority = greatest(priority, least($4::smallint, 100)),
        approvals_needed = greatest(approvals_needed, $5::smallint), updated_at = $6
      where id = $1 and round = $2 and status in ('open', 'deciding', 'waiting')`,
    values: [
      caseId,
      round,
      JSON.stringify({ ...advice, raise, round, at: new Date(nowMs).toISOString() }),
      raise?.priority ?? 0,
      raise?.secondOfficer === true ? 2 : 1,
      new Date(nowMs),
    ],
  });
}
