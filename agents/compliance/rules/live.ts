/**
 * The rules in force while running. Each cohort asks the database which set counts, so a change counts from the
 * next cohort on, in every process; a set is read and made ready once.
 */
import type { Queryable } from '../../../db/connect.ts';
import { readRuleSetInForce, readRuleSets } from '../../../db/queries/rules.ts';
import { fault } from '../../../domain/errors.ts';
import { parseRule } from './language.ts';
import { BUILT_IN_BOOK, BUILT_IN_RULES, type ReadyRuleSet, readyRuleSet, type RuleBook, type RuleSetEntry } from './rule-set.ts';

export interface LiveRules extends RuleBook {
  /** The set in force now. */
  current(): Promise<ReadyRuleSet>;
}

/** What comes with the program, for whoever keeps no rules of its own. */
export const BUILT_IN_LIVE_RULES: LiveRules = {
  current: () => Promise.resolve(BUILT_IN_RULES),
  find: (label) => BUILT_IN_BOOK.find(label),
};

export interface StoredRules extends LiveRules {
  /** Makes sets ready, so that decisions that name them can be made again. */
  load(labels: readonly string[]): Promise<void>;
}

/** The rules that a database keeps; those that come with the program as long as it keeps none. */
export function createStoredRules(db: Queryable): StoredRules {
  const ready = new Map<string, ReadyRuleSet>();
  const find = (label: string): ReadyRuleSet | undefined => ready.get(label) ?? BUILT_IN_BOOK.find(label);
  const load = async (labels: readonly string[]): Promise<void> => {
    const unknown = labels.filter((label) => find(label) === undefined);
    if (unknown.length === 0) return;
    for (const [label, entries] of await readRuleSets(db, unknown))
      ready.set(label, readyRuleSet({ label, entries: entriesFrom(entries) }));
  };
  return {
    find,
    load,
    current: async () => {
      const inForce = await readRuleSetInForce(db);
      if (inForce === null) return BUILT_IN_RULES;
      await load([inForce.label]);
      const set = find(inForce.label);
      if (set === undefined) throw fault('internal', { internal: `the rule set ${inForce.label} cannot be read` });
      return set;
    },
  };
}

function entriesFrom(stored: unknown): RuleSetEntry[] {
  return (stored as readonly { rule: unknown; version: number; mode: 'live' | 'shadow' }[]).map(({ rule, version, mode }) => ({
    rule: parseRule(rule),
    version,
    mode,
  }));
}
