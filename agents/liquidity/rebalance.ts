/** Rebalancing: which pools run low, and where the money should come from. Proposals only; people move it. */
import type { PoolClient } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import type { Currency } from '../../domain/currency.ts';
import { newId } from '../../domain/ids.ts';
import { needsOfQueued } from './gather.ts';

export interface PoolLevel {
  readonly poolId: string;
  readonly currency: Currency;
  /** Balance less reservations, minor units. */
  readonly freeMinor: bigint;
  /** What queued payments wait for at this pool, minor units. */
  readonly waitingMinor: bigint;
  readonly lowWaterMinor: bigint;
  readonly targetMinor: bigint;
}

export interface RebalanceProposal {
  /** Null: from the treasury. */
  readonly fromPool: string | null;
  readonly toPool: string;
  readonly amountMinor: bigint;
  readonly currency: Currency;
  readonly reasonCode: 'payments_waiting' | 'below_low_water';
  readonly createdAtMs: number;
}

/**
 * Proposes for every pool that is below its low water, once those waiting are served, to fill it to its
 * target. The neediest pool comes first. Money comes from the pool of the same currency with the most above its own
 * target, if that alone lifts the pool to its low water; otherwise from the treasury. Nothing is proposed
 * that would bring the giver below its target.
 */
export function proposeRebalances(pools: readonly PoolLevel[], nowMs: number): RebalanceProposal[] {
  const surplus = new Map(pools.map((pool) => [pool.poolId, leftOf(pool) - pool.targetMinor]));
  const needy = pools
    .filter((pool) => leftOf(pool) < pool.lowWaterMinor && pool.targetMinor > leftOf(pool))
    .toSorted((a, b) => compare(leftOf(a) - a.lowWaterMinor, leftOf(b) - b.lowWaterMinor) || compareText(a.poolId, b.poolId));
  return needy.map((pool) => {
    const needed = pool.targetMinor - leftOf(pool);
    const giver = pools
      .filter((other) => other.poolId !== pool.poolId && other.currency === pool.currency)
      .toSorted((a, b) => compare(surplus.get(b.poolId) ?? 0n, surplus.get(a.poolId) ?? 0n) || compareText(a.poolId, b.poolId))[0];
    const available = giver === undefined ? 0n : (surplus.get(giver.poolId) ?? 0n);
    const helps = giver !== undefined && available > 0n && leftOf(pool) + available >= pool.lowWaterMinor;
    const amountMinor = helps && available < needed ? available : needed;
    if (helps) surplus.set(giver.poolId, available - amountMinor);
    return {
      fromPool: helps ? giver.poolId : null,
      toPool: pool.poolId,
      amountMinor,
      currency: pool.currency,
      reasonCode: pool.waitingMinor > 0n ? 'payments_waiting' : 'below_low_water',
      createdAtMs: nowMs,
    };
  });
}

function leftOf(pool: PoolLevel): bigint {
  return pool.freeMinor - pool.waitingMinor;
}

function compare(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

const LEVELS_SQL = `
with waiting as (
  select pool, sum(needed)::bigint as needed from (${needsOfQueued(`select p.id, p.created_at from payments_by_status s join payments p on p.id = s.payment_id where s.status = 'queued'`)}) needs group by pool
)
select pool.id, pool.currency, pool.balance - pool.reserved as free, coalesce(waiting.needed, 0) as waiting, pool.low_water, pool.target
from liquidity_pools pool left join waiting on waiting.pool = pool.id order by pool.id`;

interface LevelRow {
  id: string;
  currency: Currency;
  free: bigint;
  waiting: bigint;
  low_water: bigint;
  target: bigint;
}

/** Reads how full every pool is, and what is waited for. */
export async function readPoolLevels(db: Queryable): Promise<PoolLevel[]> {
  const { rows } = await db.query<LevelRow>({ name: 'read_pool_levels', text: LEVELS_SQL });
  return rows.map((row) => ({
    poolId: row.id,
    currency: row.currency,
    freeMinor: row.free,
    waitingMinor: row.waiting,
    lowWaterMinor: row.low_water,
    targetMinor: row.target,
  }));
}

const RECORD_SQL = `
with made as (
  insert into rebalance_proposals (id, from_pool, to_pool, amount, currency, reason_code, created_at)
  select * from unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[])
  on conflict (to_pool) where status = 'proposed' do nothing
  returning *
)
insert into audit_events (actor, action, subject, details, created_at)
select 'agent:liquidity', 'rebalance.proposed', 'rebalance:' || id, jsonb_build_object('fromPool', from_pool, 'toPool', to_pool,
  'amountMinor', amount::text, 'currency', currency, 'reasonCode', reason_code), created_at
from made`;

/**
 * Stores proposals; returns how many are new. A pool that has an open one keeps it unchanged, for somebody
 * may be about to act on exactly what it says.
 */
export async function recordProposals(tx: PoolClient, proposals: readonly RebalanceProposal[]): Promise<number> {
  if (proposals.length === 0) return 0;
  const result = await tx.query({
    name: 'record_rebalance_proposals',
    text: RECORD_SQL,
    values: [
      proposals.map(() => newId()),
      proposals.map((each) => each.fromPool),
      proposals.map((each) => each.toPool),
      proposals.map((each) => each.amountMinor),
      proposals.map((each) => each.currency),
      proposals.map((each) => each.reasonCode),
      proposals.map((each) => new Date(each.createdAtMs)),
    ],
  });
  return result.rowCount ?? 0;
}
