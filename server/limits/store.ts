/** Where the counts that processes share are kept: in Redis when there is one, else in PostgreSQL. */
import type { Redis } from 'ioredis';
import type { Pool } from 'pg';
import { type IRateLimiterStoreOptions, RateLimiterMemory, RateLimiterPostgres, RateLimiterRedis } from 'rate-limiter-flexible';
import type { LimitPolicy } from './policy.ts';

export interface LimitCount {
  /** Requests taken from the window by all processes, this call's included. */
  readonly used: number;
  /** Until the window ends, milliseconds. */
  readonly msToEnd: number;
}

export interface LimitStore {
  /** Takes so many requests from the key's window, which begins with the first. Throws when the store is away. */
  add(policy: LimitPolicy, key: string, requests: number): Promise<LimitCount>;
}

type Limiter = Pick<RateLimiterMemory, 'penalty'>;

/** One limiter for each class: the library keeps a limit's size and window with it. */
function storeOf(make: (options: { points: number; duration: number; keyPrefix: string }) => Limiter): LimitStore {
  const limiters = new Map<string, Limiter>();
  return {
    add: async ({ name, requestsMax, windowS }, key, requests) => {
      const limiter = limiters.get(name) ?? make({ points: requestsMax, duration: windowS, keyPrefix: `capp-limit-${name}` });
      limiters.set(name, limiter);
      // `penalty` counts without refusing: who may go on is decided by the leases.
      const { consumedPoints, msBeforeNext } = await limiter.penalty(key, requests);
      return { used: consumedPoints, msToEnd: msBeforeNext };
    },
  };
}

/** Counts in PostgreSQL, in an unlogged table: one statement for each lease. */
export function postgresStore(pool: Pool): LimitStore {
  // The library reckons in numbers; this house reads 64-bit integers as bigint.
  const client = {
    query: async (query: { text: string; values?: unknown[]; name?: string }) => {
      const result = await pool.query<{ expire?: bigint | null }>(query);
      return { ...result, rows: result.rows.map((row) => ({ ...row, expire: row.expire === undefined ? undefined : Number(row.expire) })) };
    },
  };
  return storeOf((options) => {
    const settings: IRateLimiterStoreOptions & { clearExpiredByTimeout: boolean } = {
      ...options,
      storeClient: client,
      storeType: 'pool',
      tableName: 'rate_limits',
      tableCreated: true,
      clearExpiredByTimeout: true,
    };
    return new RateLimiterPostgres(settings);
  });
}

/** Counts in Redis, one script call for each lease. A Redis that is away is noticed at once, not waited for. */
export function redisStore(client: Redis): LimitStore {
  return storeOf((options) => new RateLimiterRedis({ ...options, storeClient: client, rejectIfRedisNotReady: true }));
}

/** Counts of this process alone: for tests. */
export function memoryStore(): LimitStore {
  return storeOf((options) => new RateLimiterMemory(options));
}
