/**
 * Reads what Orange's services post, each in its own form. None of them is signed, and some forms are not
 * published at all, so each is a hint: an inquiry decides in every case.
 */
import { uuidOfShortId } from '../../../domain/ids.ts';
import { fault } from '../../../domain/errors.ts';
import type { Currency } from '../../../domain/currency.ts';
import type { CallbackEvent, Outcome } from '../operator.ts';
import { objectOf, parseCallbackObject, readAmount, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown, unmapped } from '../reasons.ts';
import { omcoreOutcome } from './omcore.ts';
import { sonatelOutcome } from './sonatel.ts';
import { notifHandle, webpayOutcome } from './webpay.ts';

/** Reads a notification. Throws `malformed_body` for what none of Orange's services can have sent. */
export function parseOrangeCallback(text: string, rail: { readonly currency: Currency }): CallbackEvent {
  const body = parseCallbackObject(text);
  if (textOf(body, 'notif_token') !== null) return webpayEvent(body);
  const data = objectOf(body, 'data') ?? body;
  if (textOf(data, 'payToken') !== null) return omcoreEvent(data, rail.currency);
  if (textOf(body, 'transactionId') !== null && textOf(body, 'status') !== null) return sonatelEvent(body, rail.currency);
  if (textOf(body, 'partnerTransactionId') !== null) return b2bEvent(body, rail.currency);
  throw fault('malformed_body', { detail: 'Orange sends no such message.' });
}

/** Web payment: `{status, notif_token, txnid}`, without the order. */
function webpayEvent(body: ReadingObject): CallbackEvent {
  const status = textOf(body, 'status');
  const txnid = textOf(body, 'txnid');
  const told = webpayOutcome(status, txnid ?? '');
  const handle = {
    ...notifHandle(textOf(body, 'notif_token')),
    ...(txnid === null ? {} : { txnid }),
    ...(told.state === 'succeeded' ? { notified: 'SUCCESS' } : {}),
  };
  const outcome = told.state === 'succeeded' && txnid === null ? unknown('contradiction') : told;
  return { kind: 'collection', outcome: { ...outcome, handle }, ourReference: null, operatorReference: txnid, trust: 'confirm' };
}

/** Cameroon: said to carry the pay token and the status. Merchant payments have an `inittxnstatus`, cash-ins a `txnstatus`. */
function omcoreEvent(data: ReadingObject, currency: Currency): CallbackEvent {
  const isPayout = textOf(data, 'txnstatus') !== null || textOf(data, 'txnmessage') !== null;
  const isCollection = textOf(data, 'inittxnstatus') !== null;
  const kind = isPayout ? 'payout' : isCollection ? 'collection' : 'inquiry';
  const payToken = textOf(data, 'payToken') ?? '';
  const outcome = omcoreOutcome(data, isPayout ? 'payout' : 'collection', { payToken });
  const orderId = textOf(data, 'orderId');
  return {
    kind,
    outcome: withAmount(outcome, data, currency),
    ourReference: orderId === null ? null : (uuidOfShortId(orderId) ?? orderId),
    operatorReference: textOf(data, 'txnid'),
    trust: 'confirm',
  };
}

function withAmount(outcome: Outcome, body: ReadingObject, currency: Currency): Outcome {
  return outcome.state === 'succeeded' ? { ...outcome, amount: readAmount(textOf(body, 'amount'), currency) } : outcome;
}

/** Sonatel: the transaction with our reference. It does not tell whether it was a payment or a cash-in. */
function sonatelEvent(body: ReadingObject, currency: Currency): CallbackEvent {
  const transactionId = textOf(body, 'transactionId') ?? '';
  const outcome = sonatelOutcome(body, 'collection', { transactionId });
  const amount = readAmount(textOf(objectOf(body, 'amount'), 'value'), currency);
  return {
    kind: 'inquiry',
    outcome: outcome.state === 'succeeded' ? { ...outcome, amount } : outcome,
    ourReference: textOf(body, 'reference'),
    operatorReference: transactionId,
    trust: 'confirm',
  };
}

/** DR Congo's B2B cash-in: our id, its status and amount. */
function b2bEvent(body: ReadingObject, currency: Currency): CallbackEvent {
  const status = textOf(body, 'transactionStatus')?.toUpperCase();
  const receipt = textOf(body, 'transactionId');
  const told: Outcome =
    status === 'SUCCESS' && receipt !== null
      ? { state: 'succeeded', receipt, amount: null }
      : status === 'FAILED'
        ? failed('operator_refused')
        : status === 'PENDING'
          ? pending()
          : unknown(status === 'SUCCESS' ? 'contradiction' : unmapped(status ?? 'no_status'));
  return {
    kind: 'payout',
    outcome: withAmount(told, body, currency),
    ourReference: textOf(body, 'partnerTransactionId'),
    operatorReference: receipt,
    trust: 'confirm',
  };
}
