/** Settlement, for treasury: batches with their way over the chain, cases, and the proof that a payment stands in its batches. */
import { z } from '@hono/zod-openapi';
import { withTransaction } from '../../../db/connect.ts';
import { findPayment } from '../../../db/queries/payment-views.ts';
import { findSettlementCase, listSettlementBatches, listSettlementCases, resolveSettlementCase } from '../../../db/queries/settlement.ts';
import { fault } from '../../../domain/errors.ts';
import { BATCH_STATUSES } from '../../../domain/settlement.ts';
import { settlementProofSchema } from '../../../tools/aptos/settlement-proof.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { digestSchema } from '../resources/common.ts';
import {
  fileOf,
  SETTLEMENT_CASE_STATUSES,
  settlementBatchOut,
  settlementBatchSchema,
  settlementCaseOut,
  settlementCaseSchema,
  settlementFileSchema,
} from '../resources/settlement.ts';
import { proveSettlement } from '../resources/settlement-proof.ts';
import { mountSettlementApprovals } from './settlement-approvals.ts';
import { mountSettlementDisputes } from './settlement-disputes.ts';

const resolutionSchema = z
  .strictObject({
    reasonCode: z.string().regex(/^[a-z][a-z0-9_]{1,63}$/, 'Invalid input: expected a code such as paid_by_hand'),
    evidenceDigest: digestSchema.openapi({ description: 'Of the evidence that was read.' }),
  })
  .openapi('SettlementCaseResolution');

/** Mounts the routes of settlement. */
export function mountSettlement(api: Api): void {
  mountBatchReading(api);
  mountSettlementApprovals(api);
  mountSettlementDisputes(api);
  mountCases(api);
  mountProof(api);
}

function mountBatchReading(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/settlement/batches',
      operationId: 'listSettlementBatches',
      tag: 'Settlement',
      summary: 'List settlement batches, newest first',
      scope: 'settlement:read',
      tagged: true,
      query: z.strictObject({
        ...pageQuery,
        status: z.enum(BATCH_STATUSES).optional(),
        method: z.enum(['books', 'chain']).optional(),
        partner: z.string().max(64).optional(),
      }),
      responses: { 200: answers('A page of batches.', pageOf(settlementBatchSchema)) },
    },
    async ({ query: { limit, cursor, ...filter } }) => {
      const list = `settlement batches ${JSON.stringify([filter.status, filter.method, filter.partner])}`;
      const afterId = cursor === undefined ? null : (decodeCursor(list, cursor, [CURSOR_UUID])[0] ?? null);
      const rows = await listSettlementBatches(deps.pool, filter, { afterId, limit });
      const items = rows.map(settlementBatchOut);
      return { status: 200, body: { items, nextCursor: nextCursor(rows, limit, (last) => encodeCursor(list, [last.id])) } };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/settlement/batches/{id}',
      operationId: 'getSettlementBatch',
      tag: 'Settlement',
      summary: 'Read a batch: why it goes which way, what was sent to the chain, who approved',
      scope: 'settlement:read',
      tagged: true,
      params: idParams,
      responses: { 200: answers('The batch.', settlementFileSchema) },
    },
    async ({ c }) => ({ status: 200, body: await fileOf(deps.pool, idParam(c)) }),
  );
}

function mountCases(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/settlement/cases',
      operationId: 'listSettlementCases',
      tag: 'Settlement',
      summary: 'List what people must look at, newest first',
      scope: 'settlement:read',
      query: z.strictObject({ ...pageQuery, status: z.enum(SETTLEMENT_CASE_STATUSES).optional() }),
      responses: { 200: answers('A page of cases.', pageOf(settlementCaseSchema)) },
    },
    async ({ query: { limit, cursor, status } }) => {
      const list = `settlement cases ${status ?? ''}`;
      const afterId = cursor === undefined ? null : (decodeCursor(list, cursor, [CURSOR_UUID])[0] ?? null);
      const rows = await listSettlementCases(deps.pool, status ?? null, { afterId, limit });
      const items = rows.map(settlementCaseOut);
      return { status: 200, body: { items, nextCursor: nextCursor(rows, limit, (last) => encodeCursor(list, [last.id])) } };
    },
  );
  mount<z.ZodType, z.infer<typeof resolutionSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/settlement/cases/{id}/resolution',
      operationId: 'resolveSettlementCase',
      tag: 'Settlement',
      summary: 'Close a case',
      description: 'A batch that did not agree with the chain is checked against it once more, and settled if it agrees now.',
      scope: 'settlement:approve',
      stepUp: true,
      idempotent: true,
      params: idParams,
      body: { schema: resolutionSchema },
      responses: { 200: answers('The closed case.', settlementCaseSchema) },
      refusals: ['case_not_open', 'evidence_stale'],
    },
    async ({ c, caller, body }) => {
      const caseId = idParam(c);
      const closing = { caseId, principal: caller.principal, ...body, nowMs: deps.clock.now() };
      const isClosed = await withTransaction(deps.pool, (tx) => resolveSettlementCase(tx, closing));
      const row = await findSettlementCase(deps.pool, caseId);
      if (row === null) throw fault('not_found');
      if (!isClosed) throw row.status === 'open' ? fault('evidence_stale', { field: 'evidenceDigest' }) : fault('case_not_open');
      deps.notify('settle');
      c.set('logged', { caseId, principal: caller.principal });
      return { status: 200, body: settlementCaseOut(row) };
    },
  );
}

function mountProof(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/payments/{id}/proof',
      operationId: 'provePayment',
      tag: 'Payments',
      summary: 'Prove that a payment is in its settlement batches',
      description:
        'For each leg the hashes from its leaf to the root of its batch; where that one stayed on the books or expired, those from its root ' +
        'to the root of the batch that took it over, and so on to the one that the chain pays, with the transaction that executed it; the batch ' +
        'alone while no chain pays it. Checked ' +
        'with SHA-256 alone, or with `capp proof verify`, which can ask the chain as well.',
      scope: 'payments:read',
      params: idParams,
      responses: { 200: answers('The proof.', settlementProofSchema.meta({ id: 'SettlementProof' })) },
      refusals: ['proof_not_ready', 'proof_too_long'],
    },
    async ({ c, caller }) => {
      const payment = await findPayment(deps.tenants.of(caller.clientId), caller.clientId, idParam(c));
      if (payment === null) throw fault('not_found');
      return { status: 200, body: await proveSettlement(deps.tenants.writing(caller.clientId), caller.clientId, payment.id) };
    },
  );
}
