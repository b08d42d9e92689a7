/** Recording what agents decided: append-only, set-wise, in the transaction of the durable boundary. */
import type { PoolClient } from 'pg';
import type { Decision } from '../../domain/decision.ts';
import { plainArray, textArray } from '../arrays.ts';

/** A decision with the tenant whose payment it is about. */
export interface RecordedDecision extends Decision {
  readonly clientId: string;
  /** The facts as JSON, where somebody has written them already. */
  readonly factsJson?: string;
}

const RECORD_SQL = `
insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons,
  confidence, duration_us, model_id, prompt_hash, created_at)
select id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts::json, outcome, reasons::json,
  confidence, duration_us, model_id, prompt_hash, $15
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::text[], string_to_array($8, E'\\x1e'), $9::text[],
  string_to_array($10, E'\\x1e'), $11::real[], $12::int[], $13::text[], $14::text[])
  as decision(id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons,
    confidence, duration_us, model_id, prompt_hash)`;

/** Inserts decisions in the order given, which is the order in which the activity stream shows them. */
export async function recordDecisions(tx: PoolClient, decisions: readonly RecordedDecision[], nowMs: number): Promise<void> {
  if (decisions.length === 0) return;
  const column = <T>(pick: (decision: RecordedDecision) => T): T[] => decisions.map(pick);
  // As elements of an array every quotation mark would be escaped here and unescaped there, at a third of the cost of the whole
  // statement. JSON has no bare control characters, so the record separator stands between texts as it is.
  const joined = (pick: (decision: RecordedDecision) => string): string => decisions.map(pick).join('\x1e');
  await tx.query({
    name: 'record_decisions',
    text: RECORD_SQL,
    values: [
      plainArray(column((decision) => decision.id)),
      plainArray(column((decision) => decision.clientId)),
      plainArray(column((decision) => decision.paymentId)),
      plainArray(column((decision) => decision.cohortId)),
      plainArray(column((decision) => decision.agent)),
      textArray(column((decision) => decision.policyVersion)),
      plainArray(column((decision) => decision.factsDigest)),
      joined((decision) => decision.factsJson ?? JSON.stringify(decision.facts)),
      textArray(column((decision) => decision.outcome)),
      joined((decision) => JSON.stringify(decision.reasons)),
      plainArray(column((decision) => decision.confidence)),
      plainArray(column((decision) => decision.durationUs)),
      textArray(column((decision) => decision.modelId)),
      textArray(column((decision) => decision.promptHash)),
      new Date(nowMs),
    ],
  });
}
