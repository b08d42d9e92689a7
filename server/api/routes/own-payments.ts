/**
 * What operators ask before a customer pays our account by themselves, and tell after it (M-Pesa: C2B validation and
 * confirmation). The path is secret, one per rail. Every message is stored encrypted, word for word, before it is
 * answered. A validation changes nothing; a confirmation that is matched by what the payer entered and by its amount goes to
 * whoever reads callbacks, who asks the operator; every other one is quarantined.
 */
import { z } from '@hono/zod-openapi';
import {
  type AwaitedCollection,
  CALLBACK_CONTEXT,
  findCollectionBetween,
  type JudgedMessage,
  storeMessage,
} from '../../../db/queries/callbacks.ts';
import { fault, isFault } from '../../../domain/errors.ts';
import type { OwnPayment, OwnPaymentRefusal } from '../../../tools/mmo/operator.ts';
import type { ApiDeps, CallbackAnswer, OwnPaymentDesk } from '../deps.ts';
import { type ApiContext, problems, readSome } from '../http.ts';
import { callerAddressOf } from '../limits.ts';
import { type Api, mount } from '../mount.ts';
import { ANYWHERE, CALLBACK_BYTES_MAX, textOfBytes } from './callbacks.ts';

/** What can be a token at all; other paths are nobody's and leave no row behind. */
const TOKEN = /^[0-9a-f]{64}$/;
/** States in which a collection waits for its money. */
const AWAITING: readonly string[] = ['sent', 'pending', 'unknown'];

/** A message, with what could be made of it. */
interface Arrived {
  readonly desk: OwnPaymentDesk;
  readonly text: string;
  readonly sourceAddress: string;
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
      ...problems('callback_unknown', 'body_too_large'),
    },
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
  const railId = deps.ownPayments?.railId ?? null;
  if (railId === null || !TOKEN.test(token)) throw fault('callback_unknown');
  const sourceAddress = callerAddressOf(deps, c);
  const { bytes, whole } = await readSome(c, CALLBACK_BYTES_MAX);
  const text = textOfBytes(bytes);
  const desk = deps.ownPayments?.at(token) ?? null;
  const refuse = async (rail: string, reasonCode: string): Promise<never> => {
    await storeMessage(deps.pool, messageOf(deps, rail, text, sourceAddress, { reasonCode }), deps.clock.now());
    throw fault(reasonCode === 'body_too_large' ? reasonCode : 'callback_unknown');
  };
  if (desk === null) return refuse(railId, 'callback_unknown');
  if (!(deps.callbackTerms?.(desk.railId) ?? ANYWHERE).allows(sourceAddress)) return refuse(desk.railId, 'source_refused');
  if (!whole) return refuse(desk.railId, 'body_too_large');
  const payment = readPayment(desk, text);
  const requests = payment?.requests ?? null;
  const collection = requests === null ? null : await findCollectionBetween(deps.pool, desk.railId, requests);
  c.set('logged', { railId: desk.railId, known: collection !== null });
  return { desk, text, sourceAddress, payment, collection };
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

async function keep(deps: ApiDeps, arrived: Arrived, judged: Pick<JudgedMessage, 'verdict' | 'reasonCode'>): Promise<void> {
  const { desk, text, sourceAddress, collection } = arrived;
  const message = messageOf(deps, desk.railId, text, sourceAddress, { ...judged, attemptId: collection?.id ?? null });
  await storeMessage(deps.pool, message, deps.clock.now());
}

function messageOf(
  deps: ApiDeps,
  railId: string,
  text: string,
  sourceAddress: string,
  judged: Partial<Pick<JudgedMessage, 'verdict' | 'attemptId'>> & Pick<JudgedMessage, 'reasonCode'>,
): JudgedMessage {
  return {
    railId,
    attemptId: judged.attemptId ?? null,
    verdict: judged.verdict === undefined ? 'quarantined' : judged.verdict,
    reasonCode: judged.reasonCode,
    body: deps.keyring.encrypt(text, CALLBACK_CONTEXT),
    bodyDigest: deps.keyring.blindIndex(text, CALLBACK_CONTEXT),
    sourceAddress,
  };
}

function send(c: ApiContext, answer: CallbackAnswer): Response {
  return c.body(answer.body, answer.status as 200, { 'Content-Type': answer.contentType });
}
