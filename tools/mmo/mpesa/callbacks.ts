/**
 * Reads what Daraja posts to us: STK callbacks, B2C results, Transaction Status results, C2B confirmations, and whatever
 * comes to the queue time-out address. Fields are found by name, never by place; one item or a list of
 * them is the same to us; old and new spellings are both read.
 */
import { fault } from '../../../domain/errors.ts';
import type { Money } from '../../../domain/money.ts';
import type { CallbackEvent, OperatorHandle, Outcome } from '../operator.ts';
import { listOf, objectOf, parseCallbackObject, readAmount, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown, unmapped } from '../reasons.ts';
import { confirmationEvent } from './c2b.ts';
import { b2cFailure, reversalFailure, stkFailure } from './outcomes.ts';

/** The `Occasion` of our Transaction Status calls; Daraja repeats it in the result. */
const OCCASION = /^inquiry (last )?([0-9a-f-]{36})(?: after ([\w.]{1,12}))?$/;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * The occasion of an inquiry; `last` lets a "no such transaction" end the attempt, and the code of a failure that was told
 * before says why, should the status agree.
 */
export function occasionOf(requestId: string, last: boolean, toldCode?: string): string {
  return `inquiry ${last ? 'last ' : ''}${requestId}${toldCode === undefined ? '' : ` after ${toldCode}`}`;
}

/** Reads a callback body. Throws `malformed_body` for what Daraja cannot have sent. */
export function parseMpesaCallback(body: string, absentResultCodes: readonly string[]): CallbackEvent {
  const message = parseCallbackObject(body);
  const stk = objectOf(objectOf(message, 'Body'), 'stkCallback');
  if (stk !== undefined) return parseStk(stk);
  const result = objectOf(message, 'Result');
  if (result !== undefined && textOf(result, 'ResultCode') !== null) return parseResult(result, absentResultCodes);
  if (textOf(message, 'TransID') !== null) return confirmationEvent(body);
  if (textOf(message, 'resultCode') !== null) return parseTillPush(message);
  return parseQueueTimeout(result ?? message);
}

/** The result of a push to another business's till (B2B Express): flat, in camel case, under the id that we gave. */
export function parseTillPush(message: ReadingObject): CallbackEvent {
  const receipt = textOf(message, 'transactionId');
  return {
    kind: 'collection',
    outcome: tillPushOutcome(textOf(message, 'resultCode') ?? '', receipt, readAmount(textOf(message, 'amount'), 'KES')),
    ourReference: textOf(message, 'requestId'),
    operatorReference: receipt,
    trust: 'confirm',
  };
}

function tillPushOutcome(code: string, receipt: string | null, amount: Money | null): Outcome {
  if (code === '4001') return failed('payer_declined');
  if (code === '4104') return failed('wallet_not_found');
  if (code !== '0') return unknown(unmapped(code));
  return receipt === null ? unknown('contradiction') : { state: 'succeeded', receipt, amount };
}

function parseStk(stk: ReadingObject): CallbackEvent {
  const code = textOf(stk, 'ResultCode');
  const checkoutRequestId = textOf(stk, 'CheckoutRequestID');
  if (code === null || checkoutRequestId === null) throw fault('malformed_body', { detail: 'The callback lacks its result or its ids.' });
  const items = pairsOf(objectOf(stk, 'CallbackMetadata'), 'Item', 'Name');
  const receipt = items.get('MpesaReceiptNumber') ?? null;
  const merchantRequestId = textOf(stk, 'MerchantRequestID');
  const handle: OperatorHandle = {
    checkoutRequestId,
    ...(merchantRequestId === null ? {} : { merchantRequestId }),
    ...(receipt === null ? {} : { receipt }),
  };
  return {
    kind: 'collection',
    outcome: stkOutcome(code, receipt, readAmount(items.get('Amount') ?? null, 'KES'), handle),
    ourReference: null,
    operatorReference: receipt,
    trust: 'confirm',
  };
}

function stkOutcome(code: string, receipt: string | null, amount: Money | null, handle: OperatorHandle): Outcome {
  if (code !== '0') return stkFailure(code, handle);
  // Success without receipt or amount contradicts itself; the inquiry will tell.
  if (receipt === null || amount === null) return unknown('contradiction', handle);
  return { state: 'succeeded', receipt, amount, handle };
}

function parseResult(result: ReadingObject, absentResultCodes: readonly string[]): CallbackEvent {
  const parameters = pairsOf(objectOf(result, 'ResultParameters'), 'ResultParameter', 'Key');
  const occasion = OCCASION.exec(pairsOf(objectOf(result, 'ReferenceData'), 'ReferenceItem', 'Key').get('Occasion') ?? '');
  if (occasion !== null || parameters.has('TransactionStatus')) {
    return parseStatusResult(result, parameters, occasion, absentResultCodes);
  }
  // What our short code holds says nothing of any attempt, whatever address it came to.
  if (parameters.has('AccountBalance')) throw fault('malformed_body', { detail: 'A balance is the outcome of no attempt.' });
  if (parameters.has('OriginalTransactionID')) return parseReversal(result, parameters);
  const conversationId = textOf(result, 'ConversationID');
  const ourReference = textOf(result, 'OriginatorConversationID');
  if (ourReference === null && conversationId === null) throw fault('malformed_body', { detail: 'The result carries no id.' });
  const code = textOf(result, 'ResultCode') ?? '';
  const told = conversationId === null ? undefined : { conversationId };
  const outcome = payoutOutcome(code, parameters, told);
  const isFailure = outcome.state === 'failed' && /^[\w.]{1,12}$/.test(code);
  return {
    kind: 'payout',
    outcome: isFailure ? { ...outcome, handle: { ...told, toldCode: code } } : outcome,
    ourReference,
    operatorReference: outcome.state === 'succeeded' ? outcome.receipt : null,
    // A payout that is said to have failed is made again elsewhere: whoever can say so falsely could have it made twice.
    trust: ourReference === null || outcome.state === 'failed' ? 'confirm' : 'sufficient',
  };
}

/** A reversal carries Daraja's ids only, so its attempt is asked about before it is believed. */
function parseReversal(result: ReadingObject, parameters: Map<string, string>): CallbackEvent {
  const conversationId = textOf(result, 'ConversationID');
  const receipt = textOf(result, 'TransactionID');
  const amount = readAmount(parameters.get('Amount') ?? null, 'KES');
  const handle = conversationId === null ? undefined : { conversationId };
  const isDone = textOf(result, 'ResultCode') === '0' && receipt !== null && amount !== null;
  return {
    kind: 'refund',
    outcome: isDone
      ? { state: 'succeeded', receipt, amount, ...(handle ? { handle } : {}) }
      : reversalFailure(textOf(result, 'ResultCode') ?? '', handle),
    ourReference: null,
    operatorReference: receipt,
    trust: 'confirm',
  };
}

function payoutOutcome(code: string, parameters: Map<string, string>, handle?: OperatorHandle): Outcome {
  if (code !== '0') return b2cFailure(code, handle);
  const receipt = parameters.get('TransactionReceipt') ?? null;
  const amount = readAmount(parameters.get('TransactionAmount') ?? null, 'KES');
  // Results of other products look alike; a payout's success always says what was paid and its receipt.
  if (receipt === null || amount === null) return unknown('contradiction', handle);
  return { state: 'succeeded', receipt, amount, ...(handle ? { handle } : {}) };
}

/** The result of Transaction Status: about the payout it was asked for, not about itself. */
function parseStatusResult(
  result: ReadingObject,
  parameters: Map<string, string>,
  occasion: RegExpExecArray | null,
  absentResultCodes: readonly string[],
): CallbackEvent {
  const code = textOf(result, 'ResultCode') ?? '';
  const receipt = parameters.get('ReceiptNo') ?? null;
  // A reversal goes by an id of Daraja's own; only the occasion of our inquiry says whose it is.
  const originator = parameters.get('OriginatorConversationID') ?? null;
  const isOurs = originator !== null && (UUID.test(originator) || occasion === null);
  const ourReference = isOurs ? originator : (occasion?.[2] ?? null);
  return {
    kind: 'inquiry',
    outcome: statusOutcome(code, parameters, receipt, occasion?.[1] !== undefined && absentResultCodes.includes(code), occasion?.[3]),
    ourReference,
    operatorReference: receipt,
    trust: ourReference === null ? 'confirm' : 'sufficient',
  };
}

function statusOutcome(
  code: string,
  parameters: Map<string, string>,
  receipt: string | null,
  endsAttempt: boolean,
  toldCode: string | undefined,
): Outcome {
  if (endsAttempt) return failed('never_received');
  if (code !== '0') return refusedAlike(code, toldCode) ?? unknown(unmapped(code));
  const status = parameters.get('TransactionStatus')?.toLowerCase() ?? '';
  if (status === 'completed') {
    const amount = readAmount(parameters.get('Amount') ?? null, 'KES');
    return receipt === null || amount === null ? unknown('contradiction') : { state: 'succeeded', receipt, amount };
  }
  if (['cancelled', 'declined', 'expired'].includes(status)) {
    const told = toldCode === undefined ? null : b2cFailure(toldCode);
    return told?.state === 'failed' ? told : failed('operator_refused');
  }
  if (['authorized', 'pending authorized', 'initiated'].includes(status)) return pending();
  return unknown(unmapped(status));
}

/** The payout's failure, where the same credentials were refused for it and for the question after it; else null. */
function refusedAlike(code: string, toldCode: string | undefined): Outcome | null {
  const told = b2cFailure(code);
  return code === toldCode && told.state === 'failed' && told.reasonCode === 'rail_misconfigured' ? told : null;
}

/**
 * Safaricom publishes no form for what comes when its queue times out, so anything that carries one of
 * the ids is taken as one. It says nothing about the money.
 */
function parseQueueTimeout(message: ReadingObject): CallbackEvent {
  const ourReference = textOf(message, 'OriginatorConversationID');
  const conversationId = textOf(message, 'ConversationID');
  if (ourReference === null && conversationId === null) throw fault('malformed_body', { detail: 'Daraja sends no such message.' });
  return {
    kind: 'payout',
    outcome: unknown('queue_timeout', conversationId === null ? undefined : { conversationId }),
    ourReference,
    operatorReference: null,
    trust: 'confirm',
  };
}

/** Key and value pairs; keys without the blanks that older versions had; the first of two wins. */
function pairsOf(holder: ReadingObject | undefined, listKey: string, nameKey: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const item of listOf(holder, listKey)) {
    const name = textOf(item, nameKey)?.replaceAll(' ', '');
    const value = textOf(item, 'Value');
    if (name !== undefined && value !== null && !pairs.has(name)) pairs.set(name, value);
  }
  return pairs;
}
