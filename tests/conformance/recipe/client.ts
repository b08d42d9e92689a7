/**
 * A small operator: one resource, `/payments/{reference}`, for both directions. The reference is our request
 * id and makes a repeat harmless; callbacks carry no proof, so an inquiry decides.
 */
import { z } from 'zod';
import type { Clock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import type { Rail } from '../../../domain/rail.ts';
import { outcomeWithoutAnswer, plainText, refusalBeforeSending, succeededWith } from '../../../tools/mmo/checks.ts';
import { createSend, type Fetch, type HttpAnswer, type HttpCall } from '../../../tools/mmo/http.ts';
import { askGrant, basicAuthorization, CLIENT_CREDENTIALS_FORM } from '../../../tools/mmo/oauth.ts';
import type { EffectRequest, InquiryRequest, OperatorClient, Outcome } from '../../../tools/mmo/operator.ts';
import { ABSENCE_IS_SURE, absenceIsSure } from '../../../tools/mmo/patience.ts';
import { parseCallbackObject, parseObject, readAmount, type ReadingObject, textOf } from '../../../tools/mmo/reading.ts';
import { failed, pending, type Reason, unknown, unmapped } from '../../../tools/mmo/reasons.ts';
import { callWithToken, tokenNameOf, type TokenVault } from '../../../tools/mmo/tokens.ts';
import { wireAmount } from '../../../tools/mmo/writing.ts';

export const smallProfileSchema = z
  .strictObject({
    baseUrl: z.url(),
    clientId: z.string().min(1),
    clientSecret: z.string().min(1),
    timeoutMs: z.number().int().positive().default(20_000),
    absentAfterMs: z.number().int().positive().default(1_800_000),
  })
  .refine(absenceIsSure, ABSENCE_IS_SURE);

type SmallProfile = z.infer<typeof smallProfileSchema>;

/** Every code the operator sends. One that is not here is unknown. */
const CODES: Readonly<Record<string, Reason>> = {
  DECLINED: 'payer_declined',
  NO_FUNDS: 'insufficient_funds',
  NO_FLOAT: 'float_too_low',
  NO_WALLET: 'wallet_not_found',
  BUSY: 'operator_busy',
};

interface Small {
  readonly rail: Rail;
  readonly profile: SmallProfile;
  readonly call: (method: 'GET' | 'POST', path: string, body?: object) => Promise<HttpAnswer>;
}

export function createSmallClient(
  deps: { fetch: Fetch; clock: Clock; tokens: TokenVault },
  rail: Rail,
  profile: SmallProfile,
): OperatorClient {
  const small = connect(deps, rail, profile);
  return {
    railId: rail.id,
    capabilities: {
      approval: 'prompt',
      repeatable: { collection: true, payout: true },
      refund: 'payout',
      refundsParts: true,
      refundByRequest: false,
      balance: 'none',
      walletCheck: 'none',
      callbackProof: 'none',
      callbackAddress: 'attempt',
    },
    collect: (request) => submit(small, 'collection', request),
    disburse: (request) => submit(small, 'payout', request),
    refund: (request) => submit(small, 'payout', request),
    inquire: (request) => inquire(small, request),
    balance: async () => null,
    parseCallback: (text) => parseCallback(text, rail),
    callbackAnswer: { status: 200, body: '', contentType: 'text/plain' },
  };
}

function connect(deps: { fetch: Fetch; clock: Clock; tokens: TokenVault }, rail: Rail, profile: SmallProfile): Small {
  const send = createSend({ fetch: deps.fetch, baseUrl: profile.baseUrl, timeoutMs: profile.timeoutMs });
  const tokenCall: HttpCall = {
    method: 'POST',
    path: '/token',
    headers: {
      authorization: basicAuthorization(profile.clientId, profile.clientSecret),
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: CLIENT_CREDENTIALS_FORM,
  };
  return {
    rail,
    profile,
    call: (method, path, body) =>
      callWithToken(
        (stale) =>
          deps.tokens.take(tokenNameOf('small', profile.baseUrl, profile.clientId), stale, () => askGrant(send, tokenCall, deps.clock)),
        (token) =>
          send({
            method,
            path,
            headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
            ...(body === undefined ? {} : { body: JSON.stringify(body) }),
          }),
        (answer) => answer.status === 401,
      ),
  };
}

async function submit(small: Small, leg: 'collection' | 'payout', request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(small.rail, leg, request);
  if (refusal !== null) return refusal;
  const answer = await small.call('POST', '/payments', {
    reference: request.requestId,
    direction: leg === 'collection' ? 'in' : 'out',
    amount: wireAmount(request.amount),
    currency: request.amount.currency,
    phone: request.phone.slice(1),
    text: plainText(request.note, 40),
    callback: request.callbackUrl,
  });
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  // Taken, now or before: from here on it cannot turn out never to have come.
  if (answer.status === 202 || answer.status === 409) return pending({ accepted: 'yes' });
  if (answer.status === 429) return failed('operator_busy');
  const code = textOf(parseObject(answer.body), 'code') ?? '';
  const isRefused = answer.status === 400 && Object.hasOwn(CODES, code);
  return isRefused ? failed(CODES[code] ?? 'operator_refused') : unknown(answer.status >= 500 ? 'operator_error' : 'unreadable_answer');
}

async function inquire(small: Small, request: InquiryRequest): Promise<Outcome> {
  const answer = await small.call('GET', `/payments/${request.requestId}`);
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  if (answer.status === 404 && textOf(body, 'code') === 'NOT_FOUND') {
    if (request.handle['accepted'] !== undefined) return unknown('not_found_yet');
    return request.nowMs - request.sentAtMs >= small.profile.absentAfterMs ? failed('never_received') : unknown('not_found_yet');
  }
  if (answer.status !== 200 || body === undefined) return unknown('inquiry_failed');
  if (textOf(body, 'reference') !== request.requestId) return unknown('reference_mismatch');
  const outcome = outcomeOf(body);
  if (outcome.state !== 'succeeded') return outcome;
  const amount = readAmount(textOf(body, 'amount'), small.rail.currency);
  return amount === null ? unknown('amount_mismatch') : succeededWith(outcome.receipt, amount, request.amount);
}

function outcomeOf(body: ReadingObject): Outcome {
  const code = textOf(body, 'code') ?? 'no_code';
  const receipt = textOf(body, 'receipt');
  switch (textOf(body, 'status')?.toLowerCase()) {
    case 'paid':
      return receipt === null ? unknown('contradiction') : { state: 'succeeded', receipt, amount: null };
    case 'failed':
      return Object.hasOwn(CODES, code)
        ? failed(CODES[code] ?? 'operator_refused')
        : { state: 'failed', reasonCode: unmapped(code), retry: 'later' };
    case 'open':
      return pending();
    default:
      return unknown(unmapped(textOf(body, 'status') ?? 'no_status'));
  }
}

function parseCallback(text: string, rail: Rail): ReturnType<OperatorClient['parseCallback']> {
  const body = parseCallbackObject(text);
  const ourReference = textOf(body, 'reference');
  if (ourReference === null || textOf(body, 'status') === null) throw fault('malformed_body');
  const outcome = outcomeOf(body);
  return {
    kind: textOf(body, 'direction') === 'in' ? 'collection' : 'payout',
    outcome: outcome.state === 'succeeded' ? { ...outcome, amount: readAmount(textOf(body, 'amount'), rail.currency) } : outcome,
    ourReference,
    operatorReference: textOf(body, 'receipt'),
    trust: 'confirm',
  };
}
