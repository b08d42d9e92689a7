/** What agents decided and what officers work on, as callers see it. */
import { z } from '@hono/zod-openapi';
import type { ActivityRow } from '../../../db/queries/activity.ts';
import type { CaseDecisionRow, CaseRow } from '../../../db/queries/cases.ts';
import { AGENT_NAMES } from '../../../domain/decision.ts';
import { idSchema, momentOut, momentSchema } from './common.ts';

const reasonSchema = z.object({ code: z.string(), text: z.string() }).openapi('Reason');
const factsSchema = z.record(z.string(), z.unknown()).openapi({ description: 'What was known at that moment, without personal data.' });

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

export const CASE_STATUSES = ['open', 'deciding', 'released', 'rejected', 'withdrawn', 'resolved'] as const;
export const CASE_KINDS = ['held', 'in_doubt', 'late_success'] as const;

export const caseSchema = z
  .object({
    id: idSchema,
    paymentId: idSchema,
    kind: z.enum(CASE_KINDS).openapi({
      description:
        '`held`: the payment waits for a release. `in_doubt`: an operator has not told an outcome within its limit; ends by itself with the attempt. ' +
        '`late_success`: an operator moved money for an attempt recorded as failed; the evidence proposes the correcting entries.',
    }),
    attemptId: idSchema.nullable(),
    status: z.enum(CASE_STATUSES),
    priority: z.int().openapi({ description: '0 to 100, the higher the sooner.' }),
    reasons: z.array(reasonSchema),
    approvalsNeeded: z.int().openapi({ description: 'How many different officers must agree to a release.' }),
    claimedBy: z.string().nullable(),
    claimedUntil: momentSchema.nullable(),
    createdAt: momentSchema,
    updatedAt: momentSchema,
    dueAt: momentSchema,
    closedAt: momentSchema.nullable(),
  })
  .openapi('Case');

/** A case as it stands in the queue; a claim that has run out is shown as none. */
export function caseOut(row: CaseRow, nowMs: number): z.infer<typeof caseSchema> {
  const claimed = row.claimedUntil !== null && row.claimedUntil.getTime() > nowMs;
  return {
    id: row.id,
    paymentId: row.paymentId,
    kind: row.kind,
    attemptId: row.attemptId,
    status: row.status,
    priority: row.priority,
    reasons: [...row.reasons],
    approvalsNeeded: row.approvalsNeeded,
    claimedBy: claimed ? row.claimedBy : null,
    claimedUntil: claimed ? momentOut(row.claimedUntil) : null,
    createdAt: momentOut(row.createdAt),
    updatedAt: momentOut(row.updatedAt),
    dueAt: momentOut(row.dueAt),
    closedAt: momentOut(row.closedAt),
  };
}

export const caseDecisionSchema = z
  .object({
    id: idSchema,
    at: momentSchema,
    officer: z.string(),
    verdict: z.enum(['release', 'reject', 'resolve']),
    reasonCode: z.string(),
    note: z.string().nullable(),
    evidenceDigest: z.string(),
    appliedAt: momentSchema.nullable(),
  })
  .openapi('CaseDecision');

/** What an officer said; `openNote` turns the stored note into text. */
export function caseDecisionOut(row: CaseDecisionRow, openNote: (note: Buffer) => string): z.infer<typeof caseDecisionSchema> {
  return {
    id: row.id,
    at: momentOut(row.createdAt),
    officer: row.officer,
    verdict: row.verdict,
    reasonCode: row.reasonCode,
    note: row.note === null ? null : openNote(row.note),
    evidenceDigest: row.evidenceDigest,
    appliedAt: momentOut(row.appliedAt),
  };
}

export const caseFileSchema = caseSchema
  .extend({
    evidence: factsSchema,
    evidenceDigest: z.string().openapi({ description: 'A decision must carry it.' }),
    parties: z
      .object({ sender: z.object({ name: z.string(), phone: z.string() }), receiver: z.object({ name: z.string(), phone: z.string() }) })
      .openapi({ description: 'Names in clear, numbers masked.' }),
    decisions: z.array(caseDecisionSchema),
  })
  .openapi('CaseFile');
