/**
 * Reconciliation, for the people who keep the floats: what was reconciled, what does not agree, and ending breaks. Who
 * proposes entries never approves them; an approval names exactly the entries that were read.
 */
import { z } from '@hono/zod-openapi';
import {
  BREAK_STATUSES,
  type BreakDecisionRow,
  type BreakRow,
  findBreak,
  findBreakDecisions,
  listBreaks,
} from '../../../db/queries/breaks.ts';
import { BREAK_KINDS } from '../../../domain/breaks.ts';
import { listReconciliations, type ReconciliationRow } from '../../../db/queries/reconciliation.ts';
import { parseCurrency } from '../../../domain/currency.ts';
import { fault } from '../../../domain/errors.ts';
import { approveEntries, entriesDigest, proposeEntries, rejectEntries } from '../../../graph/reconciliation/breaks.ts';
import type { ProposedEntry } from '../../../tools/reconciliation/entries.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { currencySchema, idSchema, minorSchema, momentOut, momentSchema } from '../resources/common.ts';

const daySchema = z.iso.date().openapi({ description: 'In the country of the rail.', example: '2026-11-25' });
const MOMENT = /^\d{4}-[\dT:.-]+Z$/;

const reconciliationSchema = z
  .object({
    id: idSchema,
    railId: z.string(),
    day: daySchema,
    basis: z.enum(['statement', 'balance', 'none']).openapi({ description: 'What our books were held against.' }),
    summary: z.record(z.string(), z.unknown()),
    startedBy: z.string(),
    createdAt: momentSchema,
  })
  .openapi('Reconciliation');

const entrySchema = z
  .object({
    debit: z.string().openapi({ example: 'float:mtn-ug' }),
    credit: z.string().openapi({ example: 'suspense:UGX' }),
    amountMinor: minorSchema,
    currency: currencySchema,
    reason: z.string(),
  })
  .openapi('ProposedEntry');

const breakSchema = z
  .object({
    id: idSchema,
    railId: z.string(),
    day: daySchema,
    kind: z.enum(BREAK_KINDS),
    attemptId: idSchema.nullable(),
    paymentId: idSchema.nullable(),
    ourAmountMinor: z.string().nullable(),
    theirAmountMinor: z.string().nullable(),
    currency: currencySchema,
    status: z.enum(BREAK_STATUSES),
    ageMs: z.int().openapi({ description: 'Since it was found, until its end.' }),
    overdue: z.boolean(),
    foundAt: momentSchema,
    lastSeenAt: momentSchema,
    dueAt: momentSchema,
    closedAt: momentSchema.nullable(),
  })
  .openapi('Break');

const decisionSchema = z
  .object({
    principal: z.string(),
    action: z.enum(['propose', 'approve', 'reject']),
    reasonCode: z.string(),
    entries: z.array(entrySchema),
    entriesDigest: z.string(),
    linkId: idSchema.nullable().openapi({ description: 'The link of the transfers that were posted.' }),
    at: momentSchema,
  })
  .openapi('BreakDecision');

const breakFileSchema = breakSchema
  .extend({
    evidence: z.record(z.string(), z.unknown()),
    proposedEntries: z.array(entrySchema),
    entriesDigest: z.string().openapi({ description: 'Of the entries proposed last, or found with the break; an approval names it.' }),
    decisions: z.array(decisionSchema),
  })
  .openapi('BreakFile');

const requestSchema = z
  .strictObject({
    action: z.enum(['propose', 'approve', 'reject']),
    reasonCode: z.string().regex(/^[a-z][a-z0-9_]{1,63}$/, 'Invalid input: expected a code such as operator_confirmed'),
    entries: z
      .array(
        z.strictObject({
          debit: z.string().max(80),
          credit: z.string().max(80),
          amountMinor: z.string().regex(/^[1-9]\d{0,17}$/, 'Invalid input: expected minor units'),
          currency: currencySchema,
          reason: z.string().regex(/^[a-z][a-z0-9_]{1,63}$/),
        }),
      )
      .max(20)
      .optional()
      .openapi({ description: 'With `propose`: other entries than those found; none at all dismisses the break.' }),
    entriesDigest: z
      .string()
      .regex(/^[0-9a-f]{64}$/)
      .optional()
      .openapi({ description: 'With `approve`: of the entries that were read.' }),
  })
  .openapi('BreakDecisionRequest');

type DecisionRequest = z.infer<typeof requestSchema>;

function breakOut(row: BreakRow, nowMs: number): z.infer<typeof breakSchema> {
  const {
    ourAmount,
    theirAmount,
    evidence: _evidence,
    proposedEntries: _entries,
    currency,
    foundAt,
    lastSeenAt,
    dueAt,
    closedAt,
    ...rest
  } = row;
  return {
    ...rest,
    currency: parseCurrency(currency),
    ourAmountMinor: ourAmount?.toString() ?? null,
    theirAmountMinor: theirAmount?.toString() ?? null,
    ageMs: Math.max(0, (closedAt?.getTime() ?? nowMs) - foundAt.getTime()),
    overdue: closedAt === null && dueAt.getTime() < nowMs,
    foundAt: momentOut(foundAt),
    lastSeenAt: momentOut(lastSeenAt),
    dueAt: momentOut(dueAt),
    closedAt: momentOut(closedAt),
  };
}

function decisionOut({ id: _id, createdAt, entries, ...rest }: BreakDecisionRow): z.infer<typeof decisionSchema> {
  return { ...rest, entries: entries as z.infer<typeof entrySchema>[], at: momentOut(createdAt) };
}

/** Mounts the routes of reconciliation. */
export function mountReconciliation(api: Api): void {
  mountRuns(api);
  mountBreaks(api);
  mountDecisions(api);
}

function mountRuns(api: Api): void {
  mount(
    api,
    {
      method: 'get',
      path: '/v1/reconciliations',
      operationId: 'listReconciliations',
      tag: 'Reconciliation',
      summary: 'List what was reconciled, newest first',
      scope: 'reconciliation:read',
      query: z.strictObject({ ...pageQuery, railId: z.string().max(40).optional(), day: daySchema.optional() }),
      responses: { 200: answers('A page of reconciliations.', pageOf(reconciliationSchema)) },
    },
    async ({ query: { limit, cursor, ...filter } }) => {
      const list = `reconciliations ${JSON.stringify([filter.railId, filter.day])}`;
      const [at, id] = cursor === undefined ? [] : decodeCursor(list, cursor, [MOMENT, CURSOR_UUID]);
      const before = at === undefined || id === undefined ? null : { createdAt: new Date(at), id };
      const rows = await listReconciliations(api.deps.pool, filter, { before, limit });
      const encode = (last: ReconciliationRow) => encodeCursor(list, [last.createdAt.toISOString(), last.id]);
      const items = rows.map(({ createdAt, basis, summary, ...row }) => ({
        ...row,
        basis: basis as 'statement',
        summary: { ...summary },
        createdAt: momentOut(createdAt),
      }));
      return { status: 200, body: { items, nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
}

function mountBreaks(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/breaks',
      operationId: 'listBreaks',
      tag: 'Reconciliation',
      summary: 'List what does not agree, the oldest first',
      scope: 'reconciliation:read',
      query: z.strictObject({
        ...pageQuery,
        status: z.enum(BREAK_STATUSES).optional(),
        kind: z.enum(BREAK_KINDS).optional(),
        railId: z.string().max(40).optional(),
        day: daySchema.optional(),
      }),
      responses: { 200: answers('A page of breaks.', pageOf(breakSchema)) },
    },
    async ({ query: { limit, cursor, ...filter } }) => {
      const list = `breaks ${JSON.stringify([filter.status, filter.kind, filter.railId, filter.day])}`;
      const [at, id] = cursor === undefined ? [] : decodeCursor(list, cursor, [MOMENT, CURSOR_UUID]);
      const after = at === undefined || id === undefined ? null : { foundAt: new Date(at), id };
      const rows = await listBreaks(deps.pool, filter, { after, limit });
      const encode = (last: BreakRow) => encodeCursor(list, [last.foundAt.toISOString(), last.id]);
      return {
        status: 200,
        body: { items: rows.map((row) => breakOut(row, deps.clock.now())), nextCursor: nextCursor(rows, limit, encode) },
      };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/breaks/{id}',
      operationId: 'getBreak',
      tag: 'Reconciliation',
      summary: 'Read a break with its evidence, its entries and what people said',
      scope: 'reconciliation:read',
      params: idParams,
      responses: { 200: answers('The break.', breakFileSchema) },
    },
    async ({ c }) => ({ status: 200, body: await breakFile(api, idParam(c)) }),
  );
}

async function breakFile(api: Api, id: string): Promise<z.infer<typeof breakFileSchema>> {
  const { pool, clock } = api.deps;
  const row = await findBreak(pool, id);
  if (row === null) throw fault('not_found');
  const decisions = await findBreakDecisions(pool, id);
  const entries = (decisions.findLast(({ action }) => action === 'propose')?.entries ?? row.proposedEntries) as z.infer<
    typeof entrySchema
  >[];
  return {
    ...breakOut(row, clock.now()),
    evidence: { ...row.evidence },
    proposedEntries: [...entries],
    entriesDigest: entriesDigest(entries),
    decisions: decisions.map(decisionOut),
  };
}

function mountDecisions(api: Api): void {
  mount<z.ZodType, DecisionRequest>(
    api,
    {
      method: 'post',
      path: '/v1/breaks/{id}/decisions',
      operationId: 'decideBreak',
      tag: 'Reconciliation',
      summary: 'Propose entries that end a break, or approve or reject those of another',
      description: 'Approved entries are posted at once, linked to the break. Nobody approves their own proposal.',
      scope: 'reconciliation:decide',
      stepUp: true,
      idempotent: true,
      params: idParams,
      body: { schema: requestSchema },
      responses: { 200: answers('The break as it stands now.', breakFileSchema) },
      refusals: ['maker_is_checker', 'break_not_open', 'entries_invalid', 'entries_stale', 'floor_passed'],
    },
    async ({ c, caller, body }) => {
      const act = { breakId: idParam(c), principal: caller.principal, reasonCode: body.reasonCode };
      await decide(api, act, body);
      c.set('logged', { breakId: act.breakId, principal: act.principal, action: body.action });
      return { status: 200, body: await breakFile(api, act.breakId) };
    },
  );
}

async function decide(api: Api, act: Parameters<typeof proposeEntries>[1], body: DecisionRequest): Promise<void> {
  switch (body.action) {
    case 'propose':
      await proposeEntries(api.deps, act, body.entries === undefined ? null : body.entries.map(entryIn));
      return;
    case 'approve':
      if (body.entriesDigest === undefined)
        throw fault('validation_failed', { field: 'entriesDigest', detail: 'An approval names the entries that were read.' });
      await approveEntries(api.deps, act, body.entriesDigest);
      return;
    case 'reject':
      await rejectEntries(api.deps, act);
  }
}

function entryIn({ amountMinor, ...entry }: NonNullable<DecisionRequest['entries']>[number]): ProposedEntry {
  return { ...entry, amountMinor: BigInt(amountMinor) };
}
