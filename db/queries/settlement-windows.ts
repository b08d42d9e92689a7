/** Which payments a settlement window holds, and which window holds a payment. */

/** SQL of what bounds a window. */
export interface WindowBounds {
  readonly base: string;
  readonly snapshot: string;
  readonly afterTx: string;
  readonly afterEvent: string;
}

/**
 * A condition on rows of `payment_events`: written by a transaction that was over at `snapshot` and not yet at
 * `base`, behind a place. The first comparison alone is what the index is asked for.
 */
export function eventsBetween(alias: string, bounds: WindowBounds): string {
  const { base, snapshot, afterTx, afterEvent } = bounds;
  return `${alias}.tx_id >= pg_snapshot_xmin(${base}) and not pg_visible_in_snapshot(${alias}.tx_id, ${base})
    and pg_visible_in_snapshot(${alias}.tx_id, ${snapshot}) and (${alias}.tx_id, ${alias}.id) > (${afterTx}, ${afterEvent})`;
}

/**
 * A scalar subquery: the id of the window that holds the payment named by `paymentId`, an SQL expression; null while it is in none.
 * Windows are looked at from the first whose snapshot could know the transaction.
 */
export function windowOf(paymentId: string): string {
  const bounds = { base: 'w.base_snapshot', snapshot: 'w.snapshot', afterTx: 'w.after_tx', afterEvent: 'w.after_event' };
  return `(select case when exists (select 1 from settlement_strays s where s.payment_id = ${paymentId})
      then (select s.window_id from settlement_strays s where s.payment_id = ${paymentId})
      else (select found.id from payment_events e cross join lateral (
          select w.id from settlement_windows w where pg_snapshot_xmax(w.snapshot) > e.tx_id and ${eventsBetween('e', bounds)}
            and (w.up_to_tx is null or (e.tx_id, e.id) <= (w.up_to_tx, w.up_to_event))
          order by pg_snapshot_xmax(w.snapshot), w.number limit 1
        ) as found where e.payment_id = ${paymentId} and e.to_status = 'paid' limit 1) end)`;
}
