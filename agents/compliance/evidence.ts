/** What an officer decides on: the facts and the verdict of a flagged payment as one JSON object, without personal data. */
import type { Facts, Verdict } from '../../domain/decision.ts';
import type { ComplianceData, ComplianceOutcome } from './decide.ts';
import type { ComplianceFacts } from './facts.ts';

/**
 * The evidence of a case. The same facts and verdict always give the same object, so its digest can bind an
 * approval to it. Names are joined in from the encrypted columns when the case is shown.
 */
export function evidenceOf(facts: ComplianceFacts, verdict: Verdict<ComplianceOutcome, ComplianceData>): Facts {
  return {
    outcome: verdict.outcome,
    confidence: verdict.confidence,
    priority: verdict.data.priority,
    reasons: verdict.reasons.map(({ code, text }) => ({ code, text })),
    rules: verdict.data.rules,
    facts,
  };
}
