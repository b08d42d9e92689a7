/**
 * What each step of a payment writes into the books, as pure functions from a payment to movements.
 *
 * A collection brings money to a float and owes it on the clearing account; the closing takes the fee,
 * exchanges through the position accounts, and posts the reserved payout; a refund gives everything
 * back. Either way the clearing accounts end at zero for the payment.
 */
import type { QuoteTerms } from '../agents/agent.ts';
import { fundingReservationId } from '../agents/liquidity/index.ts';
import type { Currency } from '../domain/currency.ts';
import { derivedId, stepId } from '../domain/ids.ts';
import {
  clearingAccount,
  clientAccount,
  feesAccount,
  floatAccount,
  type Movement,
  positionAccount,
  roundingAccount,
} from '../tools/ledger/index.ts';
import type { Traveller } from './cohort.ts';

/** The movements of a payment, and the links that hold some of them together, by the number in their ids; never renumber. */
const STEPS = { collection: 1, fee: 2, exchange_out: 3, exchange_in: 4, rounding: 5, payout: 6, refund: 7 } as const;
const LINKS = { collection: 16, closing: 17, refund: 18 } as const;
type Step = keyof typeof STEPS;

/** Transfer ids follow from payment and step, so that writing the same step twice is seen as the same transfer. */
function posted(traveller: Traveller, reason: Step, debit: string, credit: string, amount: bigint, currency: Currency): Movement {
  const paymentId = traveller.payment.id;
  return {
    id: stepId(paymentId, STEPS[reason]),
    type: 'posted',
    debit,
    credit,
    amount,
    currency,
    reason,
    paymentId,
    linkId: stepId(paymentId, LINKS[reason === 'collection' || reason === 'refund' ? reason : 'closing']),
    ...(traveller.attempt === undefined ? {} : { attemptId: traveller.attempt.id }),
  };
}

/** The sender's money has arrived at the operator of `railId`. */
export function collectionMovements(traveller: Traveller, railId: string): Movement[] {
  const { payment } = traveller;
  const clearing = clearingAccount(payment.fromCurrency).code;
  return [
    posted(traveller, 'collection', floatAccount(railId, payment.fromCurrency).code, clearing, payment.amountMinor, payment.fromCurrency),
  ];
}

/** The client's balance, reserved before, pays in. */
export function balanceCollectionMovements(traveller: Traveller): Movement[] {
  return [endPending(traveller, 'post', fundingReservationId(traveller.payment.id), 'collection')];
}

/** Everything a payment between two balances moves: nothing is held first, for nobody outside has a say in it. */
export function betweenBalancesMovements(traveller: Traveller, terms: QuoteTerms): Movement[] {
  const { clientId, fromCurrency, amountMinor } = traveller.payment;
  const [client, clearing] = [clientAccount(clientId, fromCurrency).code, clearingAccount(fromCurrency).code];
  return [posted(traveller, 'collection', client, clearing, amountMinor, fromCurrency), ...closingMovements(traveller, terms)];
}

/** The payout arrived: the fee is earned, the exchange booked, the reserved float spent. */
export function closingMovements(traveller: Traveller, terms: QuoteTerms): Movement[] {
  const { payment } = traveller;
  const { fromCurrency, toCurrency } = payment;
  const clearingFrom = clearingAccount(fromCurrency).code;
  const clearingTo = clearingAccount(toCurrency).code;
  const movements: Movement[] = [];
  if (terms.feeMinor > 0n) {
    movements.push(posted(traveller, 'fee', clearingFrom, feesAccount(fromCurrency).code, terms.feeMinor, fromCurrency));
  }
  movements.push(
    posted(traveller, 'exchange_out', clearingFrom, positionAccount(fromCurrency).code, payment.amountMinor - terms.feeMinor, fromCurrency),
    posted(traveller, 'exchange_in', positionAccount(toCurrency).code, clearingTo, terms.exchangedMinor, toCurrency),
  );
  const rest = terms.exchangedMinor - terms.targetMinor;
  if (rest > 0n) movements.push(posted(traveller, 'rounding', clearingTo, roundingAccount(toCurrency).code, rest, toCurrency));
  movements.push(
    payment.delivery === 'balance'
      ? posted(traveller, 'payout', clearingTo, clientAccount(payment.clientId, toCurrency).code, terms.targetMinor, toCurrency)
      : endPending(traveller, 'post', reservationOf(traveller), 'payout'),
  );
  return movements;
}

/** Id of the pending transfer that holds the float of one try to give the money back. */
export function refundReservationId(attemptId: string): string {
  return derivedId('refund_reservation', attemptId);
}

/** Before the money goes back over `railId` its float is held, so that whatever the operator does fits into the books. */
export function refundReservation(traveller: Traveller, attemptId: string, railId: string): Movement {
  const { id: paymentId, fromCurrency: currency, amountMinor: amount } = traveller.payment;
  return {
    id: refundReservationId(attemptId),
    type: 'pending',
    debit: clearingAccount(currency).code,
    credit: floatAccount(railId, currency).code,
    amount,
    currency,
    reason: 'reservation',
    paymentId,
    attemptId,
  };
}

/** The end of a try to give the money back: the float that was held is spent, or free again. */
export function refundMovements(
  traveller: Traveller,
  attempt: { readonly id: string; readonly state: 'succeeded' | 'failed' },
): Movement[] {
  const reservationId = refundReservationId(attempt.id);
  return [
    attempt.state === 'succeeded'
      ? endPending(traveller, 'post', reservationId, 'refund')
      : endPending(traveller, 'void', reservationId, 'release'),
  ];
}

/** The client's balance has the money back. */
export function balanceRefundMovements(traveller: Traveller): Movement[] {
  const { payment } = traveller;
  const account = clientAccount(payment.clientId, payment.fromCurrency).code;
  return [posted(traveller, 'refund', clearingAccount(payment.fromCurrency).code, account, payment.amountMinor, payment.fromCurrency)];
}

/** Lets go of what a payment holds: the payout's float, and the client's balance while it has not paid in. */
export function releaseMovements(traveller: Traveller): Movement[] {
  const { payment, reservationId } = traveller;
  const movements: Movement[] = [];
  if (payment.delivery === 'wallet' && reservationId !== null) movements.push(endPending(traveller, 'void', reservationId, 'release'));
  if (payment.funding === 'balance' && payment.status === 'authorized') {
    movements.push(endPending(traveller, 'void', fundingReservationId(payment.id), 'release'));
  }
  return movements;
}

function reservationOf(traveller: Traveller): string {
  if (traveller.reservationId === null) throw new RangeError(`payment ${traveller.payment.id} holds no reservation`);
  return traveller.reservationId;
}

/** Ends a pending transfer; accounts and amount are the pending transfer's own. */
function endPending(traveller: Traveller, type: 'post' | 'void', pendingId: string, reason: string): Movement {
  return {
    id: derivedId('end', pendingId),
    type,
    pendingId,
    reason,
    paymentId: traveller.payment.id,
    ...(type === 'post' ? { linkId: stepId(traveller.payment.id, LINKS.closing) } : {}),
    ...(traveller.attempt === undefined ? {} : { attemptId: traveller.attempt.id }),
  };
}
