/**
 * Cases, for compliance officers: the queue, the file of a case, claims and snoozes. Who looked at whose names is
 * part of the audit. What officers decide is in `case-decisions.ts`.
 */
import { z } from '@hono/zod-openapi';
import { findDecisions } from '../../../db/queries/activity.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { findCaseDecisions, findQuestions } from '../../../db/queries/case-decisions.ts';
import { findLinkedCases, findPartyPayments, sumPartyPayments } from '../../../db/queries/case-evidence.ts';
import { type CasePlace, type CaseRow, claimCase, findCase, listCases, releaseClaim } from '../../../db/queries/cases.ts';
import { findEvents, findPayment } from '../../../db/queries/payment-views.ts';
import { CASE_KINDS, CASE_STATUSES } from '../../../domain/cases.ts';
import { fault } from '../../../domain/errors.ts';
import { textOpener } from '../../../tools/privacy/index.ts';
import { ANSWER_CONTEXT, DESK_DEFAULTS, NOTE_CONTEXT, snooze } from '../case-desk.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { answers, flag, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import {
  adviceOut,
  caseDecisionOut,
  caseFileSchema,
  caseOut,
  caseSchema,
  historyOut,
  hitsOf,
  informationOut,
  linkedCaseOut,
  pendingApprovalOf,
} from '../resources/cases.ts';
import { momentSchema } from '../resources/common.ts';
import { shownPerson } from '../resources/listed.ts';
import { decisionOut } from '../resources/oversight.ts';
import { eventOut, openParties, paymentOut } from '../resources/payment.ts';

/** What is shown of the parties' past: so many payments of each in each role, and cases. */
const PAST_PAYMENTS = 10;
const LINKED_CASES = 20;
const HISTORY_MS = 90 * 86_400_000;

/** Mounts the routes of cases. */
export function mountCases(api: Api): void {
  mountQueue(api);
  mountFile(api);
  mountClaims(api);
  mountSnooze(api);
}

function mountQueue(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/cases',
      operationId: 'listCases',
      tag: 'Cases',
      summary: 'List cases, the most pressing first',
      description:
        'In the order of priority and age together: a quarter of an hour of waiting weighs as much as a point of priority. `live=true` leaves out what is closed; `claimedBy=me` gives those that the caller holds.',
      scope: 'cases:read',
      query: z.strictObject({
        ...pageQuery,
        status: z.enum(CASE_STATUSES).optional(),
        live: flag.optional(),
        kind: z.enum(CASE_KINDS).optional(),
        claimedBy: z.string().max(100).optional(),
        overdue: flag.optional(),
        snoozed: flag.optional(),
        escalated: flag.optional(),
      }),
      responses: { 200: answers('A page of cases.', pageOf(caseSchema)) },
    },
    async ({ caller, query: { limit, cursor, ...asked } }) => {
      const filter = asked.claimedBy === 'me' ? { ...asked, claimedBy: caller.principal } : asked;
      const { status, live, kind, claimedBy, overdue, snoozed, escalated } = filter;
      const list = `cases ${JSON.stringify([status, live, kind, claimedBy, overdue, snoozed, escalated])}`;
      const after = cursor === undefined ? null : placeOf(decodeCursor(list, cursor, [/^\d{4}-[\dT:.-]+Z$/, CURSOR_UUID]));
      const nowMs = deps.clock.now();
      const rows = await listCases(deps.tenants.of(caller.clientId), caller.clientId, filter, { after, limit, nowMs });
      const encode = (last: CaseRow) => encodeCursor(list, [last.rankAt.toISOString(), last.id]);
      return { status: 200, body: { items: rows.map((row) => caseOut(row, nowMs)), nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
}

function placeOf([rankAt, id]: string[]): CasePlace {
  return { rankAt: new Date(rankAt ?? ''), id: id ?? '' };
}

function mountFile(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/cases/{id}',
      operationId: 'getCase',
      tag: 'Cases',
      summary: 'Read the file of a case',
      description:
        'The evidence with its digest, the payment, the names of the people concerned, hits with the listed parties and explanations, the history of both parties, linked cases, what agents decided, what was asked and answered, what officers said, and advice where there is an adviser.',
      scope: 'cases:read',
      params: idParams,
      responses: { 200: answers('The case file.', caseFileSchema) },
    },
    async ({ c, caller }) => {
      const row = await load(deps, caller, idParam(c));
      const body = await fileOf(deps, caller, row);
      // Who looked at whose names is part of the audit.
      const shown = { clientId: caller.clientId, actor: caller.principal, action: 'case.names_shown', subject: `case:${row.id}` };
      await recordAuditEvents(deps.tenants.writing(caller.clientId), [{ ...shown, paymentId: row.paymentId }], deps.clock.now());
      deps.log.info({ requestId: c.get('requestId'), caseId: row.id, principal: caller.principal }, 'case.names_shown');
      return { status: 200, body };
    },
  );
}

async function load(deps: ApiDeps, caller: Caller, caseId: string): Promise<CaseRow> {
  const row = await findCase(deps.tenants.of(caller.clientId), caller.clientId, caseId);
  if (row === null) throw fault('not_found');
  return row;
}

/** Everything that is known of a case. */
async function fileOf(deps: ApiDeps, caller: Caller, row: CaseRow): Promise<z.infer<typeof caseFileSchema>> {
  const { keyring } = deps;
  const pool = deps.tenants.of(caller.clientId);
  const nowMs = deps.clock.now();
  const { paymentId } = row;
  const [payment, events, agents, decisions, questions, past, sums, linked] = await Promise.all([
    findPayment(pool, caller.clientId, paymentId),
    findEvents(pool, paymentId),
    findDecisions(pool, paymentId),
    findCaseDecisions(pool, row.id),
    findQuestions(pool, caller.clientId, paymentId),
    findPartyPayments(pool, paymentId, PAST_PAYMENTS),
    sumPartyPayments(pool, paymentId, nowMs - HISTORY_MS),
    findLinkedCases(pool, paymentId, LINKED_CASES),
  ]);
  if (payment === null) throw fault('internal', { internal: `case ${row.id} has no payment of its client` });
  const parties = openParties(keyring, payment);
  // No client's own connection reads keys of texts.
  const open = await textOpener(deps.tenants.writing(caller.clientId), keyring, row.id);
  return {
    ...caseOut(row, nowMs),
    evidence: { ...row.evidence },
    evidenceDigest: row.evidenceDigest,
    payment: { ...paymentOut(keyring, payment, caller), timeline: events.map((each) => eventOut(each, caller)) },
    parties: { sender: shownPerson(parties.sender), receiver: shownPerson(parties.receiver) },
    hits: hitsOf(row.evidence, parties, deps.lists),
    history: { sender: historyOut('sender', past, sums), receiver: historyOut('receiver', past, sums) },
    linkedCases: linked.map(linkedCaseOut),
    agentDecisions: agents.map(decisionOut),
    information: questions
      .filter((each) => each.caseId === row.id)
      .map((each) => informationOut(each, (text) => open(text, ANSWER_CONTEXT))),
    decisions: decisions.map((each) => caseDecisionOut(each, (note) => open(note, NOTE_CONTEXT))),
    pendingApproval: pendingApprovalOf(row, decisions),
    advice: adviceOut(row),
  };
}

function mountClaims(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/cases/{id}/claim',
      operationId: 'claimCase',
      tag: 'Cases',
      summary: 'Take a case for a quarter of an hour',
      description: 'Claiming again lengthens the claim. A case that was put off is back.',
      scope: 'cases:decide',
      params: idParams,
      responses: { 200: answers('The case, yours until `claimedUntil`.', caseSchema) },
      refusals: ['case_not_open', 'case_claimed'],
    },
    async ({ c, caller }) => {
      const [caseId, nowMs] = [idParam(c), deps.clock.now()];
      const untilMs = nowMs + (deps.desk?.claimMs ?? DESK_DEFAULTS.claimMs);
      const row = await claimCase(deps.tenants.writing(caller.clientId), {
        clientId: caller.clientId,
        caseId,
        officer: caller.principal,
        nowMs,
        untilMs,
      });
      if (row === null) throw fault(isOpen(await load(deps, caller, caseId)) ? 'case_claimed' : 'case_not_open');
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
      responses: { 200: answers('The case, free again.', caseSchema) },
      refusals: ['case_not_open', 'case_not_claimed'],
    },
    async ({ c, caller }) => {
      const [caseId, nowMs] = [idParam(c), deps.clock.now()];
      const row = await releaseClaim(deps.tenants.writing(caller.clientId), caller.clientId, caseId, caller.principal, nowMs);
      if (row === null) throw fault(isOpen(await load(deps, caller, caseId)) ? 'case_not_claimed' : 'case_not_open');
      c.set('logged', { caseId, principal: caller.principal });
      return { status: 200, body: caseOut(row, nowMs) };
    },
  );
}

function isOpen(row: CaseRow): boolean {
  return row.status === 'open' || row.status === 'waiting';
}

function mountSnooze(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/cases/{id}/snooze',
      operationId: 'snoozeCase',
      tag: 'Cases',
      summary: 'Put a case off',
      description: 'Three times at most, for a day at most each. The case stays due when it was due; claiming it brings it back.',
      scope: 'cases:decide',
      params: idParams,
      body: { schema: z.strictObject({ until: momentSchema }).openapi('CaseSnooze') },
      responses: { 200: answers('The case, put off.', caseSchema) },
      refusals: ['case_not_open', 'case_claimed', 'snooze_limit'],
    },
    async ({ c, caller, body }) => {
      const caseId = idParam(c);
      await snooze(deps, caller, caseId, Date.parse((body as { until: string }).until));
      c.set('logged', { caseId, principal: caller.principal });
      return { status: 200, body: caseOut(await load(deps, caller, caseId), deps.clock.now()) };
    },
  );
}
