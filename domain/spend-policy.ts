/**
 * Spend policies: what somebody who pays for another may spend, and whether one policy is within another. Pure. What a policy does
 * not mention it does not bound; of what it lists, everything that is not listed is refused.
 */
import { z } from 'zod';
import { isCorridor } from './corridor.ts';
import { CURRENCIES, type Currency } from './currency.ts';
import { PURPOSES } from './intent.ts';

/** The longest window that spending is counted over, milliseconds: 31 days. */
export const WINDOW_MS_MAX = 31 * 86_400_000;
const MINUTES_PER_DAY = 1_440;
const LISTED_MAX = 200;
const RULES_MAX = 8;

/** Minor units as a decimal string, by currency of the sender. A currency that is missing may not be spent. */
const amountsSchema = z
  .partialRecord(z.enum(CURRENCIES as [Currency, ...Currency[]]), z.string().regex(/^(0|[1-9]\d{0,17})$/))
  .refine((amounts) => Object.keys(amounts).length > 0, 'at least one currency');
const windowMsSchema = z.int().min(60_000).max(WINDOW_MS_MAX);

export const spendPolicySchema = z.strictObject({
  /** What one payment may be at most. */
  perPayment: amountsSchema.optional(),
  /** What all payments within a rolling window may be together. */
  budgets: z
    .array(z.strictObject({ windowMs: windowMsSchema, amounts: amountsSchema }))
    .min(1)
    .max(RULES_MAX)
    .optional(),
  /** How many payments a rolling window may hold. */
  velocity: z
    .array(z.strictObject({ windowMs: windowMsSchema, payments: z.int().min(1).max(1_000_000) }))
    .min(1)
    .max(RULES_MAX)
    .optional(),
  /** How many payments there may be at all; 1 is a mandate for one payment. */
  usesMax: z.int().min(1).max(1_000_000_000).optional(),
  /** From and to, as `KE-UG`. */
  corridors: z.array(z.string().refine(isCorridor, 'There is no such corridor.')).min(1).max(LISTED_MAX).optional(),
  purposes: z.array(z.enum(PURPOSES)).min(1).max(PURPOSES.length).optional(),
  /** Blind indexes of the numbers that may be paid, hex. */
  payees: z
    .array(z.string().regex(/^[0-9a-f]{32}$/))
    .min(1)
    .max(LISTED_MAX)
    .optional(),
  /** When payments may be made, UTC: days of the week (0 is Sunday) and minutes of the day, the last excluded. */
  hours: z
    .array(
      z
        .strictObject({
          days: z.array(z.int().min(0).max(6)).min(1).max(7),
          fromMinute: z
            .int()
            .min(0)
            .max(MINUTES_PER_DAY - 1),
          untilMinute: z.int().min(1).max(MINUTES_PER_DAY),
        })
        .refine(({ fromMinute, untilMinute }) => fromMinute < untilMinute),
    )
    .min(1)
    .max(RULES_MAX)
    .optional(),
  /** For so long after a payee was first paid, all payments to them may be this much together. */
  coolingOff: z.strictObject({ ms: windowMsSchema, amounts: amountsSchema }).optional(),
});

export type SpendPolicy = z.infer<typeof spendPolicySchema>;
type Amounts = z.infer<typeof amountsSchema>;

/** One payment that somebody wants to make. */
export interface Spend {
  /** Minor units of `currency`, the fee included. */
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly corridor: string;
  readonly purpose: string;
  /** Blind indexes of the payee's number, hex: the one in use first. */
  readonly payees: readonly string[];
  readonly atMs: number;
}

/** What was spent before under the same policy, as far as the policy asks. */
export interface Spent {
  /** By window, in the currency of the spend. */
  readonly windows: ReadonlyMap<number, { readonly amountMinor: bigint; readonly payments: number }>;
  readonly uses: number;
  /** When the payee was first paid, and what they got since in the currency of the spend; null for somebody new. */
  readonly payee: { readonly firstAtMs: number; readonly amountMinor: bigint } | null;
}

export type SpendRefusal = 'per_payment' | 'budget' | 'velocity' | 'uses' | 'corridor' | 'purpose' | 'payee' | 'hours' | 'cooling_off';

/** The windows that a policy counts over, each once, milliseconds. */
export function windowsOf(policy: SpendPolicy): number[] {
  return [...new Set([...(policy.budgets ?? []), ...(policy.velocity ?? [])].map(({ windowMs }) => windowMs))];
}

/** The first rule of a policy that a spend would break; null when it breaks none. */
export function spendRefusal(policy: SpendPolicy, spend: Spend, spent: Spent): SpendRefusal | null {
  const { amountMinor, currency } = spend;
  const inWindow = (windowMs: number) => spent.windows.get(windowMs) ?? { amountMinor: 0n, payments: 0 };
  if (policy.perPayment && !isWithin(policy.perPayment, currency, amountMinor)) return 'per_payment';
  if (policy.corridors && !policy.corridors.includes(spend.corridor)) return 'corridor';
  if (policy.purposes && !(policy.purposes as readonly string[]).includes(spend.purpose)) return 'purpose';
  if (policy.payees && !spend.payees.some((payee) => policy.payees?.includes(payee))) return 'payee';
  if (policy.hours && !isInHours(policy.hours, spend.atMs)) return 'hours';
  if (policy.usesMax !== undefined && spent.uses + 1 > policy.usesMax) return 'uses';
  for (const { windowMs, payments } of policy.velocity ?? []) if (inWindow(windowMs).payments + 1 > payments) return 'velocity';
  for (const { windowMs, amounts } of policy.budgets ?? []) {
    if (!isWithin(amounts, currency, inWindow(windowMs).amountMinor + amountMinor)) return 'budget';
  }
  const { coolingOff } = policy;
  if (coolingOff) {
    const isNew = spent.payee === null || spend.atMs - spent.payee.firstAtMs < coolingOff.ms;
    if (isNew && !isWithin(coolingOff.amounts, currency, (spent.payee?.amountMinor ?? 0n) + amountMinor)) return 'cooling_off';
  }
  return null;
}

function isWithin(amounts: Amounts, currency: Currency, minor: bigint): boolean {
  const most = amounts[currency];
  return most !== undefined && minor <= BigInt(most);
}

function isInHours(hours: NonNullable<SpendPolicy['hours']>, atMs: number): boolean {
  const at = new Date(atMs);
  const minute = at.getUTCHours() * 60 + at.getUTCMinutes();
  return hours.some(({ days, fromMinute, untilMinute }) => days.includes(at.getUTCDay()) && fromMinute <= minute && minute < untilMinute);
}

/**
 * The first part of a policy that is wider than another's; null when it is within it everywhere. A window that is longer with no more
 * in it is narrower.
 */
export function widerThan(child: SpendPolicy, parent: SpendPolicy): keyof SpendPolicy | null {
  if (parent.perPayment && !areWithin(child.perPayment, parent.perPayment)) return 'perPayment';
  const keepsBudget = (rule: { windowMs: number; amounts: Amounts }) =>
    child.budgets?.some((each) => each.windowMs >= rule.windowMs && areWithin(each.amounts, rule.amounts)) ?? false;
  if (!(parent.budgets ?? []).every(keepsBudget)) return 'budgets';
  const keepsVelocity = (rule: { windowMs: number; payments: number }) =>
    child.velocity?.some((each) => each.windowMs >= rule.windowMs && each.payments <= rule.payments) ?? false;
  if (!(parent.velocity ?? []).every(keepsVelocity)) return 'velocity';
  if (parent.usesMax !== undefined && (child.usesMax === undefined || child.usesMax > parent.usesMax)) return 'usesMax';
  for (const list of ['corridors', 'purposes', 'payees'] as const) {
    const allowed: readonly string[] | undefined = parent[list];
    const wanted: readonly string[] | undefined = child[list];
    if (allowed && !(wanted?.every((each) => allowed.includes(each)) ?? false)) return list;
  }
  const { hours } = parent;
  if (hours && !(child.hours?.every((each) => areHoursWithin(each, hours)) ?? false)) return 'hours';
  if (parent.coolingOff) {
    const { coolingOff } = child;
    if (!coolingOff || coolingOff.ms < parent.coolingOff.ms || !areWithin(coolingOff.amounts, parent.coolingOff.amounts))
      return 'coolingOff';
  }
  return null;
}

function areWithin(child: Amounts | undefined, parent: Amounts): boolean {
  if (child === undefined) return false;
  return Object.entries(child).every(([currency, most]) => isWithin(parent, currency as Currency, BigInt(most)));
}

type Hours = NonNullable<SpendPolicy['hours']>[number];

/** Each day of some hours lies within one of the others' hours: two that touch do not add up. */
function areHoursWithin(child: Hours, parents: readonly Hours[]): boolean {
  return child.days.every((day) =>
    parents.some((each) => each.days.includes(day) && each.fromMinute <= child.fromMinute && child.untilMinute <= each.untilMinute),
  );
}
