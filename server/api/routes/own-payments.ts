/**
 * What operators ask before a customer pays our account by themselves, and tell after it (M-Pesa: C2B validation and
 * confirmation). The path is secret, one per rail. Every message is stored encrypted, word for word, before it is
 * answered. A validation changes nothing; a confirmation that is matched by what the payer entered and by its amount goes to
 * whoever reads callbacks, who asks the operator; every other one is quarantined.
 */
import { z } from '@hono/zod-openapi';
import { type AwaitedCollection, findCollectionBetween, type JudgedMessage } from '../../../db/queries/callbacks.ts';
import { fault, isFault } from '../../../domain/errors.ts';
import type { OwnPayment, OwnPaymentRefusal } from '../../../tools/mmo/operator.ts';
import type { ApiDeps, CallbackAnswer, OwnPaymentDesk } from '../deps.ts';
import { type ApiContext } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import { keepMessage, SECRET_PATH, type SecretMessage, takeIn } from './secret-paths.ts';

/** States in which a collection waits for its money. */
const AWAITING: readonly string[] = ['sent', 'pending', 'unknown'];

/** A message, with what could be made of it. */
interface Arrived {
  readonly desk: OwnPaymentDesk;
  readonly message: SecretMessage;
  /** Null when it cannot be read. */
  readonly payment: OwnPayment | null;
  readonly collection: AwaitedCollection | null;
}

/** Mounts the two addresses. */
export function mountOwnPayments(api: Api): void {
  const { deps } = api;
  const description = 'The path is secret and was registered at the operator. The answer is the one the operator expects.';
  const common = {
    method: 'post',
    tag: 'Callbacks',
    description,
    scope: null,
    params: z.object({ token: z.string() }),
    rawBody: { 'application/json': { schema: z.unknown() } },
    responses: {
      200: { description: "Stored. The body is the operator's own.", content: { 'application/json': { schema: z.unknown() } } },
    },
    refusals: ['callback_unknown', 'body_too_large'],
  } as const;
  mount(
    api,
    {
      ...common,
      path: '/v1/c2b/{token}/validation',
      operationId: 'validateOwnPayment',
      summary: 'For operators: may a customer pay this by themselves',
    },
    async ({ c }) => {
      const arrived = await arrive(deps, c);
      const refusal = refusalOf(arrived);
      await keep(deps, arrived, { verdict: refusal === null ? 'matched' : 'quarantined', reasonCode: refusal });
      return send(c, arrived.desk.payments.answer(refusal));
    },
  );
  mount(
    api,
    {
      ...common,
      path: '/v1/c2b/{token}/confirmation',
      operationId: 'confirmOwnPayment',
      summary: 'For operators: a customer has paid by themselves',
    },
    async ({ c }) => {
      const arrived = await arrive(deps, c);
      const problem = mismatchOf(arrived);
      await keep(deps, arrived, { verdict: problem === null ? null : 'quarantined', reasonCode: problem });
      if (problem === null) deps.notify('callbacks');
      return send(c, arrived.desk.thanks);
    },
  );
}

/** Takes a message in, or keeps it and refuses. Throws `callback_unknown`, `body_too_large`. */
async function arrive(deps: ApiDeps, c: ApiContext): Promise<Arrived> {
  const token = c.req.param('token') ?? '';
  const elseRailId = deps.ownPayments?.railId ?? null;
  if (elseRailId === null || !SECRET_PATH.test(token)) throw fault('callback_unknown');
  const desk = deps.ownPayments?.at(token) ?? null;
  const message = await takeIn(deps, c, desk?.railId ?? null, elseRailId);
  if (desk === null) throw fault('callback_unknown');
  const payment = readPayment(desk, message.text);
  const requests = payment?.requests ?? null;
  const collection = requests === null ? null : await findCollectionBetween(deps.pool, desk.railId, requests);
  c.set('logged', { railId: desk.railId, known: collection !== null });
  return { desk, message, payment, collection };
}

function readPayment(desk: OwnPaymentDesk, text: string): OwnPayment | null {
  try {
    return desk.payments.read(text);
  } catch (error) {
    if (isFault(error)) return null;
    throw error;
  }
}

/** Why a payment may not be made, or null: only what a collection waits for is taken, to the last shilling. */
function refusalOf({ payment, collection }: Arrived): OwnPaymentRefusal | null {
  if (payment === null) return 'unreadable';
  if (!payment.isForUs) return 'receiver_differs';
  if (collection === null || !AWAITING.includes(collection.state)) return 'account_unknown';
  return isOfAmount(payment, collection) ? null : 'amount_differs';
}

/** Why a payment that was made is nobody's, or null. One for a collection that has ended is read all the same: it may have been late. */
function mismatchOf({ payment, collection }: Arrived): string | null {
  if (payment === null) return 'malformed_body';
  if (!payment.isForUs) return 'receiver_differs';
  if (collection === null) return 'account_unknown';
  return isOfAmount(payment, collection) ? null : 'amount_differs';
}

function isOfAmount({ amount }: OwnPayment, collection: AwaitedCollection): boolean {
  return amount.minor === collection.amount && amount.currency === collection.currency;
}

async function keep(deps: ApiDeps, { message, collection }: Arrived, judged: Pick<JudgedMessage, 'verdict' | 'reasonCode'>): Promise<void> {
  await keepMessage(deps, message, { ...judged, attemptId: collection?.id ?? null });
}

function send(c: ApiContext, answer: CallbackAnswer): Response {
  return c.body(answer.body, answer.status as 200, { 'Content-Type': answer.contentType });
}
