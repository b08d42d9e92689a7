/** Running an agent over a cohort: gather once, decide each, and keep the record of why. */
import type { Agent, WorkItem } from '../agents/agent.ts';
import type { PoolClient } from 'pg';
import type { RecordedDecision } from '../db/queries/decisions.ts';
import { canonicalJson } from '../domain/canonical.ts';
import type { AgentName, Facts, Verdict } from '../domain/decision.ts';
import { createFactsWriter, type WrittenFacts } from '../domain/facts.ts';
import { digestOf } from '../domain/ids.ts';
import { inTurns } from '../tools/turns.ts';

/** An agent with its tools in its hands. */
export interface BoundAgent<F extends Facts, Outcome extends string, Data> {
  readonly name: AgentName;
  readonly policyVersion: string;
  readonly ownFacts: readonly string[] | null;
  gather(items: readonly WorkItem[]): Promise<F[]>;
  decide(facts: F): Verdict<Outcome, Data>;
  apply(tx: PoolClient, items: readonly WorkItem[], verdicts: readonly Verdict<Outcome, Data>[]): Promise<void>;
}

/** Gives an agent its tools. */
export function bindAgent<Deps, F extends Facts, Outcome extends string, Data>(
  agent: Agent<Deps, F, Outcome, Data>,
  deps: Deps,
): BoundAgent<F, Outcome, Data> {
  return {
    name: agent.name,
    policyVersion: agent.policyVersion,
    ownFacts: agent.ownFacts ?? null,
    gather: (items) => agent.gather(deps, items),
    decide: (facts) => agent.decide(facts),
    apply: (tx, items, verdicts) => agent.apply(tx, items, verdicts),
  };
}

/** A verdict with the facts it was made from. */
export interface Decided<F, Outcome extends string, Data> {
  readonly facts: F;
  readonly verdict: Verdict<Outcome, Data>;
  readonly record: RecordedDecision;
}

/**
 * Gathers facts for all items and decides each; results are in the order of the items. The agent's time is
 * spread evenly over the cohort.
 */
export async function runAgent<F extends Facts, Outcome extends string, Data>(
  agent: BoundAgent<F, Outcome, Data>,
  items: readonly WorkItem[],
  cohortId: string,
): Promise<Decided<F, Outcome, Data>[]> {
  if (items.length === 0) return [];
  const startedAtMs = performance.now();
  const facts = await agent.gather(items);
  const verdicts = await inTurns(facts, (each) => agent.decide(each));
  const writeFacts = createFactsWriter(agent.ownFacts);
  const durationUs = Math.round(((performance.now() - startedAtMs) * 1000) / items.length);
  return inTurns(items, (item, index) => {
    const itemFacts = facts[index];
    const verdict = verdicts[index];
    if (itemFacts === undefined || verdict === undefined)
      throw new RangeError(`${agent.name} gathered fewer facts than there are payments`);
    const record = recordOf(agent, item, cohortId, { facts: itemFacts, written: writeFacts(itemFacts) }, verdict, durationUs);
    return { facts: itemFacts, verdict, record };
  });
}

/** Puts a verdict into the form in which it is kept. */
function recordOf(
  agent: { readonly name: AgentName; readonly policyVersion: string },
  item: WorkItem,
  cohortId: string,
  { facts, written }: { readonly facts: Facts; readonly written: WrittenFacts },
  verdict: Verdict,
  durationUs: number,
): RecordedDecision {
  return {
    clientId: item.payment.clientId,
    paymentId: item.payment.id,
    cohortId,
    agent: agent.name,
    policyVersion: agent.policyVersion,
    factsDigest: digestOf(written.whole),
    facts,
    factsJson: written.whole,
    parts: written,
    outcome: verdict.outcome,
    reasons: verdict.reasons,
    confidence: verdict.confidence,
    durationUs,
    modelId: null,
    promptHash: null,
  };
}

/** SHA-256 over the canonical JSON (RFC 8785) of facts, hex. */
export function factsDigest(facts: Facts): string {
  return digestOf(canonicalJson(facts));
}
