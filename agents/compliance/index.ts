/**
 * The compliance agent: clears a payment, flags it for people, or blocks it.
 *
 * It screens both names against the loaded sanctions lists and looks at required data, KYC standing, tier
 * limits, velocity, structuring, fan-in and the FATF's country lists. No model is asked; the score of a learned one is a fact like
 * others, which rules may ask for.
 */
import type { PoolClient } from 'pg';
import { newId } from '../../domain/ids.ts';
import type { Agent, WorkItem } from '../agent.ts';
import { type ComplianceData, type ComplianceOutcome, type ComplianceVerdict, decideCompliance } from './decide.ts';
import type { ComplianceFacts } from './facts.ts';
import { type ComplianceDeps, gatherCompliance } from './gather.ts';
import { COMPLIANCE_POLICY, type CompliancePolicy } from './policy.ts';
import { storeRecords } from './queries.ts';
import { BUILT_IN_RISK_MODEL, type RiskModel } from './risk/model.ts';
import { BUILT_IN_LIVE_RULES, type LiveRules } from './rules/live.ts';

export { type ComplianceData, type ComplianceOutcome, type ComplianceVerdict, decideCompliance } from './decide.ts';
export { evidenceOf } from './evidence.ts';
export type { ComplianceFacts, HitFacts, PartyFacts } from './facts.ts';
export type { ComplianceDeps } from './gather.ts';
export { createStoredRules, type LiveRules } from './rules/live.ts';
export { approveRule, draftRule, retireRule, type RuleActor, seedRules, submitRule } from './rules/lifecycle.ts';
export { COMPLIANCE_POLICY, type CompliancePolicy, policyByVersion, type UsdRates } from './policy.ts';

/** Stores one compliance record per payment: outcome, list version, hits and rules. */
export async function applyCompliance(tx: PoolClient, items: readonly WorkItem[], verdicts: readonly ComplianceVerdict[]): Promise<void> {
  await storeRecords(
    tx,
    items.flatMap(({ payment }, index) => {
      const verdict = verdicts[index];
      if (verdict === undefined) return [];
      const { listVersion, hits, rules, ruleSet, shadow } = verdict.data;
      return [
        {
          id: newId(),
          client_id: payment.clientId,
          payment_id: payment.id,
          outcome: verdict.outcome,
          list_version: listVersion,
          hits,
          rules,
          rule_set: ruleSet,
          shadow: shadow.length === 0 ? null : shadow,
        },
      ];
    }),
  );
}

/**
 * Makes the agent by a policy, with the rules in force and the risk model; without them, with those that come with the program.
 * Outcomes: `clear`; `flag` with a priority for the case; `block` with the code its client is told.
 */
export function createComplianceAgent(
  policy: CompliancePolicy = COMPLIANCE_POLICY,
  { rules = BUILT_IN_LIVE_RULES, risk = BUILT_IN_RISK_MODEL }: { readonly rules?: LiveRules; readonly risk?: RiskModel } = {},
): Agent<ComplianceDeps, ComplianceFacts, ComplianceOutcome, ComplianceData> {
  return {
    name: 'compliance',
    policyVersion: policy.version,
    ownFacts: ['history', 'payment', 'risk', 'signals'],
    gather: (deps, items) => gatherCompliance(deps, { policy, rules, risk }, items),
    decide: (facts) => decideCompliance(facts, policy, rules),
    apply: applyCompliance,
  };
}
