/**
 * MTN Mobile Money: request-to-pay for collections, transfer for payouts, in every country by settings.
 *
 * `X-Reference-Id` is our request id. The same reference twice is one payment: MTN answers the second
 * with 409, which we read as "taken before". Callbacks carry no proof, so an inquiry decides.
 */
import type { Clock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { formatAmount, type Money } from '../../../domain/money.ts';
import type { Rail } from '../../../domain/rail.ts';
import { outcomeWithoutAnswer, plainText, refusalBeforeSending, succeededWith } from '../checks.ts';
import { createSend, type Fetch, type HttpAnswer, type Send } from '../http.ts';
import type { CallbackEvent, Capabilities, EffectRequest, InquiryRequest, OperatorClient, OperatorHandle, Outcome } from '../operator.ts';
import { isObject, objectOf, parseCallbackObject, parseObject, readAmount, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown } from '../reasons.ts';
import { callWithToken, type Grant, type TokenVault } from '../tokens.ts';
import { statusOutcome, submitRefusal } from './outcomes.ts';
import type { MtnMomoProfile } from './profile.ts';

export interface MtnMomoDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly tokens: TokenVault;
}

type Product = 'collection' | 'disbursement';
type Leg = 'collection' | 'payout';

interface Momo {
  readonly rail: Rail;
  readonly profile: MtnMomoProfile;
  readonly get: (product: Product, path: string) => Promise<HttpAnswer>;
  readonly post: (product: Product, path: string, headers: Readonly<Record<string, string>>, body: object) => Promise<HttpAnswer>;
}

const CAPABILITIES: Capabilities = {
  approval: 'prompt',
  repeatable: { collection: true, payout: true },
  refund: 'payout',
  refundsParts: true,
  balance: 'answer',
  walletCheck: 'active',
  callbackProof: 'none',
  callbackAddress: 'attempt',
};

/** Makes the client of one rail. */
export function createMtnMomoClient(deps: MtnMomoDeps, rail: Rail, profile: MtnMomoProfile): OperatorClient {
  const momo = connect(deps, rail, profile);
  return {
    railId: rail.id,
    capabilities: CAPABILITIES,
    collect: (request) => submit(momo, 'collection', request),
    disburse: (request) => submit(momo, 'payout', request),
    refund: (request) => submit(momo, 'payout', request),
    inquire: (request) => inquire(momo, request),
    balance: () => balance(momo),
    parseCallback: (body) => parseMtnMomoCallback(body, rail),
    callbackAnswer: { status: 200, body: '', contentType: 'text/plain' },
  };
}

function connect(deps: MtnMomoDeps, rail: Rail, profile: MtnMomoProfile): Momo {
  const send = createSend({ fetch: deps.fetch, baseUrl: profile.baseUrl, timeoutMs: profile.timeoutMs });
  const headersOf = (product: Product, token: string) => ({
    authorization: `Bearer ${token}`,
    'ocp-apim-subscription-key': profile[product].subscriptionKey,
    'x-target-environment': profile.targetEnvironment,
  });
  const withToken = (product: Product, call: (token: string) => Promise<HttpAnswer>) =>
    callWithToken(
      (stale) => deps.tokens.take(`mtn_momo:${rail.id}:${product}`, stale, () => fetchToken(send, profile, product, deps.clock)),
      call,
      (answer) => answer.status === 401,
    );
  return {
    rail,
    profile,
    get: (product, path) => withToken(product, (token) => send({ method: 'GET', path, headers: headersOf(product, token) })),
    post: (product, path, headers, body) =>
      withToken(product, (token) =>
        send({
          method: 'POST',
          path,
          headers: { ...headersOf(product, token), ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      ),
  };
}

async function fetchToken(send: Send, profile: MtnMomoProfile, product: Product, clock: Clock): Promise<Grant> {
  const { apiUser, apiKey, subscriptionKey } = profile[product];
  const answer = await send({
    method: 'POST',
    path: `/${product}/token/`,
    headers: {
      authorization: `Basic ${Buffer.from(`${apiUser}:${apiKey}`).toString('base64')}`,
      'ocp-apim-subscription-key': subscriptionKey,
    },
    // An empty body is sent for its `Content-Length: 0`, without which MTN answers 411.
    body: '',
  });
  if (answer.kind !== 'answered') return 'unavailable';
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) return 'refused';
  const body = parseObject(answer.body);
  const value = textOf(body, 'access_token');
  const lifetimeS = Number(textOf(body, 'expires_in') ?? '0');
  if (answer.status !== 200 || value === null || !(lifetimeS > 0)) return 'unavailable';
  return { value, expiresAtMs: clock.now() + lifetimeS * 1000 };
}

function productOf(leg: Leg): Product {
  return leg === 'collection' ? 'collection' : 'disbursement';
}

function resourceOf(leg: Leg): string {
  return leg === 'collection' ? '/collection/v1_0/requesttopay' : '/disbursement/v1_0/transfer';
}

async function submit(momo: Momo, leg: Leg, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(momo.rail, leg, request);
  if (refusal !== null) return refusal;
  const party = { partyIdType: 'MSISDN', partyId: request.phone.slice(1) };
  const note = plainText(request.note, 160);
  const headers = { 'x-reference-id': request.requestId, 'x-callback-url': request.callbackUrl };
  const answer = await momo.post(productOf(leg), resourceOf(leg), headers, {
    amount: wireAmount(request.amount),
    currency: wireCurrency(momo),
    externalId: request.requestId,
    ...(leg === 'collection' ? { payer: party } : { payee: party }),
    payerMessage: note,
    payeeNote: note,
  });
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  if (answer.status === 202) return pending(ACCEPTED);
  if (answer.status === 401) return failed('rail_misconfigured');
  return submitRefusal(answer.status, answer.body, parseObject(answer.body), leg);
}

/** Kept with the attempt: MTN took it, so it cannot turn out never to have come. */
const ACCEPTED: OperatorHandle = { accepted: 'yes' };

/** MTN writes whole amounts without places: "600", "10.50". */
function wireAmount(amount: Money): string {
  return formatAmount(amount).replace(/\.0+$/, '');
}

function wireCurrency(momo: Momo): string {
  return momo.profile.wireCurrency ?? momo.rail.currency;
}

async function inquire(momo: Momo, request: InquiryRequest): Promise<Outcome> {
  const leg = request.leg === 'collection' ? 'collection' : 'payout';
  const answer = await momo.get(productOf(leg), `${resourceOf(leg)}/${request.requestId}`);
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

/** The balance payouts are made from. */
async function balance(momo: Momo): Promise<Money | null> {
  const answer = await momo.get('disbursement', '/disbursement/v1_0/account/balance');
  if (answer.kind !== 'answered' || answer.status !== 200) return null;
  const body = parseObject(answer.body);
  if (textOf(body, 'currency') !== wireCurrency(momo)) return null;
  return readAmount(textOf(body, 'availableBalance'), momo.rail.currency);
}

/** Reads a callback, POST or PUT: the body of the status query. Throws `malformed_body` for anything else. */
export function parseMtnMomoCallback(text: string, rail: Pick<Rail, 'currency'>): CallbackEvent {
  const body = parseCallbackObject(text);
  const leg = legOf(body);
  if (leg === null || textOf(body, 'status') === null)
    throw fault('malformed_body', { detail: 'The callback lacks its status or its party.' });
  const outcome = statusOutcome(body, leg);
  return {
    kind: leg,
    outcome: outcome.state === 'succeeded' ? { ...outcome, amount: readAmount(textOf(body, 'amount'), rail.currency) } : outcome,
    ourReference: textOf(body, 'externalId'),
    operatorReference: textOf(body, 'financialTransactionId'),
    trust: 'confirm',
  };
}

function legOf(body: ReadingObject): Leg | null {
  if (isObject(objectOf(body, 'payer'))) return 'collection';
  return isObject(objectOf(body, 'payee')) ? 'payout' : null;
}
