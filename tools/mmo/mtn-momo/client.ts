/**
 * MTN Mobile Money: request-to-pay for collections, transfer for payouts, in every country by settings.
 *
 * `X-Reference-Id` is our request id. The same reference twice is one payment: MTN answers the second
 * with 409, which we read as "taken before". Callbacks carry no proof, so an inquiry decides.
 */
import { fault } from '../../../domain/errors.ts';
import type { Rail } from '../../../domain/rail.ts';
import { outcomeWithoutAnswer, plainText, refusalBeforeSending, succeededWith } from '../checks.ts';
import type { HttpAnswer } from '../http.ts';
import type {
  CallbackEvent,
  Capabilities,
  EffectRequest,
  InquiryRequest,
  OperatorClient,
  OperatorHandle,
  OperatorLeg,
  Outcome,
  RefundRequest,
} from '../operator.ts';
import { isObject, objectOf, parseCallbackObject, parseObject, readAmount, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown } from '../reasons.ts';
import { wireAmount } from '../writing.ts';
import { connect, type Momo, type MtnMomoDeps, type Product } from './connection.ts';
import { balanceOf, type MtnMomoOperations, operationsOf, walletState } from './operations.ts';
import { statusOutcome, submitRefusal } from './outcomes.ts';
import type { MtnMomoProfile } from './profile.ts';

type Leg = OperatorLeg;

const CAPABILITIES: Capabilities = {
  approval: 'prompt',
  repeatable: { collection: true, payout: true },
  refund: 'operation',
  refundsParts: true,
  refundByRequest: true,
  balance: 'answer',
  walletCheck: 'active',
  callbackProof: 'none',
  callbackAddress: 'attempt',
};

/** What every operator does, and what only MTN offers. */
export type MtnMomoClient = OperatorClient & MtnMomoOperations;

/** Makes the client of one rail. */
export function createMtnMomoClient(deps: MtnMomoDeps, rail: Rail, profile: MtnMomoProfile): MtnMomoClient {
  const momo = connect(deps, rail, profile);
  return {
    railId: rail.id,
    capabilities: CAPABILITIES,
    collect: (request) => submit(momo, 'collection', request),
    disburse: (request) => submit(momo, 'payout', request),
    refund: (request) => refund(momo, request),
    inquire: (request) => inquire(momo, request),
    walletState: (phone) => walletState(momo, phone, profile.payout.product),
    balance: () => balanceOf(momo, profile.payout.product),
    parseCallback: (body) => parseMtnMomoCallback(body, rail),
    callbackAnswer: { status: 200, body: '', contentType: 'text/plain' },
    ...operationsOf(momo),
  };
}

function productOf(momo: Momo, leg: Leg): Product {
  if (leg === 'collection') return 'collection';
  return leg === 'refund' ? 'disbursement' : momo.profile.payout.product;
}

function resourceOf(momo: Momo, leg: Leg): string {
  if (leg === 'collection') return '/collection/v1_0/requesttopay';
  return leg === 'refund' ? '/disbursement/v1_0/refund' : `/${momo.profile.payout.product}/v1_0/${momo.profile.payout.operation}`;
}

async function submit(momo: Momo, leg: 'collection' | 'payout', request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(momo.rail, leg, request);
  if (refusal !== null) return refusal;
  const party = { partyIdType: 'MSISDN', partyId: request.phone.slice(1) };
  const note = plainText(request.note, 160);
  const headers = { 'x-reference-id': request.requestId, 'x-callback-url': request.callbackUrl };
  const answer = await momo.post(productOf(momo, leg), resourceOf(momo, leg), headers, {
    amount: wireAmount(request.amount),
    currency: wireCurrency(momo),
    externalId: request.requestId,
    ...(leg === 'collection' ? { payer: party } : { payee: party }),
    payerMessage: note,
    payeeNote: note,
  });
  return outcomeOfSubmit(answer, leg);
}

function outcomeOfSubmit(answer: HttpAnswer, leg: Leg): Outcome {
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  if (answer.status === 202) return pending(ACCEPTED);
  if (answer.status === 401) return failed('rail_misconfigured');
  return submitRefusal(answer.status, answer.body, parseObject(answer.body), leg === 'collection' ? leg : 'payout');
}

/** Gives a collection back: MTN knows it by the reference it came under. */
async function refund(momo: Momo, request: RefundRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(momo.rail, 'payout', request);
  if (refusal !== null) return refusal;
  const note = plainText(request.note, 160);
  const headers = { 'x-reference-id': request.requestId, 'x-callback-url': request.callbackUrl };
  const answer = await momo.post('disbursement', resourceOf(momo, 'refund'), headers, {
    amount: wireAmount(request.amount),
    currency: wireCurrency(momo),
    externalId: request.requestId,
    payerMessage: note,
    payeeNote: note,
    referenceIdToRefund: request.original.requestId,
  });
  return outcomeOfSubmit(answer, 'refund');
}

/** Kept with the attempt: MTN took it, so it cannot turn out never to have come. */
const ACCEPTED: OperatorHandle = { accepted: 'yes' };

function wireCurrency(momo: Momo): string {
  return momo.profile.wireCurrency ?? momo.rail.currency;
}

async function inquire(momo: Momo, request: InquiryRequest): Promise<Outcome> {
  const leg = request.leg === 'collection' ? 'collection' : 'payout';
  const answer = await momo.get(productOf(momo, request.leg), `${resourceOf(momo, request.leg)}/${request.requestId}`);
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  if (answer.status === 404) return outcomeOfAbsence(momo, request, body);
  if (answer.status !== 200 || body === undefined) return unknown('inquiry_failed');
  const externalId = textOf(body, 'externalId');
  if (externalId !== null && externalId !== request.requestId) return unknown('reference_mismatch');
  const outcome = statusOutcome(body, leg);
  if (outcome.state !== 'succeeded') return outcome;
  const amount = readAmount(textOf(body, 'amount'), momo.rail.currency);
  if (amount === null || textOf(body, 'currency') !== wireCurrency(momo)) return unknown('amount_mismatch');
  return succeededWith(outcome.receipt, amount, request.amount);
}

/** A reference MTN does not know may be on its way still; long after sending, and never accepted, it never came. */
function outcomeOfAbsence(momo: Momo, request: InquiryRequest, body: ReadingObject | undefined): Outcome {
  if (textOf(body, 'code') !== 'RESOURCE_NOT_FOUND') return unknown('inquiry_failed');
  if (request.handle['accepted'] !== undefined) return unknown('not_found_yet');
  return request.nowMs - request.sentAtMs >= momo.profile.absentAfterMs ? failed('never_received') : unknown('not_found_yet');
}

/** Reads a callback, POST or PUT: the body of the status query. Throws `malformed_body` for anything else. */
export function parseMtnMomoCallback(text: string, rail: Pick<Rail, 'currency'>): CallbackEvent {
  const body = parseCallbackObject(text);
  const leg = legOf(body);
  if (leg === null || textOf(body, 'status') === null)
    throw fault('malformed_body', { detail: 'The callback lacks its status or its party.' });
  const outcome = statusOutcome(body, leg === 'collection' ? leg : 'payout');
  return {
    kind: leg,
    outcome: outcome.state === 'succeeded' ? { ...outcome, amount: readAmount(textOf(body, 'amount'), rail.currency) } : outcome,
    ourReference: textOf(body, 'externalId'),
    operatorReference: textOf(body, 'financialTransactionId'),
    trust: 'confirm',
  };
}

/** A payer was collected from, a payee paid; a refund's message names neither, but both other fields. */
function legOf(body: ReadingObject): Leg | null {
  if (isObject(objectOf(body, 'payer'))) return 'collection';
  if (isObject(objectOf(body, 'payee'))) return 'payout';
  return textOf(body, 'externalId') !== null && textOf(body, 'amount') !== null ? 'refund' : null;
}
