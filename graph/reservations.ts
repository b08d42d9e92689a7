/**
 * Reservations whose time is over. The ledger lets go only where that is safe: never while money is on its way in or out. A payment
 * that was authorised and has not begun to collect has lost what it was to be paid from: no money has moved, so it ends, and its
 * client is told that no liquidity became free in time. Should it have begun meanwhile, its worker's lease keeps it out of here.
 */
import type { PoolClient } from 'pg';
import { withTransaction } from '../db/connect.ts';
import { transitionPayments } from '../db/queries/transitions.ts';
import { isFault } from '../domain/errors.ts';
import { EXPIRED_AT_ONCE_MAX, type ExpiredReservation, expireReservations, voidHolds } from '../tools/ledger/index.ts';
import type { GraphDeps } from './types.ts';

/** What expired longer ago than this before the last look is taken to be dealt with: those that a worker held have moved on since. */
const OVERLAP_MS = 3_600_000;

/** Makes the keeper of one process: each call lets go of what is over, and resolves with how many reservations were. */
export function createReservationKeeper(deps: GraphDeps): () => Promise<number> {
  // The first look of a process goes back to the beginning.
  let sinceMs = 0;
  return async () => {
    const nowMs = deps.clock.now();
    try {
      const expired = await withTransaction(deps.pool, (tx) => letGo(tx, nowMs, sinceMs));
      if (expired.length < EXPIRED_AT_ONCE_MAX) sinceMs = Math.max(0, nowMs - OVERLAP_MS);
      if (expired.length > 0) deps.log.warn({ reservations: expired.length, first: expired[0]?.paymentId }, 'reservations expired');
      return expired.length;
    } catch (error) {
      // Somebody else ended one of them in this moment: nothing was written here, and the next look finds the rest.
      if (isFault(error, 'transfer_not_pending')) return 0;
      throw error;
    }
  };
}

async function letGo(tx: PoolClient, nowMs: number, sinceMs: number): Promise<ExpiredReservation[]> {
  const expired = await expireReservations(tx, nowMs, sinceMs);
  const paymentsIn = (isWanted: (status: string) => boolean): string[] => [
    ...new Set(expired.flatMap(({ paymentId, status }) => (paymentId !== null && status !== null && isWanted(status) ? [paymentId] : []))),
  ];
  const stranded = paymentsIn((status) => status === 'authorized');
  // A payment may hold float and a balance; what is left of it goes as well.
  for (const paymentId of stranded) await voidHolds(tx, paymentId);
  await transitionPayments(
    tx,
    stranded.map((paymentId) => ({ paymentId, from: 'authorized', to: 'rejected', reasonCode: 'liquidity_timeout', cause: 'sweeper' })),
    { nowMs, leaseToken: null },
  );
  const forgetful = paymentsIn((status) => status !== 'authorized');
  if (forgetful.length > 0) {
    await tx.query(
      `update payments set reservation_id = null where id = any($1::uuid[]) and status in ('accepted', 'held', 'released', 'queued')`,
      [forgetful],
    );
  }
  return expired;
}
