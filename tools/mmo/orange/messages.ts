/** Any message of Orange's services as a draft of an event. */
import { amountIn, balanceIn, done, type Draft, draftOfCallback, oauthError, ownRequest } from '../event.ts';
import type { Currency } from '../../../domain/currency.ts';
import { isObject, objectOf, readAmount, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown, unmapped } from '../reasons.ts';
import { parseOrangeCallback } from './callbacks.ts';
import { omcoreOutcome } from './omcore.ts';
import { sonatelProblem } from './sonatel.ts';
import { webpayOutcome } from './webpay.ts';

/** Reads a message; null for what Orange cannot have sent and we cannot have asked. `currency` is Cameroon's unless told. */
export function readOrangeMessage(body: ReadingObject, text: string, currency: Currency = 'XAF'): Draft | null {
  if (isRequest(body))
    return ownRequest(
      textOf(body, 'order_id') ?? textOf(body, 'orderId') ?? textOf(body, 'reference') ?? textOf(body, 'partnerTransactionId'),
    );
  if (textOf(body, 'payment_url') !== null) return { kind: 'collection', outcome: pending() };
  const data = objectOf(body, 'data');
  if (data !== undefined && textOf(data, 'payToken') !== null) return omcoreDraft(data, currency);
  if (textOf(body, 'order_id') !== null && textOf(body, 'status') !== null) return statusDraft(body);
  if (textOf(body, 'access_token') !== null) return done('token');
  if (isObject(body['fault'])) return faultDraft(body['fault']);
  if (textOf(body, 'detail') !== null || textOf(body, 'title') !== null) return problemDraft(body);
  if (textOf(body, 'keyType') !== null) return done('key');
  if (textOf(body, 'value') !== null && textOf(body, 'unit') !== null) return balanceIn(body, 'value', 'unit');
  if (textOf(body, 'code') !== null) return groupError(body);
  if (['notif_token', 'payToken', 'transactionId', 'partnerTransactionId'].some((key) => textOf(body, key) !== null)) {
    // The messages of DR Congo name their currency; it counts before any other.
    const own = amountIn(body);
    return draftOfCallback(parseOrangeCallback(text, { currency: own?.currency ?? currency }), own === null ? {} : { amount: own });
  }
  return oauthError(body);
}

/** What only we write: keys, PINs, who pays whom. */
function isRequest(body: ReadingObject): boolean {
  if (['merchant_key', 'posId', 'pin'].some((key) => textOf(body, key) !== null)) return true;
  if (objectOf(body, 'customer') !== undefined && objectOf(body, 'partner') !== undefined) return true;
  return textOf(body, 'order_id') !== null && textOf(body, 'pay_token') !== null;
}

/** A pay token alone begins a payment; with a status it tells one. */
function omcoreDraft(data: ReadingObject, currency: Currency): Draft {
  if (textOf(data, 'status') === null) return { kind: 'acknowledgement', outcome: pending(), warnings: ['accepted_only'] };
  const isPayout = textOf(data, 'txnstatus') !== null;
  const outcome = omcoreOutcome(data, isPayout ? 'payout' : 'collection');
  const createdS = Number(textOf(data, 'createtime') ?? Number.NaN);
  return {
    kind: isPayout ? 'payout' : 'collection',
    outcome,
    ourReference: textOf(data, 'orderId'),
    operatorReference: textOf(data, 'txnid'),
    amount: readAmount(textOf(data, 'amount'), currency),
    occurredAtMs: Number.isSafeInteger(createdS) ? createdS * 1000 : null,
  };
}

function statusDraft(body: ReadingObject): Draft {
  const orderId = textOf(body, 'order_id');
  const txnid = textOf(body, 'txnid');
  return {
    kind: 'collection',
    outcome: webpayOutcome(textOf(body, 'status'), txnid ?? orderId ?? ''),
    ourReference: orderId,
    operatorReference: txnid,
  };
}

/** WSO2: 90090x our token, 90080x too many calls. */
function faultDraft(fault: ReadingObject): Draft {
  const code = textOf(fault, 'code') ?? 'no_code';
  if (/^90090[1-4]$/.test(code)) return { kind: 'error', outcome: failed('operator_unavailable') };
  return { kind: 'error', outcome: /^90080\d$/.test(code) ? failed('operator_busy') : unknown(unmapped(code)) };
}

function problemDraft(body: ReadingObject): Draft {
  const isPayout = /cashin/i.test(textOf(body, 'instance') ?? '');
  return { kind: 'error', outcome: sonatelProblem(Number(textOf(body, 'status') ?? '500'), body, isPayout ? 'payout' : 'collection') };
}

/** `{code, message, description}`: nothing of Orange's says which of them leave a payment in doubt. */
function groupError(body: ReadingObject): Draft {
  return { kind: 'error', outcome: unknown(unmapped(textOf(body, 'code') ?? 'no_code')) };
}
