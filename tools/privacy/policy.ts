/** How long what is kept: the policies of `data/retention.json`, read once, and what follows from them. Pure. */
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import policies from './data/retention.json' with { type: 'json' };

const years = z.object({ years: z.int().min(1).max(30), source: z.string().min(1) });
const days = z.object({ days: z.int().min(1).max(3_650), source: z.string().min(1) });

const schema = z.object({
  note: z.string(),
  asOf: z.iso.date(),
  records: z.record(z.string().regex(/^([A-Z]{2}|default)$/), years).refine((each) => each['default'] !== undefined, 'must have a default'),
  days: z.object({
    idempotency_keys: days,
    ussd_sessions: days,
    operator_callbacks: days,
    operator_answers: days,
    operator_balances: days,
    gateway_records: days,
    webhook_deliveries: days,
    sms_messages: days,
    checkpoints: days,
    logs: days,
  }),
});

export type RetentionPolicy = z.infer<typeof schema>;
/** Kinds that are deleted by age. */
export type RetentionKind = keyof RetentionPolicy['days'];

export const RETENTION: RetentionPolicy = schema.parse(policies);

/** For how many years a country wants records kept, and by which law. */
export function recordPolicyOf(country: string, policy: RetentionPolicy = RETENTION): { readonly years: number; readonly source: string } {
  const found = policy.records[country] ?? policy.records['default'];
  if (found === undefined) throw fault('internal', { internal: 'the policy of retention has no default' });
  return found;
}

/** Years for which a country wants records kept. */
export function recordYears(country: string, policy: RetentionPolicy = RETENTION): number {
  return recordPolicyOf(country, policy).years;
}

/** The longest and shortest a record is kept anywhere, years. */
export function recordYearsBounds(policy: RetentionPolicy = RETENTION): { readonly min: number; readonly max: number } {
  const all = Object.values(policy.records).map((each) => each.years);
  return { min: Math.min(...all), max: Math.max(...all) };
}

/** The moment so many calendar years later, milliseconds. 29 February becomes 1 March. */
export function yearsAfter(atMs: number, count: number): number {
  const at = new Date(atMs);
  return at.setUTCFullYear(at.getUTCFullYear() + count);
}

/** Until when a payment's records are kept: the longer of both countries' years from when it ended, milliseconds. */
export function keptUntilMs(
  payment: { readonly fromCountry: string; readonly toCountry: string; readonly updatedAt: Date },
  policy: RetentionPolicy = RETENTION,
): number {
  return yearsAfter(
    payment.updatedAt.getTime(),
    Math.max(recordYears(payment.fromCountry, policy), recordYears(payment.toCountry, policy)),
  );
}
