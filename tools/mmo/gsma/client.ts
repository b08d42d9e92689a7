/**
 * Any operator or hub that speaks the GSMA Mobile Money API 1.2.
 *
 * `X-CorrelationID` is our request id: it makes a repeat harmless, and it is the key under which the
 * operator keeps its answer (`/responses/{id}`), so that a lost answer can be found again.
 */
import type { Clock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { formatAmount, type Money } from '../../../domain/money.ts';
import type { Rail } from '../../../domain/rail.ts';
import { outcomeWithoutAnswer, plainText, refusalBeforeSending, succeededWith } from '../checks.ts';
import { createSend, type Fetch, type HttpAnswer, type HttpCall } from '../http.ts';
import type { CallbackEvent, Capabilities, EffectRequest, InquiryRequest, OperatorClient, OperatorHandle, Outcome } from '../operator.ts';
import { askGrant, basicAuthorization, CLIENT_CREDENTIALS_FORM } from '../oauth.ts';
import { objectOf, parseCallbackObject, parseObject, readAmount, readBalance, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown } from '../reasons.ts';
import { callWithToken, type Grant, tokenNameOf, type TokenVault } from '../tokens.ts';
import { finalFailure, isErrorObject, submitRefusal, transactionOutcome } from './outcomes.ts';
import type { GsmaProfile } from './profile.ts';

export interface GsmaDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly tokens: TokenVault;
}

type Leg = 'collection' | 'payout';

interface Gsma {
  readonly rail: Rail;
  readonly profile: GsmaProfile;
  readonly clock: Clock;
  readonly call: (method: 'GET' | 'POST', path: string, headers?: Readonly<Record<string, string>>, body?: object) => Promise<HttpAnswer>;
}

const CAPABILITIES: Capabilities = {
  approval: 'prompt',
  repeatable: { collection: true, payout: true },
  refund: 'payout',
  refundsParts: true,
  refundByRequest: false,
  balance: 'answer',
  walletCheck: 'none',
  callbackProof: 'none',
  callbackAddress: 'attempt',
};

/** Makes the client of one rail. */
export function createGsmaClient(deps: GsmaDeps, rail: Rail, profile: GsmaProfile): OperatorClient {
  const gsma = connect(deps, rail, profile);
  return {
    railId: rail.id,
    capabilities: CAPABILITIES,
    collect: (request) => submit(gsma, 'collection', request),
    disburse: (request) => submit(gsma, 'payout', request),
    refund: (request) => submit(gsma, 'payout', request),
    inquire: (request) => inquire(gsma, request),
    balance: () => balance(gsma),
    parseCallback: (body) => parseGsmaCallback(body, rail, profile),
    callbackAnswer: { status: 204, body: '', contentType: 'application/json' },
  };
}

function connect(deps: GsmaDeps, rail: Rail, profile: GsmaProfile): Gsma {
  const send = createSend({ fetch: deps.fetch, baseUrl: profile.baseUrl, timeoutMs: profile.timeoutMs });
  const { auth } = profile;
  const take = (stale: string | null): Promise<Grant> =>
    auth.scheme === 'api_key'
      ? Promise.resolve(stale === null ? { value: auth.apiKey, expiresAtMs: Number.POSITIVE_INFINITY } : 'refused')
      : deps.tokens.take(tokenNameOf('gsma', profile.baseUrl, auth.clientId), stale, () => askGrant(send, tokenCall(auth), deps.clock));
  const credential = (token: string): Record<string, string> =>
    auth.scheme === 'api_key' ? { 'x-api-key': token } : { authorization: `Bearer ${token}` };
  return {
    rail,
    profile,
    clock: deps.clock,
    call: (method, path, headers = {}, body) =>
      callWithToken(
        take,
        (token) =>
          send({
            method,
            path,
            headers: {
              ...credential(token),
              'x-date': new Date(deps.clock.now()).toISOString(),
              accept: 'application/json',
              ...headers,
              ...(body === undefined ? {} : { 'content-type': 'application/json' }),
            },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        refusesToken,
      ),
  };
}

/** 401 refuses the token, unless it says that the customer or an account refused. */
function refusesToken(answer: HttpAnswer & { kind: 'answered' }): boolean {
  if (answer.status !== 401) return false;
  const code = textOf(parseObject(answer.body), 'errorCode')?.toLowerCase();
  return code === undefined || code === 'clientauthorisationerror' || code === 'genericerror';
}

function tokenCall(auth: GsmaProfile['auth'] & { scheme: 'oauth2' }): HttpCall {
  return {
    method: 'POST',
    path: auth.tokenPath,
    headers: {
      authorization: basicAuthorization(auth.clientId, auth.clientSecret),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: CLIENT_CREDENTIALS_FORM,
  };
}

async function submit(gsma: Gsma, leg: Leg, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(gsma.rail, leg, request);
  if (refusal !== null) return refusal;
  const { profile } = gsma;
  const customer = [{ key: 'msisdn', value: request.phone }];
  const ours = [{ key: profile.account.key, value: profile.account.value }];
  const answer = await gsma.call(
    'POST',
    `/transactions/type/${leg === 'collection' ? profile.collectionType : profile.payoutType}`,
    { 'x-correlationid': request.requestId, 'x-callback-url': request.callbackUrl },
    {
      amount: formatAmount(request.amount),
      currency: request.amount.currency,
      debitParty: leg === 'collection' ? customer : ours,
      creditParty: leg === 'collection' ? ours : customer,
      requestingOrganisationTransactionReference: request.requestId,
      descriptionText: plainText(request.note, 160),
    },
  );
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  const body = parseObject(answer.body);
  if (answer.status === 401 && refusesToken(answer)) return failed('rail_misconfigured');
  if (answer.status === 202 && body !== undefined) return requestStateOutcome(body, leg);
  if ((answer.status === 201 || answer.status === 200) && body !== undefined) return checkedTransaction(body, request);
  return submitRefusal(answer.status, body, leg);
}

/** What a request state says. A finished one points to the transaction, which an inquiry reads. */
function requestStateOutcome(body: ReadingObject, leg: Leg): Outcome {
  const handle = handleOf(body);
  switch (textOf(body, 'status')?.toLowerCase()) {
    case 'pending':
    case 'completed':
      return handle === undefined ? unknown('unreadable_answer') : pending(handle);
    case 'failed':
      return finalFailure(objectOf(body, 'error'), leg);
    default:
      return unknown('unreadable_answer', handle);
  }
}

function handleOf(body: ReadingObject): OperatorHandle | undefined {
  const serverCorrelationId = textOf(body, 'serverCorrelationId');
  return serverCorrelationId === null ? undefined : { serverCorrelationId };
}

async function inquire(gsma: Gsma, request: InquiryRequest): Promise<Outcome> {
  const { serverCorrelationId } = request.handle;
  const recover = () => recoverAnswer(gsma, request);
  return serverCorrelationId === undefined ? recover() : inquireRequestState(gsma, request, serverCorrelationId, recover);
}

/** Asks for a request state; `whenMissing` says what to do when the operator does not know it. */
async function inquireRequestState(
  gsma: Gsma,
  request: InquiryRequest,
  serverCorrelationId: string,
  whenMissing: () => Promise<Outcome>,
): Promise<Outcome> {
  const answer = await gsma.call('GET', `/requeststates/${encodeURIComponent(serverCorrelationId)}`);
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  if (answer.status === 404) return whenMissing();
  if (answer.status !== 200 || body === undefined) return unknown('inquiry_failed');
  if (textOf(body, 'status')?.toLowerCase() !== 'completed')
    return requestStateOutcome(body, request.leg === 'collection' ? 'collection' : 'payout');
  const reference = textOf(body, 'objectReference');
  return reference === null ? unknown('unreadable_answer') : inquireTransaction(gsma, request, reference);
}

async function inquireTransaction(gsma: Gsma, request: InquiryRequest, reference: string): Promise<Outcome> {
  const answer = await gsma.call('GET', `/transactions/${encodeURIComponent(reference)}`);
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  return answer.status === 200 && body !== undefined ? checkedTransaction(body, request) : unknown('inquiry_failed');
}

/** Finds what became of a request whose answer was lost, by our own id. */
async function recoverAnswer(gsma: Gsma, request: InquiryRequest): Promise<Outcome> {
  const answer = await gsma.call('GET', `/responses/${request.requestId}`);
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  if (answer.status === 404 && body !== undefined && isErrorObject(body)) {
    // A request the operator once gave an id to cannot turn out never to have come.
    if (request.handle['serverCorrelationId'] !== undefined) return unknown('not_found_yet');
    return request.nowMs - request.sentAtMs >= gsma.profile.absentAfterMs ? failed('never_received') : unknown('not_found_yet');
  }
  // Only a link of these two forms is followed, so that an answer cannot send us anywhere else.
  const link = /\/(transactions|requeststates)\/([A-Za-z0-9._-]{1,64})$/.exec(textOf(body, 'link') ?? '');
  if (answer.status !== 200 || link === null) return unknown('inquiry_failed');
  const id = link[2] ?? '';
  if (link[1] === 'transactions') return inquireTransaction(gsma, request, id);
  return inquireRequestState(gsma, request, id, async () => unknown('inquiry_failed'));
}

/** A transaction object, held against what we asked for. */
function checkedTransaction(body: ReadingObject, request: Pick<InquiryRequest, 'requestId' | 'amount'>): Outcome {
  const ours = textOf(body, 'requestingOrganisationTransactionReference');
  if (ours !== null && ours !== request.requestId) return unknown('reference_mismatch');
  const outcome = transactionOutcome(body);
  if (outcome.state !== 'succeeded') return outcome;
  const amount = readAmount(textOf(body, 'amount'), request.amount.currency);
  if (amount === null || textOf(body, 'currency') !== request.amount.currency) return unknown('amount_mismatch');
  return succeededWith(outcome.receipt, amount, request.amount);
}

async function balance(gsma: Gsma): Promise<Money | null> {
  const { key, value } = gsma.profile.account;
  const answer = await gsma.call('GET', `/accounts/${encodeURIComponent(key)}/${encodeURIComponent(value)}/balance`);
  if (answer.kind !== 'answered' || answer.status !== 200) return null;
  const body = parseObject(answer.body);
  if (textOf(body, 'currency') !== gsma.rail.currency) return null;
  return readBalance(textOf(body, 'availableBalance') ?? textOf(body, 'currentBalance'), gsma.rail.currency)?.amount ?? null;
}

/**
 * Reads a callback (PUT): the final transaction, or an error object, which tells no leg. Throws
 * `malformed_body` for anything else.
 */
export function parseGsmaCallback(
  text: string,
  rail: Pick<Rail, 'currency'>,
  types: Pick<GsmaProfile, 'collectionType' | 'payoutType'>,
): CallbackEvent {
  const body = parseCallbackObject(text);
  if (isErrorObject(body)) {
    // Our funds or the customer's: only the inquiry knows which leg this was.
    const outcome = finalFailure(body, 'collection');
    return { kind: 'inquiry', outcome, ourReference: null, operatorReference: null, trust: 'confirm' };
  }
  if (textOf(body, 'transactionStatus') === null) throw fault('malformed_body', { detail: 'The callback lacks its transaction status.' });
  const outcome = transactionOutcome(body);
  const type = textOf(body, 'type')?.toLowerCase();
  return {
    kind: type === types.collectionType ? 'collection' : type === types.payoutType ? 'payout' : 'inquiry',
    outcome: outcome.state === 'succeeded' ? { ...outcome, amount: readAmount(textOf(body, 'amount'), rail.currency) } : outcome,
    ourReference: textOf(body, 'requestingOrganisationTransactionReference'),
    operatorReference: textOf(body, 'transactionReference'),
    trust: 'confirm',
  };
}
