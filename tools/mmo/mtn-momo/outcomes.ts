/**
 * Every reason MTN is known to give, and what it means for money. `status` decides, `reason` refines: a
 * reason by itself proves nothing. Source: MTN's error pages of 2026 and observations of its sandbox.
 */
import type { OperatorHandle, Outcome } from '../operator.ts';
import { objectOf, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, type Reason, unknown, unmapped } from '../reasons.ts';

type Leg = 'collection' | 'payout';

/** Reasons that mean the same on both legs. */
const REASONS_OF_BOTH: Readonly<Record<string, Reason>> = {
  APPROVAL_REJECTED: 'payer_declined',
  EXPIRED: 'payer_no_answer',
  COULD_NOT_PERFORM_TRANSACTION: 'payer_no_answer',
  PAYMENT_NOT_APPROVED: 'payer_declined',
  TRANSACTION_CANCELED: 'payer_declined',
  TRANSACTION_NOT_COMPLETED: 'operator_error',
  INTERNAL_PROCESSING_ERROR: 'operator_error',
  SERVICE_UNAVAILABLE: 'operator_busy',
  NOT_ALLOWED: 'operator_refused',
  NOT_ALLOWED_TARGET_ENVIRONMENT: 'rail_misconfigured',
  INVALID_CALLBACK_URL_HOST: 'rail_misconfigured',
  INVALID_CURRENCY: 'rail_misconfigured',
  VALIDATION_ERROR: 'rail_misconfigured',
};

/** Payer is the customer in a collection and we ourselves in a payout; payee the other way round. */
const REASONS_OF_LEG: Readonly<Record<Leg, Readonly<Record<string, Reason>>>> = {
  collection: {
    NOT_ENOUGH_FUNDS: 'insufficient_funds',
    LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED: 'insufficient_funds',
    PAYER_LIMIT_REACHED: 'payer_limit',
    PAYEE_LIMIT_REACHED: 'rail_limit',
    PAYER_NOT_FOUND: 'wallet_not_found',
    PAYEE_NOT_FOUND: 'rail_misconfigured',
    PAYEE_NOT_ALLOWED_TO_RECEIVE: 'rail_misconfigured',
    SENDER_ACCOUNT_NOT_ACTIVE: 'account_inactive',
  },
  payout: {
    NOT_ENOUGH_FUNDS: 'float_too_low',
    LOW_BALANCE_OR_PAYEE_LIMIT_REACHED_OR_NOT_ALLOWED: 'float_too_low',
    PAYER_LIMIT_REACHED: 'rail_limit',
    PAYEE_LIMIT_REACHED: 'receiver_limit',
    PAYER_NOT_FOUND: 'rail_misconfigured',
    PAYEE_NOT_FOUND: 'wallet_not_found',
    PAYEE_NOT_ALLOWED_TO_RECEIVE: 'wallet_cannot_receive',
    SENDER_ACCOUNT_NOT_ACTIVE: 'rail_misconfigured',
  },
};

/** Codes with HTTP 500 that are refusals all the same: MTN checks its own set-up before it acts. */
const REFUSED_WITH_500: readonly string[] = [
  'NOT_ALLOWED',
  'NOT_ALLOWED_TARGET_ENVIRONMENT',
  'INVALID_CALLBACK_URL_HOST',
  'INVALID_CURRENCY',
];

/** Codes of MTN's own trouble: without a status they prove nothing, whatever the HTTP status. */
const OF_ITS_OWN: readonly string[] = ['INTERNAL_PROCESSING_ERROR', 'SERVICE_UNAVAILABLE'];

/** Our word for MTN's reason on a leg; undefined for one we have never met. */
export function reasonOf(code: string, leg: Leg): Reason | undefined {
  if (Object.hasOwn(REASONS_OF_LEG[leg], code)) return REASONS_OF_LEG[leg][code];
  return Object.hasOwn(REASONS_OF_BOTH, code) ? REASONS_OF_BOTH[code] : undefined;
}

/** The reason of a status body: plain text in practice, `{code, message}` in MTN's own description. */
export function reasonTextOf(body: ReadingObject): string | null {
  return textOf(body, 'reason') ?? textOf(objectOf(body, 'reason'), 'code');
}

/** What a status body says, amounts aside. `receipt` stands in where MTN reports none. */
export function statusOutcome(body: ReadingObject, leg: Leg, handle?: OperatorHandle): Outcome {
  const reason = reasonTextOf(body);
  switch (textOf(body, 'status')?.toUpperCase()) {
    case 'SUCCESSFUL': {
      if (reason !== null) return unknown('contradiction', handle);
      const receipt = textOf(body, 'financialTransactionId') ?? textOf(body, 'externalId');
      if (receipt === null) return unknown('unreadable_answer', handle);
      return { state: 'succeeded', receipt, amount: null, ...(handle ? { handle } : {}) };
    }
    case 'FAILED':
    case 'REJECTED':
    case 'EXPIRED':
      return failureOf(reason ?? textOf(body, 'status')?.toUpperCase() ?? '', leg);
    case 'PENDING':
    case 'CREATED':
    case 'ONGOING':
    case 'DELAYED':
      return pending(handle);
    default:
      return unknown(unmapped(textOf(body, 'status') ?? 'no_status'), handle);
  }
}

/** FAILED is final whatever the reason; a reason nobody knows lets another rail try. */
function failureOf(code: string, leg: Leg): Outcome {
  const reason = reasonOf(code === 'REJECTED' ? 'APPROVAL_REJECTED' : code, leg);
  if (reason !== undefined) return failed(reason);
  return { state: 'failed', reasonCode: unmapped(code), retry: 'later' };
}

/** What an answer to a money call other than 202 means. `body` is undefined when it is no JSON object. */
export function submitRefusal(status: number, bodyText: string, body: ReadingObject | undefined, leg: Leg): Outcome {
  const code = textOf(body, 'code') ?? '';
  if (status === 409) return pending();
  if (status === 429) return failed('operator_busy');
  // A gateway that gave up waiting does not know what became of the call behind it.
  if (status === 408) return unknown('operator_error');
  const refuses = status >= 400 && status < 500 && (body !== undefined || (status === 400 && bodyText.trim() === ''));
  if (refuses || (status === 500 && REFUSED_WITH_500.includes(code))) {
    if (code === 'RESOURCE_ALREADY_EXIST') return pending();
    if (OF_ITS_OWN.includes(code)) return unknown('operator_error');
    // What the gateway refuses carries no code; what carries one that no table knows may be about anything.
    if (code === '') return failed('rail_misconfigured');
    const reason = reasonOf(code, leg);
    return reason === undefined ? unknown(unmapped(code)) : failed(reason);
  }
  return unknown(body === undefined ? 'unreadable_answer' : 'operator_error');
}
