/**
 * The way back: money that was collected and will not be paid out returns to whoever paid.
 *
 * Where the operator that collected can take the money back by an operation of its own, and tells of it by our request, that is tried
 * first, once; after its sure failure, and everywhere else, the money goes out as a payout.
 *
 * Like a payout, a refund goes out only once its float is held: what an operator then does always fits
 * into the books. Where no float is free the payment waits and stays owed. What goes back to a balance waits where it stands while a
 * halt covers it.
 */
import type { PoolClient } from 'pg';
import { lockPools } from '../../agents/liquidity/index.ts';
import { withTransaction } from '../../db/connect.ts';
import { transitionPayments, type Transition } from '../../db/queries/transitions.ts';
import type { ErrorCode } from '../../domain/errors.ts';
import type { PaymentStatus } from '../../domain/lifecycle.ts';
import { money } from '../../domain/money.ts';
import { railsOfWallet } from '../../domain/network.ts';
import { carries } from '../../domain/rail.ts';
import { clientAccount, ensureAccounts, post } from '../../tools/ledger/index.ts';
import { type NewAttempt, openAttempts } from '../attempts.ts';
import { assertLease, type Cohort, postpone, type Traveller } from '../cohort.ts';
import { haltedAmong, waits } from '../halts.ts';
import { balanceRefundMovements, refundReservation, releaseMovements } from '../postings.ts';
import { WANTS } from '../turns.ts';
import type { GraphDeps } from '../types.ts';

/** A try to give money back over one rail. */
interface Try {
  readonly traveller: Traveller;
  readonly railId: string;
  /** The collection that the rail's operator takes back; null where the money goes out as a payout. */
  readonly takesBack: string | null;
}

/** Why the client is told that its money came back: because it asked, or because no payout succeeded. */
export function refundReason(traveller: Pick<Traveller, 'refundRequested'>): ErrorCode | null {
  return traveller.refundRequested ? null : 'payout_failed';
}

/**
 * Pure: rails over which the sender's wallet can be paid the whole amount, another first after each try
 * that failed. None for an amount no rail pays out at once; routing lets no such amount in.
 */
export function refundRails(payment: Traveller['payment'], tried: number): string[] {
  const amount = money(payment.amountMinor, payment.fromCurrency);
  const rails = railsOfWallet(payment.senderWallet).filter((rail) => carries(rail, 'refund', amount));
  const first = tried % Math.max(1, rails.length);
  return [...rails.slice(first), ...rails.slice(0, first)].map((rail) => rail.id);
}

/** Payments whose money goes back. */
export async function refund(deps: GraphDeps, cohort: Cohort): Promise<Cohort> {
  const owed = cohort.travellers.filter(WANTS.refund);
  if (owed.length === 0) return cohort;
  const { tries, halted } = await withTransaction(deps.pool, (tx) => commitRefunds(tx, deps, cohort, owed));
  if (tries.length > 0) deps.notify('dispatch');
  const ids = new Set(owed.map((traveller) => traveller.payment.id));
  return {
    ...cohort,
    travellers: cohort.travellers.map((traveller) => {
      if (halted.has(traveller.payment.id)) return waits(traveller);
      return ids.has(traveller.payment.id) ? { ...traveller, payment: { ...traveller.payment, status: endOf(traveller) } } : traveller;
    }),
  };
}

interface Refunds {
  readonly tries: readonly Try[];
  /** Ids of the payments that wait for the end of a halt. */
  readonly halted: ReadonlySet<string>;
}

async function commitRefunds(tx: PoolClient, deps: GraphDeps, cohort: Cohort, wanted: readonly Traveller[]): Promise<Refunds> {
  const nowMs = deps.clock.now();
  // A payment that stays `refunding` passes no transition that would notice another worker.
  await assertLease(tx, cohort, wanted);
  const halted = await haltedAmong(tx, wanted.filter(isToBalance));
  await postpone(tx, deps, [...halted], nowMs);
  const owed = wanted.filter(({ payment }) => !halted.has(payment.id));
  await begin(tx, deps, cohort, owed);
  const byWallet = owed.filter((traveller) => !isToBalance(traveller));
  const tries = await chooseRails(tx, deps, byWallet);
  const attemptIds = await openAttempts(tx, deps, tries.map(attemptOf));
  await post(
    tx,
    tries.map(({ traveller, railId }, index) => refundReservation(traveller, attemptIds[index] ?? '', railId)),
  );
  const started = new Set(tries.map((each) => each.traveller));
  const waiting = byWallet.filter((traveller) => !started.has(traveller));
  if (waiting.length > 0) {
    deps.log.warn({ payments: waiting.length, first: waiting[0]?.payment.id }, 'refunds wait for float');
    await postpone(
      tx,
      deps,
      waiting.map((traveller) => traveller.payment.id),
      nowMs,
    );
  }
  return { tries, halted };
}

/** Those that begin let go of what they hold for the payout; what came from a balance is back there at once. */
async function begin(tx: PoolClient, deps: GraphDeps, cohort: Cohort, owed: readonly Traveller[]): Promise<void> {
  const fence = { nowMs: deps.clock.now(), leaseToken: cohort.leaseToken };
  const step = (traveller: Traveller, from: PaymentStatus, to: PaymentStatus): Transition => {
    return { paymentId: traveller.payment.id, from, to, reasonCode: refundReason(traveller), cause: `cohort:${cohort.id}` };
  };
  const beginning = owed.filter((traveller) => traveller.payment.status === 'collected');
  const toBalance = owed.filter(isToBalance);
  await transitionPayments(
    tx,
    beginning.map((traveller) => step(traveller, 'collected', 'refunding')),
    fence,
  );
  await transitionPayments(
    tx,
    toBalance.map((traveller) => step(traveller, 'refunding', 'refunded')),
    fence,
  );
  await ensureAccounts(
    tx,
    toBalance.map(({ payment }) => clientAccount(payment.clientId, payment.fromCurrency)),
  );
  await post(tx, [...beginning.flatMap(releaseMovements), ...toBalance.flatMap(balanceRefundMovements)]);
}

/** For each the first rail whose free float covers it, under lock; those that find none are left out. */
async function chooseRails(tx: PoolClient, deps: GraphDeps, owed: readonly Traveller[]): Promise<Try[]> {
  const soFar = await lookBack(tx, owed);
  const taken = owed.map(({ payment }) => collectionToTakeBack(deps, soFar.get(payment.id)));
  const candidates = owed.map(({ payment }, index) => {
    const rails = refundRails(payment, soFar.get(payment.id)?.tried ?? 0);
    const first = taken[index]?.railId;
    return first !== undefined && rails.includes(first) ? [first, ...rails.filter((railId) => railId !== first)] : rails;
  });
  const pools = await lockPools(tx, [...new Set(candidates.flat())]);
  const free = new Map([...pools].map(([railId, pool]) => [railId, pool.freeMinor]));
  return owed.flatMap((traveller, index) => {
    const { amountMinor } = traveller.payment;
    const railId = candidates[index]?.find((candidate) => (free.get(candidate) ?? 0n) >= amountMinor);
    if (railId === undefined) return [];
    free.set(railId, (free.get(railId) ?? 0n) - amountMinor);
    return [{ traveller, railId, takesBack: taken[index]?.railId === railId ? taken[index].id : null }];
  });
}

/** The collection, when nothing was tried yet and the operator that has it can take it back under our own id. */
function collectionToTakeBack(deps: GraphDeps, soFar: SoFar | undefined): SoFar['collection'] {
  if (soFar === undefined || soFar.collection === null || soFar.tried > 0) return null;
  const { refund: way, refundByRequest } = deps.operators(soFar.collection.railId).capabilities;
  return way === 'operation' && refundByRequest ? soFar.collection : null;
}

function attemptOf({ traveller: { payment, quote }, railId, takesBack }: Try): NewAttempt {
  if (quote === undefined) throw new RangeError(`payment ${payment.id} was collected without terms`);
  return {
    clientId: payment.clientId,
    paymentId: payment.id,
    leg: 'refund',
    railId,
    amountMinor: payment.amountMinor,
    currency: payment.fromCurrency,
    payeeId: payment.senderId,
    quote,
    takesBack,
  };
}

function endOf(traveller: Traveller): PaymentStatus {
  return isToBalance(traveller) ? 'refunded' : 'refunding';
}

/** What came from a balance goes back there, without an operator. */
function isToBalance({ payment }: Traveller): boolean {
  return payment.funding === 'balance';
}

interface SoFar {
  /** Tries to give the money back. */
  readonly tried: number;
  readonly collection: { readonly id: string; readonly railId: string } | null;
}

async function lookBack(tx: PoolClient, owed: readonly Traveller[]): Promise<Map<string, SoFar>> {
  if (owed.length === 0) return new Map();
  const result = await tx.query<{ payment_id: string; tried: number; collection: SoFar['collection'] }>({
    name: 'refunds_tried',
    text: `select payment_id, count(*) filter (where leg = 'refund')::int as tried,
             (array_agg(jsonb_build_object('id', id, 'railId', rail_id)) filter (where leg = 'collection' and state = 'succeeded'))[1] as collection
           from attempts where payment_id = any($1::uuid[]) and leg in ('collection', 'refund') group by payment_id`,
    values: [owed.map((traveller) => traveller.payment.id)],
  });
  return new Map(result.rows.map((row) => [row.payment_id, row]));
}
