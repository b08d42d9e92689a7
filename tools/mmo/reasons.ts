/**
 * Why an attempt failed or is in doubt, in the same words for every operator, and what can be done
 * about it. Operators' own codes are mapped onto these; the router looks at `retry` alone.
 *
 * `after_customer`: the customer refused or could not, another rail changes nothing · `later`: the
 * operator, the rail or our own set-up stood in the way, another rail may do it now · `never`: the
 * wallet or the amount can never pass.
 */
import type { OperatorHandle, OperatorRetry, Outcome } from './operator.ts';

export const REASONS = {
  payer_declined: 'after_customer',
  payer_no_answer: 'after_customer',
  payer_limit: 'after_customer',
  insufficient_funds: 'after_customer',
  wrong_pin: 'after_customer',

  wallet_not_found: 'never',
  wallet_cannot_receive: 'never',
  receiver_limit: 'never',
  phone_invalid: 'never',
  amount_below_minimum: 'never',
  amount_above_maximum: 'never',
  amount_granularity: 'never',
  /** Below or above, the operator does not say which. */
  amount_out_of_range: 'never',

  account_inactive: 'later',
  operator_unavailable: 'later',
  operator_busy: 'later',
  operator_error: 'later',
  operator_refused: 'later',
  wallet_busy: 'later',
  repeated_too_soon: 'later',
  rail_limit: 'later',
  rail_misconfigured: 'later',
  float_too_low: 'later',
  /** The operator refused our PIN; it is not tried again, for the account would lock. */
  pin_refused: 'later',
  /** The operator's receipt of the collection is not known, and it knows the collection by nothing else. */
  receipt_missing: 'later',
  /** The operator takes whole collections back only. */
  partial_refund: 'later',
  /** The operator's page for the payer was never reached by them, and its time is over. */
  page_expired: 'later',
  /** No execution grant of ours covers it, so nothing was sent. */
  grant_refused: 'later',
  /** Our own store failed before anything was sent that could not be asked about, or must not be tried, without it. */
  store_unavailable: 'later',
  /** The operator never saw the request: it is sure that nothing happened. */
  never_received: 'later',
  /** The time for approval is over and the operator's statement has no such payment. */
  no_payment_found: 'later',
} as const satisfies Record<string, OperatorRetry>;

/** Every reason, for settings that name them. */
export const REASON_NAMES = Object.keys(REASONS) as [Reason, ...Reason[]];

export type Reason = keyof typeof REASONS;

/** Why an outcome cannot be told. */
export type Doubt =
  | 'no_answer'
  | 'unreadable_answer'
  | 'operator_error'
  | 'inquiry_failed'
  /** The operator says that it is asked too much. */
  | 'busy'
  | 'awaiting_result'
  | 'not_found_yet'
  | 'queue_timeout'
  | 'ambiguous'
  | 'no_operator_id'
  /** A request of ours, which cannot tell what became of it. */
  | 'own_request'
  | 'amount_mismatch'
  | 'reference_mismatch'
  | 'contradiction'
  | 'payer_unreachable'
  | 'reversed'
  | 'statement_window_passed'
  | 'statement_too_long'
  | `unmapped:${string}`;

/** A failure for one of our reasons. */
export function failed(reason: Reason, handle?: OperatorHandle): Outcome {
  return { state: 'failed', reasonCode: reason, retry: REASONS[reason], ...(handle ? { handle } : {}) };
}

/** A failure for which nothing was sent. */
export function unsent(reason: Reason): Outcome {
  return { state: 'failed', reasonCode: reason, retry: REASONS[reason], isUnsent: true };
}

/** An outcome nobody can tell yet. */
export function unknown(doubt: Doubt, handle?: OperatorHandle): Outcome {
  return { state: 'unknown', reasonCode: doubt, ...(handle ? { handle } : {}) };
}

export function pending(handle?: OperatorHandle): Outcome {
  return { state: 'pending', ...(handle ? { handle } : {}) };
}

/** A code no table knows, cut down to what is safe to store and log: what has the length of a number may be somebody's. */
export function unmapped(code: string): `unmapped:${string}` {
  const safe = code.replaceAll(/[^A-Za-z0-9_.-]/g, '').replaceAll(/\d{7,}/g, 'digits');
  return `unmapped:${safe.slice(0, 40)}`;
}
