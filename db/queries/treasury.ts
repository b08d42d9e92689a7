/** Reading what treasury looks at: liquidity pools and exchange rates. */
import type { Pool } from 'pg';

export interface PoolRow {
  readonly id: string;
  readonly currency: string;
  readonly country: string;
  readonly balance: bigint;
  readonly reserved: bigint;
  readonly lowWater: bigint;
  readonly target: bigint;
  readonly updatedAt: Date;
}

/** Every liquidity pool, by id. */
export async function listPools(db: Pool): Promise<PoolRow[]> {
  const result = await db.query<PoolRow>({
    name: 'list_pools',
    text: `select id, currency, country, balance, reserved, low_water as "lowWater", target, updated_at as "updatedAt"
      from liquidity_pools order by id`,
  });
  return result.rows;
}

export interface RateRow {
  readonly id: bigint;
  readonly source: string;
  readonly currency: string;
  /** Units of `currency` for one USD, times 10^12. */
  readonly rate: bigint;
  readonly asOf: Date;
  readonly createdAt: Date;
}

const RATE_COLUMNS = `id, source, currency, rate, as_of as "asOf", created_at as "createdAt"`;

/** The newest rate of each source for each of these currencies. */
export async function latestRates(db: Pool, currencies: readonly string[]): Promise<RateRow[]> {
  const result = await db.query<RateRow>({
    name: 'latest_rates',
    text: `select latest.* from unnest($1::text[]) as wanted(code)
      cross join lateral (
        select distinct on (source) ${RATE_COLUMNS} from (
          select * from exchange_rates where currency = wanted.code order by created_at desc limit 50) recent
        order by source, created_at desc, id desc
      ) latest order by latest.currency, latest.source`,
    values: [currencies],
  });
  return result.rows;
}

/** A currency's rates as they came in, newest first, from before a row on. */
export async function rateHistory(
  db: Pool,
  currency: string,
  page: { readonly before: { readonly createdAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<RateRow[]> {
  const result = await db.query<RateRow>({
    name: 'rate_history',
    text: `select ${RATE_COLUMNS} from exchange_rates where currency = $1
        and ($2::timestamptz is null or (created_at, id) < ($2, $3::bigint))
      order by created_at desc, id desc limit $4`,
    values: [currency, page.before?.createdAt ?? null, page.before?.id ?? null, page.limit],
  });
  return result.rows;
}

/** When the newest rate came in, or null before the first. */
export async function newestRateAt(db: Pool): Promise<Date | null> {
  const result = await db.query<{ at: Date }>('select created_at as at from exchange_rates order by id desc limit 1');
  return result.rows[0]?.at ?? null;
}
