/** Any message of the GSMA Mobile Money API as a draft of an event. */
import { amountIn, balanceIn, done, type Draft, draftOfCallback, oauthError, ownRequest } from '../event.ts';
import { objectOf, type ReadingObject, textOf } from '../reading.ts';
import { pending, unknown, unmapped } from '../reasons.ts';
import { parseGsmaCallback } from './client.ts';
import { finalFailure, isErrorObject } from './outcomes.ts';

/** Reads a message; null for what no GSMA operator can have sent and we cannot have asked. */
export function readGsmaMessage(body: ReadingObject, text: string): Draft | null {
  if (isErrorObject(body)) return errorDraft(body, text);
  if (textOf(body, 'transactionStatus') !== null) return transactionDraft(body, text);
  if (textOf(body, 'serverCorrelationId') !== null) return requestStateDraft(body);
  if (textOf(body, 'quotationStatus') !== null) return quotationDraft(body);
  if (textOf(body, 'serviceStatus') !== null) return healthDraft(body);
  if (textOf(body, 'availableBalance') !== null || textOf(body, 'currentBalance') !== null) {
    return balanceIn(body, textOf(body, 'availableBalance') === null ? 'currentBalance' : 'availableBalance');
  }
  if (textOf(body, 'link') !== null) return { kind: 'inquiry', outcome: pending(), warnings: ['read_the_link'] };
  if (textOf(body, 'access_token') !== null) return done('token');
  const isOurs = textOf(body, 'requestAmount') !== null || Object.hasOwn(body, 'debitParty') || textOf(body, 'type') !== null;
  return isOurs ? ownRequest(textOf(body, 'requestingOrganisationTransactionReference')) : oauthError(body);
}

/** "Not found" ends a payment when it answers the request for it, and says nothing when it answers a look-up. */
function errorDraft(body: ReadingObject, text: string): Draft {
  const occurredAtMs = timeOf(textOf(body, 'errorDateTime'));
  if (textOf(body, 'errorCategory')?.toLowerCase() === 'identification') {
    return { kind: 'error', outcome: unknown('not_found_yet'), occurredAtMs, warnings: ['final_if_answer_to_a_payment'] };
  }
  return draftOfCallback(parseGsmaCallback(text, { currency: 'USD' }, TYPES), { occurredAtMs });
}

const TYPES = { collectionType: 'merchantpay', payoutType: 'disbursement' } as const;

function transactionDraft(body: ReadingObject, text: string): Draft {
  const event = parseGsmaCallback(text, { currency: 'USD' }, TYPES);
  const amount = event.outcome.state === 'succeeded' ? amountIn(body) : null;
  return draftOfCallback(
    { ...event, outcome: event.outcome.state === 'succeeded' ? { ...event.outcome, amount } : event.outcome },
    {
      occurredAtMs: timeOf(textOf(body, 'modificationDate') ?? textOf(body, 'creationDate')),
    },
  );
}

/** A completed request made something; what became of that, the transaction itself tells. */
function requestStateDraft(body: ReadingObject): Draft {
  const status = textOf(body, 'status')?.toLowerCase() ?? 'no_status';
  const operatorReference = textOf(body, 'objectReference') ?? textOf(body, 'serverCorrelationId');
  if (status === 'pending') return { kind: 'inquiry', outcome: pending(), operatorReference };
  if (status === 'failed') return { kind: 'inquiry', outcome: finalFailure(objectOf(body, 'error'), 'payout'), operatorReference };
  if (status !== 'completed') return { kind: 'inquiry', outcome: unknown(unmapped(status)), operatorReference };
  return done('inquiry', { operatorReference, warnings: ['read_the_transaction'] });
}

function quotationDraft(body: ReadingObject): Draft {
  const status = textOf(body, 'quotationStatus')?.toLowerCase();
  const operatorReference = textOf(body, 'quotationReference');
  const occurredAtMs = timeOf(textOf(body, 'creationDate'));
  if (status === 'completed')
    return done('quotation', { operatorReference, occurredAtMs, amount: amountIn(body, 'requestAmount', 'requestCurrency') });
  const outcome =
    status === 'rejected' ? finalFailure(undefined, 'payout') : status === 'pending' ? pending() : unknown(unmapped(status ?? ''));
  return { kind: 'quotation', outcome, operatorReference, occurredAtMs };
}

function healthDraft(body: ReadingObject): Draft {
  const status = textOf(body, 'serviceStatus')?.toLowerCase();
  return done('health', { warnings: status === 'available' ? [] : [`service_${status ?? 'unknown'}`] });
}

function timeOf(text: string | null): number | null {
  const ms = Date.parse(text ?? '');
  return Number.isNaN(ms) ? null : ms;
}
