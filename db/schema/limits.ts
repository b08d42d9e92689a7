/** Counters of rate limits that processes share when there is no Redis. */
import { bigint, index, integer, pgTable, text } from 'drizzle-orm/pg-core';

/** One row per key and window; rate-limiter-flexible writes it, and knows columns by their places. */
export const rateLimits = pgTable(
  'rate_limits',
  {
    /** Route class and a keyed hash of who asks: no address stands in it in clear. */
    key: text('key').primaryKey(),
    points: integer('points').notNull().default(0),
    /** When the window ends, milliseconds since 1970. */
    expire: bigint('expire', { mode: 'bigint' }),
  },
  (table) => [index('rate_limits_expire').on(table.expire)],
);
