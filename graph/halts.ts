/**
 * Keeping to halts where no operator has a part. What an operator is to move is held back by the claim of its attempt; money between
 * balances moves in the books at once, so whoever is about to move it asks here, in the transaction that would.
 */
import type { PoolClient } from 'pg';
import { haltsInForce } from '../db/queries/halts.ts';
import { covers } from '../domain/halt.ts';
import type { Traveller } from './cohort.ts';

/** The ids of those among some payments that a halt covers. One look for all of them, and none when there are none. */
export async function haltedAmong(tx: PoolClient, moving: readonly Traveller[]): Promise<ReadonlySet<string>> {
  if (moving.length === 0) return new Set();
  const halts = await haltsInForce(tx);
  const halted = moving.filter(({ payment: { clientId, fromCountry, toCountry, id: paymentId } }) => {
    const movement = { clientId, corridor: `${fromCountry}-${toCountry}`, railId: null, paymentId };
    return halts.some((halt) => covers(halt, movement));
  });
  return new Set(halted.map(({ payment }) => payment.id));
}

/** A payment that waits: it leaves its cohort where it stands, and is looked at again later. */
export function waits(traveller: Traveller): Traveller {
  return { ...traveller, leaves: { to: 'waits', reasonCode: null } };
}
