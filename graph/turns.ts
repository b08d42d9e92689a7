/** Whose turn it is: which node a payment needs next. The edges of the graph ask here. */
import type { Traveller } from './cohort.ts';
import { payoutRail } from './nodes/legs.ts';

/** The nodes a cohort passes, in this order; a node that nobody needs is skipped. */
export const CHAIN = ['exchange_rate', 'compliance', 'route', 'liquidity', 'collection', 'payout', 'refund'] as const;
export type ChainNode = (typeof CHAIN)[number];

/** The payment has not been authorised, and no agent has sent it away in this run. */
export function isBeforeAuthorisation(traveller: Traveller): boolean {
  const { status } = traveller.payment;
  return (status === 'accepted' || status === 'released' || status === 'queued') && traveller.leaves === undefined;
}

/** A new payment, or one whose leg failed, that has no rails from this run yet. */
export function wantsRoute(traveller: Traveller): boolean {
  if (traveller.routing !== undefined || traveller.leaves !== undefined) return false;
  if (isBeforeAuthorisation(traveller)) return true;
  const { payment } = traveller;
  if (payment.status === 'authorized') return payment.collectionSpent.length > 0;
  return payment.status === 'collected' && payment.payoutSpent.length > 0 && !traveller.refundRequested;
}

/** A new payment whose decisions are to be committed, or one whose payout float must move to another pool. */
export function wantsLiquidity(traveller: Traveller): boolean {
  if (isUnauthorised(traveller)) return true;
  if (traveller.routing === undefined || traveller.leaves !== undefined) return false;
  return traveller.payment.status === 'collected' || traveller.payment.status === 'authorized';
}

/** Not authorised, whether or not an agent has sent it away: its decisions wait for the boundary. */
export function isUnauthorised(traveller: Traveller): boolean {
  const { status } = traveller.payment;
  return status === 'accepted' || status === 'released' || status === 'queued';
}

/** Whether a payment needs a node now. */
export const WANTS: Readonly<Record<ChainNode, (traveller: Traveller) => boolean>> = {
  exchange_rate: isBeforeAuthorisation,
  compliance: isBeforeAuthorisation,
  route: wantsRoute,
  liquidity: wantsLiquidity,
  collection: (traveller) => traveller.payment.status === 'authorized' && traveller.leaves === undefined,
  payout: (traveller) =>
    traveller.payment.status === 'collected' &&
    traveller.leaves === undefined &&
    !traveller.refundRequested &&
    (traveller.payment.delivery === 'balance' || payoutRail(traveller) !== null),
  refund: (traveller) =>
    traveller.leaves === undefined &&
    (traveller.payment.status === 'refunding' ||
      (traveller.payment.status === 'collected' &&
        (traveller.refundRequested || (traveller.payment.delivery === 'wallet' && payoutRail(traveller) === null)))),
};

/** The next node after `from` (or from the start) that somebody in the cohort needs; null: the run ends. */
export function nextNode(travellers: readonly Traveller[], from: ChainNode | 'start'): ChainNode | null {
  const rest = from === 'start' ? CHAIN : CHAIN.slice(CHAIN.indexOf(from) + 1);
  return rest.find((node) => travellers.some(WANTS[node])) ?? null;
}
