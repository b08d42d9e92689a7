/**
 * The legs on the way to the receiver: collection and payout. Each is one transaction that opens
 * attempts; what is sent follows after the commit. The way back is in `refunds.ts`.
 *
 * Legs that need no operator (`on_us`) are posted at once, unless a halt covers their payment, which then waits where it stands.
 */
import type { PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { transitionPayments, type Transition } from '../../db/queries/transitions.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { PaymentStatus } from '../../domain/lifecycle.ts';
import { type AccountSpec, clientAccount, ensureAccountsOnce, type Movement, post } from '../../tools/ledger/index.ts';
import { type NewAttempt, openAttempts } from '../attempts.ts';
import { assertLease, type Cohort, postpone, type Traveller } from '../cohort.ts';
import { haltedAmong, waits } from '../halts.ts';
import { balanceCollectionMovements, closingMovements, releaseMovements } from '../postings.ts';
import type { GraphDeps } from '../types.ts';

/** One step of one payment within a leg's transaction. */
interface Step {
  readonly traveller: Traveller;
  readonly to: PaymentStatus;
  readonly reasonCode: ErrorCode | null;
  readonly movements: readonly Movement[];
  readonly attempt: NewAttempt | null;
}

/** The first rail of a route that is not spent. */
export function nextRail(route: readonly string[], spent: readonly string[]): string | null {
  return route.find((railId) => !spent.includes(railId)) ?? null;
}

/** Payments that are authorised and routed: their collection begins. */
export async function collect(deps: GraphDeps, cohort: Cohort): Promise<Cohort> {
  return runLeg(deps, cohort, collectionStep);
}

/** Payments whose money is with us: their payout begins. */
export async function disburse(deps: GraphDeps, cohort: Cohort): Promise<Cohort> {
  return runLeg(deps, cohort, payoutStep);
}

/** Pure: how the collection of a payment begins; null when it is not its turn. */
export function collectionStep(traveller: Traveller): Step | null {
  const { payment, quote, route } = traveller;
  if (payment.status !== 'authorized' || route === undefined || traveller.leaves !== undefined) return null;
  // Nobody is asked to pay what its client wants back.
  if (traveller.refundRequested) {
    return { traveller, to: 'cancelled', reasonCode: null, movements: releaseMovements(traveller), attempt: null };
  }
  if (payment.funding === 'balance') {
    return { traveller, to: 'collected', reasonCode: null, movements: balanceCollectionMovements(traveller), attempt: null };
  }
  const railId = nextRail(route.collection, payment.collectionSpent);
  if (railId === null) {
    return { traveller, to: 'rejected', reasonCode: 'no_route', movements: releaseMovements(traveller), attempt: null };
  }
  if (quote === undefined) throw new RangeError(`payment ${payment.id} was authorised without terms`);
  const attempt: NewAttempt = {
    clientId: payment.clientId,
    paymentId: payment.id,
    leg: 'collection',
    railId,
    amountMinor: payment.amountMinor,
    currency: payment.fromCurrency,
    payeeId: payment.senderId,
    quote,
  };
  return { traveller, to: 'collecting', reasonCode: null, movements: [], attempt };
}

/** Pure: how the payout of a payment begins; null when it is not its turn. */
export function payoutStep(traveller: Traveller): Step | null {
  const { payment, quote } = traveller;
  if (payment.status !== 'collected' || traveller.leaves !== undefined) return null;
  if (traveller.refundRequested) return null;
  if (quote === undefined) throw new RangeError(`payment ${payment.id} was collected without terms`);
  if (payment.delivery === 'balance') {
    return { traveller, to: 'paid', reasonCode: null, movements: closingMovements(traveller, quote), attempt: null };
  }
  const railId = payoutRail(traveller);
  if (railId === null) return null;
  if (traveller.reservationId === null) throw new RangeError(`payment ${payment.id} is to be paid out without float held for it`);
  const attempt: NewAttempt = {
    clientId: payment.clientId,
    paymentId: payment.id,
    leg: 'payout',
    railId,
    amountMinor: quote.targetMinor,
    currency: payment.toCurrency,
    payeeId: payment.receiverId,
    quote,
  };
  return { traveller, to: 'disbursing', reasonCode: null, movements: [], attempt };
}

/** The rail a payout goes over next: the routed one whose pool holds the reservation. */
export function payoutRail(traveller: Traveller): string | null {
  return traveller.route === undefined ? null : nextRail(traveller.route.payout, traveller.payment.payoutSpent);
}

async function runLeg(deps: GraphDeps, cohort: Cohort, stepOf: (traveller: Traveller) => Step | null): Promise<Cohort> {
  const steps = cohort.travellers.flatMap((traveller) => stepOf(traveller) ?? []);
  if (steps.length === 0) return cohort;
  await ensureAccountsOnce(deps.pool, balanceAccounts(steps.map((step) => step.traveller)));
  const halted = await withTransaction(deps.pool, (tx) => commitSteps(tx, deps, cohort, steps));
  if (steps.some((step) => step.attempt !== null)) deps.notify('dispatch');
  const movedTo = new Map(steps.map((step) => [step.traveller.payment.id, step.to]));
  return {
    ...cohort,
    travellers: cohort.travellers.map((traveller) => {
      if (halted.has(traveller.payment.id)) return waits(traveller);
      const status = movedTo.get(traveller.payment.id);
      return status === undefined ? traveller : { ...traveller, payment: { ...traveller.payment, status } };
    }),
  };
}

/** Whether a step moves a balance at once: every other opens an attempt, or lets go of what was held. */
function movesBalance({ to }: Step): boolean {
  return to === 'collected' || to === 'paid';
}

/** Commits the steps that no halt holds back; returns the ids of the payments that wait. */
async function commitSteps(tx: PoolClient, deps: GraphDeps, cohort: Cohort, wanted: readonly Step[]): Promise<ReadonlySet<string>> {
  const nowMs = deps.clock.now();
  const moving = wanted.filter(movesBalance).map((step) => step.traveller);
  const halted = await haltedAmong(tx, moving);
  const steps = wanted.filter((step) => !halted.has(step.traveller.payment.id));
  const transitions = steps.map(({ traveller: { payment }, to, reasonCode }): Transition => {
    return { paymentId: payment.id, from: payment.status, to, reasonCode, cause: `cohort:${cohort.id}` };
  });
  // First of all, for whoever has lost the payments must neither open attempts nor touch the books.
  await transitionPayments(tx, transitions, { nowMs, leaseToken: cohort.leaseToken });
  await assertLease(
    tx,
    cohort,
    moving.filter(({ payment }) => halted.has(payment.id)),
  );
  await postpone(tx, deps, [...halted], nowMs);
  await openAttempts(
    tx,
    deps,
    steps.flatMap((step) => step.attempt ?? []),
  );
  await post(
    tx,
    steps.flatMap((step) => step.movements),
  );
  return halted;
}

/** Client balances that payments touch. One may be new: a client receives in a currency for the first time. */
export function balanceAccounts(travellers: readonly Traveller[]): AccountSpec[] {
  return travellers.flatMap(({ payment }) => [
    ...(payment.delivery === 'balance' ? [clientAccount(payment.clientId, payment.toCurrency)] : []),
    ...(payment.funding === 'balance' ? [clientAccount(payment.clientId, payment.fromCurrency)] : []),
  ]);
}
