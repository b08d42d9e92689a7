/** What agents decided, as callers see it. */
import { z } from '@hono/zod-openapi';
import type { ActivityRow } from '../../../db/queries/activity.ts';
import { AGENT_NAMES } from '../../../domain/decision.ts';
import type { Caller } from '../deps.ts';
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
    factsDigest: z.string().openapi({ description: 'SHA-256 of the canonical JSON of the facts; empty where they are not shown.' }),
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

/** Says whether a caller may know what compliance knows: officers may. Clients may not, who could warn those concerned. */
export function seesCompliance({ scopes }: Pick<Caller, 'scopes'>): boolean {
  return scopes.includes('cases:read');
}

/** Agents of which clients hear nothing, for that they were asked tells something already. */
export const AGENTS_FOR_OFFICERS: readonly string[] = ['investigator'];

/** What clients are told of each decision of compliance, whatever it was. */
export const NEUTRAL_OUTCOME = 'reviewed';

const NEUTRAL_REASON = { code: 'compliance_review', text: 'The payment was looked at under the rules that hold for all payments.' };

/** A decision as a caller may see it: of compliance, clients learn that it was taken and nothing of what it says. Null for what they hear nothing of. */
export function decisionFor(caller: Pick<Caller, 'scopes'>, row: ActivityRow): z.infer<typeof decisionSchema> | null {
  const shown = decisionOut(row);
  if (seesCompliance(caller)) return shown;
  if (AGENTS_FOR_OFFICERS.includes(row.agent)) return null;
  if (row.agent !== 'compliance') return shown;
  const hidden = { facts: {}, factsDigest: '', confidence: 1, durationUs: 0, modelId: null, promptHash: null };
  return { ...shown, ...hidden, outcome: NEUTRAL_OUTCOME, reasons: [NEUTRAL_REASON] };
}
