/**
 * How much an operator may be sent on a product, over all processes: a token bucket per rail and product, and a pause
 * when the operator says it was sent too much. Both are kept where processes share things, by the clock there.
 */
import type { Pool } from 'pg';

export type RateProduct = 'collection' | 'payout' | 'inquiry';

/** Requests a second by rail and product; what is not named has no bound. */
export type RateLimits = ReadonlyMap<string, Readonly<Partial<Record<RateProduct, number>>>>;

export interface RateGate {
  /** Rails whose requests of a product need permits. */
  limitedRails(product: RateProduct): readonly string[];
  /** Rails that have asked for a pause, as of a moment ago. */
  pausedRails(product: RateProduct): Promise<readonly string[]>;
  /** Takes up to `wanted` permits; gives how many there were. */
  take(railId: string, product: RateProduct, wanted: number): Promise<number>;
  /** Puts permits back that were not needed. */
  giveBack(railId: string, product: RateProduct, permits: number): Promise<void>;
  /** The operator refused a request as too many: nothing is sent for a second, and twice as long each further time. */
  pause(railId: string, product: RateProduct): Promise<void>;
}

/** Where processes share buckets and pauses. All times are the store's own. */
export interface RateStore {
  /** Takes up to `wanted` permits from a bucket that fills with `perSecond` and holds `burst` at most, and gives how many there were. */
  take(
    railId: string,
    product: RateProduct,
    wanted: number,
    bucket: { readonly perSecond: number; readonly burst: number },
  ): Promise<number>;
  giveBack(railId: string, product: RateProduct, permits: number): Promise<void>;
  /** Begins a pause, unless there is one: a second, twice as long each further time. */
  pause(railId: string, product: RateProduct): Promise<void>;
  paused(product: RateProduct): Promise<readonly string[]>;
}

export const PAUSE_S_MAX = 60;
/** What was refused so long ago does not make the next pause longer. */
export const FORGIVEN_AFTER_S = 300;
const LOOK_EVERY_MS = 500;

/** At most a second's worth may leave at once, and always one. */
function burstOf(perSecond: number): number {
  return Math.max(1, perSecond);
}

const OPEN_SQL = 'insert into operator_rates (rail_id, product, permits) values ($1, $2, $3) on conflict do nothing';

const TAKE_SQL = `
with held as (
  select least($4::float8, permits + greatest(0, extract(epoch from clock_timestamp() - updated_at)::float8) * $5::float8) as available
  from operator_rates where rail_id = $1 and product = $2 for update
), granted as (
  select available, least($3::int, floor(available))::int as permits from held
)
update operator_rates r set permits = granted.available - granted.permits, updated_at = clock_timestamp()
from granted where r.rail_id = $1 and r.product = $2 returning granted.permits`;

const PAUSE_SQL = `
insert into operator_rates as r (rail_id, product, permits, refusals, paused_until)
values ($1, $2, 1, 1, clock_timestamp() + interval '1 second')
on conflict (rail_id, product) do update set
  refusals = case when r.paused_until > clock_timestamp() - interval '${FORGIVEN_AFTER_S} seconds' then r.refusals + 1 else 1 end,
  paused_until = clock_timestamp() + interval '1 second' * least(${PAUSE_S_MAX},
    2 ^ (case when r.paused_until > clock_timestamp() - interval '${FORGIVEN_AFTER_S} seconds' then least(r.refusals, 10) else 0 end))
where r.paused_until is null or r.paused_until <= clock_timestamp()`;

/** Makes the gate of one process. */
export function createRateGate(store: RateStore, limits: RateLimits, nowMs: () => number = Date.now): RateGate {
  const paused = new Map<RateProduct, { readonly atMs: number; readonly rails: Promise<readonly string[]> }>();
  const rateOf = (railId: string, product: RateProduct): number | undefined => limits.get(railId)?.[product];
  return {
    limitedRails: (product) => [...limits].flatMap(([railId, rates]) => (rates[product] === undefined ? [] : [railId])),
    pausedRails(product) {
      const known = paused.get(product);
      if (known !== undefined && nowMs() - known.atMs < LOOK_EVERY_MS) return known.rails;
      const rails = store.paused(product);
      paused.set(product, { atMs: nowMs(), rails });
      return rails;
    },
    async take(railId, product, wanted) {
      const perSecond = rateOf(railId, product);
      if (perSecond === undefined || wanted <= 0) return wanted;
      return store.take(railId, product, wanted, { perSecond, burst: burstOf(perSecond) });
    },
    async giveBack(railId, product, permits) {
      if (permits > 0 && rateOf(railId, product) !== undefined) await store.giveBack(railId, product, permits);
    },
    async pause(railId, product) {
      paused.delete(product);
      await store.pause(railId, product);
    },
  };
}

/** Buckets and pauses in PostgreSQL. */
export function postgresRateStore(pool: Pool): RateStore {
  return {
    async take(railId, product, wanted, { perSecond, burst }) {
      await pool.query({ name: 'open_operator_rate', text: OPEN_SQL, values: [railId, product, burst] });
      const { rows } = await pool.query<{ permits: number }>({
        name: 'take_operator_permits',
        text: TAKE_SQL,
        values: [railId, product, wanted, burst, perSecond],
      });
      return rows[0]?.permits ?? 0;
    },
    async giveBack(railId, product, permits) {
      const text = 'update operator_rates set permits = permits + $3 where rail_id = $1 and product = $2';
      await pool.query({ name: 'give_operator_permits', text, values: [railId, product, permits] });
    },
    async pause(railId, product) {
      await pool.query({ name: 'pause_operator', text: PAUSE_SQL, values: [railId, product] });
    },
    async paused(product) {
      const { rows } = await pool.query<{ rail_id: string }>({
        name: 'paused_operators',
        text: 'select rail_id from operator_rates where product = $1 and paused_until > clock_timestamp()',
        values: [product],
      });
      return rows.map((row) => row.rail_id);
    },
  };
}
