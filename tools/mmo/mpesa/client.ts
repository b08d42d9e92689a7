/**
 * M-Pesa Kenya over Safaricom's Daraja 3.0: STK Push for collections, B2C v3 for payouts.
 *
 * STK Push knows no idempotency key: the same call twice is two prompts. So a lost answer is never
 * sent again; it is looked for by the prompt's query while we hold its id, and in the statement by our
 * account reference when we do not. B2C goes by our request id; a repeat is refused as a duplicate.
 */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import type { Rail } from '../../../domain/rail.ts';
import type { BalanceDesk } from '../balances.ts';
import { plainText, refusalBeforeSending, succeededWith } from '../checks.ts';
import { createSend, type Fetch, type HttpAnswer, type HttpCall } from '../http.ts';
import type { Capabilities, EffectRequest, InquiryRequest, OperatorClient, Outcome } from '../operator.ts';
import { askGrant, basicAuthorization } from '../oauth.ts';
import { readPublicKey } from '../public-key.ts';
import { parseObject, textOf } from '../reading.ts';
import { reachesWithinMs } from '../patience.ts';
import { failed, pending, unknown } from '../reasons.ts';
import { callWithToken, tokenNameOf, type TokenVault } from '../tokens.ts';
import { balanceOf, readToldBalance } from './balance.ts';
import { ownPaymentsOf } from './c2b.ts';
import { occasionOf, parseMpesaCallback } from './callbacks.ts';
import { type Daraja, initiatorOf, submitOutcome } from './daraja.ts';
import { accountReferenceOf, kenyanMsisdn, passwordOf, securityCredentialOf, shillingsOf, timestampOf } from './fields.ts';
import { stkFailure, TOKEN_REFUSALS } from './outcomes.ts';
import { inquireReversal, type MpesaOperations, operationsOf, reverse } from './operations.ts';
import type { MpesaProfile } from './profile.ts';
import { inquireStatement, mayStillBePaid, statedPayments } from './statement.ts';

export interface MpesaDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly tokens: TokenVault;
  /** Where balances are asked for and heard; null where nothing hears them. */
  readonly balances: BalanceDesk | null;
}

const CAPABILITIES: Capabilities = {
  approval: 'prompt',
  repeatable: { collection: false, payout: true },
  refund: 'operation',
  refundsParts: false,
  refundByRequest: false,
  balance: 'callback',
  walletCheck: 'none',
  callbackProof: 'none',
  callbackAddress: 'attempt',
};

/** What every operator does, and what only Daraja offers. */
export type MpesaClient = OperatorClient & MpesaOperations;

/** Makes the client of one rail. Throws `config_invalid` when the certificate cannot be read. */
export function createMpesaClient(deps: MpesaDeps, rail: Rail, profile: MpesaProfile): MpesaClient {
  const send = createSend({ fetch: deps.fetch, baseUrl: profile.baseUrl, timeoutMs: profile.timeoutMs });
  const name = tokenNameOf('mpesa', profile.baseUrl, profile.consumerKey);
  const take = (stale: string | null) => deps.tokens.take(name, stale, () => askGrant(send, tokenCall(profile), deps.clock));
  const daraja: Daraja = {
    rail,
    profile,
    clock: deps.clock,
    key: certificateOf(rail, profile),
    call: (path, body) => callWithToken(take, (token) => send(jsonCall(path, token, body)), refusesToken),
  };
  return {
    railId: rail.id,
    capabilities: CAPABILITIES,
    collect: (request) => collect(daraja, request),
    disburse: (request) => disburse(daraja, request),
    refund: (request) => reverse(daraja, request),
    inquire: (request) => inquire(daraja, request),
    balance: (terms) => balanceOf(daraja, deps.balances, terms?.notBeforeMs),
    readBalance: (body) => readToldBalance(body, profile.balance.accounts),
    parseCallback: (body) => parseMpesaCallback(body, profile.absentResultCodes),
    callbackAnswer: { status: 200, body: '{"ResultCode":0,"ResultDesc":"Accepted"}', contentType: 'application/json' },
    ownPayments: ownPaymentsOf(profile),
    stated: {
      settlesWithinMs: profile.settleMarginMs,
      paymentsFor: (request) => statedPayments(daraja.call, profile, request),
    },
    ...operationsOf(daraja),
  };
}

function certificateOf(rail: Rail, profile: MpesaProfile): KeyObject {
  try {
    return readPublicKey(profile.b2c.certificate);
  } catch (cause) {
    const field = `operators.${rail.id}.b2c.certificate`;
    throw fault('config_invalid', { field, detail: `${field} is neither a certificate nor a public key in PEM form.`, cause });
  }
}

function tokenCall({ consumerKey, consumerSecret }: MpesaProfile): HttpCall {
  return {
    method: 'GET',
    path: '/oauth/v1/generate?grant_type=client_credentials',
    headers: { authorization: basicAuthorization(consumerKey, consumerSecret), accept: 'application/json' },
  };
}

/** A POST of JSON with a bearer token. */
function jsonCall(path: string, token: string, body: Readonly<Record<string, string>>): HttpCall {
  return {
    method: 'POST',
    path,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify(body),
  };
}

function refusesToken(answer: HttpAnswer & { kind: 'answered' }): boolean {
  if (answer.status === 401) return true;
  return TOKEN_REFUSALS.includes(textOf(parseObject(answer.body), 'errorCode') ?? '');
}

async function collect(daraja: Daraja, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(daraja.rail, 'collection', request);
  if (refusal !== null) return refusal;
  const phone = kenyanMsisdn(request.phone);
  if (phone === null) return failed('phone_invalid');
  const { stk } = daraja.profile;
  const answer = await daraja.call('/mpesa/stkpush/v1/processrequest', {
    ...stkIdentity(daraja),
    TransactionType: stk.transactionType,
    Amount: shillingsOf(request.amount),
    PartyA: phone,
    PartyB: stk.till ?? stk.shortCode,
    PhoneNumber: phone,
    CallBackURL: request.callbackUrl,
    AccountReference: accountReferenceOf(request.requestId),
    TransactionDesc: plainText(request.note, 13),
  });
  return submitOutcome(answer, (body) => {
    const checkoutRequestId = textOf(body, 'CheckoutRequestID');
    const merchantRequestId = textOf(body, 'MerchantRequestID');
    return checkoutRequestId === null || merchantRequestId === null ? null : { checkoutRequestId, merchantRequestId };
  });
}

/** Short code, timestamp and the password made of both. */
function stkIdentity(daraja: Daraja): { BusinessShortCode: string; Password: string; Timestamp: string } {
  const { shortCode, passkey } = daraja.profile.stk;
  const timestamp = timestampOf(daraja.clock.now());
  return { BusinessShortCode: shortCode, Password: passwordOf(shortCode, passkey, timestamp), Timestamp: timestamp };
}

async function disburse(daraja: Daraja, request: EffectRequest): Promise<Outcome> {
  const refusal = refusalBeforeSending(daraja.rail, 'payout', request);
  if (refusal !== null) return refusal;
  const phone = kenyanMsisdn(request.phone);
  if (phone === null) return failed('phone_invalid');
  const { b2c } = daraja.profile;
  const answer = await daraja.call('/mpesa/b2c/v3/paymentrequest', {
    OriginatorConversationID: request.requestId,
    InitiatorName: b2c.initiatorName,
    SecurityCredential: securityCredentialOf(b2c.initiatorPassword, daraja.key),
    CommandID: b2c.commandId,
    Amount: shillingsOf(request.amount),
    PartyA: b2c.shortCode,
    PartyB: phone,
    Remarks: plainText(request.note, 100).padEnd(2, '.'),
    QueueTimeOutURL: request.callbackUrl,
    ResultURL: request.callbackUrl,
  });
  return submitOutcome(answer, (body) => {
    const conversationId = textOf(body, 'ConversationID');
    return conversationId === null ? null : { conversationId };
  });
}

function inquire(daraja: Daraja, request: InquiryRequest): Promise<Outcome> {
  if (request.leg === 'collection')
    return request.handle['ownPayment'] === undefined ? inquirePrompt(daraja, request) : inquireOwnPayment(daraja, request);
  return request.leg === 'refund' ? inquireReversal(daraja, request) : inquirePayout(daraja, request);
}

/**
 * A payment that the payer made by themselves counts once the statement has it. As long as it may be on its way there, no end of a
 * prompt but its success is one; after that nobody made it.
 */
async function inquireOwnPayment(daraja: Daraja, request: InquiryRequest): Promise<Outcome> {
  const stated = await inquireStatement(daraja.call, daraja.profile, request);
  if (stated.state === 'succeeded' || (stated.state === 'unknown' && stated.reasonCode === 'amount_mismatch')) return stated;
  const saidAtMs = Number(request.handle['ownPaymentAtMs'] ?? Number.POSITIVE_INFINITY);
  const prompted = await inquirePrompt(daraja, request);
  if (prompted.state === 'failed' && request.nowMs - saidAtMs < daraja.profile.settleMarginMs) return unknown('not_found_yet');
  return prompted;
}

/** By the prompt's query while it decides; by the statement when its id was lost or it never decides. */
async function inquirePrompt(daraja: Daraja, request: InquiryRequest): Promise<Outcome> {
  const { checkoutRequestId } = request.handle;
  if (checkoutRequestId === undefined) return inquireStatement(daraja.call, daraja.profile, request);
  const outcome = await queryPrompt(daraja, request, checkoutRequestId);
  if (outcome.state === 'succeeded' || outcome.state === 'failed') return outcome;
  if (mayStillBePaid(daraja.profile, request)) return outcome;
  return inquireStatement(daraja.call, daraja.profile, request);
}

async function queryPrompt(daraja: Daraja, request: InquiryRequest, checkoutRequestId: string): Promise<Outcome> {
  const answer = await daraja.call('/mpesa/stkpushquery/v1/query', { ...stkIdentity(daraja), CheckoutRequestID: checkoutRequestId });
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  const body = parseObject(answer.body);
  const code = textOf(body, 'ResultCode');
  if (body === undefined || code === null) {
    // `500.001.1001` tells nothing about the payment, not even that it exists; only its text may say "pending".
    return /being processed/i.test(textOf(body, 'errorMessage') ?? '') ? pending() : unknown('inquiry_failed');
  }
  const about = textOf(body, 'CheckoutRequestID');
  if (about !== null && about !== checkoutRequestId) return unknown('reference_mismatch');
  if (code === '0') {
    // The query gives no receipt; the callback's is kept in the handle.
    const receipt =
      request.handle['receipt'] ?? textOf(body, 'MerchantRequestID') ?? request.handle['merchantRequestId'] ?? request.requestId;
    return succeededWith(receipt, null, request.amount);
  }
  // A prompt that found no handset may still be answered while it lives.
  if (code === '1037' && request.nowMs - request.sentAtMs < reachesWithinMs(daraja.profile) + daraja.profile.promptLifetimeMs)
    return unknown('payer_unreachable');
  return stkFailure(code);
}

/** Asks Transaction Status; its answer comes to the callback address, so all this can tell is that it was asked. */
async function inquirePayout(daraja: Daraja, request: InquiryRequest): Promise<Outcome> {
  const { b2c, absentAfterMs } = daraja.profile;
  // What Daraja acknowledged once cannot be called unseen, whatever Transaction Status finds.
  const mayEnd = request.handle['conversationId'] === undefined && request.nowMs - request.sentAtMs >= absentAfterMs;
  const answer = await daraja.call('/mpesa/transactionstatus/v1/query', {
    ...initiatorOf(daraja),
    CommandID: 'TransactionStatusQuery',
    OriginalConversationID: request.requestId,
    PartyA: b2c.shortCode,
    IdentifierType: '4',
    ResultURL: request.callbackUrl,
    QueueTimeOutURL: request.callbackUrl,
    Remarks: 'Status of a payout',
    Occasion: occasionOf(request.requestId, mayEnd, request.handle['toldCode']),
  });
  if (answer.kind !== 'answered') return unknown('inquiry_failed');
  if (textOf(parseObject(answer.body), 'ResponseCode') !== '0') return unknown('inquiry_failed');
  return request.handle['conversationId'] === undefined ? unknown('awaiting_result') : pending();
}
