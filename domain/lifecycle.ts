/**
 * The life of a payment: which status may follow which. Who moves a payment along is decided by
 * the graph; whether the step is allowed is decided here, and again by a trigger in the database.
 */
import { fault } from './errors.ts';

export const PAYMENT_STATUSES = [
  'accepted',
  'held',
  'released',
  'queued',
  'authorized',
  'collecting',
  'collected',
  'disbursing',
  'refunding',
  'paid',
  'refunded',
  'rejected',
  'failed',
  'cancelled',
] as const;

export type PaymentStatus = (typeof PAYMENT_STATUSES)[number];

/**
 * Allowed transitions.
 *
 * accepted: intent stored, nothing decided · held: a case waits for people · released: people let it
 * go on · queued: waits for liquidity · authorized: quoted, cleared, routed and funded · collecting:
 * the pay-in leg is under way or in doubt · collected: the sender's money is with us · disbursing: the
 * payout leg is under way or in doubt · refunding: every payout route is spent, the money goes back ·
 * paid, refunded, rejected (by us, no money moved), failed (the pay-in did not succeed, no money
 * moved), cancelled (by the client, no money moved): terminal. A leg that failed at one rail goes back one
 * step (collecting → authorized, disbursing → collected) and is routed again without it. Straight to `paid`
 * goes only what moves between two balances: it waits for no operator, so it is authorised, collected and
 * paid in one step.
 */
export const TRANSITIONS: Readonly<Record<PaymentStatus, readonly PaymentStatus[]>> = {
  accepted: ['authorized', 'paid', 'held', 'queued', 'rejected', 'cancelled'],
  held: ['released', 'rejected', 'cancelled'],
  released: ['authorized', 'paid', 'held', 'queued', 'rejected', 'cancelled'],
  queued: ['authorized', 'paid', 'held', 'rejected', 'cancelled'],
  authorized: ['collecting', 'collected', 'cancelled', 'rejected'],
  collecting: ['collected', 'authorized', 'failed'],
  collected: ['disbursing', 'refunding', 'paid'],
  disbursing: ['paid', 'collected', 'refunding'],
  refunding: ['refunded'],
  paid: [],
  refunded: [],
  rejected: [],
  failed: [],
  cancelled: [],
};

/** Statuses that nothing follows. */
export const TERMINAL_STATUSES: readonly PaymentStatus[] = ['paid', 'refunded', 'rejected', 'failed', 'cancelled'];

/** Says whether a payment in `from` may go to `to`. */
export function mayFollow(from: PaymentStatus, to: PaymentStatus): boolean {
  return TRANSITIONS[from].includes(to);
}

/** Throws `illegal_transition` unless a payment in `from` may go to `to`. */
export function assertMayFollow(from: PaymentStatus, to: PaymentStatus): void {
  if (!mayFollow(from, to)) throw fault('illegal_transition', { detail: `A payment that is ${from} cannot become ${to}.` });
}

/** Says whether a payment in this status has reached its end. */
export function isTerminal(status: PaymentStatus): boolean {
  return TERMINAL_STATUSES.includes(status);
}

/** The legs of a payment that touch an operator. */
export const LEGS = ['collection', 'payout', 'refund'] as const;
export type Leg = (typeof LEGS)[number];

export const ATTEMPT_STATES = ['created', 'sent', 'pending', 'unknown', 'succeeded', 'failed'] as const;
/**
 * One try of one leg at one operator. created: committed, nothing sent · sent: a request left us, no
 * answer stored · pending: the operator took it · unknown: the outcome cannot be told; it is inquired,
 * never retried, never refunded · succeeded, failed: the end.
 */
export type AttemptState = (typeof ATTEMPT_STATES)[number];

export const ATTEMPT_TRANSITIONS: Readonly<Record<AttemptState, readonly AttemptState[]>> = {
  created: ['sent', 'failed'],
  sent: ['pending', 'unknown', 'succeeded', 'failed'],
  pending: ['unknown', 'succeeded', 'failed'],
  unknown: ['pending', 'succeeded', 'failed'],
  succeeded: [],
  failed: [],
};
