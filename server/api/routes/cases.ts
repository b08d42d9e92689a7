/**
 * Cases, for compliance officers. The officer is whoever holds the key, never a name in the body; a
 * decision is bound to the evidence that was read, and nobody decides a case twice.
 */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import {
  type CasePlace,
  claimCase,
  decideCase,
  findCase,
  findCaseDecisions,
  listCases,
  lockCase,
  type CaseRow,
  releaseClaim,
  resolveCase,
} from '../../../db/queries/cases.ts';
import { findPayment } from '../../../db/queries/payment-views.ts';
import { fault } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { maskPhone } from '../../../domain/phone.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery, problems } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { CASE_KINDS, CASE_STATUSES, caseDecisionOut, caseFileSchema, caseOut, caseSchema } from '../resources/oversight.ts';
import { openParties } from '../resources/payment.ts';

/** How long a claim keeps a case from other officers. */
const CLAIM_MS = 15 * 60_000;
const NOTE_CONTEXT = 'case_decisions.note';

const decisionRequestSchema = z
  .strictObject({
    verdict: z
      .enum(['release', 'reject', 'resolve'])
      .openapi({ description: 'A `held` case is released or rejected, one of a `late_success` resolved; one `in_doubt` ends by itself.' }),
    reasonCode: z
      .string()
      .regex(/^[a-z][a-z0-9_]{1,63}$/, 'Invalid input: expected a code such as false_positive')
      .openapi({ example: 'false_positive' }),
    note: z.string().max(2000).optional().openapi({ description: 'Stored encrypted; for officers only.' }),
    evidenceDigest: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'Invalid input: expected 64 hex digits')
      .openapi({ description: 'Of the evidence that was read.' }),
  })
  .openapi('CaseDecisionRequest');

type DecisionRequest = z.infer<typeof decisionRequestSchema>;

/** Mounts the routes of cases. */
export function mountCases(api: Api): void {
  mountReading(api);
  mountClaims(api);
  mountDecisions(api);
}

function mountReading(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/cases',
      operationId: 'listCases',
      tag: 'Cases',
      summary: 'List cases, the most pressing first',
      scope: 'cases:read',
      query: z.strictObject({
        ...pageQuery,
        status: z.enum(CASE_STATUSES).optional(),
        kind: z.enum(CASE_KINDS).optional(),
        claimedBy: z.string().max(100).optional(),
      }),
      responses: {
        200: answers('A page of cases.', pageOf(caseSchema)),
        ...problems('invalid_cursor', 'unauthenticated', 'forbidden', 'validation_failed'),
      },
    },
    async ({ caller, query: { limit, cursor, ...filter } }) => {
      const list = `cases ${JSON.stringify([filter.status, filter.claimedBy, filter.kind])}`;
      const after = cursor === undefined ? null : placeOf(decodeCursor(list, cursor, [/^\d{1,3}$/, /^\d{4}-[\dT:.-]+Z$/, CURSOR_UUID]));
      const rows = await listCases(deps.pool, caller.clientId, filter, { after, limit });
      const encode = (last: CaseRow) => encodeCursor(list, [String(last.priority), last.createdAt.toISOString(), last.id]);
      return {
        status: 200,
        body: { items: rows.map((row) => caseOut(row, deps.clock.now())), nextCursor: nextCursor(rows, limit, encode) },
      };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/cases/{id}',
      operationId: 'getCase',
      tag: 'Cases',
      summary: 'Read a case with its evidence and the names of the people concerned',
      scope: 'cases:read',
      params: idParams,
      responses: { 200: answers('The case file.', caseFileSchema), ...problems('unauthenticated', 'forbidden', 'not_found') },
    },
    async ({ c, caller }) => {
      const row = await load(deps, caller, idParam(c));
      const [payment, decisions] = await Promise.all([
        findPayment(deps.pool, caller.clientId, row.paymentId),
        findCaseDecisions(deps.pool, row.id),
      ]);
      if (payment === null) throw fault('internal', { internal: `case ${row.id} has no payment of its client` });
      const { sender, receiver } = openParties(deps.keyring, payment);
      // Who looked at whose names is part of the audit.
      const shown = { clientId: caller.clientId, actor: caller.principal, action: 'case.names_shown', subject: `case:${row.id}` };
      await recordAuditEvents(deps.pool, [{ ...shown, paymentId: row.paymentId }], deps.clock.now());
      deps.log.info({ requestId: c.get('requestId'), caseId: row.id, principal: caller.principal }, 'case.names_shown');
      const body = {
        ...caseOut(row, deps.clock.now()),
        evidence: { ...row.evidence },
        evidenceDigest: row.evidenceDigest,
        parties: {
          sender: { name: sender.name, phone: maskPhone(sender.phone) },
          receiver: { name: receiver.name, phone: maskPhone(receiver.phone) },
        },
        decisions: decisions.map((each) => caseDecisionOut(each, (note) => deps.keyring.decrypt(note, NOTE_CONTEXT))),
      };
      return { status: 200, body };
    },
  );
}

function placeOf([priority, createdAt, id]: string[]): CasePlace {
  return { priority: Number(priority), createdAt: new Date(createdAt ?? ''), id: id ?? '' };
}

async function load(deps: ApiDeps, caller: Caller, caseId: string): Promise<CaseRow> {
  const row = await findCase(deps.pool, caller.clientId, caseId);
  if (row === null) throw fault('not_found');
  return row;
}

function mountClaims(api: Api): void {
  const { deps } = api;
  const refused = problems('unauthenticated', 'forbidden', 'not_found');
  mount(
    api,
    {
      method: 'post',
      path: '/v1/cases/{id}/claim',
      operationId: 'claimCase',
      tag: 'Cases',
      summary: 'Take a case for a quarter of an hour',
      description: 'Claiming again lengthens the claim.',
      scope: 'cases:decide',
      params: idParams,
      responses: {
        200: answers('The case, yours for a quarter of an hour.', caseSchema),
        ...refused,
        ...problems('case_not_open', 'case_claimed'),
      },
    },
    async ({ c, caller }) => {
      const [caseId, nowMs] = [idParam(c), deps.clock.now()];
      const claim = { clientId: caller.clientId, caseId, officer: caller.principal, nowMs, untilMs: nowMs + CLAIM_MS };
      const row = await claimCase(deps.pool, claim);
      if (row === null) throw fault((await load(deps, caller, caseId)).status === 'open' ? 'case_claimed' : 'case_not_open');
      c.set('logged', { caseId, principal: caller.principal });
      return { status: 200, body: caseOut(row, nowMs) };
    },
  );
  mount(
    api,
    {
      method: 'post',
      path: '/v1/cases/{id}/release-claim',
      operationId: 'releaseClaim',
      tag: 'Cases',
      summary: 'Put a claimed case back for others',
      scope: 'cases:decide',
      params: idParams,
      responses: { 200: answers('The case, free again.', caseSchema), ...refused, ...problems('case_not_open', 'case_not_claimed') },
    },
    async ({ c, caller }) => {
      const [caseId, nowMs] = [idParam(c), deps.clock.now()];
      const row = await releaseClaim(deps.pool, caller.clientId, caseId, caller.principal, nowMs);
      if (row === null) throw fault((await load(deps, caller, caseId)).status === 'open' ? 'case_not_claimed' : 'case_not_open');
      c.set('logged', { caseId, principal: caller.principal });
      return { status: 200, body: caseOut(row, nowMs) };
    },
  );
}

function mountDecisions(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, DecisionRequest>(
    api,
    {
      method: 'post',
      path: '/v1/cases/{id}/decisions',
      operationId: 'decideCase',
      tag: 'Cases',
      summary: 'Say whether the payment may go on',
      description: 'Some cases need two officers to agree before a payment is released. The officer is the holder of the key.',
      scope: 'cases:decide',
      idempotent: true,
      params: idParams,
      body: { schema: decisionRequestSchema },
      responses: {
        202: answers('The decision is written down; the case graph takes it from here.', caseSchema),
        ...problems(
          'malformed_body',
          'unauthenticated',
          'forbidden',
          'not_found',
          'body_too_large',
          'unsupported_media_type',
          'validation_failed',
        ),
        ...problems('maker_is_checker', 'case_not_open', 'case_claimed', 'case_not_claimed', 'evidence_stale', 'idempotency_in_progress'),
        ...problems('verdict_not_applicable'),
      },
    },
    async ({ c, caller, body }) => {
      const caseId = idParam(c);
      await decide(deps, caller, caseId, body);
      deps.notify('cases');
      c.set('logged', { caseId, principal: caller.principal, verdict: body.verdict });
      return { status: 202, body: caseOut(await load(deps, caller, caseId), deps.clock.now()) };
    },
  );
}

/** Writes an officer's decision down, if the case still waits for exactly that. */
async function decide(deps: ApiDeps, caller: Caller, caseId: string, request: DecisionRequest): Promise<void> {
  const nowMs = deps.clock.now();
  const note = request.note === undefined ? null : deps.keyring.encrypt(request.note, NOTE_CONTEXT);
  await withTransaction(deps.pool, async (tx) => {
    const row = await lockCase(tx, caller.clientId, caseId);
    if (row === null) throw fault('not_found');
    const earlier = await findCaseDecisions(tx, caseId);
    if (earlier.some((each) => each.officer === caller.principal)) throw fault('maker_is_checker');
    assertDecidable(row, caller, request, nowMs);
    const { verdict, reasonCode, evidenceDigest } = request;
    const decision = {
      id: newId(),
      caseId,
      paymentId: row.paymentId,
      officer: caller.principal,
      verdict,
      reasonCode,
      note,
      evidenceDigest,
      nowMs,
    };
    await (verdict === 'resolve' ? resolveCase(tx, decision) : decideCase(tx, decision));
  });
}

/** Throws `verdict_not_applicable`, `case_not_open`, `case_claimed`, `case_not_claimed`, `evidence_stale`. */
function assertDecidable(row: CaseRow, caller: Caller, request: DecisionRequest, nowMs: number): void {
  if (row.kind === 'in_doubt' || (row.kind === 'late_success') !== (request.verdict === 'resolve')) throw fault('verdict_not_applicable');
  if (row.status !== 'open') throw fault('case_not_open');
  const claimed = row.claimedBy !== null && row.claimedUntil !== null && row.claimedUntil.getTime() > nowMs;
  if (claimed && row.claimedBy !== caller.principal) throw fault('case_claimed');
  if (!claimed) throw fault('case_not_claimed');
  if (row.evidenceDigest !== request.evidenceDigest) throw fault('evidence_stale', { field: 'evidenceDigest' });
}
