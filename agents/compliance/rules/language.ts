/**
 * The rule language: a rule is data, and a closed form of it. A condition compares named fields with
 * values or with other fields, and conditions are joined by all, any and not. There is nothing to call,
 * nothing to loop, and no text that is run.
 *
 * `parseRule` reads a rule from outside and names what is wrong with it. Pure.
 */
import { z } from 'zod';
import { fault } from '../../../domain/errors.ts';
import { areComparable, FIELD_NAMES, FIELDS, type FieldName, isFieldName } from './fields.ts';

export const TYPOLOGIES = [
  'structuring',
  'velocity',
  'round_amounts',
  'pass_through',
  'many_to_one',
  'one_to_many',
  'dormant_account',
  'new_receiver',
  'corridor_risk',
  'travel_rule',
  'tier_limit',
  'risk_score',
  'political_exposure',
] as const;
export type Typology = (typeof TYPOLOGIES)[number];

export const OPERATORS = ['>=', '>', '<=', '<', '=', '!=', 'in'] as const;
export type Operator = (typeof OPERATORS)[number];

/** Conditions may stand in each other so deep, and a rule may have so many of them. */
export const DEPTH_MAX = 6;
export const CONDITIONS_MAX = 50;

const fieldSchema = z.enum(FIELD_NAMES as [FieldName, ...FieldName[]]);
const valueSchema = z.union([
  z.number(),
  z.string().max(40),
  z.boolean(),
  z.array(z.string().max(40)).min(1).max(300),
  z.strictObject({ field: fieldSchema, bps: z.int().min(1).max(1_000_000).optional() }),
]);
const comparisonSchema = z.strictObject({ field: fieldSchema, is: z.enum(OPERATORS), value: valueSchema });

export type Comparison = z.infer<typeof comparisonSchema>;
export type Condition =
  | Comparison
  | { readonly all: readonly Condition[] }
  | { readonly any: readonly Condition[] }
  | { readonly not: Condition };

const conditionSchema: z.ZodType<Condition> = z.lazy(() =>
  z.union([
    comparisonSchema,
    z.strictObject({ all: z.array(conditionSchema).min(1).max(CONDITIONS_MAX) }),
    z.strictObject({ any: z.array(conditionSchema).min(1).max(CONDITIONS_MAX) }),
    z.strictObject({ not: conditionSchema }),
  ]),
);

const slug = z.string().regex(/^[a-z][a-z0-9_]{2,47}$/, 'expected a name such as velocity_count_1h');

export const ruleSchema = z.strictObject({
  id: slug,
  typology: z.enum(TYPOLOGIES),
  title: z.string().min(3).max(120),
  /** `flag`: people decide · `block`: refused · `note`: only written down. */
  effect: z.enum(['flag', 'block', 'note']),
  /** The code that the client of a blocked payment is told. */
  refusal: z.enum(['limit_exceeded', 'compliance_refused']).optional(),
  /** How urgent the case of a flag is, 0 to 100. */
  priority: z.int().min(0).max(100).default(0),
  /** A flag whose case begins with a senior officer being asked for. */
  escalates: z.literal(true).optional(),
  /** Under which name a ground is reported, where several rules report the same one; otherwise the id. */
  code: slug.optional(),
  /** `threshold`: the condition is asked for each reporting threshold that counts for the payment. */
  per: z.enum(['threshold']).optional(),
  when: conditionSchema,
  /** One sentence for people; `{sender.count1h}` stands for the value of a field. */
  text: z.string().min(3).max(300),
});

/** A rule, without its version. */
export type Rule = z.infer<typeof ruleSchema>;

/** Reads a rule. Throws `rule_invalid` naming the field and what is wrong with it. */
export function parseRule(value: unknown): Rule {
  const parsed = ruleSchema.safeParse(value);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const field = issue?.path.join('.') ?? '';
    // What was written where no field is may be anything; it is not said again.
    const what = issue?.code === 'unrecognized_keys' ? 'there is a field that rules do not have' : issue?.message;
    throw fault('rule_invalid', { field, detail: `The rule is not of its form${field === '' ? '' : ` at ${field}`}: ${what}.` });
  }
  const problem = problemOf(parsed.data);
  if (problem !== null) throw fault('rule_invalid', { field: problem.field, detail: problem.text });
  return parsed.data;
}

interface Problem {
  readonly field: string;
  readonly text: string;
}

function problemOf(rule: Rule): Problem | null {
  if ((rule.effect === 'block') !== (rule.refusal !== undefined))
    return { field: 'refusal', text: 'A rule that blocks says what the client is told, in `refusal`; no other rule does.' };
  if (rule.escalates === true && rule.effect !== 'flag')
    return { field: 'escalates', text: 'Only a rule that flags opens a case, which it may escalate.' };
  if (depthOf(rule.when) > DEPTH_MAX) return { field: 'when', text: `Conditions stand in each other deeper than ${DEPTH_MAX}.` };
  const comparisons = comparisonsOf(rule.when);
  if (comparisons.length > CONDITIONS_MAX) return { field: 'when', text: `There are more than ${CONDITIONS_MAX} comparisons.` };
  for (const comparison of comparisons) {
    const problem = comparisonProblem(comparison, rule.per === 'threshold');
    if (problem !== null) return { field: 'when', text: problem };
  }
  const unknown = placeholdersOf(rule.text).findIndex((name) => !isFieldName(name) || (isOfThreshold(name) && rule.per !== 'threshold'));
  return unknown === -1
    ? null
    : { field: 'text', text: `What the text names in its braces is no field here: number ${unknown + 1} of them.` };
}

function depthOf(condition: Condition): number {
  if ('field' in condition) return 1;
  if ('not' in condition) return 1 + depthOf(condition.not);
  return 1 + Math.max(...('all' in condition ? condition.all : condition.any).map(depthOf));
}

/** Every comparison of a condition, in order. */
export function comparisonsOf(condition: Condition): Comparison[] {
  if ('field' in condition) return [condition];
  if ('not' in condition) return comparisonsOf(condition.not);
  return ('all' in condition ? condition.all : condition.any).flatMap(comparisonsOf);
}

function isOfThreshold(name: string): boolean {
  return name.startsWith('threshold.');
}

function comparisonProblem({ field, is, value }: Comparison, perThreshold: boolean): string | null {
  const named = typeof value === 'object' && !Array.isArray(value) ? [field, value.field] : [field];
  if (!perThreshold && named.some(isOfThreshold)) return `${field} is there only in a rule with \`per: threshold\`.`;
  const { kind } = FIELDS[field];
  const isOrdered = kind !== 'word' && kind !== 'flag';
  if (!isOrdered && is !== '=' && is !== '!=' && is !== 'in') return `${field} has no order, so ${is} does not apply.`;
  if ((is === 'in') !== Array.isArray(value)) return `${field}: \`in\` takes a list of words, and nothing else does.`;
  if (is === 'in') return kind === 'word' ? null : `${field} is no word, so \`in\` does not apply.`;
  if (typeof value === 'object' && !Array.isArray(value)) {
    if (!areComparable(field, value.field)) return `${field} cannot be held against ${value.field}.`;
    return value.bps !== undefined && !isOrdered ? `${field} has no order, so \`bps\` does not apply.` : null;
  }
  return literalProblem(field, value as string | number | boolean);
}

function literalProblem(field: FieldName, value: string | number | boolean): string | null {
  const { kind } = FIELDS[field];
  if (kind === 'word') return typeof value === 'string' ? null : `${field} is compared with a word.`;
  if (kind === 'flag') return typeof value === 'boolean' ? null : `${field} is true or false.`;
  if (kind === 'usd') return isAmount(value) ? null : `${field} is compared with an amount such as "1000" or "99.50".`;
  if (kind === 'source' || kind === 'target')
    return `${field} is money of a currency that differs by payment: compare it with another field, or use payment.amountUsd.`;
  const isWhole = kind === 'score' || Number.isSafeInteger(value);
  return typeof value === 'number' && Number.isFinite(value) && isWhole
    ? null
    : `${field} is compared with a ${kind === 'score' ? '' : 'whole '}number.`;
}

function isAmount(value: unknown): boolean {
  return typeof value === 'string' && /^\d{1,12}(\.\d{1,2})?$/.test(value);
}

/** The fields that a text has values of, in order. */
export function placeholdersOf(text: string): string[] {
  return [...text.matchAll(/\{([^{}]*)\}/g)].map((match) => match[1] ?? '');
}

/** The name under which a rule's ground is reported. */
export function codeOf(rule: Pick<Rule, 'id' | 'code'>): string {
  return rule.code ?? rule.id;
}
