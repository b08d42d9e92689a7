/** What agents decided, as callers see it. */
import { z } from '@hono/zod-openapi';
import type { ActivityRow } from '../../../db/queries/activity.ts';
import { AGENT_NAMES } from '../../../domain/decision.ts';
import { idSchema, momentOut, momentSchema } from './common.ts';

export const reasonSchema = z.object({ code: z.string(), text: z.string() }).openapi('Reason');
export const factsSchema = z
  .record(z.string(), z.unknown())
  .openapi({ description: 'What was known at that moment, without personal data.' });

export const decisionSchema = z
  .object({
    id: idSchema,
    at: momentSchema,
    paymentId: idSchema,
    cohortId: idSchema,
    agent: z.enum(AGENT_NAMES),
    policyVersion: z.string(),
    outcome: z.string(),
    reasons: z.array(reasonSchema),
    confidence: z.number(),
    durationUs: z.int(),
    facts: factsSchema,
    factsDigest: z.string().openapi({ description: 'SHA-256 of the canonical JSON of the facts.' }),
    modelId: z.string().nullable(),
    promptHash: z.string().nullable(),
  })
  .openapi('Decision');

export function decisionOut(row: ActivityRow): z.infer<typeof decisionSchema> {
  return {
    id: row.id,
    at: momentOut(row.createdAt),
    paymentId: row.paymentId,
    cohortId: row.cohortId,
    agent: row.agent as z.infer<typeof decisionSchema>['agent'],
    policyVersion: row.policyVersion,
    outcome: row.outcome,
    reasons: [...row.reasons],
    confidence: row.confidence,
    durationUs: row.durationUs,
    facts: { ...row.facts },
    factsDigest: row.factsDigest,
    modelId: row.modelId,
    promptHash: row.promptHash,
  };
}
