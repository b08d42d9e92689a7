/** Payments: submit one, read one, list them, take one back, ask for the money back. */
import { z } from '@hono/zod-openapi';
import { findDecisions } from '../../../db/queries/activity.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { withTransaction } from '../../../db/connect.ts';
import { findCaseDecisions } from '../../../db/queries/case-decisions.ts';
import { findCasesOfPayment, withdrawCase } from '../../../db/queries/cases.ts';
import {
  findAttempts,
  findEvents,
  findPayment,
  findTransfers,
  listPayments,
  lockPayment,
  type PaymentRow,
  requestRefund,
  findWaitingCollection,
} from '../../../db/queries/payment-views.ts';
import { transitionPayments } from '../../../db/queries/transitions.ts';
import { fault } from '../../../domain/errors.ts';
import { intentInputSchema, parseIntent, type PaymentIntent } from '../../../domain/intent.ts';
import { mayFollow, type PaymentStatus } from '../../../domain/lifecycle.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { addHeader } from '../headers.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { faultWith } from '../problem.ts';
import { approvalOut, approvalSchema } from '../resources/approval.ts';
import { corridorSchema, idSchema, momentSchema } from '../resources/common.ts';
import { caseDecisionOut, caseDecisionSchema, caseOut, caseSchema } from '../resources/cases.ts';
import { decisionFor, decisionSchema, seesCompliance } from '../resources/oversight.ts';
import {
  acceptedOut,
  attemptOut,
  attemptSchema,
  attemptVersion,
  eventOut,
  eventSchema,
  paymentOut,
  paymentSchema,
  paymentVersion,
  statusSchema,
  transferOut,
  transferSchema,
} from '../resources/payment.ts';

const detailSchema = paymentSchema
  .extend({
    timeline: z.array(eventSchema),
    attempts: z.array(attemptSchema),
    approval: approvalSchema.nullable().openapi({ description: 'What the payer has to do, while the collection waits for them.' }),
  })
  .openapi('PaymentDetail');

const explanationSchema = z
  .object({
    payment: paymentSchema,
    route: z.object({ collection: z.array(z.string()), payout: z.array(z.string()) }),
    timeline: z.array(eventSchema),
    decisions: z.array(decisionSchema),
    attempts: z.array(attemptSchema),
    transfers: z.array(transferSchema),
    cases: z.array(caseSchema.extend({ decisions: z.array(caseDecisionSchema.omit({ note: true })) }).openapi('ExplainedCase')),
  })
  .openapi('PaymentExplanation');

/** The external shape of an intent, under a name of its own in the document. */
const intentSchema = intentInputSchema.meta({ id: 'PaymentIntent' });

/** Statuses in which money is with us or on its way, and the payout has not succeeded. */
const REFUNDABLE: readonly PaymentStatus[] = ['collecting', 'collected', 'disbursing', 'refunding', 'refunded'];

/** Reads an intent; everything wrong with it is told at once. */
function readIntent(value: unknown): PaymentIntent {
  const verdict = parseIntent(value);
  if (verdict.ok) return verdict.intent;
  throw faultWith('validation_failed', verdict.errors);
}

/** Mounts the routes of payments. */
export function mountPayments(api: Api): void {
  mountSubmit(api);
  mountReading(api);
  mountChanges(api);
}

function mountSubmit(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/payments',
      operationId: 'submitPayment',
      tag: 'Payments',
      summary: 'Submit a payment intent',
      description:
        'Stored before it is answered. The same intent under the same reference gives the payment that exists, with status 200; another intent under it is refused.',
      scope: 'payments:write',
      idempotent: true,
      body: { schema: intentSchema, read: readIntent },
      responses: {
        202: answers('Accepted; the agents take it from here.', paymentSchema),
        200: answers('The payment this reference was used for before.', paymentSchema),
      },
      refusals: [
        'quote_not_found',
        'duplicate_reference',
        'quote_expired',
        'quote_mismatch',
        'mandate_missing',
        'mandate_exceeded',
        'overloaded',
      ],
    },
    async ({ c, caller, body }) => {
      const submit = () => deps.intake.submit(caller.clientId, body, caller.principal);
      const { paymentId, replayed, createdAtMs } = await api.mandates.spend(caller, body, submit);
      c.set('logged', { paymentId, replayed });
      if (replayed) return { status: 200, body: paymentOut(deps.keyring, await load(deps, caller, paymentId), caller) };
      addHeader(c, 'Location', `/v1/payments/${paymentId}`);
      return { status: 202, body: acceptedOut(paymentId, body, createdAtMs) };
    },
  );
}

async function load(deps: ApiDeps, caller: Caller, paymentId: string): Promise<PaymentRow> {
  const row = await findPayment(deps.tenants.of(caller.clientId), caller.clientId, paymentId);
  if (row === null) throw fault('not_found');
  return row;
}

const listQuery = z.strictObject({
  ...pageQuery,
  status: statusSchema.optional(),
  corridor: corridorSchema.optional(),
  createdFrom: momentSchema.optional(),
  createdBefore: momentSchema.optional().openapi({ description: 'Exclusive.' }),
  referenceId: z.string().max(64).optional(),
  batchId: idSchema.optional(),
});

function mountReading(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/payments',
      operationId: 'listPayments',
      tag: 'Payments',
      summary: 'List payments, newest first',
      scope: 'payments:read',
      tagged: true,
      query: listQuery,
      responses: { 200: answers('A page of payments.', pageOf(paymentSchema)) },
    },
    async ({ caller, query }) => {
      const { limit, cursor, corridor, createdFrom, createdBefore, ...exact } = query;
      const list = `payments ${JSON.stringify([exact.status, corridor, createdFrom, createdBefore, exact.referenceId, exact.batchId])}`;
      const afterId = cursor === undefined ? null : (decodeCursor(list, cursor, [CURSOR_UUID])[0] ?? null);
      const [fromCountry, toCountry] = corridor?.split('-') ?? [];
      const filter = { ...exact, fromCountry, toCountry, createdFrom: dateOf(createdFrom), createdBefore: dateOf(createdBefore) };
      const rows = await listPayments(deps.tenants.listing(caller.clientId), caller.clientId, filter, { afterId, limit });
      return {
        version: rows.map((row) => paymentVersion(row, caller)),
        make: () => ({
          items: rows.map((row) => paymentOut(deps.keyring, row, caller)),
          nextCursor: nextCursor(rows, limit, (last) => encodeCursor(list, [last.id])),
        }),
      };
    },
  );
  mountDetail(api);
  mountExplanation(api);
}

function dateOf(text: string | undefined): Date | undefined {
  return text === undefined ? undefined : new Date(text);
}

function mountDetail(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/payments/{id}',
      operationId: 'getPayment',
      tag: 'Payments',
      summary: 'Read a payment with its timeline',
      scope: 'payments:read',
      tagged: true,
      params: idParams,
      responses: { 200: answers('The payment.', detailSchema) },
    },
    async ({ c, caller }) => {
      const db = deps.tenants.of(caller.clientId);
      const paymentId = idParam(c);
      const [row, attempts] = await Promise.all([load(deps, caller, paymentId), findAttempts(db, paymentId)]);
      const mayWait = attempts.some(({ leg, resolvedAt }) => leg === 'collection' && resolvedAt === null);
      const waiting = mayWait ? await findWaitingCollection(db, row.id) : null;
      // Every event comes with a change of the payment, which was read before: a tag that is out of date costs one answer more.
      const make = async () => ({
        ...paymentOut(deps.keyring, row, caller),
        timeline: (await findEvents(db, row.id)).map((each) => eventOut(each, caller)),
        attempts: attempts.map((each) => attemptOut(each, deps.clock.now())),
        approval: approvalOut(deps.keyring, waiting, row.senderWallet),
      });
      return { version: [paymentVersion(row, caller), attempts.map(attemptVersion), waiting?.handle?.toString('base64')], make };
    },
  );
}

function mountExplanation(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/payments/{id}/explanation',
      operationId: 'explainPayment',
      tag: 'Payments',
      summary: 'Read why a payment is where it is',
      description:
        'Every status, every decision with its reasons, every attempt, every transfer. What compliance knows, and cases, are told to keys with `cases:read`; others see a neutral reason, so that nobody can be warned.',
      scope: 'payments:read',
      params: idParams,
      responses: { 200: answers('The whole story.', explanationSchema) },
    },
    async ({ c, caller }) => {
      const row = await load(deps, caller, idParam(c));
      const pool = deps.tenants.of(caller.clientId);
      const [events, decisions, attempts, transfers, cases] = await Promise.all([
        findEvents(pool, row.id),
        findDecisions(pool, row.id),
        findAttempts(pool, row.id),
        findTransfers(pool, row.id),
        findCasesOfPayment(pool, row.id),
      ]);
      const said = await Promise.all(cases.map((each) => findCaseDecisions(pool, each.id)));
      const body = {
        payment: paymentOut(deps.keyring, row, caller),
        route: { collection: [...row.collectionRoute], payout: [...row.payoutRoute] },
        timeline: events.map((each) => eventOut(each, caller)),
        decisions: decisions.flatMap((each) => decisionFor(caller, each) ?? []),
        attempts: attempts.map((each) => attemptOut(each, deps.clock.now())),
        transfers: transfers.map(transferOut),
        // What is said of a case is for officers: see `decisionFor`.
        cases: (seesCompliance(caller) ? cases : []).map((each, index) => ({
          ...caseOut(each, deps.clock.now()),
          // Notes stay with the officers: whoever may read payments may not read them.
          decisions: (said[index] ?? []).map((each) => {
            const { note: _note, ...rest } = caseDecisionOut({ ...each, note: null }, () => '');
            return rest;
          }),
        })),
      };
      return { status: 200, body };
    },
  );
}

function mountChanges(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'post',
      path: '/v1/payments/{id}/cancel',
      operationId: 'cancelPayment',
      tag: 'Payments',
      summary: 'Take a payment back before any money moves',
      scope: 'payments:write',
      idempotent: true,
      params: idParams,
      responses: { 200: answers('The cancelled payment.', paymentSchema) },
      refusals: ['not_cancellable', 'payment_busy'],
    },
    async ({ c, caller }) => {
      const paymentId = idParam(c);
      await cancel(deps, caller, paymentId);
      c.set('logged', { paymentId });
      return { status: 200, body: paymentOut(deps.keyring, await load(deps, caller, paymentId), caller) };
    },
  );
  mount(
    api,
    {
      method: 'post',
      path: '/v1/payments/{id}/refund',
      operationId: 'refundPayment',
      tag: 'Payments',
      summary: 'Ask for the money back',
      description:
        'Possible until the payout has succeeded. While the payout is in doubt nothing goes back: first its outcome has to be known.',
      scope: 'payments:write',
      idempotent: true,
      params: idParams,
      responses: { 202: answers('The wish is noted; the payment follows.', paymentSchema) },
      refusals: ['not_refundable'],
    },
    async ({ c, caller }) => {
      const paymentId = idParam(c);
      const asked = { clientId: caller.clientId, actor: caller.principal, paymentId, nowMs: deps.clock.now() };
      const noted = await requestRefund(deps.tenants.writing(caller.clientId), asked, REFUNDABLE);
      const row = await load(deps, caller, paymentId);
      if (!noted) throw refusalOfRefund(row.status);
      deps.notify('resume');
      c.set('logged', { paymentId });
      return { status: 202, body: paymentOut(deps.keyring, row, caller) };
    },
  );
}

function refusalOfRefund(status: PaymentStatus) {
  const detail = mayFollow(status, 'cancelled')
    ? 'No money has moved yet; cancel the payment instead.'
    : `A payment that is ${status} cannot be refunded.`;
  return fault('not_refundable', { detail });
}

/** Cancels a payment, closes its case and gives back its reservation, all in one transaction. */
async function cancel(deps: ApiDeps, caller: Caller, paymentId: string): Promise<void> {
  const nowMs = deps.clock.now();
  await withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
    // The case before the payment: the order in which a decided case takes its locks.
    await withdrawCase(tx, caller.clientId, paymentId, nowMs);
    const payment = await lockPayment(tx, caller.clientId, paymentId, nowMs);
    if (payment === null) throw fault('not_found');
    if (payment.status === 'cancelled') return;
    if (!mayFollow(payment.status, 'cancelled'))
      throw fault('not_cancellable', { detail: `A payment that is ${payment.status} cannot be cancelled.` });
    if (payment.leased) throw fault('payment_busy');
    const { status, reservationId } = payment;
    if (reservationId !== null) await deps.voidReservation(tx, { paymentId, reservationId });
    await transitionPayments(tx, [{ paymentId, from: status, to: 'cancelled', reasonCode: null, cause: 'client' }], {
      nowMs,
      leaseToken: null,
    });
    const { clientId, principal } = caller;
    await recordAuditEvents(
      tx,
      [{ clientId, actor: principal, action: 'payment.cancelled', subject: `payment:${paymentId}`, paymentId }],
      nowMs,
    );
  });
}
