/**
 * The legs that touch an operator: collection, payout and, when every payout route is spent, refund.
 * Each is one transaction that opens attempts; what is sent follows after the commit.
 *
 * Legs that need no operator (`on_us`) are posted at once.
 */
import type { PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { transitionPayments, type Transition } from '../../db/queries/transitions.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { PaymentStatus } from '../../domain/lifecycle.ts';
import { railsOfWallet } from '../../domain/network.ts';
import { type AccountSpec, clientAccount, ensureAccounts, type Movement, post } from '../../tools/ledger/index.ts';
import { type NewAttempt, openAttempts } from '../attempts.ts';
import type { Cohort, Traveller } from '../cohort.ts';
import { balanceCollectionMovements, balanceRefundMovements, closingMovements, releaseMovements } from '../postings.ts';
import type { GraphDeps } from '../types.ts';

/** One step of one payment within a leg's transaction. */
interface Step {
  readonly traveller: Traveller;
  /** Statuses to go through, in order. */
  readonly path: readonly PaymentStatus[];
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

/** Payments whose money is with us: their payout begins, or their refund when no way is left. */
export async function disburse(deps: GraphDeps, cohort: Cohort): Promise<Cohort> {
  return runLeg(deps, cohort, payoutStep);
}

/** Payments whose money goes back. */
export async function refund(deps: GraphDeps, cohort: Cohort): Promise<Cohort> {
  return runLeg(deps, cohort, refundStep);
}

/** Pure: how the collection of a payment begins; null when it is not its turn. */
export function collectionStep(traveller: Traveller): Step | null {
  const { payment, route } = traveller;
  if (payment.status !== 'authorized' || route === undefined || traveller.leaves !== undefined) return null;
  if (payment.funding === 'balance') {
    return { traveller, path: ['collected'], reasonCode: null, movements: balanceCollectionMovements(traveller), attempt: null };
  }
  const railId = nextRail(route.collection, payment.collectionSpent);
  if (railId === null) {
    return { traveller, path: ['rejected'], reasonCode: 'no_route', movements: releaseMovements(traveller), attempt: null };
  }
  const attempt: NewAttempt = {
    clientId: payment.clientId,
    paymentId: payment.id,
    leg: 'collection',
    railId,
    amountMinor: payment.amountMinor,
    currency: payment.fromCurrency,
  };
  return { traveller, path: ['collecting'], reasonCode: null, movements: [], attempt };
}

/** Pure: how the payout of a payment begins; null when it is not its turn. */
export function payoutStep(traveller: Traveller): Step | null {
  const { payment, quote } = traveller;
  if (payment.status !== 'collected' || traveller.leaves !== undefined) return null;
  if (traveller.refundRequested) return null;
  if (quote === undefined) throw new RangeError(`payment ${payment.id} was collected without terms`);
  if (payment.delivery === 'balance') {
    return { traveller, path: ['paid'], reasonCode: null, movements: closingMovements(traveller, quote), attempt: null };
  }
  const railId = payoutRail(traveller);
  if (railId === null) return null;
  const attempt: NewAttempt = {
    clientId: payment.clientId,
    paymentId: payment.id,
    leg: 'payout',
    railId,
    amountMinor: quote.targetMinor,
    currency: payment.toCurrency,
  };
  return { traveller, path: ['disbursing'], reasonCode: null, movements: [], attempt };
}

/** Pure: how the money of a payment goes back; null when it is not its turn. */
export function refundStep(traveller: Traveller, refundsTried: number): Step | null {
  const { payment } = traveller;
  if (traveller.leaves !== undefined) return null;
  const begins =
    payment.status === 'collected' && (traveller.refundRequested || (payment.delivery === 'wallet' && payoutRail(traveller) === null));
  if (!begins && payment.status !== 'refunding') return null;
  const released = begins ? releaseMovements(traveller) : [];
  const reasonCode: ErrorCode | null = traveller.refundRequested ? null : 'payout_failed';
  if (payment.funding === 'balance') {
    const movements = [...released, ...balanceRefundMovements(traveller)];
    return { traveller, path: begins ? ['refunding', 'refunded'] : ['refunded'], reasonCode, movements, attempt: null };
  }
  const rails = railsOfWallet(payment.senderWallet).filter((rail) => rail.payout !== null);
  const rail = rails[refundsTried % Math.max(1, rails.length)];
  if (rail === undefined) throw new RangeError(`no rail pays back to ${payment.senderWallet}`);
  const attempt: NewAttempt = {
    clientId: payment.clientId,
    paymentId: payment.id,
    leg: 'refund',
    railId: rail.id,
    amountMinor: payment.amountMinor,
    currency: payment.fromCurrency,
  };
  return { traveller, path: begins ? ['refunding'] : [], reasonCode, movements: released, attempt };
}

/** The rail a payout goes over next: the routed one whose pool holds the reservation. */
export function payoutRail(traveller: Traveller): string | null {
  return traveller.route === undefined ? null : nextRail(traveller.route.payout, traveller.payment.payoutSpent);
}

async function runLeg(
  deps: GraphDeps,
  cohort: Cohort,
  stepOf: (traveller: Traveller, refundsTried: number) => Step | null,
): Promise<Cohort> {
  const tried = stepOf === refundStep ? await refundsTried(deps, cohort) : new Map<string, number>();
  const steps = cohort.travellers.flatMap((traveller) => stepOf(traveller, tried.get(traveller.payment.id) ?? 0) ?? []);
  if (steps.length === 0) return cohort;
  await withTransaction(deps.pool, (tx) => commitSteps(tx, deps, cohort, steps));
  if (steps.some((step) => step.attempt !== null)) deps.notify('dispatch');
  const movedTo = new Map(steps.map((step) => [step.traveller.payment.id, step.path.at(-1)]));
  return {
    ...cohort,
    travellers: cohort.travellers.map((traveller) => {
      const status = movedTo.get(traveller.payment.id);
      return status === undefined ? traveller : { ...traveller, payment: { ...traveller.payment, status } };
    }),
  };
}

async function commitSteps(tx: PoolClient, deps: GraphDeps, cohort: Cohort, steps: readonly Step[]): Promise<void> {
  const nowMs = deps.clock.now();
  const movements = steps.flatMap((step) => step.movements);
  await ensureAccounts(tx, balanceAccounts(steps));
  await post(tx, movements);
  for (const depth of [0, 1]) {
    const transitions = steps.flatMap((step): Transition[] => {
      const to = step.path[depth];
      if (to === undefined) return [];
      const from = depth === 0 ? step.traveller.payment.status : (step.path[depth - 1] ?? step.traveller.payment.status);
      return [{ paymentId: step.traveller.payment.id, from, to, reasonCode: step.reasonCode, cause: `cohort:${cohort.id}` }];
    });
    await transitionPayments(tx, transitions, { nowMs, leaseToken: cohort.leaseToken });
  }
  await openAttempts(
    tx,
    deps,
    steps.flatMap((step) => step.attempt ?? []),
  );
}

/** Client balances that the movements touch may be new: a client receives in a currency for the first time. */
function balanceAccounts(steps: readonly Step[]): AccountSpec[] {
  return steps.flatMap(({ traveller: { payment } }) => [
    ...(payment.delivery === 'balance' ? [clientAccount(payment.clientId, payment.toCurrency)] : []),
    ...(payment.funding === 'balance' ? [clientAccount(payment.clientId, payment.fromCurrency)] : []),
  ]);
}

async function refundsTried(deps: GraphDeps, cohort: Cohort): Promise<Map<string, number>> {
  const ids = cohort.travellers.filter((traveller) => traveller.payment.status === 'refunding').map((traveller) => traveller.payment.id);
  if (ids.length === 0) return new Map();
  const result = await deps.pool.query<{ payment_id: string; tried: number }>({
    name: 'refunds_tried',
    text: `select payment_id, count(*)::int as tried from attempts where payment_id = any($1::uuid[]) and leg = 'refund' group by payment_id`,
    values: [ids],
  });
  return new Map(result.rows.map((row) => [row.payment_id, row.tried]));
}
