/**
 * Customers who pay a collection twice: who approve the prompt and pay by themselves as well. A message about a payment of another
 * id than the one that ended the collection is a rumour of that; the operator's statement decides, as soon as it has the payment.
 */
import { money } from '../../domain/money.ts';
import type { CallbackEvent } from '../../tools/mmo/operator.ts';
import { raiseRepeats } from '../reconciliation/found.ts';
import type { GraphDeps } from '../types.ts';
import type { OpenAttempt } from './inquire.ts';

/**
 * `not_again`: the message is about the payment that our books have, or about none that can be made twice · `paid_again`: people have
 * been told · `not_stated`: the statement should have it by now, and has not · `ask_later`: it may still be on its way there.
 */
export type Repeat = 'not_again' | 'paid_again' | 'not_stated' | 'ask_later';

/** What a message received at `receivedAtMs` tells of a second payment. The attempt is the one it names, with the receipt of its end. */
export async function judgeRepeat(deps: GraphDeps, event: CallbackEvent, attempt: OpenAttempt, receivedAtMs: number): Promise<Repeat> {
  const { stated } = deps.operators(attempt.railId);
  const { operatorReference } = event;
  if (stated === undefined || attempt.leg !== 'collection' || event.outcome.state !== 'succeeded' || operatorReference === null)
    return 'not_again';
  if (operatorReference === attempt.receipt) return 'not_again';
  const nowMs = deps.clock.now();
  const payments = await stated.paymentsFor({
    requestId: attempt.requestId,
    leg: 'collection',
    amount: money(attempt.amountMinor, attempt.currency),
    handle: attempt.handle,
    sentAtMs: attempt.sentAtMs,
    nowMs,
    callbackUrl: deps.callbacks.urlOf(attempt.railId, attempt.id),
  });
  const mayComeStill = nowMs - receivedAtMs < stated.settlesWithinMs;
  const isStated = (reference: string | null): boolean =>
    payments?.some((payment) => payment.operatorReference.toUpperCase() === reference?.toUpperCase()) === true;
  if (payments === null || !isStated(operatorReference)) return mayComeStill ? 'ask_later' : 'not_stated';
  // The one that our books have may be on its way still; until then another would be taken for it.
  if (mayComeStill && !isStated(attempt.receipt)) return 'ask_later';
  // The end need not have named its receipt: one payment alone is the one that our books have.
  const repeats = await raiseRepeats(deps, { ...attempt, state: 'succeeded' }, payments);
  return repeats.includes(operatorReference) ? 'paid_again' : 'not_again';
}
