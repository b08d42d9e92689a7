/**
 * Rule sets: the rules that are asked of a payment at one time, under a label that stands in every decision
 * they had a part in. A set never changes; whoever knows its label can make its decisions again. Pure.
 */
import { canonicalJson } from '../../../domain/canonical.ts';
import { fault } from '../../../domain/errors.ts';
import { digestOf } from '../../../domain/ids.ts';
import builtInEntries from '../data/rule-sets.json' with { type: 'json' };
import type { ComplianceFacts } from '../facts.ts';
import { type Ask, makeReady, type RuleFinding } from './evaluate.ts';
import { parseRule, type Rule } from './language.ts';

/** `live`: what it finds counts · `shadow`: what it finds is written down and changes nothing. */
export type RuleMode = 'live' | 'shadow';

export interface RuleSetEntry {
  readonly rule: Rule;
  readonly version: number;
  readonly mode: RuleMode;
}

export interface RuleSet {
  /** `built-in-2026.11.2`, or `rules-7-` and twelve digits of its digest. */
  readonly label: string;
  readonly entries: readonly RuleSetEntry[];
}

/** A rule set that can be asked. */
export interface ReadyRuleSet extends RuleSet {
  readonly askLive: Ask;
  /** What the rules in shadow would have found, as `velocity_value@2`, with the effect it would have had. */
  readonly askShadow: (facts: ComplianceFacts) => readonly ShadowFinding[];
}

export interface ShadowFinding {
  /** Rule and version: `velocity_value@2`. */
  readonly rule: string;
  readonly effect: Rule['effect'];
}

/** Finds a set by the label in a decision; undefined: there is none that this process knows. */
export interface RuleBook {
  find(label: string): ReadyRuleSet | undefined;
}

const NOTHING: readonly ShadowFinding[] = [];

export function readyRuleSet(set: RuleSet): ReadyRuleSet {
  const live = set.entries.filter((entry) => entry.mode === 'live').map((entry) => entry.rule);
  const shadow = set.entries
    .filter((entry) => entry.mode === 'shadow')
    .map(({ rule, version }) => ({ name: `${rule.id}@${version}`, effect: rule.effect, ask: makeReady([rule]) }));
  const askShadow = (facts: ComplianceFacts): readonly ShadowFinding[] => {
    let found: ShadowFinding[] | null = null;
    const raw: RuleFinding[] = [];
    for (const { name, effect, ask } of shadow) {
      ask(facts, raw);
      if (raw.length === 0) continue;
      raw.length = 0;
      (found ??= []).push({ rule: name, effect });
    }
    return found ?? NOTHING;
  };
  return { ...set, askLive: makeReady(live), askShadow };
}

/** The label of a set that is kept under a number. */
export function labelOf(revision: number, entries: readonly RuleSetEntry[]): string {
  return `rules-${revision}-${digestOf(canonicalJson(entries as never)).slice(0, 12)}`;
}

/** A set that comes with the program: in force until a database keeps one of its own. */
export interface BuiltInRuleSet extends ReadyRuleSet {
  readonly validFrom: string;
}

/** Every built-in set, oldest first. Earlier ones stay, so that their decisions can be made again. */
export const BUILT_IN_RULE_SETS: readonly BuiltInRuleSet[] = builtInEntries.map(({ edition, validFrom, rules }) => ({
  ...readyRuleSet({
    label: `built-in-${edition}`,
    entries: rules.map(({ mode, version, ...rule }) => ({ rule: parseRule(rule), version, mode: mode === 'shadow' ? 'shadow' : 'live' })),
  }),
  validFrom,
}));

/** The newest of them. */
export const BUILT_IN_RULES: BuiltInRuleSet = newestBuiltIn();

function newestBuiltIn(): BuiltInRuleSet {
  const newest = BUILT_IN_RULE_SETS.at(-1);
  if (newest === undefined) throw new RangeError('agents/compliance/data/rule-sets.json holds no rules');
  return newest;
}

/** Decisions that name no set were made when these rules were part of the policy. */
export const RULES_BEFORE_SETS = 'built-in-2026.11.1';

const BY_LABEL: ReadonlyMap<string, ReadyRuleSet> = new Map(BUILT_IN_RULE_SETS.map((set) => [set.label, set]));

/** The book of what comes with the program. */
export const BUILT_IN_BOOK: RuleBook = { find: (label) => BY_LABEL.get(label) };

/** The set of a label. Throws `internal` when the book has none. */
export function ruleSetOf(book: RuleBook, label: string): ReadyRuleSet {
  const set = book.find(label);
  if (set === undefined) throw fault('internal', { internal: `the rule set ${label} is not known` });
  return set;
}
