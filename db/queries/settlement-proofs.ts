/** What the proof of a payment is made of: the batches that hold its legs, and those that took these over, with their items. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';
import { BATCH_COLUMNS, type BatchRow } from './settlement.ts';
import { windowOf } from './settlement-windows.ts';

export interface ProofBatchRow extends BatchRow {
  readonly items: Buffer;
}

/** A batch that is a leaf of the one that took it over. */
export interface CarriedRow {
  readonly carriedTo: string;
  readonly carriedId: string;
  readonly dueMinor: bigint;
  readonly merkleRoot: string;
  readonly itemCount: number;
}

export interface ProofRows {
  readonly legs: readonly { readonly leg: 'collection' | 'payout'; readonly batchId: string }[];
  /** Every batch that a leg leads through, the one that took over last included. */
  readonly batches: readonly ProofBatchRow[];
  /** Every leaf of those batches that stands for another batch. */
  readonly carried: readonly CarriedRow[];
}

/** The batches of a client's payment; no legs while it is in no window. */
export async function findProofRows(db: Queryable | Pool, clientId: string, paymentId: string): Promise<ProofRows> {
  const legs = await db.query<ProofRows['legs'][number]>({
    name: 'find_proof_legs',
    text: `with payment as (
        select p.id, p.from_currency, p.to_currency, p.funding, p.delivery, ${windowOf('p.id')} as window_id
        from payments p where p.id = $2 and p.client_id = $1
      ), leg as (
        select window_id, 'collection' as leg, from_currency as currency, case when funding = 'balance' then 'on_us' else
          (select a.rail_id from attempts a where a.payment_id = payment.id and a.leg = 'collection' and a.state = 'succeeded') end as partner
        from payment
        union all
        select window_id, 'payout', to_currency, case when delivery = 'balance' then 'on_us' else
          (select a.rail_id from attempts a where a.payment_id = payment.id and a.leg = 'payout' and a.state = 'succeeded') end
        from payment
      )
      select leg.leg, b.id as "batchId" from leg
      join settlement_batches b on b.window_id = leg.window_id and b.partner = leg.partner and b.currency = leg.currency order by leg.leg`,
    values: [clientId, paymentId],
  });
  // A batch from before taken-over batches were leaves proves nothing of them: the way ends in front of it.
  const batches = await db.query<ProofBatchRow>({
    name: 'find_proof_batches',
    text: `with recursive way (id) as (
        select unnest($1::uuid[])
        union
        select n.id from way join settlement_batches b on b.id = way.id
          join settlement_batches n on n.id = b.carried_to and n.carried_count is not null
      )
      select ${BATCH_COLUMNS}, i.items from way join settlement_batches b on b.id = way.id join settlement_items i on i.batch_id = b.id
      order by b.id`,
    values: [legs.rows.map(({ batchId }) => batchId)],
  });
  const carried = await db.query<CarriedRow>({
    name: 'find_proof_carried',
    text: `select c.carried_to as "carriedTo", c.id as "carriedId", c.due_amount as "dueMinor", c.merkle_root as "merkleRoot",
        c.item_count as "itemCount"
      from settlement_batches c join settlement_batches b on b.id = c.carried_to and b.carried_count is not null
      where c.carried_to = any($1::uuid[]) order by c.id`,
    values: [batches.rows.map(({ id }) => id)],
  });
  return { legs: legs.rows, batches: batches.rows, carried: carried.rows };
}
