/**
 * Back-tests: what other rules would have said of payments that were decided already. Pure but for the pages
 * of decisions it is handed.
 *
 * A decision carries its facts, so it is made again from them: by the rules it was made by, and by the rules on
 * trial. A fact that did not exist then reads as nothing, and such decisions are counted.
 */
import { decideByRules, type ComplianceOutcome, type ComplianceVerdict } from '../decide.ts';
import type { ComplianceFacts } from '../facts.ts';
import { COMPLIANCE_POLICY } from '../policy.ts';
import { type ReadyRuleSet, readyRuleSet, type RuleSetEntry } from './rule-set.ts';
import type { Rule } from './language.ts';

/** A payment as it was decided, or as it stands in a file. */
export interface BacktestCase {
  readonly id: string;
  readonly facts: ComplianceFacts;
  /** Known to be fraud, or known not to be; null where nobody knows. */
  readonly isFraud: boolean | null;
}

export interface BacktestExample {
  readonly id: string;
  readonly before: ComplianceOutcome;
  readonly after: ComplianceOutcome;
  /** Why it would be another outcome: the new reasons, or those that would be gone. */
  readonly reasons: readonly string[];
}

export interface Backtest {
  readonly cases: number;
  /** Decided before facts of today were gathered. */
  readonly olderFacts: number;
  readonly before: Readonly<Record<ComplianceOutcome, number>>;
  readonly after: Readonly<Record<ComplianceOutcome, number>>;
  /** Payments whose outcome would change, as `clear → flag`. */
  readonly changes: Readonly<Record<string, number>>;
  /** How many payments each rule speaks about, as `velocity_count_1h@2`, with what it would catch where labels are known. */
  readonly rules: Readonly<Record<string, { readonly found: number; readonly fraud: number }>>;
  readonly labelled: { readonly fraud: number; readonly caughtBefore: number; readonly caughtAfter: number } | null;
  readonly examples: readonly BacktestExample[];
}

const EXAMPLES_MAX = 10;
const NONE = { clear: 0, flag: 0, block: 0 } as const;

/** The set that would be in force with some rules in the place of those of the same id, all of them live. */
export function setWith(base: ReadyRuleSet, trial: readonly Rule[], without: readonly string[] = []): ReadyRuleSet {
  const ids = new Set([...trial.map((rule) => rule.id), ...without]);
  const kept = base.entries.filter(({ rule }) => !ids.has(rule.id));
  const added = trial.map((rule): RuleSetEntry => ({ rule, version: 0, mode: 'live' }));
  return readyRuleSet({ label: 'on trial', entries: [...kept, ...added] });
}

export interface BacktestRun {
  /** Takes the next case. `before` is the set it was decided by, or that is in force now. */
  take(each: BacktestCase, before: ReadyRuleSet): void;
  result(): Backtest;
}

/** Begins a back-test of a set of rules. */
export function startBacktest(trial: ReadyRuleSet): BacktestRun {
  const single = trial.entries
    .filter((entry) => entry.mode === 'live')
    .map((entry) => ({ name: `${entry.rule.id}@${entry.version || 'trial'}`, set: readyRuleSet({ label: 'one', entries: [entry] }) }));
  const before: Record<ComplianceOutcome, number> = { ...NONE };
  const after: Record<ComplianceOutcome, number> = { ...NONE };
  const changes: Record<string, number> = {};
  const rules: Record<string, { found: number; fraud: number }> = Object.fromEntries(
    single.map(({ name }) => [name, { found: 0, fraud: 0 }]),
  );
  const labels = { fraud: 0, caughtBefore: 0, caughtAfter: 0 };
  const examples: BacktestExample[] = [];
  let [cases, olderFacts, labelled] = [0, 0, 0];

  return {
    take: ({ id, facts, isFraud }, set) => {
      const [old, now] = [decideByRules(facts, COMPLIANCE_POLICY, set), decideByRules(facts, COMPLIANCE_POLICY, trial)];
      cases += 1;
      if (facts.signals === undefined) olderFacts += 1;
      before[old.outcome] += 1;
      after[now.outcome] += 1;
      for (const { name, set: one } of single) {
        const found: Parameters<ReadyRuleSet['askLive']>[1] = [];
        one.askLive(facts, found);
        const count = rules[name];
        if (found.length === 0 || count === undefined) continue;
        count.found += 1;
        if (isFraud === true) count.fraud += 1;
      }
      if (isFraud !== null) labelled += 1;
      if (isFraud === true) {
        labels.fraud += 1;
        labels.caughtBefore += Number(old.outcome !== 'clear');
        labels.caughtAfter += Number(now.outcome !== 'clear');
      }
      if (old.outcome === now.outcome) return;
      const change = `${old.outcome} → ${now.outcome}`;
      changes[change] = (changes[change] ?? 0) + 1;
      if (examples.length < EXAMPLES_MAX) examples.push({ id, before: old.outcome, after: now.outcome, reasons: differenceOf(old, now) });
    },
    result: () => ({
      cases,
      olderFacts,
      before,
      after,
      changes,
      rules,
      labelled: labelled === 0 ? null : labels,
      examples,
    }),
  };
}

/** The reasons that only the new verdict has; where it has none, those that would be gone. */
function differenceOf(old: ComplianceVerdict, now: ComplianceVerdict): string[] {
  const textsOf = (verdict: ComplianceVerdict): string[] => verdict.reasons.map(({ code, text }) => `${code}: ${text}`);
  const [earlier, later] = [textsOf(old), textsOf(now)];
  const added = later.filter((text) => !earlier.includes(text) && !text.startsWith('nothing_found'));
  return added.length > 0 ? added : earlier.filter((text) => !later.includes(text)).map((text) => `no longer ${text}`);
}
