/**
 * The liquidity decision for one payment, and the plan for a cohort: who gets which float, in which order.
 *
 * Pure. The plan never reserves more than is free, serves the oldest first, and bounds how often a
 * payment can be passed: see `overtakeMsMax` in the policy.
 */
import type { Verdict } from '../../domain/decision.ts';
import type { LiquidityPolicy } from './policy.ts';

export type LiquidityOutcome = 'reserve' | 'queue' | 'refuse';

export interface LiquidityData {
  /** The pool that holds the payout; null when no operator pays out. */
  readonly poolId: string | null;
  /** Payout rails with the reserved one first, the order in which they are to be tried from now on. */
  readonly payout: readonly string[];
  readonly code: 'liquidity_timeout' | 'insufficient_funds' | null;
}

export type PoolFacts = {
  readonly pool: string;
  /** Free before this payment's turn, minor units. */
  readonly freeMinor: string;
  /** Kept for payments that wait longer, minor units. */
  readonly keptMinor: string;
};

export type LiquidityFacts = {
  /** What a payment from the client's balance takes from it; null when a wallet pays, or has paid. */
  readonly funding: { readonly freeMinor: string; readonly neededMinor: string } | null;
  /** What the payout needs and the pools that could give it, best rail first; null when no operator pays out. */
  readonly payout: { readonly neededMinor: string; readonly pools: readonly PoolFacts[] } | null;
  readonly waitedMs: number;
  readonly waitMsMax: number;
};

/** Decides one payment from its facts. Pure. */
export function decideLiquidity(facts: LiquidityFacts): Verdict<LiquidityOutcome, LiquidityData> {
  const { funding, payout } = facts;
  if (funding !== null && BigInt(funding.freeMinor) < BigInt(funding.neededMinor)) {
    return verdict('refuse', 'insufficient_funds', 'The balance the payment is made from does not cover it.', {
      code: 'insufficient_funds',
    });
  }
  if (payout === null) return verdict('reserve', 'no_float_needed', 'No operator pays out, so no float is needed.');
  const needed = BigInt(payout.neededMinor);
  const found = payout.pools.find((each) => BigInt(each.freeMinor) - BigInt(each.keptMinor) >= needed);
  if (found !== undefined) {
    const rails = [found.pool, ...payout.pools.map((each) => each.pool).filter((pool) => pool !== found.pool)];
    const text = `${found.pool} holds ${found.freeMinor} free minor units${found.keptMinor === '0' ? '' : ` (${found.keptMinor} kept for older payments)`}; ${needed} are reserved.`;
    return verdict('reserve', 'float_reserved', text, { poolId: found.pool, payout: rails });
  }
  const rails = payout.pools.map((each) => each.pool);
  if (facts.waitedMs > facts.waitMsMax) {
    return verdict('refuse', 'liquidity_timeout', `No pool had ${needed} minor units to spare within ${facts.waitMsMax / 1000} s.`, {
      payout: rails,
      code: 'liquidity_timeout',
    });
  }
  const kept = payout.pools.some((each) => BigInt(each.freeMinor) >= needed);
  const text = kept ? 'What is free is kept for payments that wait longer.' : `No pool has ${needed} minor units free.`;
  return verdict('queue', kept ? 'float_kept_for_older' : 'float_short', `${text} The payment waits.`, { payout: rails });
}

function verdict(
  outcome: LiquidityOutcome,
  code: string,
  text: string,
  data: Partial<LiquidityData> = {},
): Verdict<LiquidityOutcome, LiquidityData> {
  return { outcome, reasons: [{ code, text }], confidence: 1, data: { poolId: null, payout: [], code: null, ...data } };
}

export interface PlanItem {
  readonly createdAtMs: number;
  readonly waitedMs: number;
  readonly waitMsMax: number;
  readonly funding: { readonly account: string; readonly neededMinor: bigint } | null;
  readonly payout: { readonly pools: readonly string[]; readonly neededMinor: bigint } | null;
}

/** A payment outside the cohort that waits, and has waited too long to be passed. */
export interface Waiting {
  readonly pool: string;
  readonly neededMinor: bigint;
  readonly createdAtMs: number;
}

/** What is free at the start. Pools and accounts that are missing have nothing. */
export interface PlanState {
  readonly pools: ReadonlyMap<string, { readonly freeMinor: bigint; readonly targetMinor: bigint }>;
  readonly balances: ReadonlyMap<string, bigint>;
  readonly waiting: readonly Waiting[];
}

export interface Planned {
  readonly facts: LiquidityFacts;
  readonly verdict: Verdict<LiquidityOutcome, LiquidityData>;
}

/**
 * Decides a cohort, the oldest payment first, each seeing what those before it have left; results are in
 * the order of the items. A payment that waits beyond `overtakeMsMax` keeps its place: the free float of
 * its first pool is held for it against everybody younger. One that needs more than the pool's target
 * keeps none, for the pool is not planned ever to hold as much.
 */
export function plan(state: PlanState, items: readonly PlanItem[], policy: LiquidityPolicy): Planned[] {
  const free = new Map([...state.pools].map(([pool, each]) => [pool, each.freeMinor]));
  const balances = new Map(state.balances);
  const kept = new Map<string, bigint>();
  const keep = (pool: string, neededMinor: bigint): void => {
    if (neededMinor <= (state.pools.get(pool)?.targetMinor ?? 0n)) kept.set(pool, (kept.get(pool) ?? 0n) + neededMinor);
  };
  const waiting = state.waiting.toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  let waitingSeen = 0;
  const planned = new Map<PlanItem, Planned>();
  for (const item of items.toSorted((a, b) => a.createdAtMs - b.createdAtMs)) {
    for (let older = waiting[waitingSeen]; older !== undefined && older.createdAtMs < item.createdAtMs; older = waiting[++waitingSeen]) {
      keep(older.pool, older.neededMinor);
    }
    const facts = factsOf(item, free, kept, balances);
    const verdict = decideLiquidity(facts);
    planned.set(item, { facts, verdict });
    if (verdict.outcome === 'reserve') {
      const { poolId } = verdict.data;
      if (poolId !== null && item.payout !== null) free.set(poolId, (free.get(poolId) ?? 0n) - item.payout.neededMinor);
      if (item.funding !== null) balances.set(item.funding.account, (balances.get(item.funding.account) ?? 0n) - item.funding.neededMinor);
    }
    const firstPool = item.payout?.pools[0];
    if (verdict.outcome === 'queue' && firstPool !== undefined && item.waitedMs >= policy.overtakeMsMax) {
      keep(firstPool, item.payout?.neededMinor ?? 0n);
    }
  }
  return items.flatMap((item) => planned.get(item) ?? []);
}

function factsOf(
  item: PlanItem,
  free: ReadonlyMap<string, bigint>,
  kept: ReadonlyMap<string, bigint>,
  balances: ReadonlyMap<string, bigint>,
): LiquidityFacts {
  const { funding, payout } = item;
  return {
    funding: funding && { freeMinor: String(balances.get(funding.account) ?? 0n), neededMinor: String(funding.neededMinor) },
    payout: payout && {
      neededMinor: String(payout.neededMinor),
      pools: payout.pools.map((pool) => ({ pool, freeMinor: String(free.get(pool) ?? 0n), keptMinor: String(kept.get(pool) ?? 0n) })),
    },
    waitedMs: item.waitedMs,
    waitMsMax: item.waitMsMax,
  };
}
