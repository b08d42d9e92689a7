/** Rules of compliance as the API shows them. */
import { z } from '@hono/zod-openapi';
import { TYPOLOGIES } from '../../../agents/compliance/rules/language.ts';
import type { RuleRow, ShadowCount } from '../../../db/queries/rules.ts';

export const RULE_STATUSES = ['draft', 'shadow', 'live', 'retired'] as const;

const person = z.string().nullable();
const momentOut = z.iso.datetime().nullable();

/** A rule as the document shows it; the rule language tells the rest, and more exactly what is wrong with one. */
export const ruleDocument = z
  .looseObject({
    id: z.string().openapi({ example: 'velocity_value_24h' }),
    typology: z.enum(TYPOLOGIES),
    title: z.string(),
    effect: z.enum(['flag', 'block', 'note']),
    text: z.string(),
  })
  .openapi('Rule', { description: 'In the rule language: see the page on compliance.' });

export const ruleVersionSchema = z
  .object({
    id: z.string().openapi({ example: 'velocity_count_1h' }),
    version: z.int(),
    status: z.enum(RULE_STATUSES),
    rule: ruleDocument,
    digest: z.string().openapi({ description: 'SHA-256 of the canonical JSON of `rule`.' }),
    note: z.string(),
    madeBy: z.string(),
    submittedBy: person,
    submittedAt: momentOut,
    approvedBy: person,
    approvedAt: momentOut,
    endAskedBy: person,
    endAskedAt: momentOut,
    endedBy: person,
    endedAt: momentOut,
    createdAt: z.iso.datetime(),
    shadow: z.object({ found: z.int(), wouldChange: z.int() }).nullable().openapi({
      description: 'Of a rule in shadow: payments of 30 days that it would have spoken about, and those of them that went through clear.',
    }),
  })
  .openapi('RuleVersion');

export const ruleListSchema = z
  .object({
    ruleSet: z.string().nullable().openapi({ description: 'The label of the set in force; it stands in every decision.' }),
    items: z.array(ruleVersionSchema),
  })
  .openapi('RuleList');

const isoOf = (moment: Date | null): string | null => moment?.toISOString() ?? null;

export function ruleOut(row: RuleRow, counts: readonly ShadowCount[] = []): z.input<typeof ruleVersionSchema> {
  const count = counts.find((each) => each.rule === `${row.ruleId}@${row.version}`);
  const { ruleId, body, version, status, digest, note, madeBy, submittedBy, approvedBy, endAskedBy, endedBy } = row;
  return {
    id: ruleId,
    version,
    status,
    rule: body as z.input<typeof ruleDocument>,
    digest,
    note,
    madeBy,
    submittedBy,
    submittedAt: isoOf(row.submittedAt),
    approvedBy,
    approvedAt: isoOf(row.approvedAt),
    endAskedBy,
    endAskedAt: isoOf(row.endAskedAt),
    endedBy,
    endedAt: isoOf(row.endedAt),
    createdAt: row.createdAt.toISOString(),
    shadow: status === 'shadow' ? { found: count?.found ?? 0, wouldChange: count?.wouldChange ?? 0 } : null,
  };
}
