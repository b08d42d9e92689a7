/**
 * Rules made ready to be asked. A rule is turned into functions once, when its set is taken in; asking it is
 * then a few comparisons without any allocation, because every payment passes here. Pure.
 */
import type { Currency } from '../../../domain/currency.ts';
import { formatAmount, money } from '../../../domain/money.ts';
import type { ComplianceFacts, ThresholdFacts } from '../facts.ts';
import { FIELDS, type FieldName, type FieldValue, isFieldName } from './fields.ts';
import { codeOf, type Comparison, type Condition, type Operator, type Rule } from './language.ts';

type Test = (facts: ComplianceFacts, threshold: ThresholdFacts | null) => boolean;

/** What a rule found in one payment. */
export interface RuleFinding {
  readonly effect: Rule['effect'];
  /** Unique per subject: `structuring:travel_rule`. */
  readonly rule: string;
  /** The reason that is given: the refusal of a block, otherwise the rule's own code. */
  readonly code: string;
  readonly text: string;
  readonly priority: number;
  /** The case that it opens begins with a senior officer being asked for. */
  readonly escalates: boolean;
}

/** Adds what rules find in a payment to a list. */
export type Ask = (facts: ComplianceFacts, found: RuleFinding[]) => void;

/**
 * Makes rules ready to be asked together. Takes rules that `parseRule` let pass; findings come in their order,
 * and those of neighbouring rules about thresholds by threshold first.
 */
export function makeReady(rules: readonly Rule[]): Ask {
  const groups: { readonly perThreshold: boolean; readonly asked: AskOne[] }[] = [];
  for (const rule of rules) {
    const perThreshold = rule.per === 'threshold';
    const last = groups.at(-1);
    if (last?.perThreshold === perThreshold) last.asked.push(askerOf(rule));
    else groups.push({ perThreshold, asked: [askerOf(rule)] });
  }
  return (facts, found) => {
    for (const { perThreshold, asked } of groups) {
      if (perThreshold) for (const threshold of facts.thresholds) for (const ask of asked) ask(facts, threshold, found);
      else for (const ask of asked) ask(facts, null, found);
    }
  };
}

type AskOne = (facts: ComplianceFacts, threshold: ThresholdFacts | null, found: RuleFinding[]) => void;

function askerOf(rule: Rule): AskOne {
  const test = testOf(rule.when);
  const text = writerOf(rule.text);
  const code = codeOf(rule);
  return (facts, threshold, found) => {
    if (!test(facts, threshold)) return;
    found.push({
      effect: rule.effect,
      rule: threshold === null ? code : `${code}:${threshold.id}`,
      code: rule.refusal ?? code,
      text: text(facts, threshold),
      priority: rule.priority,
      escalates: rule.escalates === true,
    });
  };
}

function testOf(condition: Condition): Test {
  if ('field' in condition) return comparisonOf(condition);
  if ('not' in condition) {
    const inner = testOf(condition.not);
    return (facts, threshold) => !inner(facts, threshold);
  }
  const [parts, isAll] = 'all' in condition ? [condition.all.map(testOf), true] : [condition.any.map(testOf), false];
  return (facts, threshold) => {
    for (const part of parts) if (part(facts, threshold) !== isAll) return !isAll;
    return isAll;
  };
}

const BPS = 10_000n;

function comparisonOf({ field, is, value }: Comparison): Test {
  const { kind, read } = FIELDS[field];
  if (Array.isArray(value)) {
    const words = new Set<FieldValue>(value);
    return (facts, threshold) => words.has(read(facts, threshold));
  }
  const isMoney = kind === 'source' || kind === 'target' || kind === 'usd';
  const holds = HOLDS[is];
  if (typeof value === 'object') {
    const other = FIELDS[value.field].read;
    const bps = BigInt(value.bps ?? 10_000);
    const times = Number(bps) / 10_000;
    return (facts, threshold) => {
      const [left, right] = [read(facts, threshold), other(facts, threshold)];
      if (left === null || right === null) return false;
      if (isMoney) return holds(BigInt(left) * BPS, BigInt(right) * bps);
      return typeof right === 'number' ? holds(left, right * times) : holds(left, right);
    };
  }
  const literal = kind === 'usd' ? centsOf(String(value)) : value;
  return (facts, threshold) => {
    const left = read(facts, threshold);
    return left !== null && holds(isMoney ? BigInt(left) : left, literal);
  };
}

function centsOf(amount: string): bigint {
  const [whole = '0', part = ''] = amount.split('.');
  return BigInt(whole) * 100n + BigInt(part.padEnd(2, '0'));
}

type Comparable = bigint | number | string | boolean;

const HOLDS: Readonly<Record<Exclude<Operator, 'in'> | 'in', (left: Comparable, right: Comparable) => boolean>> = {
  '>=': (left, right) => left >= right,
  '>': (left, right) => left > right,
  '<=': (left, right) => left <= right,
  '<': (left, right) => left < right,
  '=': (left, right) => left === right,
  '!=': (left, right) => left !== right,
  in: () => false,
};

/** Makes a function that fills the values of fields into a text. */
function writerOf(template: string): (facts: ComplianceFacts, threshold: ThresholdFacts | null) => string {
  const parts = template.split(/\{([^{}]*)\}/);
  if (parts.length === 1) return () => template;
  return (facts, threshold) => parts.map((part, at) => (at % 2 === 1 && isFieldName(part) ? shown(part, facts, threshold) : part)).join('');
}

function shown(name: FieldName, facts: ComplianceFacts, threshold: ThresholdFacts | null): string {
  const { kind, read } = FIELDS[name];
  const value = read(facts, threshold);
  if (value === null) return '-';
  if (kind === 'source') return amountOf(value, facts.payment.currency);
  if (kind === 'target') return amountOf(value, facts.payment.targetCurrency);
  if (kind === 'usd') return amountOf(value, 'USD');
  if (kind === 'share') return `${Math.round(Number(value) / 100)} %`;
  return kind === 'score' ? Number(value).toFixed(2) : String(value);
}

function amountOf(minor: FieldValue, currency: string): string {
  return `${formatAmount(money(BigInt(minor ?? 0), currency as Currency))} ${currency}`;
}
