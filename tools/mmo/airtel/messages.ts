/** Any message of Airtel's as a draft of an event. */
import { balanceIn, done, type Draft, draftOfCallback, type EventKind, oauthError, ownRequest } from '../event.ts';
import { objectOf, type ReadingObject, textOf } from '../reading.ts';
import { pending, unknown } from '../reasons.ts';
import { parseAirtelCallback } from './callbacks.ts';
import { codesOf, isAcknowledgement, statusOutcome, submitOutcome } from './outcomes.ts';

/** Reads a message; null for what Airtel cannot have sent and we cannot have asked. */
export function readAirtelMessage(body: ReadingObject, text: string): Draft | null {
  const callback = objectOf(body, 'transaction');
  if (textOf(callback, 'status_code') !== null) {
    const warnings = textOf(body, 'hash') === null ? ['no_hash'] : ['hash_not_checked'];
    return draftOfCallback(parseAirtelCallback(text, undefined, {}), { warnings });
  }
  const data = objectOf(body, 'data');
  const transaction = objectOf(data, 'transaction');
  if (transaction !== undefined) return transactionDraft(body, transaction);
  if (data !== undefined) return lookUpDraft(data);
  if (objectOf(body, 'status') !== undefined || textOf(body, 'status_code') !== null) return errorDraft(body);
  const isOurs =
    ['client_id', 'pin', 'reference'].some((key) => textOf(body, key) !== null) || textOf(callback, 'airtel_money_id') !== null;
  if (isOurs) return ownRequest(textOf(callback, 'id'));
  return textOf(body, 'access_token') === null ? oauthError(body) : done('token');
}

/** Codes of collections begin with DP008, of disbursements with DP009; only a refund's answer names no id of ours. */
function kindOf(body: ReadingObject, transaction: ReadingObject): EventKind {
  const code = codesOf(body).find((each) => /^DP00[89]/.test(each)) ?? '';
  if (code.startsWith('DP009')) return 'payout';
  const isRefund = textOf(transaction, 'id') === null && textOf(transaction, 'airtel_money_id') !== null;
  return isRefund ? 'refund' : code.startsWith('DP008') ? 'collection' : 'inquiry';
}

function transactionDraft(body: ReadingObject, transaction: ReadingObject): Draft {
  const outcome = isAcknowledgement(body) ? pending() : (statusOutcome(body, {}) ?? unknown('unreadable_answer'));
  return {
    kind: kindOf(body, transaction),
    outcome,
    ourReference: textOf(transaction, 'id'),
    operatorReference: textOf(transaction, 'airtel_money_id'),
    warnings: isAcknowledgement(body) ? ['accepted_only'] : [],
  };
}

function lookUpDraft(data: ReadingObject): Draft | null {
  if (textOf(data, 'balance') !== null) return balanceIn(data, 'balance');
  if (textOf(data, 'key') !== null) return done('key');
  if (textOf(data, 'msisdn') === null) return null;
  return done('account', { warnings: data['is_barred'] === true ? ['wallet_barred'] : [] });
}

function errorDraft(body: ReadingObject): Draft {
  const isPayout = codesOf(body).some((code) => code.startsWith('DP009'));
  return { kind: 'error', outcome: submitOutcome(400, body, isPayout ? 'payout' : 'collection', {}) };
}
