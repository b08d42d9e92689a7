/** What an officer decides on: the facts and the verdict of a flagged payment as one JSON object, without personal data. */
import type { Facts, Verdict } from '../../domain/decision.ts';
import type { ComplianceData, ComplianceOutcome } from './decide.ts';
import type { ComplianceFacts } from './facts.ts';

/**
 * The evidence of a case and its priority (0 to 100). The same facts and verdict always give the same object, so its digest can bind an
 * approval to it. Names are joined in from the encrypted columns when the case is shown.
 */
export function evidenceOf(
  facts: ComplianceFacts,
  verdict: Verdict<ComplianceOutcome, ComplianceData>,
): { readonly evidence: Facts; readonly priority: number } {
  const { priority, rules } = verdict.data;
  const reasons = verdict.reasons.map(({ code, text }) => ({ code, text }));
  return { evidence: { outcome: verdict.outcome, confidence: verdict.confidence, priority, reasons, rules, facts }, priority };
}
