/** The limits of an API process, over what its settings name. */
import { Redis } from 'ioredis';
import { systemClock } from '../../domain/clock.ts';
import type { LimitDeps } from '../api/limits.ts';
import type { Foundation } from '../compose.ts';
import { createLimiter } from './limiter.ts';
import { postgresStore, redisStore } from './store.ts';

/** Opens them; `close` lets go of the connection. */
export function openLimits(foundation: Pick<Foundation, 'config' | 'log' | 'pool' | 'keys'>): LimitDeps & { close(): void } {
  const { config, log, pool, keys } = foundation;
  const redis = config.redisUrl === null ? null : new Redis(config.redisUrl, { enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  redis?.on('error', (error: NodeJS.ErrnoException) => log.warn({ code: error.code }, 'redis connection of the limits broke'));
  const limiter = createLimiter({
    store: redis === null ? postgresStore(pool) : redisStore(redis),
    clock: systemClock,
    keyOf: (who) => keys.keyring.blindIndex(who, 'rate_limits.key').toString('base64url'),
    onStoreError: () => log.warn({}, 'limits are kept by this process alone: their store is away'),
  });
  return { limiter, policies: config.limitPolicies, trustedProxies: config.trustedProxies, close: () => redis?.disconnect() };
}
