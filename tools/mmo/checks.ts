/** Checks every client makes before it sends, and rules every client keeps about answers that never came. */
import { fault } from '../../domain/errors.ts';
import { type Money, truncateToPlaces } from '../../domain/money.ts';
import { limitsOf, type Rail } from '../../domain/rail.ts';
import type { HttpAnswer } from './http.ts';
import type { EffectRequest, OperatorHandle, Outcome } from './operator.ts';
import { failed, unknown } from './reasons.ts';

/**
 * What is wrong with an amount that must not be sent to anybody over a rail, or null. Throws `currency_mismatch` when it is not in the
 * rail's currency, for that is a mistake in the program.
 */
export function refusalOfAmount(rail: Rail, amount: Money): Outcome | null {
  if (amount.currency !== rail.currency) throw fault('currency_mismatch', { internal: `${amount.currency} over ${rail.id}` });
  if (truncateToPlaces(amount, rail.places).minor !== amount.minor) return failed('amount_granularity');
  return amount.minor <= 0n ? failed('amount_below_minimum') : null;
}

/** What is wrong with a request that must not be sent, or null. Throws as `refusalOfAmount` does. */
export function refusalBeforeSending(rail: Rail, leg: 'collection' | 'payout', request: EffectRequest): Outcome | null {
  const refusal = refusalOfAmount(rail, request.amount);
  if (!/^\+[1-9]\d{7,14}$/.test(request.phone)) return failed('phone_invalid');
  if (refusal !== null) return refusal;
  const limits = limitsOf(rail, leg);
  if (limits === null) return failed('rail_misconfigured');
  if (request.amount.minor < limits.minMinor) return failed('amount_below_minimum');
  if (request.amount.minor > limits.maxMinor) return failed('amount_above_maximum');
  return null;
}

/** The outcome of a money call that got no answer: failed only when for sure nothing was sent. */
export function outcomeWithoutAnswer(answer: Exclude<HttpAnswer, { kind: 'answered' }>): Outcome {
  if (answer.kind === 'no_answer') return unknown('no_answer');
  if (answer.reason === 'too_late') return failed('never_received');
  return failed(answer.reason === 'credentials_refused' ? 'rail_misconfigured' : 'operator_unavailable');
}

/** Success, provided that the operator speaks of the amount we asked for; otherwise nobody can tell. */
export function succeededWith(receipt: string, amount: Money | null, expected: Money, handle?: OperatorHandle): Outcome {
  if (amount !== null && (amount.minor !== expected.minor || amount.currency !== expected.currency))
    return unknown('amount_mismatch', handle);
  return { state: 'succeeded', receipt, amount, ...(handle ? { handle } : {}) };
}

/** Text that every operator takes: letters, digits and single spaces, at most `lengthMax` characters, never empty. */
export function plainText(text: string, lengthMax: number): string {
  const plain = text
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^A-Za-z0-9]+/g, ' ')
    .trim()
    .slice(0, lengthMax)
    .trim();
  return plain === '' ? 'Payment' : plain;
}

/** Whether ids were kept that the next call cannot be made without. When not, nothing may be sent. */
export async function isRemembered(request: EffectRequest, handle: OperatorHandle): Promise<boolean> {
  try {
    await request.remember(handle);
    return true;
  } catch {
    return false;
  }
}
