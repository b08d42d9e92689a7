/** Any message of MTN's as a draft of an event. */
import { amountIn, balanceIn, done, type Draft, draftOfCallback, oauthError, ownRequest } from '../event.ts';
import { objectOf, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, unknown } from '../reasons.ts';
import { parseMtnMomoCallback } from './client.ts';
import { submitRefusal } from './outcomes.ts';

/** Reads a message; null for what MTN cannot have sent and we cannot have asked. */
export function readMtnMomoMessage(body: ReadingObject, text: string): Draft | null {
  if (textOf(body, 'status') !== null && textOf(body, 'externalId') !== null) {
    // The currency of the message counts, not a rail's: nothing here is held against an attempt.
    const event = parseMtnMomoCallback(text, { currency: 'EUR' });
    return draftOfCallback(event, { amount: event.outcome.state === 'succeeded' ? amountIn(body) : null });
  }
  if (textOf(body, 'code') !== null || textOf(body, 'statusCode') !== null) return errorDraft(body, text);
  return oauthError(body) ?? lookUpDraft(body) ?? requestDraft(body);
}

function errorDraft(body: ReadingObject, text: string): Draft {
  const code = textOf(body, 'code');
  // "Not found" soon after a request may be lag.
  if (code === 'RESOURCE_NOT_FOUND' || code === 'TRANSACTION_NOT_FOUND') return { kind: 'error', outcome: unknown('not_found_yet') };
  if (code === null) {
    const status = Number(textOf(body, 'statusCode'));
    return {
      kind: 'error',
      outcome: status === 401 || status === 403 ? failed('rail_misconfigured') : submitRefusal(status, text, body, 'payout'),
    };
  }
  const outcome = code === 'RESOURCE_ALREADY_EXIST' ? pending() : submitRefusal(500, text, body, 'payout');
  return { kind: 'error', outcome };
}

function lookUpDraft(body: ReadingObject): Draft | null {
  if (textOf(body, 'access_token') !== null) return done('token');
  if (textOf(body, 'availableBalance') !== null) return balanceIn(body, 'availableBalance');
  if (Object.hasOwn(body, 'result')) {
    const isActive = body['result'] === true || body['result'] === 'true';
    return done('account', { warnings: isActive ? [] : ['wallet_inactive'] });
  }
  if (textOf(body, 'sub') !== null) return done('account');
  if (textOf(body, 'apiKey') !== null || textOf(body, 'targetEnvironment') !== null) return done('provisioning');
  if (textOf(body, 'auth_req_id') !== null) return { kind: 'consent', outcome: pending() };
  return null;
}

function requestDraft(body: ReadingObject): Draft | null {
  const isOurs =
    objectOf(body, 'payer') !== undefined ||
    objectOf(body, 'payee') !== undefined ||
    ['referenceIdToRefund', 'notificationMessage', 'providerCallbackHost'].some((key) => textOf(body, key) !== null);
  return isOurs ? ownRequest(textOf(body, 'externalId')) : null;
}
