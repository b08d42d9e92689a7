/** Any message of Daraja's as a draft of an event. */
import type { Draft } from '../event.ts';
import { done, draftOfCallback, ownRequest } from '../event.ts';
import { listOf, objectOf, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown, unmapped } from '../reasons.ts';
import { accountsOf, packedAccountsOf } from './balance.ts';
import { C2B_REFUSALS, parseC2b } from './c2b.ts';
import { parseMpesaCallback, parseTillPush } from './callbacks.ts';
import { eatTimeMs } from './fields.ts';
import { stkFailure, submitRefusal } from './outcomes.ts';

const TIME_KEYS = [
  'TransactionDate',
  'TransactionCompletedDateTime',
  'TransCompletedTime',
  'FinalisedTime',
  'FinalizedTime',
  'BOCompletedTime',
];

/** Reads a message; null for what Daraja cannot have sent and we cannot have asked. */
export function readMpesaMessage(body: ReadingObject, text: string): Draft | null {
  const result = objectOf(body, 'Result');
  if (result !== undefined && packedAccountsOf(result) !== null) return balanceDraft(result);
  if (objectOf(body, 'Body') !== undefined || result !== undefined) {
    return draftOfCallback(parseMpesaCallback(text, []), { occurredAtMs: timeOf(body) });
  }
  if (textOf(body, 'TransID') !== null) return c2bDraft(body, text);
  if (textOf(body, 'access_token') !== null) return done('token');
  if (textOf(body, 'errorCode') !== null || objectOf(body, 'fault') !== undefined) return errorDraft(body);
  if (['SecurityCredential', 'Password', 'ResponseType', 'CommandID'].some((key) => textOf(body, key) !== null)) {
    return ownRequest(textOf(body, 'OriginatorConversationID'));
  }
  return acknowledgementDraft(body) ?? expressDraft(body) ?? replyDraft(body) ?? timeoutDraft(body, text);
}

/** The first value that a list of name and value pairs has for one of the names. */
function valueOf(
  holder: ReadingObject | undefined,
  outer: string,
  inner: string,
  nameKey: string,
  names: readonly string[],
): string | null {
  const pair = listOf(objectOf(holder, outer), inner).find((item) => names.includes(textOf(item, nameKey)?.replaceAll(' ', '') ?? ''));
  return textOf(pair, 'Value');
}

function timeOf(body: ReadingObject): number | null {
  const stk = objectOf(objectOf(body, 'Body'), 'stkCallback');
  return eatTimeMs(
    valueOf(stk, 'CallbackMetadata', 'Item', 'Name', TIME_KEYS) ??
      valueOf(objectOf(body, 'Result'), 'ResultParameters', 'ResultParameter', 'Key', TIME_KEYS),
  );
}

function balanceDraft(result: ReadingObject): Draft {
  const code = textOf(result, 'ResultCode');
  if (code !== '0') return { kind: 'balance', outcome: unknown(unmapped(code ?? 'no_code')) };
  // Payouts leave from the utility account.
  return done('balance', {
    amount: accountsOf(packedAccountsOf(result) ?? '').get('Utility Account') ?? null,
    operatorReference: textOf(result, 'TransactionID'),
    occurredAtMs: timeOf({ Result: result }),
  });
}

/** A confirmation names our balance; a validation asks before anything has moved. */
function c2bDraft(body: ReadingObject, text: string): Draft {
  const payment = parseC2b(text);
  const isConfirmed = textOf(body, 'OrgAccountBalance') !== null;
  const common = {
    ourReference: payment.ours,
    operatorReference: payment.transactionId,
    amount: payment.amount,
    occurredAtMs: payment.occurredAtMs,
  };
  if (!isConfirmed) return { kind: 'validation', outcome: pending(), ...common };
  const outcome = { state: 'succeeded', receipt: payment.transactionId, amount: payment.amount } as const;
  return { kind: 'collection', outcome, ...common, warnings: ['confirm_by_inquiry'] };
}

/** The one code that may mean "not yet" says so in its text alone. */
function errorDraft(body: ReadingObject): Draft {
  const isProcessing = /being processed/i.test(textOf(body, 'errorMessage') ?? '');
  return { kind: 'error', outcome: isProcessing ? pending() : submitRefusal(500, body) };
}

function acknowledgementDraft(body: ReadingObject): Draft | null {
  const response = textOf(body, 'ResponseCode');
  if (response === null) return null;
  const resultCode = textOf(body, 'ResultCode');
  const checkout = textOf(body, 'CheckoutRequestID');
  if (resultCode !== null && checkout !== null) {
    const receipt = textOf(body, 'MerchantRequestID') ?? '';
    const outcome = resultCode === '0' ? ({ state: 'succeeded', receipt, amount: null } as const) : stkFailure(resultCode);
    return { kind: 'collection', outcome, warnings: resultCode === '0' ? ['no_receipt'] : [] };
  }
  if (response !== '0') return { kind: 'acknowledgement', outcome: unknown(unmapped(response)) };
  if (checkout !== null) return { kind: 'collection', outcome: pending() };
  if (textOf(body, 'OriginatorCoversationID') !== null)
    return done('registration', { operatorReference: textOf(body, 'OriginatorCoversationID') });
  const conversationId = textOf(body, 'ConversationID');
  if (conversationId === null) return null;
  return {
    kind: 'acknowledgement',
    outcome: pending(),
    ourReference: textOf(body, 'OriginatorConversationID'),
    operatorReference: conversationId,
  };
}

/** The result of a push to a till. Its own time it does not tell. */
function expressDraft(body: ReadingObject): Draft | null {
  if (textOf(body, 'resultCode') !== null) return draftOfCallback(parseTillPush(body));
  // Its acknowledgement has no more than a code and a word.
  return textOf(body, 'code') === '0' && textOf(body, 'status') !== null ? { kind: 'acknowledgement', outcome: pending() } : null;
}

/** Our own answer to a validation: it refuses a payment before it is made. */
function replyDraft(body: ReadingObject): Draft | null {
  const code = textOf(body, 'ResultCode');
  if (code === null) return null;
  if (code === '0') return { kind: 'validation', outcome: pending() };
  const refusal = Object.entries(C2B_REFUSALS).find(([, each]) => each === code)?.[0];
  if (refusal === undefined) return null;
  const reason = refusal === 'phone' ? 'phone_invalid' : refusal === 'amount' ? 'amount_out_of_range' : 'operator_refused';
  return { kind: 'validation', outcome: failed(reason) };
}

/** What is left may be the message of a queue that timed out: anything that carries an id. */
function timeoutDraft(body: ReadingObject, text: string): Draft | null {
  const hasId = textOf(body, 'OriginatorConversationID') !== null || textOf(body, 'ConversationID') !== null;
  return hasId ? draftOfCallback(parseMpesaCallback(text, [])) : null;
}
