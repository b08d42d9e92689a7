/**
 * A Redis that writes down every command that changes anything, in clear: what is searched afterwards is not what is left in it, but all
 * that ever went into it: hints of the queue, counters, tokens.
 */
import { Redis } from 'ioredis';
import { startRedis } from '../setup/redis.ts';
import type { Needles } from './needles.ts';
import { type Place, searchFiles } from './places.ts';

export interface RedisJournal {
  readonly url: string;
  /** Searches all that was written so far; ends with an error when that is nothing. */
  search(needles: Needles): Promise<Place>;
  stop(): Promise<void>;
}

/** Starts it. Throws one line when there is no redis-server to be had. */
export async function startRedisJournal(): Promise<RedisJournal> {
  const server = await startRedis();
  const redis = new Redis(server.url, { maxRetriesPerRequest: 1 });
  const settings = [
    ['aof-use-rdb-preamble', 'no'],
    // Never written anew from what is left.
    ['auto-aof-rewrite-percentage', '0'],
    ['appendfsync', 'always'],
    ['appendonly', 'yes'],
  ] as const;
  for (const [name, value] of settings) await redis.config('SET', name, value);
  return {
    url: server.url,
    search: async (needles) => {
      const [, folder = ''] = (await redis.config('GET', 'dir')) as string[];
      const place = await searchFiles('all that was written to Redis', folder, needles);
      if (place.bytes === 0) throw new Error('nothing was written to Redis: the search says nothing');
      return place;
    },
    stop: async () => {
      redis.disconnect();
      await server.stop();
    },
  };
}
