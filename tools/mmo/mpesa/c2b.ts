/**
 * C2B: customers who pay our short code by themselves. Safaricom may ask before (validation, about eight
 * seconds to answer) and tells after (confirmation). The payer's number comes hashed or masked, so it is
 * no key; the transaction id is, and what they entered as account tells whose money it is.
 */
import { fault } from '../../../domain/errors.ts';
import type { Money } from '../../../domain/money.ts';
import type { CallbackEvent, OwnPayment, OwnPaymentRefusal, OwnPayments } from '../operator.ts';
import { parseCallbackObject, readAmount, textOf } from '../reading.ts';
import { accountReferenceOf, eatTimeMs, readAccountReference, requestRangeOf } from './fields.ts';
import type { MpesaProfile } from './profile.ts';

export interface C2bPayment {
  readonly transactionId: string;
  readonly amount: Money;
  readonly shortCode: string;
  /** What the payer entered as account. */
  readonly accountReference: string | null;
  /** What our validation gave Safaricom to carry. */
  readonly ours: string | null;
  readonly occurredAtMs: number | null;
}

/** Reads a validation or a confirmation; both have one form. Throws `malformed_body` for anything else. */
export function parseC2b(text: string): C2bPayment {
  const body = parseCallbackObject(text);
  const transactionId = textOf(body, 'TransID');
  const amount = readAmount(textOf(body, 'TransAmount'), 'KES');
  const shortCode = textOf(body, 'BusinessShortCode');
  if (transactionId === null || amount === null || shortCode === null)
    throw fault('malformed_body', { detail: 'The C2B message lacks its transaction, amount or short code.' });
  return {
    transactionId,
    amount,
    shortCode,
    accountReference: textOf(body, 'BillRefNumber'),
    ours: textOf(body, 'ThirdPartyTransID'),
    occurredAtMs: eatTimeMs(textOf(body, 'TransTime')),
  };
}

/** Why a customer's payment is not accepted, in Safaricom's codes. */
export const C2B_REFUSALS = {
  phone: 'C2B00011',
  account: 'C2B00012',
  amount: 'C2B00013',
  identity: 'C2B00014',
  shortCode: 'C2B00015',
  other: 'C2B00016',
} as const;

/** The body that answers a validation; `ours` comes back in the confirmation. */
export function validationAnswer(refusal: keyof typeof C2B_REFUSALS | null, ours?: string): string {
  if (refusal !== null) return JSON.stringify({ ResultCode: C2B_REFUSALS[refusal], ResultDesc: 'Rejected' });
  return JSON.stringify({ ResultCode: '0', ResultDesc: 'Accepted', ...(ours === undefined ? {} : { ThirdPartyTransID: ours }) });
}

/**
 * A confirmation as an event. It carries no proof, so the statement decides: its transaction id and time are kept with the attempt,
 * and no refusal of a prompt ends the attempt before the payment had time to get into the statement.
 */
export function confirmationEvent(text: string): CallbackEvent {
  const { transactionId, amount, accountReference, occurredAtMs } = parseC2b(text);
  const reference = readAccountReference(accountReference);
  const handle = { ownPayment: transactionId, ...(occurredAtMs === null ? {} : { ownPaymentAtMs: occurredAtMs.toString() }) };
  return {
    kind: 'collection',
    outcome: { state: 'succeeded', receipt: transactionId, amount, handle },
    ourReference: null,
    operatorReference: transactionId,
    trust: 'confirm',
    isUnasked: true,
    isAbout: (requestId) => reference === accountReferenceOf(requestId),
  };
}

const REFUSALS: Readonly<Record<OwnPaymentRefusal, keyof typeof C2B_REFUSALS>> = {
  account_unknown: 'account',
  amount_differs: 'amount',
  receiver_differs: 'shortCode',
  unreadable: 'other',
};

/** What our short code's customers do by themselves. */
export function ownPaymentsOf(profile: MpesaProfile): OwnPayments {
  const ours = new Set([profile.stk.shortCode, profile.stk.till]);
  return {
    read(text): OwnPayment {
      const { transactionId, amount, shortCode, accountReference } = parseC2b(text);
      const reference = readAccountReference(accountReference);
      return { transactionId, amount, isForUs: ours.has(shortCode), requests: reference === null ? null : requestRangeOf(reference) };
    },
    answer: (refusal) => ({
      status: 200,
      body: validationAnswer(refusal === null ? null : REFUSALS[refusal]),
      contentType: 'application/json',
    }),
  };
}
