/** What re-screening found among known people, for officers: one dismisses it, two confirm it, two lift what was confirmed. */
import { z } from '@hono/zod-openapi';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { FINDING_STATUSES, type FindingRow, findFinding, listFindings } from '../../../db/queries/findings.ts';
import { findKnownPerson } from '../../../db/queries/rescreening.ts';
import { fault } from '../../../domain/errors.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { decideFinding, FINDING_VERDICTS, pendingFinding } from '../finding-desk.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema, momentOut, momentSchema } from '../resources/common.ts';
import { besideListed, comparisonSchema, listedSchema, shownPerson, shownPersonSchema } from '../resources/listed.ts';

const findingSchema = z
  .object({
    id: idSchema,
    userId: idSchema,
    list: z.string(),
    entryId: z.string(),
    topic: z.string().openapi({ description: '`sanction`, `restriction`, or `pep`: an office holder, who is told of and never barred.' }),
    listVersion: z.string().openapi({ description: 'The version of the lists that first said so.' }),
    score: z.number(),
    how: z.string(),
    grounds: z.array(z.string()),
    status: z.enum(FINDING_STATUSES).openapi({ description: '`closed`: the entry is gone, has changed, or is like the person no more.' }),
    createdAt: momentSchema,
    resolvedBy: z.string().nullable(),
    resolvedAt: momentSchema.nullable(),
    pending: z
      .object({ verdict: z.enum(['confirmed', 'lifted']), officer: z.string(), expiresAt: momentSchema })
      .nullable()
      .openapi({ description: 'What one officer said and another has to join.' }),
    liftedBy: z.string().nullable(),
    liftedAt: momentSchema.nullable(),
    delistedAt: momentSchema.nullable().openapi({ description: 'When the entry of a confirmed finding was seen to be gone.' }),
  })
  .openapi('ScreeningFinding');

const resolutionSchema = z.strictObject({ verdict: z.enum(FINDING_VERDICTS) }).openapi('ScreeningResolution');

const findingFileSchema = findingSchema
  .extend({
    person: shownPersonSchema.extend({ country: z.string() }).openapi('ShownKnownPerson'),
    listed: listedSchema.openapi({ description: 'The listed party; null when it is on no list in force any more.' }),
    comparison: comparisonSchema,
  })
  .openapi('ScreeningFindingFile');

function findingOut({ deps }: Api, row: FindingRow): z.input<typeof findingSchema> {
  const { confirmAskedBy: _asked, confirmAskedAt: _at, liftAskedBy: _lift, liftAskedAt: _liftAt, ...same } = row;
  const pending = pendingFinding(row, deps.clock.now(), deps.desk?.approvalMs);
  return {
    ...same,
    grounds: [...row.grounds],
    createdAt: momentOut(row.createdAt),
    resolvedAt: momentOut(row.resolvedAt),
    pending: pending === null ? null : { ...pending, expiresAt: momentOut(pending.expiresAt) },
    liftedAt: momentOut(row.liftedAt),
    delistedAt: momentOut(row.delistedAt),
  };
}

/** Mounts the routes of findings. */
export function mountScreening(api: Api): void {
  mountFindings(api);
  mountFindingFile(api);
  mountResolution(api);
}

/** The person beside the listed party. */
function mountFindingFile(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/screening-findings/{id}',
      operationId: 'getScreeningFinding',
      tag: 'Cases',
      summary: 'Read a finding: the person beside the listed party',
      description: 'That you looked is in the audit log.',
      scope: 'cases:read',
      params: idParams,
      responses: { 200: answers('The finding.', findingFileSchema) },
    },
    async ({ c, caller }) => {
      const row = await findFinding(deps.tenants.of(caller.clientId), caller.clientId, idParam(c));
      const known = row === null ? null : await findKnownPerson(deps.tenants.writing(caller.clientId), caller.clientId, row.userId);
      if (row === null || known === null) throw fault('not_found');
      const opened = deps.keyring.people.openPerson(known);
      const person = { ...shownPerson(opened), country: known.country };
      // Who looked at whose name is part of the audit.
      const shown = { clientId: caller.clientId, actor: caller.principal, action: 'screening.name_shown', subject: `finding:${row.id}` };
      await recordAuditEvents(deps.tenants.writing(caller.clientId), [shown], deps.clock.now());
      c.set('logged', { findingId: row.id, principal: caller.principal });
      return { status: 200, body: { ...findingOut(api, row), person, ...besideListed(deps.lists, row.list, row.entryId, opened) } };
    },
  );
}

function mountFindings(api: Api): void {
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
      query: z.strictObject({ ...pageQuery, status: z.enum(FINDING_STATUSES).optional() }),
      responses: { 200: answers('A page of findings.', pageOf(findingSchema)) },
    },
    async ({ caller, query: { limit, cursor, status } }) => {
      const list = `findings ${status ?? ''}`;
      const afterId = cursor === undefined ? null : (decodeCursor(list, cursor, [CURSOR_UUID])[0] ?? null);
      const rows = await listFindings(deps.tenants.of(caller.clientId), caller.clientId, { status }, { afterId, limit });
      return {
        status: 200,
        body: {
          items: rows.map((row) => findingOut(api, row)),
          nextCursor: nextCursor(rows, limit, (last) => encodeCursor(list, [last.id])),
        },
      };
    },
  );
}

function mountResolution(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/screening-findings/{id}/resolution',
      operationId: 'resolveScreeningFinding',
      tag: 'Cases',
      summary: 'Dismiss a finding, confirm it, or lift what was confirmed',
      description:
        'One officer dismisses. Two confirm, and two lift: the first is `pending` until another says the same. Whoever is confirmed counts as rejected, and their payments are refused, until it is lifted; a `pep` is not.',
      scope: 'cases:decide',
      stepUp: true,
      params: idParams,
      body: { schema: resolutionSchema },
      responses: { 200: answers('The finding, decided.', findingSchema) },
      refusals: ['case_not_open', 'maker_is_checker'],
    },
    async ({ c, caller, body }) => {
      const id = idParam(c);
      const { verdict } = body as z.infer<typeof resolutionSchema>;
      const row = await decideFinding(deps, caller, id, verdict);
      c.set('logged', { findingId: id, principal: caller.principal, verdict });
      return { status: 200, body: findingOut(api, row) };
    },
  );
}
