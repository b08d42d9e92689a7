/** What a payment still holds, and letting go of all of it. */
import type { PoolClient } from 'pg';
import { derivedId } from '../../domain/ids.ts';
import { post } from './post.ts';

/**
 * Voids every pending transfer of a payment that has not ended: the float of its payout, its part of a client's
 * balance. Lock the payment first, so that nobody reserves for it or pays it out in the meantime.
 */
export async function voidHolds(tx: PoolClient, paymentId: string): Promise<void> {
  const held = await tx.query<{ id: string }>({
    name: 'ledger_holds_of_payment',
    text: `select pending.id from transfers pending where pending.payment_id = $1 and pending.type = 'pending'
      and not exists (select 1 from transfers ended where ended.pending_id = pending.id)`,
    values: [paymentId],
  });
  await post(
    tx,
    held.rows.map(({ id }) => ({ id: derivedId('end', id), type: 'void', pendingId: id, reason: 'release', paymentId })),
  );
}
