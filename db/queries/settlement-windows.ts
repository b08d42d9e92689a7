/** Which payments a settlement window holds, which window holds a payment, and how many have been paid in all. */
import { type Pool, withTransaction } from '../connect.ts';

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

const PAID_SQL = `
select (select coalesce(sum(payment_count), 0) from settlement_windows)
  + (select count(*) from settlement_strays where window_id is null)
  + (select count(*) from payment_events e where e.to_status = 'paid'
      and e.tx_id >= pg_snapshot_xmin($1::pg_snapshot) and not pg_visible_in_snapshot(e.tx_id, $1::pg_snapshot)
      and (not pg_visible_in_snapshot(e.tx_id, $2::pg_snapshot) or (e.tx_id, e.id) > ($3::xid8, $4::bigint))) as paid`;

/**
 * How many payments have been paid, over all clients. There are too many to count them one by one: windows say how many they
 * hold, and what is counted is what waits for the next one.
 */
export async function countPaid(pool: Pool): Promise<number> {
  return withTransaction(
    pool,
    async (tx) => {
      const last = await tx.query<{ base: string; snapshot: string; upToTx: string | null; upToEvent: bigint | null }>(
        `select base_snapshot::text as base, snapshot::text, up_to_tx::text as "upToTx", up_to_event as "upToEvent"
          from settlement_windows order by number desc limit 1`,
      );
      const { base, snapshot, upToTx, upToEvent } = last.rows[0] ?? { base: '1:1:', snapshot: '1:1:', upToTx: null, upToEvent: null };
      // A window that was full ends at a place: what its snapshot holds beyond that waits as well.
      const bounds = upToTx === null ? [snapshot, snapshot, '0', 0n] : [base, snapshot, upToTx, upToEvent];
      const { rows } = await tx.query<{ paid: string }>(PAID_SQL, bounds);
      return Number(rows[0]?.paid);
    },
    { isolation: 'repeatable read' },
  );
}
