/** One suite for every store: in PostgreSQL, in Redis, in the memory of the process. */
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { newId } from '../../domain/ids.ts';
import { startRedis } from '../../tests/setup/redis.ts';
import { readLimits } from './policy.ts';
import { type LimitStore, memoryStore, postgresStore, redisStore } from './store.ts';

interface Opened {
  /** Two, as two processes have them. */
  readonly stores: readonly [LimitStore, LimitStore];
  close(): Promise<void>;
}

async function onPostgres(): Promise<Opened> {
  const database = await testDatabase();
  return { stores: [postgresStore(database.pool), postgresStore(database.pool)], close: database.close };
}

async function onRedis(): Promise<Opened> {
  const server = await startRedis();
  const clients = [new Redis(server.url), new Redis(server.url)] as const;
  await Promise.all(clients.map((client) => client.ping()));
  return {
    stores: [redisStore(clients[0]), redisStore(clients[1])],
    close: async () => {
      for (const client of clients) client.disconnect();
      await server.stop();
    },
  };
}

async function inMemory(): Promise<Opened> {
  const store = memoryStore();
  return { stores: [store, store], close: () => Promise.resolve() };
}

const policies = readLimits('write=100/60,read=100/1');

describe.each([
  ['PostgreSQL', onPostgres],
  ['Redis', onRedis],
  ['memory', inMemory],
])('in %s', (_name, open) => {
  let opened: Opened;
  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  test('requests of all processes are counted together', async () => {
    const [one, other] = opened.stores;
    const key = newId();
    expect(await one.add(policies.write, key, 5)).toMatchObject({ used: 5 });
    expect(await other.add(policies.write, key, 5)).toMatchObject({ used: 10 });
    const all = await Promise.all(Array.from({ length: 40 }, (_, n) => (n % 2 ? one : other).add(policies.write, key, 5)));
    expect(Math.max(...all.map(({ used }) => used))).toBe(210);
    for (const { msToEnd } of all) {
      expect(msToEnd).toBeGreaterThan(0);
      expect(msToEnd).toBeLessThanOrEqual(60_000);
    }
  });

  test('keys and classes are counted apart', async () => {
    const [one] = opened.stores;
    const key = newId();
    await one.add(policies.write, key, 5);
    expect(await one.add(policies.write, newId(), 1)).toMatchObject({ used: 1 });
    expect(await one.add(policies.read, key, 1)).toMatchObject({ used: 1 });
  });

  test('a window that is over begins anew', async () => {
    const [one] = opened.stores;
    const key = newId();
    expect(await one.add(policies.read, key, 90)).toMatchObject({ used: 90 });
    await expect.poll(() => one.add(policies.read, key, 1), { interval: 50, timeout: 10_000 }).toMatchObject({ used: 1 });
  });
});

test('a store that is away says so at once', async () => {
  const client = new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, retryStrategy: () => null });
  client.on('error', () => undefined);
  await expect(redisStore(client).add(policies.write, 'key', 1)).rejects.toThrow('not ready');
  client.disconnect();
});
