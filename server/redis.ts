/** The Redis of the settings: whether it is there, asked once before anything is started, and the connection for what is shared of operators. */
import { Redis } from 'ioredis';
import { fault } from '../domain/errors.ts';
import type { Config } from './config.ts';
import type { Log } from './log.ts';

const PATIENCE_MS = 3_000;

/** Throws `queue_unavailable` when no Redis answers at the address; the address, which may hold a password, is not shown. */
export async function assertRedisReachable(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, connectTimeout: PATIENCE_MS, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  let heard = 'no answer';
  client.on('error', (error: NodeJS.ErrnoException) => {
    heard = error.code ?? heard;
  });
  try {
    await client.connect();
    await client.ping();
  } catch (cause) {
    const why = /NOAUTH|WRONGPASS/.exec(String(cause))?.[0] ?? heard;
    throw fault('queue_unavailable', { detail: `The Redis that REDIS_URL names cannot be reached (${why}).`, cause });
  } finally {
    client.disconnect();
  }
}

/** A connection for what processes share; null where there is no Redis. One that is away is noticed at once, not waited for. */
export async function openRedis({ redisUrl }: Pick<Config, 'redisUrl'>, log: Log): Promise<Redis | null> {
  if (redisUrl === null) return null;
  const redis = new Redis(redisUrl, { lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
  redis.on('error', (error: NodeJS.ErrnoException) => log.warn({ code: error.code }, 'redis connection of the operators broke'));
  // One that is away now is tried again by itself.
  await redis.connect().catch(() => undefined);
  return redis;
}
