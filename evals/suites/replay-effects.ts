/**
 * What came of a decision beside its outcome: a decision holds facts, outcome and grounds, and what else a verdict says goes where it has
 * its effect. Made again, the verdict must say the same to each of those places: the compliance record, the case that was opened, whose
 * evidence holds its priority and whose digest stands in the audit log, as it does that a senior officer is asked for, what an advice
 * raised in its case, and the quote, rails and float of `replay-terms.ts`.
 */
import { type ComplianceData, type ComplianceFacts, type ComplianceOutcome, evidenceOf } from '../../agents/compliance/index.ts';
import type { InvestigatorData, InvestigatorFacts } from '../../agents/investigator/index.ts';
import { canonicalJson } from '../../domain/canonical.ts';
import type { Facts, Verdict } from '../../domain/decision.ts';
import { digestOf } from '../../domain/ids.ts';
import { raiseOf } from '../../graph/case/investigator.ts';
import { termDifferences, type Terms, TERMS_SQL } from './replay-terms.ts';

/** Each is null where nothing of it was written. */
export interface Effects extends Terms {
  /** The compliance record: hits, rules, lists and rules in force, what rules in shadow found. */
  readonly record: Readonly<Record<(typeof RECORD_FIELDS)[number], unknown>> | null;
  /** The digest of the evidence with which its case was opened. */
  readonly evidenceDigest: string | null;
  /** Whether that case began with a senior officer being asked for. */
  readonly escalated: boolean;
  /** What an advice raised, while it is the one that stands in its case; advice from before that was kept does not say. */
  readonly advised: { readonly raise: unknown } | null;
}

const RECORD_FIELDS = ['listVersion', 'hits', 'rules', 'ruleSet', 'shadow'] as const;

/** An expression for them, of the row `logged` of a decision. What belongs together was written in one transaction. */
export const EFFECTS_SQL = `json_build_object(
  'record', case when agent = 'compliance' then (
    select json_build_object('listVersion', list_version, 'hits', hits, 'rules', rules, 'ruleSet', rule_set, 'shadow', shadow)
    from compliance_records r where r.payment_id = logged.payment_id and r.tx_id = logged.tx_id) end,
  'evidenceDigest', case when agent = 'compliance' and logged.outcome <> 'clear' then (
    select details ->> 'evidenceDigest' from audit_events e
    where e.payment_id = logged.payment_id and e.tx_id = logged.tx_id and e.action = 'case.opened') end,
  'escalated', exists (
    select from audit_events e where e.payment_id = logged.payment_id and e.tx_id = logged.tx_id and e.action = 'case.escalated'),
  'advised', case when agent = 'investigator' then (
    select json_build_object('raise', c.advice -> 'raise')
    from cases c where c.payment_id = logged.payment_id and c.advice ->> 'decisionId' = logged.id::text and c.advice ? 'raise') end,${TERMS_SQL})`;

interface Remade {
  readonly agent: string;
  readonly facts: Facts;
  readonly effects?: Effects;
}

/** What a verdict, made again, would have written otherwise. */
export function effectDifferences({ agent, facts, effects }: Remade, verdict: Verdict): string[] {
  if (effects === undefined) return [];
  if (agent === 'compliance')
    return complianceDifferences(facts as ComplianceFacts, effects, verdict as Verdict<ComplianceOutcome, ComplianceData>);
  if (agent !== 'investigator') return termDifferences(agent, facts, effects, verdict);
  if (effects.advised === null) return [];
  const raise = raiseOf(facts as InvestigatorFacts, verdict.data as InvestigatorData);
  return isSame(effects.advised.raise, raise) ? [] : [`it would raise ${canonicalJson(plain(raise))} now`];
}

function complianceDifferences(
  facts: ComplianceFacts,
  { record, evidenceDigest, escalated }: Effects,
  verdict: Verdict<ComplianceOutcome, ComplianceData>,
): string[] {
  const { listVersion, hits, rules, ruleSet, shadow, priority } = verdict.data;
  const now = { listVersion, hits, rules, ruleSet, shadow: shadow.length === 0 ? null : shadow };
  // Records from before there were sets of rules name none, and nothing of shadow.
  const fields =
    record === null ? [] : RECORD_FIELDS.filter((field) => record.ruleSet !== null || (field !== 'ruleSet' && field !== 'shadow'));
  const found = fields.filter((field) => !isSame(record?.[field], now[field])).map((field) => `${field} of its record differ`);
  if (evidenceDigest !== null && digestOf(canonicalJson(evidenceOf(facts, verdict).evidence)) !== evidenceDigest)
    found.push(`its case was opened on other evidence than now, which has the priority ${priority}`);
  const escalates = verdict.data.escalates === true;
  if (evidenceDigest !== null && escalated !== escalates) found.push(`its case would ${escalates ? '' : 'not '}begin escalated now`);
  return found;
}

function isSame(stored: unknown, remade: unknown): boolean {
  return canonicalJson(plain(stored)) === canonicalJson(plain(remade));
}

/** As it comes back from where it is stored. */
function plain(value: unknown): Facts[string] {
  return JSON.parse(JSON.stringify(value ?? null)) as Facts[string];
}
