/**
 * Anything an operator can send, put into one form for people and programs to read: callbacks, answers,
 * errors. What it says is what the message says; what is believed is decided elsewhere.
 */
import { type Currency, isCurrency } from '../../domain/currency.ts';
import type { Money } from '../../domain/money.ts';
import type { CallbackEvent, OperatorRetry, Outcome } from './operator.ts';
import { readAmount, readBalance, type ReadingObject, textOf } from './reading.ts';
import { failed, unknown } from './reasons.ts';

/** What a message is about. `request` is a request of ours, which tells nothing. */
export type EventKind =
  | 'collection'
  | 'payout'
  | 'refund'
  | 'inquiry'
  | 'acknowledgement'
  | 'error'
  | 'balance'
  | 'account'
  | 'token'
  | 'key'
  | 'registration'
  | 'provisioning'
  | 'validation'
  | 'consent'
  | 'quotation'
  | 'health'
  | 'request';

/** A message in our words, as JSON carries it. */
export interface OperatorEvent {
  readonly operator: string;
  readonly kind: EventKind;
  readonly outcome: Outcome['state'];
  readonly ourReference: string | null;
  readonly operatorReference: string | null;
  readonly amount: { readonly minor: string; readonly currency: Currency } | null;
  readonly reasonCode: string | null;
  readonly retry: OperatorRetry | null;
  /** When the operator says it happened, ISO 8601 in UTC. */
  readonly occurredAt: string | null;
  /** Codes of what a reader should know before believing it. */
  readonly warnings: readonly string[];
}

/** What an operator's reader makes of a message. */
export interface Draft {
  readonly kind: EventKind;
  readonly outcome: Outcome;
  readonly ourReference?: string | null;
  readonly operatorReference?: string | null;
  readonly amount?: Money | null;
  readonly occurredAtMs?: number | null;
  readonly warnings?: readonly string[];
}

/** A success that is no payment's: a balance told, a token given. */
export function done(kind: EventKind, rest: Omit<Draft, 'kind' | 'outcome'> = {}): Draft {
  return { kind, outcome: { state: 'succeeded', receipt: '', amount: null }, ...rest };
}

/** A request of ours: nobody can tell from it what became of it. */
export function ownRequest(ourReference: string | null = null): Draft {
  return { kind: 'request', outcome: unknown('own_request'), ourReference };
}

/** An OAuth error: our credentials, or a token that is over. */
export function oauthError(body: ReadingObject): Draft | null {
  const error = textOf(body, 'error');
  if (error === null) return null;
  return { kind: 'error', outcome: failed(error === 'invalid_token' ? 'operator_unavailable' : 'rail_misconfigured') };
}

/** A callback as a draft. One that has to be confirmed says so. */
export function draftOfCallback(
  event: CallbackEvent,
  rest: Pick<Draft, 'amount' | 'occurredAtMs'> & { warnings?: readonly string[] } = {},
): Draft {
  return {
    kind: event.kind,
    outcome: event.outcome,
    ourReference: event.ourReference,
    operatorReference: event.operatorReference,
    ...rest,
    warnings: [...(event.trust === 'confirm' ? ['confirm_by_inquiry'] : []), ...(rest.warnings ?? [])],
  };
}

/** An amount whose currency the message names itself; null for none, or for a currency CAPP does not move. */
export function amountIn(body: ReadingObject, amountKey = 'amount', currencyKey = 'currency'): Money | null {
  const currency = textOf(body, currencyKey);
  return currency !== null && isCurrency(currency) ? readAmount(textOf(body, amountKey), currency) : null;
}

/** A balance whose currency the message names itself, with a warning where parts of a minor unit are left out, or where it cannot be read. */
export function balanceIn(body: ReadingObject, amountKey: string, currencyKey = 'currency'): Draft {
  const currency = textOf(body, currencyKey);
  const told = currency !== null && isCurrency(currency) ? readBalance(textOf(body, amountKey), currency) : null;
  if (told === null) return done('balance', { warnings: ['amount_unreadable'] });
  return done('balance', { amount: told.amount, warnings: told.truncated ? ['amount_truncated'] : [] });
}

/** The event of a draft. */
export function eventOf(operator: string, draft: Draft): OperatorEvent {
  const { outcome } = draft;
  const amount = draft.amount ?? (outcome.state === 'succeeded' ? outcome.amount : null);
  const receipt = outcome.state === 'succeeded' && outcome.receipt !== '' ? outcome.receipt : null;
  const { occurredAtMs = null } = draft;
  return {
    operator,
    kind: draft.kind,
    outcome: outcome.state,
    ourReference: draft.ourReference ?? null,
    operatorReference: draft.operatorReference ?? receipt,
    amount: amount === null ? null : { minor: amount.minor.toString(), currency: amount.currency },
    reasonCode: 'reasonCode' in outcome ? outcome.reasonCode : null,
    retry: outcome.state === 'failed' ? outcome.retry : null,
    occurredAt: occurredAtMs === null ? null : new Date(occurredAtMs).toISOString(),
    warnings: draft.warnings ?? [],
  };
}
