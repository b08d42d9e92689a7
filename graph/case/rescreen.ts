/**
 * Screening again while a payment is held: of its parties more was said, by the client or by an officer. Compliance decides anew by all
 * that is known, and what it finds is the evidence on which officers decide. It lets nothing go by itself, whatever it finds.
 */
import type { PoolClient } from 'pg';
import { type ComplianceData, type ComplianceFacts, type ComplianceOutcome, evidenceOf } from '../../agents/compliance/index.ts';
import { withTransaction } from '../../db/connect.ts';
import { recordDecisions } from '../../db/queries/decisions.ts';
import type { Facts } from '../../domain/decision.ts';
import { fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import type { ComplianceAgent } from '../agents.ts';
import { readTraveller, type Traveller } from '../cohort.ts';
import { type Decided, factsDigest, runAgent } from '../decide.ts';
import type { GraphDeps } from '../types.ts';
import { openingOf, riskScoreOf } from './cases.ts';

interface MarkedCase {
  readonly id: string;
  readonly paymentId: string;
  readonly round: number;
  readonly evidence: Facts;
}

type Screened = Decided<ComplianceFacts, ComplianceOutcome, ComplianceData>;

/** Screens up to `limit` held payments again, one by one; one that cannot be is left for the next sweep. Resolves with how many were. */
export async function rescreenCases(deps: GraphDeps, compliance: ComplianceAgent, limit: number): Promise<number> {
  const marked = await deps.pool.query<MarkedCase>({
    name: 'cases_to_rescreen',
    text: `select id, payment_id as "paymentId", round, evidence from cases
      where kind = 'held' and status in ('open', 'deciding', 'waiting') and rescreen_since is not null order by rescreen_since limit $1`,
    values: [limit],
  });
  let screened = 0;
  for (const each of marked.rows) {
    try {
      if (await rescreen(deps, compliance, each)) screened += 1;
    } catch (error) {
      // One payment that cannot be screened must not keep the others waiting; nobody decides its case before.
      deps.log.error({ caseId: each.id, error: error instanceof Error ? error.message : 'unknown' }, 'held payment was not screened again');
    }
  }
  return screened;
}

/** False: more was said meanwhile, or the case is over. */
async function rescreen(deps: GraphDeps, compliance: ComplianceAgent, marked: MarkedCase): Promise<boolean> {
  const traveller = await readTraveller(deps.pool, marked.paymentId);
  if (traveller === null) throw fault('internal', { internal: `case ${marked.id} has no payment` });
  const [decided] = await runAgent(asItWas(compliance, marked.evidence), [traveller], newId());
  if (decided === undefined) throw fault('internal', { internal: `payment ${marked.paymentId} was not screened` });
  return withTransaction(deps.pool, async (tx) => {
    if (!(await isStill(tx, marked))) return false;
    await compliance.apply(tx, [traveller], [decided.verdict]);
    await recordDecisions(tx, [decided.record], deps.clock.now());
    await renewEvidence(tx, deps, marked, traveller, decided);
    return true;
  });
}

/** What the payment was to bring was known when it was held, and is not stored before it is authorised. */
function asItWas(compliance: ComplianceAgent, { facts }: Facts): ComplianceAgent {
  const payment = (facts as Partial<ComplianceFacts> | undefined)?.payment;
  if (payment === undefined) return compliance;
  return { ...compliance, gather: async (items) => (await compliance.gather(items)).map((found) => ({ ...found, payment })) };
}

async function isStill(tx: PoolClient, { id, round }: MarkedCase): Promise<boolean> {
  const found = await tx.query({
    name: 'lock_case_to_rescreen',
    text: `select 1 from cases where id = $1 and round = $2 and status in ('open', 'deciding', 'waiting') and rescreen_since is not null for update`,
    values: [id, round],
  });
  return found.rows.length > 0;
}

/**
 * What was found takes the place of what was found before, in another round. A case becomes no less urgent by it, and takes no fewer
 * officers; where what was added makes a listed party likelier, a senior one is asked for.
 */
async function renewEvidence(
  tx: PoolClient,
  deps: GraphDeps,
  { id, evidence: before }: MarkedCase,
  { payment }: Traveller,
  { facts, verdict }: Screened,
): Promise<void> {
  const { evidence: found, priority } = evidenceOf(facts, verdict);
  const evidence = { ...before, ...found };
  const escalates = verdict.data.escalates === true || verdict.outcome === 'block';
  const amount = money(payment.amountMinor, payment.fromCurrency);
  const opening = openingOf(deps, { kind: 'held', escalates, priority, riskScore: riskScoreOf(facts), amount });
  const nowMs = deps.clock.now();
  await tx.query({
    name: 'renew_evidence',
    text: `with fresh as (select from cases where id = $1 and escalated_at is null and $9), renewed as (
        update cases set evidence = $2, evidence_digest = $3, reasons = $4, round = round + 1, rescreen_since = null, updated_at = $5,
          priority = greatest(priority, $6::smallint), approvals_needed = greatest(approvals_needed, $7::smallint), due_at = least(due_at, $8),
          escalated_at = coalesce(escalated_at, case when $9 then $5::timestamptz end), escalated_by = coalesce(escalated_by, case when $9 then 'system' end)
        where id = $1 returning id, client_id, payment_id, round, evidence_digest
      )
      insert into audit_events (client_id, actor, action, subject, payment_id, details, created_at)
      select client_id, 'system', 'case.rescreened', 'case:' || id, payment_id,
        jsonb_build_object('outcome', $10::text, 'round', round, 'evidenceDigest', evidence_digest), $5 from renewed
      union all select client_id, 'system', 'case.escalated', 'case:' || id, payment_id, '{}', $5 from renewed, fresh`,
    values: [
      id,
      JSON.stringify(evidence),
      factsDigest(evidence),
      JSON.stringify(verdict.reasons),
      new Date(nowMs),
      opening.priority,
      opening.approvalsNeeded,
      new Date(nowMs + opening.dueInMs),
      escalates,
      verdict.outcome,
    ],
  });
}
