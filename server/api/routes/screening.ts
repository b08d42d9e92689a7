/** What re-screening found among known people, for officers: they dismiss it or confirm it, once. */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { type FindingRow, hasFinding, listFindings, resolveFinding } from '../../../db/queries/rescreening.ts';
import { fault } from '../../../domain/errors.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery, problems } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema, momentSchema } from '../resources/common.ts';

const STATUSES = ['open', 'dismissed', 'confirmed'] as const;

const findingSchema = z
  .object({
    id: idSchema,
    userId: idSchema,
    list: z.string(),
    entryId: z.string(),
    listVersion: z.string().openapi({ description: 'The version of the lists that first said so.' }),
    score: z.number(),
    how: z.string(),
    grounds: z.array(z.string()),
    status: z.enum(STATUSES),
    createdAt: momentSchema,
    resolvedBy: z.string().nullable(),
    resolvedAt: momentSchema.nullable(),
  })
  .openapi('ScreeningFinding');

const resolutionSchema = z.strictObject({ verdict: z.enum(['dismissed', 'confirmed']) }).openapi('ScreeningResolution');

function findingOut(row: FindingRow): z.input<typeof findingSchema> {
  return { ...row, grounds: [...row.grounds], createdAt: row.createdAt.toISOString(), resolvedAt: row.resolvedAt?.toISOString() ?? null };
}

/** Mounts the routes of findings. */
export function mountScreening(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/screening-findings',
      operationId: 'listScreeningFindings',
      tag: 'Cases',
      summary: 'List known people who may stand on a list since it changed',
      scope: 'cases:read',
      query: z.strictObject({ ...pageQuery, status: z.enum(STATUSES).optional() }),
      responses: {
        200: answers('A page of findings.', pageOf(findingSchema)),
        ...problems('invalid_cursor', 'unauthenticated', 'forbidden', 'validation_failed'),
      },
    },
    async ({ caller, query: { limit, cursor, status } }) => {
      const list = `findings ${status ?? ''}`;
      const afterId = cursor === undefined ? null : (decodeCursor(list, cursor, [CURSOR_UUID])[0] ?? null);
      const rows = await listFindings(deps.tenants.of(caller.clientId), caller.clientId, { status }, { afterId, limit });
      return {
        status: 200,
        body: { items: rows.map(findingOut), nextCursor: nextCursor(rows, limit, (last) => encodeCursor(list, [last.id])) },
      };
    },
  );
  mount(
    api,
    {
      method: 'post',
      path: '/v1/screening-findings/{id}/resolution',
      operationId: 'resolveScreeningFinding',
      tag: 'Cases',
      summary: 'Dismiss a finding, or confirm it',
      description: 'Once. Whoever is confirmed counts as rejected: their payments are refused from then on.',
      scope: 'cases:decide',
      stepUp: true,
      params: idParams,
      body: { schema: resolutionSchema },
      responses: {
        200: answers('The finding, decided.', findingSchema),
        ...problems('malformed_body', 'unauthenticated', 'forbidden', 'not_found', 'case_not_open', 'validation_failed'),
        ...problems('body_too_large', 'unsupported_media_type'),
      },
    },
    async ({ c, caller, body }) => {
      const [id, nowMs] = [idParam(c), deps.clock.now()];
      const { verdict } = body as z.infer<typeof resolutionSchema>;
      const row = await withTransaction(deps.pool, async (tx) => {
        const decided = await resolveFinding(tx, { clientId: caller.clientId, id, status: verdict, by: caller.principal, nowMs });
        if (decided === null) throw fault((await hasFinding(tx, caller.clientId, id)) ? 'case_not_open' : 'not_found');
        const event = { clientId: caller.clientId, actor: caller.principal, action: `screening.${verdict}`, subject: `finding:${id}` };
        await recordAuditEvents(tx, [event], nowMs);
        return decided;
      });
      c.set('logged', { findingId: id, principal: caller.principal, verdict });
      return { status: 200, body: findingOut(row) };
    },
  );
}
