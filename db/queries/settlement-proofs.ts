/** What the proof of a payment is made of: the batches that hold its legs and, where a chain pays these, every one on the way there. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';
import type { BatchRow } from './settlement.ts';
import { windowOf } from './settlement-windows.ts';

/** A leg with its way: the batch that holds it, then the one that took that one over, and so on to where its due ended. */
export interface ProofLegRow {
  readonly leg: 'collection' | 'payout';
  readonly way: readonly string[];
}

export interface ProofBatchRow
  extends Pick<
    BatchRow,
    | 'id'
    | 'partner'
    | 'currency'
    | 'itemCount'
    | 'netAmount'
    | 'dueAmount'
    | 'reversedAmount'
    | 'merkleRoot'
    | 'method'
    | 'status'
    | 'approvalsNeeded'
    | 'deadlineAt'
    | 'proposalDigest'
    | 'transactionHash'
    | 'ledgerVersion'
    | 'settledAt'
  > {
  /** Where it is a leaf of the batch that took it over, and the hashes strung together; null for one from before they were kept. */
  readonly carriedIndex: number | null;
  readonly carriedPath: Buffer | null;
}

/** A batch that is a leaf of the one that took it over. */
export interface CarriedRow {
  readonly carriedTo: string;
  readonly carriedId: string;
  readonly dueMinor: bigint;
  readonly merkleRoot: string;
  readonly itemCount: number;
}

/** Of what a tree is made. */
export interface TreeRows {
  readonly items: ReadonlyMap<string, Buffer>;
  readonly carried: readonly CarriedRow[];
}

/** More batches than this one leg is not led through. */
export const WAY_BATCHES_MAX = 2_000;

/** The legs of a client's payment that stand in a batch, and which that is; none while the payment is in no window. */
const LEGS_SQL = `with payment as (
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
  join settlement_batches b on b.window_id = leg.window_id and b.partner = leg.partner and b.currency = leg.currency order by leg.leg`;

/**
 * A batch from before taken-over batches were leaves proves nothing of them: the way ends in front of it. One step more than a way may have
 * tells that it is longer; whether a chain can have paid it at all, which no other step would tell, is then asked of the partner's later batches.
 */
const WAYS_SQL = `with recursive way (start, step, id, next, is_end) as (
    select b.id, 1, b.id, b.carried_to, b.due_amount = 0 or (b.method = 'chain' and b.status <> 'expired')
    from settlement_batches b where b.id = any($1::uuid[])
    union all
    select way.start, way.step + 1, n.id, n.carried_to, n.due_amount = 0 or (n.method = 'chain' and n.status <> 'expired')
    from way cross join lateral (select * from settlement_batches where id = way.next offset 0) n
    where n.carried_count is not null and way.step <= $2
  ), led as (
    select start, array_agg(id order by step) as ids, bool_or(is_end) as "isEnded", count(*) > $2 as "isLonger" from way group by start
  )
  select start, ids, "isEnded", "isLonger", "isLonger" and exists (
      select 1 from settlement_batches n where n.partner = b.partner and n.currency = b.currency and n.created_at > b.created_at
        and n.method = 'chain' and n.status <> 'expired') as "isPayable"
  from led join settlement_batches b on b.id = start`;

interface WayRow {
  readonly start: string;
  readonly ids: readonly string[];
  readonly isEnded: boolean;
  readonly isLonger: boolean;
  readonly isPayable: boolean;
}

/**
 * The ways of a client's payment, in at most `WAY_BATCHES_MAX` steps each; none while it is in no window. Until a chain pays what was carried, or
 * nothing of it is left, a way is the leg's own batch alone. Null where a chain may have paid beyond so many steps.
 */
export async function findProofLegs(db: Queryable | Pool, clientId: string, paymentId: string): Promise<ProofLegRow[] | null> {
  const legs = await db.query<{ leg: ProofLegRow['leg']; batchId: string }>({
    name: 'find_proof_legs',
    text: LEGS_SQL,
    values: [clientId, paymentId],
  });
  const ways = await db.query<WayRow>({
    name: 'find_proof_ways',
    text: WAYS_SQL,
    values: [legs.rows.map(({ batchId }) => batchId), WAY_BATCHES_MAX],
  });
  if (ways.rows.some(({ isPayable }) => isPayable)) return null;
  const byStart = new Map(ways.rows.map((row) => [row.start, row.isEnded && !row.isLonger ? row.ids : [row.start]]));
  return legs.rows.map(({ leg, batchId }) => ({ leg, way: byStart.get(batchId) ?? [batchId] }));
}

/** Batches by their ids, each once. */
export async function findProofBatches(db: Queryable | Pool, ids: readonly string[]): Promise<ProofBatchRow[]> {
  const { rows } = await db.query<ProofBatchRow>({
    name: 'find_proof_batches',
    text: `select id, partner, currency, item_count as "itemCount", net_amount as "netAmount", due_amount as "dueAmount",
        reversed_amount as "reversedAmount", merkle_root as "merkleRoot", method, status, approvals_needed as "approvalsNeeded",
        deadline_at as "deadlineAt", proposal_digest as "proposalDigest", transaction_hash as "transactionHash",
        ledger_version as "ledgerVersion", settled_at as "settledAt", carried_index as "carriedIndex", carried_path as "carriedPath"
      from settlement_batches where id = any($1::uuid[]) order by id`,
    values: [ids],
  });
  return rows;
}

/** Whole trees of batches: tens of thousands of leaves each, so only of those where the place of a leaf is not known. */
export async function findProofTrees(db: Queryable | Pool, ids: readonly string[]): Promise<TreeRows> {
  const items = await db.query<{ id: string; items: Buffer }>({
    name: 'find_proof_items',
    text: 'select batch_id as id, items from settlement_items where batch_id = any($1::uuid[])',
    values: [ids],
  });
  const carried = await db.query<CarriedRow>({
    name: 'find_proof_carried',
    text: `select c.carried_to as "carriedTo", c.id as "carriedId", c.due_amount as "dueMinor", c.merkle_root as "merkleRoot",
        c.item_count as "itemCount"
      from settlement_batches c join settlement_batches b on b.id = c.carried_to and b.carried_count is not null
      where c.carried_to = any($1::uuid[]) order by c.id`,
    values: [ids],
  });
  return { items: new Map(items.rows.map((row) => [row.id, row.items])), carried: carried.rows };
}
