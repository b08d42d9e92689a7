/**
 * What Daraja offers beyond prompts and payouts: reversal, payments to and from businesses, and the
 * registration for customers who pay by themselves (C2B). All but the last are acknowledged at once and
 * told later, to the address given with them.
 */
import type { Money } from '../../../domain/money.ts';
import { isRemembered, outcomeWithoutAnswer, plainText, refusalOfAmount } from '../checks.ts';
import type { InquiryRequest, Outcome, RefundRequest } from '../operator.ts';
import { parseObject, textOf } from '../reading.ts';
import { failed, pending, unknown } from '../reasons.ts';
import { occasionOf } from './callbacks.ts';
import { type Daraja, initiatorOf, submitOutcome } from './daraja.ts';
import { shillingsOf } from './fields.ts';
import { submitRefusal } from './outcomes.ts';

export interface BusinessPayment {
  readonly amount: Money;
  /** `BusinessPayBill` and `BusinessBuyGoods` pay others; `BusinessPayToBulk` tops up our own payout account. */
  readonly commandId: 'BusinessPayBill' | 'BusinessBuyGoods' | 'BusinessPayToBulk';
  readonly receiverShortCode: string;
  /** At most 13 characters. */
  readonly accountReference: string;
  readonly callbackUrl: string;
  readonly note: string;
}

/** Asks the person at another business's till to pay us (B2B Express). */
export interface TillPush {
  /** Ours; it comes back in the result. */
  readonly requestId: string;
  readonly amount: Money;
  /** The till of the business that is to pay. */
  readonly payingTill: string;
  /** The payer's reference for it, such as the number of an invoice. */
  readonly paymentReference: string;
  /** How we are called in the prompt. */
  readonly ourName: string;
  readonly callbackUrl: string;
}

export interface C2bAddresses {
  readonly validationUrl: string;
  readonly confirmationUrl: string;
  /** What Safaricom does when our validation does not answer. */
  readonly withoutAnswer: 'Completed' | 'Cancelled';
}

/** What Daraja said to a registration. */
export type Registered = 'registered' | 'already' | 'refused';

export interface MpesaOperations {
  /** Pays another business, or tops up our payout account. The result comes to the address. */
  payBusiness(payment: BusinessPayment): Promise<Outcome>;
  /** Prompts another business's till to pay our short code. The result comes to the address. */
  pushToTill(push: TillPush): Promise<Outcome>;
  /** Registers our C2B addresses, once per short code in production; `already` when they stand. */
  registerC2b(addresses: C2bAddresses): Promise<Registered>;
  /** Registers our short code for Pull Transactions, the statement by which lost answers are settled. */
  registerPull(callbackUrl: string): Promise<Registered | 'nominated_number_missing'>;
}

export function operationsOf(daraja: Daraja): MpesaOperations {
  return {
    payBusiness: (payment) => payBusiness(daraja, payment),
    pushToTill: (push) => pushToTill(daraja, push),
    registerC2b: (addresses) => registerC2b(daraja, addresses),
    registerPull: (callbackUrl) => registerPull(daraja, callbackUrl),
  };
}

const RECEIPT = /^[A-Z0-9]{10}$/;

/**
 * Takes a prompt's payment back. Daraja knows it by its receipt, takes whole payments, and gives the
 * reversal no id of ours: its own id is kept, and a call whose answer was lost is never made again.
 */
export async function reverse(daraja: Daraja, request: RefundRequest): Promise<Outcome> {
  const { original } = request;
  if (request.amount.minor !== original.amount.minor || request.amount.currency !== original.amount.currency)
    return failed('partial_refund');
  const refusal = refusalOfAmount(daraja.rail, request.amount);
  if (refusal !== null) return refusal;
  if (!RECEIPT.test(original.receipt)) return failed('receipt_missing');
  if (!(await isRemembered(request, { reverses: original.receipt }))) return failed('store_unavailable');
  const answer = await daraja.call('/mpesa/reversal/v1/request', {
    ...initiatorOf(daraja),
    CommandID: 'TransactionReversal',
    TransactionID: original.receipt,
    Amount: shillingsOf(request.amount),
    ReceiverParty: daraja.profile.stk.shortCode,
    // Daraja spells it so, and knows no other type here.
    RecieverIdentifierType: '11',
    ResultURL: request.callbackUrl,
    QueueTimeOutURL: request.callbackUrl,
    Remarks: plainText(request.note, 100).padEnd(2, '.'),
    Occasion: plainText(request.note, 100),
  });
  return submitOutcome(answer, (body) => {
    const conversationId = textOf(body, 'ConversationID');
    const originatorConversationId = textOf(body, 'OriginatorConversationID');
    if (conversationId === null || originatorConversationId === null) return null;
    return { reverses: original.receipt, conversationId, originatorConversationId };
  });
}

/** Asks Transaction Status about a reversal by the id Daraja gave it; the answer comes to the address. */
export async function inquireReversal(daraja: Daraja, request: InquiryRequest): Promise<Outcome> {
  const { originatorConversationId } = request.handle;
  if (originatorConversationId === undefined) return unknown('no_operator_id');
  const answer = await daraja.call('/mpesa/transactionstatus/v1/query', {
    ...initiatorOf(daraja),
    CommandID: 'TransactionStatusQuery',
    OriginalConversationID: originatorConversationId,
    PartyA: daraja.profile.b2c.shortCode,
    IdentifierType: '4',
    ResultURL: request.callbackUrl,
    QueueTimeOutURL: request.callbackUrl,
    Remarks: 'Status of a reversal',
    Occasion: occasionOf(request.requestId, false),
  });
  const wasTaken = answer.kind === 'answered' && textOf(parseObject(answer.body), 'ResponseCode') === '0';
  return wasTaken ? pending() : unknown('inquiry_failed');
}

async function payBusiness(daraja: Daraja, payment: BusinessPayment): Promise<Outcome> {
  const refusal = refusalOfAmount(daraja.rail, payment.amount);
  if (refusal !== null) return refusal;
  const answer = await daraja.call('/mpesa/b2b/v1/paymentrequest', {
    ...initiatorOf(daraja),
    CommandID: payment.commandId,
    SenderIdentifierType: '4',
    RecieverIdentifierType: '4',
    Amount: shillingsOf(payment.amount),
    PartyA: daraja.profile.b2c.shortCode,
    PartyB: payment.receiverShortCode,
    AccountReference: plainText(payment.accountReference, 13),
    Remarks: plainText(payment.note, 100).padEnd(2, '.'),
    QueueTimeOutURL: payment.callbackUrl,
    ResultURL: payment.callbackUrl,
  });
  return submitOutcome(answer, (body) => {
    const conversationId = textOf(body, 'ConversationID');
    return conversationId === null ? null : { conversationId };
  });
}

async function pushToTill(daraja: Daraja, push: TillPush): Promise<Outcome> {
  const refusal = refusalOfAmount(daraja.rail, push.amount);
  if (refusal !== null) return refusal;
  const answer = await daraja.call('/v1/ussdpush/get-msisdn', {
    primaryShortCode: push.payingTill,
    receiverShortCode: daraja.profile.stk.shortCode,
    amount: shillingsOf(push.amount),
    paymentRef: plainText(push.paymentReference, 20),
    callbackUrl: push.callbackUrl,
    partnerName: plainText(push.ourName, 40),
    RequestRefID: push.requestId,
  });
  if (answer.kind !== 'answered') return outcomeWithoutAnswer(answer);
  const body = parseObject(answer.body);
  if (answer.status === 200 && textOf(body, 'code') === '0') return pending();
  return submitRefusal(answer.status, body);
}

async function registerC2b(daraja: Daraja, addresses: C2bAddresses): Promise<Registered> {
  const answer = await daraja.call('/mpesa/c2b/v2/registerurl', {
    ShortCode: daraja.profile.stk.shortCode,
    ResponseType: addresses.withoutAnswer,
    ConfirmationURL: addresses.confirmationUrl,
    ValidationURL: addresses.validationUrl,
  });
  if (answer.kind !== 'answered') return 'refused';
  const body = parseObject(answer.body);
  if (textOf(body, 'ResponseCode') === '0') return 'registered';
  return /already registered/i.test(textOf(body, 'errorMessage') ?? '') ? 'already' : 'refused';
}

/** Once per short code; it names a number that stands for the organisation. Without it the statement answers nothing. */
async function registerPull(daraja: Daraja, callbackUrl: string): Promise<Registered | 'nominated_number_missing'> {
  const { stk, pull } = daraja.profile;
  if (pull === undefined) return 'nominated_number_missing';
  const answer = await daraja.call('/pulltransactions/v1/register', {
    ShortCode: stk.shortCode,
    RequestType: 'Pull',
    NominatedNumber: pull.nominatedNumber,
    CallBackURL: callbackUrl,
  });
  if (answer.kind !== 'answered') return 'refused';
  const body = parseObject(answer.body);
  const code = textOf(body, 'ResponseCode') ?? textOf(body, 'ResponseStatus');
  if (code === '1000') return 'registered';
  return code === '1001' ? 'already' : 'refused';
}
