/**
 * Reports for authorities and partners. Making, reading and filing one are acts of the audit log; names stand
 * in the file alone, which only a key with `reports:read` gets.
 */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { fileReport, findReport, findReportContent, listReports, type ReportRow } from '../../../db/queries/reports.ts';
import { fault } from '../../../domain/errors.ts';
import { makeReport, REPORT_CONTEXT, type ReportRequest } from '../../../tools/reports/index.ts';
import { textOpener } from '../../../tools/privacy/index.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { idSchema, momentOut, momentSchema } from '../resources/common.ts';

const KINDS = ['str', 'sar', 'ctr', 'travel_rule', 'audit'] as const;
const country = z.string().regex(/^[A-Z]{2}$/, 'Invalid input: expected a country as KE');
const day = z.iso.date();

const suspicionFields = {
  caseId: z.uuid().optional(),
  paymentId: z.uuid().optional(),
  country: country.openapi({
    description: 'Whose authority it is for: one of the two sides of the payment, or the country of the person.',
  }),
  note: z.string().max(2000).default('').openapi({ description: 'What the officer adds; goes into the file.' }),
  suspectedAt: z.iso
    .datetime()
    .optional()
    .openapi({ description: 'When the suspicion arose; when the case was opened, or the finding made, unless told.' }),
};

const requestSchema = z
  .discriminatedUnion('kind', [
    z.strictObject({ kind: z.literal('str'), ...suspicionFields }),
    z.strictObject({ kind: z.literal('sar'), ...suspicionFields, findingId: z.uuid().optional() }),
    z.strictObject({ kind: z.literal('ctr'), country, from: day, to: day }),
    z.strictObject({ kind: z.literal('travel_rule'), paymentId: z.uuid() }),
    z.strictObject({ kind: z.literal('audit'), paymentId: z.uuid().optional(), from: day.optional(), to: day.optional() }),
  ])
  .openapi('ReportRequest');

type Wanted = z.infer<typeof requestSchema>;

const reportSchema = z
  .object({
    id: idSchema,
    kind: z.enum(KINDS),
    country: z.string().nullable(),
    caseId: idSchema.nullable(),
    findingId: idSchema.nullable(),
    paymentId: idSchema.nullable(),
    period: z.object({ from: z.string(), to: z.string() }).nullable(),
    mediaType: z.string(),
    fileName: z.string(),
    contentDigest: z.string().openapi({ description: 'SHA-256 of the file.' }),
    details: z.record(z.string(), z.unknown()).openapi({ description: 'What can be told of it without names: figures, gaps, sources.' }),
    dueAt: momentSchema.nullable(),
    madeBy: z.string(),
    createdAt: momentSchema,
    filedBy: z.string().nullable(),
    filedAt: momentSchema.nullable(),
    filingReference: z.string().nullable(),
  })
  .openapi('Report');

const filingSchema = z
  .strictObject({
    filingReference: z.string().min(1).max(100).optional().openapi({ description: 'The number the authority gave it.' }),
    filedAt: z.iso.datetime().optional().openapi({ description: 'Now unless told.' }),
  })
  .openapi('ReportFiling');

/** Mounts the routes of reports. */
export function mountReports(api: Api): void {
  mountMaking(api);
  mountReading(api);
  mountFiling(api);
}

function mountMaking(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, Wanted>(
    api,
    {
      method: 'post',
      path: '/v1/reports',
      operationId: 'makeReport',
      tag: 'Reports',
      summary: 'Make a report',
      description:
        '`str`, `sar`: a suspicion, as a draft in goAML XML: of a case, of a payment, or (`sar`) of a person whom re-screening found. `ctr`: payments of a period that reach a threshold of a country. `travel_rule`: a message in IVMS 101 shape. `audit`: the log of one payment with proofs, or of a period.',
      scope: 'reports:write',
      idempotent: true,
      body: { schema: requestSchema },
      responses: { 201: answers('The report, without its file.', reportSchema) },
      refusals: [
        'not_found',
        'report_country_unknown',
        'report_form_unavailable',
        'report_period_invalid',
        'report_too_large',
        'reporting_entity_missing',
        'rate_unavailable',
        'report_invalid',
      ],
    },
    async ({ c, caller, body }) => {
      const entities =
        deps.reportingEntities ??
        (() => {
          throw fault('reporting_entity_missing');
        });
      const { clientId, principal } = caller;
      const { keyring, clock } = deps;
      const reporting = { pool: deps.tenants.writing(clientId), auditLog: deps.pool, keyring, clock, entities };
      const row = await makeReport(reporting, { clientId, principal }, requestOf(body));
      c.set('logged', { reportId: row.id, kind: row.kind, principal });
      return { status: 201, body: reportOut(row) };
    },
  );
}

function requestOf(body: Wanted): ReportRequest {
  if (body.kind === 'str' || body.kind === 'sar') {
    const { caseId, paymentId, country: at, note, suspectedAt } = body;
    const findingId = body.kind === 'sar' ? body.findingId : undefined;
    const asked = { country: at, note, suspectedAtMs: suspectedAt === undefined ? null : Date.parse(suspectedAt) };
    const given = [caseId, paymentId, findingId].filter((each) => each !== undefined).length;
    if (given === 1 && caseId !== undefined) return { kind: body.kind, about: { caseId }, ...asked };
    if (given === 1 && paymentId !== undefined) return { kind: body.kind, about: { paymentId }, ...asked };
    if (given === 1 && findingId !== undefined) return { kind: 'sar', about: { findingId }, ...asked };
    throw fault('validation_failed', { field: 'caseId', detail: 'A suspicion is of one case, one payment, or one finding.' });
  }
  if (body.kind !== 'audit') return body;
  const { paymentId, from, to } = body;
  if (paymentId !== undefined && from === undefined && to === undefined) return { kind: 'audit', paymentId };
  if (paymentId === undefined && from !== undefined && to !== undefined) return { kind: 'audit', from, to };
  throw fault('validation_failed', { detail: 'An audit export is of one payment, or from a day to another.' });
}

function mountReading(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/reports',
      operationId: 'listReports',
      tag: 'Reports',
      summary: 'List reports, the newest first',
      scope: 'reports:read',
      query: z.strictObject({
        ...pageQuery,
        kind: z.enum(KINDS).optional(),
        filed: z.enum(['true', 'false']).optional(),
        caseId: z.uuid().optional(),
      }),
      responses: { 200: answers('A page of reports.', pageOf(reportSchema)) },
    },
    async ({ caller, query: { limit, cursor, kind, filed, caseId } }) => {
      const list = `reports ${JSON.stringify([kind, filed, caseId])}`;
      const afterId = cursor === undefined ? null : (decodeCursor(list, cursor, [CURSOR_UUID])[0] ?? null);
      const filter = { kind, caseId, filed: filed === undefined ? undefined : filed === 'true' };
      const rows = await listReports(deps.tenants.of(caller.clientId), caller.clientId, filter, { afterId, limit });
      const items = rows.map(reportOut);
      return { status: 200, body: { items, nextCursor: nextCursor(rows, limit, (last) => encodeCursor(list, [last.id])) } };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/reports/{id}',
      operationId: 'getReport',
      tag: 'Reports',
      summary: 'Read what may be told of a report',
      scope: 'reports:read',
      params: idParams,
      responses: { 200: answers('The report, without its file.', reportSchema) },
    },
    async ({ c, caller }) => ({ status: 200, body: reportOut(await load(api, caller.clientId, idParam(c))) }),
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/reports/{id}/file',
      operationId: 'getReportFile',
      tag: 'Reports',
      summary: 'Read the file of a report, with names and numbers',
      scope: 'reports:read',
      params: idParams,
      responses: { 200: { description: 'The file.' } },
    },
    async ({ c, caller }) => {
      const row = await load(api, caller.clientId, idParam(c));
      const content = await findReportContent(deps.tenants.of(caller.clientId), caller.clientId, row.id);
      if (content === null) throw fault('not_found');
      const open = await textOpener(deps.tenants.writing(caller.clientId), deps.keyring, row.id);
      const file = open(content, REPORT_CONTEXT);
      // The law no longer keeps it: its key was destroyed.
      if (file === null) throw fault('not_found', { detail: 'The file of the report is no longer kept.' });
      // Who had whose names in hand is part of the audit.
      const act = { clientId: caller.clientId, actor: caller.principal, action: 'report.read', subject: `report:${row.id}` };
      await recordAuditEvents(deps.tenants.writing(caller.clientId), [{ ...act, paymentId: row.paymentId }], deps.clock.now());
      c.set('logged', { reportId: row.id, principal: caller.principal });
      return new Response(file, {
        headers: {
          'content-type': `${row.mediaType}; charset=utf-8`,
          'content-disposition': `attachment; filename="${row.fileName}"`,
          'cache-control': 'no-store',
        },
      });
    },
  );
}

function mountFiling(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, z.infer<typeof filingSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/reports/{id}/filing',
      operationId: 'fileReport',
      tag: 'Reports',
      summary: 'Write down that a report was filed',
      scope: 'reports:write',
      idempotent: true,
      params: idParams,
      body: { schema: filingSchema },
      responses: { 200: answers('The report.', reportSchema) },
      refusals: ['report_filed'],
    },
    async ({ c, caller, body }) => {
      const { clientId, principal } = caller;
      const { id: reportId } = await load(api, clientId, idParam(c));
      const nowMs = deps.clock.now();
      const filedAtMs = body.filedAt === undefined ? nowMs : Date.parse(body.filedAt);
      const filing = { clientId, reportId, principal, reference: body.filingReference ?? null, filedAtMs };
      const row = await withTransaction(deps.tenants.writing(clientId), async (tx) => {
        const filed = await fileReport(tx, filing);
        if (filed === null) throw fault('report_filed');
        const details = { filingReference: filed.filingReference, contentDigest: filed.contentDigest };
        const act = { clientId, actor: principal, action: 'report.filed', subject: `report:${reportId}`, paymentId: filed.paymentId };
        await recordAuditEvents(tx, [{ ...act, details }], nowMs);
        return filed;
      });
      c.set('logged', { reportId, principal });
      return { status: 200, body: reportOut(row) };
    },
  );
}

async function load({ deps }: Api, clientId: string, reportId: string): Promise<ReportRow> {
  const row = await findReport(deps.tenants.of(clientId), clientId, reportId);
  if (row === null) throw fault('not_found');
  return row;
}

function reportOut(row: ReportRow): z.infer<typeof reportSchema> {
  const { periodFrom, periodTo, dueAt, createdAt, filedAt, details, ...same } = row;
  return {
    ...same,
    period: periodFrom === null || periodTo === null ? null : { from: periodFrom, to: periodTo },
    details: { ...details },
    dueAt: momentOut(dueAt),
    createdAt: momentOut(createdAt),
    filedAt: momentOut(filedAt),
  };
}
