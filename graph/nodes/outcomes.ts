/**
 * Working the ends of attempts into their payments: one transaction for the whole cohort.
 *
 * A leg that succeeded is posted and moves the payment on. A leg that failed for sure is routed again
 * without the rail, or ends the payment. An unknown outcome never gets here.
 */
import { transitionPayments, type Transition } from '../../db/queries/transitions.ts';
import { withTransaction } from '../../db/connect.ts';
import { limitsOf } from '../../domain/rail.ts';
import { fault } from '../../domain/errors.ts';
import { railsOfWallet } from '../../domain/network.ts';
import type { PaymentStatus } from '../../domain/lifecycle.ts';
import { type Movement, post } from '../../tools/ledger/index.ts';
import { type CorridorOutcome, recordCorridorOutcomes } from '../../tools/rails/corridors.ts';
import type { Reason } from '../../tools/mmo/reasons.ts';
import { type RailOutcome, recordOutcomes } from '../../tools/rails/health.ts';
import type { Cohort, ResolvedAttempt, Traveller } from '../cohort.ts';
import { closingMovements, collectionMovements, refundMovements, releaseMovements } from '../postings.ts';
import type { GraphDeps } from '../types.ts';
import { refundReason } from './refunds.ts';

/** What the end of an attempt means for its payment. */
export interface Consequence {
  readonly to: PaymentStatus;
  readonly reasonCode: string | null;
  readonly movements: readonly Movement[];
  /** Rails of the leg that need not be tried again. */
  readonly spent: readonly string[];
  /** The next try is not made at once. */
  readonly waits?: true;
}

/** Tries of one leg at most, over all its rails, before the payment fails or the money goes back. */
const TRIES_MAX = { collection: 3, payout: 4 } as const;

/** Pure: what follows for a payment from the end of its attempt. */
export function consequenceOf(traveller: Traveller, attempt: ResolvedAttempt): Consequence {
  if (attempt.leg === 'collection') return afterCollection(traveller, attempt);
  if (attempt.leg === 'payout') return afterPayout(traveller, attempt);
  const movements = refundMovements(traveller, attempt);
  if (attempt.state === 'succeeded') return { to: 'refunded', reasonCode: refundReason(traveller), movements, spent: [] };
  // The money is owed until it is back.
  return { to: 'refunding', reasonCode: attempt.reasonCode, movements, spent: [], waits: true };
}

function afterCollection(traveller: Traveller, attempt: ResolvedAttempt): Consequence {
  if (attempt.state === 'succeeded') {
    return { to: 'collected', reasonCode: null, movements: collectionMovements(traveller, attempt.railId), spent: [] };
  }
  const spent = [attempt.railId];
  const left = railsLeft(traveller.payment.senderWallet, 'collection', [...traveller.payment.collectionSpent, ...spent]);
  // Nobody is asked again to pay what its client wants back.
  const mayAskAgain = attempt.retry !== 'after_customer' && !traveller.refundRequested;
  if (mayAskAgain && neverArrived(attempt)) return { to: 'authorized', reasonCode: attempt.reasonCode, movements: [], spent: [] };
  if (mayAskAgain && left.length > 0) {
    return { to: 'authorized', reasonCode: attempt.reasonCode, movements: [], spent };
  }
  if (mayAskAgain && mayTryAgain(attempt))
    return { to: 'authorized', reasonCode: attempt.reasonCode, movements: [], spent: [], waits: true };
  const reasonCode = attempt.retry === 'after_customer' ? 'collection_refused' : 'collection_failed';
  return { to: 'failed', reasonCode, movements: releaseMovements(traveller), spent };
}

function afterPayout(traveller: Traveller, attempt: ResolvedAttempt): Consequence {
  if (attempt.state === 'succeeded') {
    if (traveller.quote === undefined) throw new RangeError(`payment ${traveller.payment.id} was paid out without terms`);
    return { to: 'paid', reasonCode: null, movements: closingMovements(traveller, traveller.quote), spent: [] };
  }
  const { payment } = traveller;
  const left = railsLeft(payment.receiverWallet, 'payout', [...payment.payoutSpent, attempt.railId]);
  if (neverArrived(attempt)) return { to: 'collected', reasonCode: attempt.reasonCode, movements: [], spent: [] };
  if (left.length === 0 && mayTryAgain(attempt)) {
    return { to: 'collected', reasonCode: attempt.reasonCode, movements: [], spent: [], waits: true };
  }
  // Where the receiver's wallet itself cannot take the money no other rail will help: every one is spent.
  const spent = attempt.retry === 'after_customer' ? [attempt.railId, ...left] : [attempt.railId];
  return { to: 'collected', reasonCode: attempt.reasonCode, movements: [], spent };
}

/** A request that its operator never had, as when its worker died, says nothing against the rail: the first is not held against it. */
function neverArrived(attempt: ResolvedAttempt): boolean {
  return attempt.reasonCode === 'never_received' && attempt.sequence === 1;
}

/** Trouble that passes is worth another try at the last rail that is left, after a while and not for ever. */
function mayTryAgain(attempt: ResolvedAttempt): boolean {
  return attempt.leg !== 'refund' && attempt.retry === 'later' && attempt.sequence < TRIES_MAX[attempt.leg];
}

/** Rails that serve the leg for the wallet and are not spent. */
export function railsLeft(walletId: string, leg: 'collection' | 'payout', spent: readonly string[]): string[] {
  return railsOfWallet(walletId)
    .filter((rail) => limitsOf(rail, leg) !== null && !spent.includes(rail.id))
    .map((rail) => rail.id);
}

/** Commits the consequences for a cohort and returns it with its payments where they stand now. */
export async function applyOutcomes(deps: GraphDeps, cohort: Cohort): Promise<Cohort> {
  const nowMs = deps.clock.now();
  const entries = cohort.travellers.flatMap((traveller) =>
    traveller.attempt === undefined
      ? []
      : [{ traveller, attempt: traveller.attempt, consequence: consequenceOf(traveller, traveller.attempt) }],
  );
  const asked = entries.filter(({ attempt }) => isAsked(attempt));
  // A silence was told to the rail's breaker when it showed; that the request never arrived, known much later, is no news of it.
  const news = asked.filter(({ attempt }) => attempt.reasonCode !== 'never_received');
  await withTransaction(deps.pool, async (tx) => {
    const taken = await tx.query({
      name: 'take_outcomes',
      text: 'update attempts set applied = true, updated_at = $2 where id = any($1::uuid[]) and not applied',
      values: [entries.map((entry) => entry.attempt.id), new Date(nowMs)],
    });
    // Whoever claimed one of them after our lease had ended was there first: nothing of this cohort is written.
    if (taken.rowCount !== entries.length)
      throw fault('lease_lost', { internal: `${taken.rowCount} of ${entries.length} outcomes were not worked in yet` });
    const transitions = entries.flatMap(({ traveller, attempt, consequence }): Transition[] =>
      consequence.to === traveller.payment.status
        ? []
        : [
            {
              paymentId: traveller.payment.id,
              from: traveller.payment.status,
              to: consequence.to,
              reasonCode: consequence.reasonCode,
              cause: `attempt:${attempt.id}`,
            },
          ],
    );
    await transitionPayments(tx, transitions, { nowMs, leaseToken: cohort.leaseToken });
    await post(
      tx,
      entries.flatMap((entry) => entry.consequence.movements),
    );
    await spendRails(tx, entries);
    await postpone(tx, deps, entries);
    if (deps.railHealth === undefined) await recordOutcomes(tx, news.map(railOutcomeOf), nowMs);
    await recordCorridorOutcomes(tx, asked.map(corridorOutcomeOf), nowMs);
  });
  await deps.railHealth?.record(news.map(railOutcomeOf), nowMs);
  return { ...cohort, travellers: entries.map(({ traveller, consequence }) => moved(traveller, consequence)) };
}

/** Reasons for which a rail can be used for nobody: they count against it though nothing was sent. */
const UNUSABLE: ReadonlySet<string> = new Set(['operator_unavailable', 'rail_misconfigured', 'pin_refused'] satisfies Reason[]);

/** What else we refused ourselves, for the payment's sake or our own, says nothing of its rail. */
function isAsked({ isUnsent, reasonCode }: ResolvedAttempt): boolean {
  return isUnsent ? UNUSABLE.has(reasonCode ?? '') : reasonCode !== 'store_unavailable';
}

/** An operator that refuses one request may take the next: beside its own trouble only what kept us from sending is an outage. */
function isOutage(attempt: ResolvedAttempt): boolean {
  return attempt.reasonCode === 'operator_unavailable' || (attempt.isUnsent && isAsked(attempt));
}

/** How a rail did, over all, for the router. */
function railOutcomeOf({ attempt }: Entry): RailOutcome {
  return {
    railId: attempt.railId,
    leg: attempt.leg,
    ok: isOk(attempt),
    outage: isOutage(attempt),
    latencyMs: Math.max(0, attempt.resolvedAtMs - attempt.sentAtMs),
  };
}

/** The same by corridor, for people. */
function corridorOutcomeOf({ traveller: { payment }, attempt }: Entry): CorridorOutcome {
  return { corridor: `${payment.fromCountry}-${payment.toCountry}`, railId: attempt.railId, leg: attempt.leg, ok: isOk(attempt) };
}

/** A customer who says no is not the rail's failure. */
function isOk(attempt: ResolvedAttempt): boolean {
  return attempt.state === 'succeeded' || attempt.retry === 'after_customer';
}

type Entry = { readonly traveller: Traveller; readonly attempt: ResolvedAttempt; readonly consequence: Consequence };
type Tx = Parameters<typeof transitionPayments>[0];

async function spendRails(tx: Tx, entries: readonly Entry[]): Promise<void> {
  const rows = entries.flatMap(({ traveller, attempt, consequence }) =>
    consequence.spent.map((railId) => ({ paymentId: traveller.payment.id, leg: attempt.leg, railId })),
  );
  if (rows.length === 0) return;
  await tx.query({
    name: 'spend_rails',
    text: `
      with spent as (
        select id, leg, array_agg(rail) as rails from unnest($1::uuid[], $2::text[], $3::text[]) as spent(id, leg, rail) group by id, leg)
      update payments p set
        collection_spent = case when spent.leg = 'collection' then p.collection_spent || spent.rails else p.collection_spent end,
        payout_spent = case when spent.leg = 'payout' then p.payout_spent || spent.rails else p.payout_spent end
      from spent where p.id = spent.id`,
    values: [rows.map((row) => row.paymentId), rows.map((row) => row.leg), rows.map((row) => row.railId)],
  });
}

async function postpone(tx: Tx, deps: GraphDeps, entries: readonly Entry[]): Promise<void> {
  const waiting = entries.filter((entry) => entry.consequence.waits === true);
  if (waiting.length === 0) return;
  await tx.query({
    name: 'postpone_payments',
    text: `update payments_by_status s set not_before = waiting.until
           from unnest($1::uuid[], $2::timestamptz[]) as waiting(id, until) join payments p on p.id = waiting.id
           where s.status = p.status and s.payment_id = p.id`,
    values: [
      waiting.map((entry) => entry.traveller.payment.id),
      waiting.map((entry) => new Date(deps.clock.now() + waitMs(deps.settings.retryDelayMs, entry.attempt.sequence))),
    ],
  });
}

/** The first wait, doubled for each try, up to a thousandfold: a refund that fails for days must not be tried every few seconds. */
function waitMs(retryDelayMs: number, sequence: number): number {
  return retryDelayMs * 2 ** Math.min(sequence - 1, 10);
}

function moved(traveller: Traveller, consequence: Consequence): Traveller {
  const { payment } = traveller;
  const leg = traveller.attempt?.leg;
  return {
    ...traveller,
    ...(consequence.waits === true ? { leaves: { to: 'waits', reasonCode: consequence.reasonCode } as const } : {}),
    payment: {
      ...payment,
      status: consequence.to,
      collectionSpent: leg === 'collection' ? [...payment.collectionSpent, ...consequence.spent] : payment.collectionSpent,
      payoutSpent: leg === 'payout' ? [...payment.payoutSpent, ...consequence.spent] : payment.payoutSpent,
    },
  };
}
