/** Whether the Redis of the settings is there, asked once before anything is started. */
import { Redis } from 'ioredis';
import { fault } from '../domain/errors.ts';

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
