/**
 * What Airtel's statuses and codes mean for money. The transaction's status decides; `success` and the
 * HTTP status do not, for Airtel writes `success: false` on refunds that worked. Codes tell why, and their
 * tables differ by country and year: what is below is the common reading, settings override it.
 * Source: Airtel Open API texts of 2024 to 2026 for ZM, UG, RW and TD.
 */
import type { OperatorHandle, OperatorLeg, Outcome } from '../operator.ts';
import { objectOf, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, type Reason, unknown, unmapped } from '../reasons.ts';

/** `enquire`: nobody knows yet · `duplicate`: taken before · `absent`: there is no such transaction. */
export type Meaning = Reason | 'enquire' | 'duplicate' | 'absent';
export type Codes = Readonly<Record<string, Meaning>>;

/** Codes of collections, `DP00800001…`. 1001 is success; 1003 and 1006 changed their meaning, so the status alone speaks. */
const COLLECTION_CODES: Codes = {
  DP00800001000: 'enquire',
  DP00800001002: 'wrong_pin',
  DP00800001003: 'payer_limit',
  DP00800001004: 'amount_out_of_range',
  DP00800001005: 'payer_no_answer',
  DP00800001007: 'insufficient_funds',
  DP00800001008: 'payer_declined',
  DP00800001009: 'operator_refused',
  DP00800001010: 'rail_misconfigured',
  DP00800001024: 'enquire',
  DP00800001025: 'absent',
  DP00800001026: 'rail_misconfigured',
  DP00800001029: 'payer_no_answer',
};

/** Codes of disbursements, `DP00900001…`. */
const PAYOUT_CODES: Codes = {
  DP00900001000: 'enquire',
  DP00900001003: 'rail_limit',
  DP00900001004: 'amount_out_of_range',
  DP00900001005: 'operator_refused',
  DP00900001006: 'enquire',
  DP00900001007: 'float_too_low',
  DP00900001009: 'wallet_cannot_receive',
  DP00900001010: 'wallet_cannot_receive',
  DP00900001011: 'duplicate',
  DP00900001012: 'wallet_not_found',
  DP00900001013: 'operator_refused',
  DP00900001014: 'enquire',
  DP00900001015: 'absent',
  DP00900001016: 'rail_misconfigured',
  DP00900001017: 'duplicate',
};

/** Codes of the gateways in front of both. */
const GATEWAY_CODES: Codes = {
  ROUTER001: 'rail_misconfigured',
  ROUTER003: 'rail_misconfigured',
  ROUTER005: 'rail_misconfigured',
  ROUTER006: 'rail_misconfigured',
  ROUTER007: 'rail_misconfigured',
  ROUTER112: 'rail_misconfigured',
  ROUTER114: 'pin_refused',
  ROUTER115: 'pin_refused',
  ROUTER116: 'pin_refused',
  ROUTER117: 'enquire',
  ROUTER119: 'rail_misconfigured',
  ESB000001: 'enquire',
  ESB000004: 'enquire',
  ESB000008: 'enquire',
  ESB000014: 'enquire',
  ESB0000900: 'enquire',
  ESB000033: 'phone_invalid',
  ESB000034: 'rail_misconfigured',
  ESB000035: 'rail_misconfigured',
  ESB000036: 'phone_invalid',
  ESB000039: 'rail_misconfigured',
  ESB000041: 'duplicate',
  ESB000045: 'absent',
};

/** The common table; a country's own entries come first. */
export const AIRTEL_CODES: Codes = { ...COLLECTION_CODES, ...PAYOUT_CODES, ...GATEWAY_CODES };

/** Codes by which Airtel refuses a signature, so that a new key may help. */
export const SIGNATURE_REFUSALS: readonly string[] = ['DP00800001026', 'DP00900001016'];

/** HTTP statuses of gateways that gave up waiting: the request may have gone through. */
const GAVE_UP: readonly number[] = [408, 500, 502, 503, 504];

/** Every code a body carries, the most telling first. */
export function codesOf(body: ReadingObject): readonly string[] {
  const status = objectOf(body, 'status');
  return [textOf(status, 'response_code'), textOf(body, 'status_code'), textOf(status, 'result_code'), textOf(status, 'code')].filter(
    (code) => code !== null,
  );
}

/** The transaction of an envelope. */
export function transactionOf(body: ReadingObject): ReadingObject | undefined {
  return objectOf(objectOf(body, 'data'), 'transaction') ?? objectOf(body, 'transaction');
}

export function messageOf(body: ReadingObject): string {
  return textOf(transactionOf(body), 'message') ?? textOf(objectOf(body, 'status'), 'message') ?? textOf(body, 'status_message') ?? '';
}

/** The first meaning that any of a body's codes has; null when no table knows one. */
export function meaningOf(body: ReadingObject, overrides: Codes): Meaning | null {
  for (const code of codesOf(body)) {
    if (Object.hasOwn(overrides, code)) return overrides[code] ?? null;
    if (!Object.hasOwn(AIRTEL_CODES, code)) continue;
    // One code says both "no PIN came" and "no such number"; its text tells which.
    if (code === 'DP00800001005' && /msisdn|subscriber not/i.test(messageOf(body))) return 'wallet_not_found';
    return AIRTEL_CODES[code] ?? null;
  }
  return null;
}

/** A failure the status has decided; the codes tell why. */
function failureOf(body: ReadingObject, overrides: Codes): Outcome {
  const meaning = meaningOf(body, overrides);
  if (meaning !== null && meaning !== 'enquire' && meaning !== 'duplicate' && meaning !== 'absent') return failed(meaning);
  return { state: 'failed', reasonCode: unmapped(codesOf(body)[0] ?? 'no_code'), retry: 'later' };
}

/**
 * What a transaction's status says; null when there is none of Airtel's. `SUCCESS` and `Success.` stand in
 * answers to a push or a refund and mean that it was taken, nothing more.
 */
export function statusOutcome(body: ReadingObject, overrides: Codes, handle?: OperatorHandle): Outcome | null {
  const transaction = transactionOf(body);
  const status = textOf(transaction, 'status') ?? textOf(transaction, 'status_code');
  switch (status?.toUpperCase()) {
    case 'TS': {
      const receipt = textOf(transaction, 'airtel_money_id');
      if (receipt === null) return unknown('contradiction', handle);
      return { state: 'succeeded', receipt, amount: null, ...(handle ? { handle } : {}) };
    }
    case 'TF':
      return failureOf(body, overrides);
    case 'TE':
      return failed('payer_no_answer');
    case 'TA':
      return unknown('ambiguous', handle);
    case 'TIP':
      return pending(handle);
    case 'TR':
      return unknown('reversed', handle);
    case undefined:
      return null;
    default:
      return unknown(unmapped(status ?? ''), handle);
  }
}

/** Says whether a status only acknowledges. */
export function isAcknowledgement(body: ReadingObject): boolean {
  return /^success\.?$/i.test(textOf(transactionOf(body), 'status') ?? '');
}

/** Kept with the attempt: Airtel took it, so it cannot turn out never to have come. */
export const ACCEPTED: OperatorHandle = { accepted: 'yes' };

/** What an answer to a money call means. `body` is undefined when it is no JSON object. */
export function submitOutcome(status: number, body: ReadingObject | undefined, leg: OperatorLeg, overrides: Codes): Outcome {
  if (status === 429) return failed('operator_busy');
  if (body === undefined) return unknown('unreadable_answer');
  if (isAcknowledgement(body)) return pending(ACCEPTED);
  const told = statusOutcome(body, overrides, ACCEPTED);
  // A prompt cannot have been answered with the request for it; the enquiry decides.
  if (leg === 'collection' && told?.state === 'succeeded') return pending(ACCEPTED);
  // "Failed" without a code that says why may speak of this request alone, as where the id was taken before: the enquiry decides.
  if (told?.state === 'failed' && told.reasonCode.startsWith('unmapped:')) return unknown('ambiguous', ACCEPTED);
  if (told !== null) return told;
  const meaning = meaningOf(body, overrides);
  if (meaning === 'duplicate') return pending(ACCEPTED);
  if (meaning === 'enquire' || meaning === 'absent') return unknown('ambiguous');
  if (meaning !== null) return failed(meaning);
  if (status === 401 && textOf(body, 'error') !== null) return failed('rail_misconfigured');
  if (GAVE_UP.includes(status)) return unknown('operator_error');
  const code = codesOf(body)[0];
  return unknown(code === undefined ? 'unreadable_answer' : unmapped(code));
}
