/** What happens to cases, as officers follow it live. Who looked at whose names is for the audit log alone. */
import { z } from '@hono/zod-openapi';
import type { CaseEventRow } from '../../../db/queries/case-events.ts';
import { CASE_VERDICTS } from '../../../domain/cases.ts';
import { idSchema, momentOut, momentSchema } from './common.ts';

export const CASE_EVENTS = [
  'opened',
  'claimed',
  'claim_released',
  'claim_expired',
  'snoozed',
  'decided',
  'escalated',
  'information_requested',
  'information_received',
  'information_overdue',
  'details_added',
  'rescreened',
  'overdue',
  'approval_expired',
  'approvals_void',
  'released',
  'rejected',
  'resolved',
  'withdrawn',
] as const;

const EVENTS: ReadonlySet<string> = new Set(CASE_EVENTS);

export const caseEventSchema = z
  .object({
    caseId: idSchema,
    paymentId: idSchema.nullable(),
    type: z.enum(CASE_EVENTS).openapi({ description: '`overdue`: it was due, and nobody has decided it.' }),
    at: momentSchema,
    actor: z.string().openapi({ description: 'The holder of the key, or `system`.' }),
    verdict: z.enum(CASE_VERDICTS).nullable().openapi({ description: 'Of `decided`, `escalated`, `information_requested`, `resolved`.' }),
    reasonCode: z.string().nullable(),
    round: z.int().nullable(),
    until: momentSchema.nullable().openapi({ description: 'Until when a case is put off, or an approval counts.' }),
    dueAt: momentSchema.nullable().openapi({ description: 'Of `overdue`: when the case was due.' }),
  })
  .openapi('CaseEvent');

export type CaseEvent = z.infer<typeof caseEventSchema>;

const CASE_SUBJECT = /^case:([0-9a-f-]{36})$/;

/** Takes an act of the audit log, gives the event of a case that it is, or null. */
export function caseEventOut(row: CaseEventRow): CaseEvent | null {
  const caseId = CASE_SUBJECT.exec(row.subject)?.[1];
  const type = row.action.startsWith('case.') ? row.action.slice('case.'.length) : '';
  if (caseId === undefined || !EVENTS.has(type)) return null;
  const { verdict, reasonCode, round, until, expiresAt, dueAt } = row.details;
  const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null);
  const momentOf = (value: unknown): string | null => (typeof value === 'string' ? momentOut(new Date(value)) : null);
  return {
    caseId,
    paymentId: row.paymentId,
    type: type as CaseEvent['type'],
    at: momentOut(row.createdAt),
    actor: row.actor,
    verdict: textOf(verdict) as CaseEvent['verdict'],
    reasonCode: textOf(reasonCode),
    round: typeof round === 'number' ? round : null,
    until: momentOf(until) ?? momentOf(expiresAt),
    dueAt: momentOf(dueAt),
  };
}
