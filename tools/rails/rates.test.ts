/** Both stores keep one suite: what holds for limits shared through PostgreSQL holds for those shared through Redis. */
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { testDatabase } from '../../db/testing.ts';
import { startRedis } from '../../tests/setup/redis.ts';
import { describeInBothStores } from '../../tests/setup/stores.ts';
import { createRateGate, postgresRateStore, type RateStore } from './rates.ts';
import { redisRateStore } from './redis.ts';

interface Place {
  readonly store: RateStore;
  /** Puts the last take of a bucket, empty since, so many milliseconds back. */
  readonly agePermits: (railId: string, product: string, ms: number) => Promise<void>;
  /** How long a pause still lasts, milliseconds. */
  readonly pauseLeftMs: (railId: string, product: string) => Promise<number>;
  /** Ends a pause so many milliseconds ago. */
  readonly endPause: (railId: string, product: string, agoMs: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

async function inPostgres(): Promise<Place> {
  const { pool, close } = await testDatabase();
  const where = 'where rail_id = $1 and product = $2';
  return {
    store: postgresRateStore(pool),
    agePermits: async (railId, product, ms) => {
      const text = `update operator_rates set permits = 0, updated_at = clock_timestamp() - interval '1 millisecond' * $3::int ${where}`;
      await pool.query(text, [railId, product, ms]);
    },
    pauseLeftMs: async (railId, product) => {
      // The column rounds to milliseconds; the clock it is held against has to as well.
      const text = `select extract(epoch from paused_until - clock_timestamp()::timestamptz(3))::float8 * 1000 as ms from operator_rates ${where}`;
      return (await pool.query<{ ms: number }>(text, [railId, product])).rows[0]?.ms ?? 0;
    },
    endPause: async (railId, product, agoMs) => {
      const text = `update operator_rates set paused_until = clock_timestamp() - interval '1 millisecond' * $3::int ${where}`;
      await pool.query(text, [railId, product, agoMs]);
    },
    close,
  };
}

async function inRedis(): Promise<Place> {
  const server = await startRedis();
  const client = new Redis(server.url);
  const nowMs = async () => {
    const [seconds = 0, microseconds = 0] = await client.time();
    return Number(seconds) * 1_000 + Number(microseconds) / 1_000;
  };
  return {
    store: redisRateStore(client),
    agePermits: async (railId, product, ms) => {
      await client.hset(`capp-operator-permits:{${railId} ${product}}`, { permits: '0', at: String((await nowMs()) - ms) });
    },
    pauseLeftMs: async (railId, product) => Number(await client.zscore(`capp-operator-pauses:{${product}}`, railId)) - (await nowMs()),
    endPause: async (railId, product, agoMs) => {
      await client.zadd(`capp-operator-pauses:{${product}}`, (await nowMs()) - agoMs, railId);
    },
    close: async () => {
      client.disconnect();
      await server.stop();
    },
  };
}

describeInBothStores('limits shared', 60_000, { inPostgres, inRedis }, (place) => {
  const limits = new Map([['mtn-ug', { payout: 10, inquiry: 0.01 }]]);
  /** Gates as several processes have them; none remembers anything. */
  const gate = () => createRateGate(place().store, limits, () => Date.now());

  it('let through what an operator takes in a second, over all processes at once', async () => {
    const taken = await Promise.all(Array.from({ length: 8 }, () => gate().take('mtn-ug', 'payout', 4)));
    const sum = taken.reduce((total, each) => total + each, 0);
    // Ten at once, and what became free while they were asked for.
    expect(sum).toBeGreaterThanOrEqual(10);
    expect(sum).toBeLessThan(32);
    await place().agePermits('mtn-ug', 'payout', 300);
    const later = await gate().take('mtn-ug', 'payout', 100);
    expect(later).toBeGreaterThanOrEqual(3);
    expect(later).toBeLessThanOrEqual(10);
  });

  it('always let one through at first, and what was not needed again', async () => {
    expect(await gate().take('mtn-ug', 'inquiry', 5)).toBe(1);
    expect(await gate().take('mtn-ug', 'inquiry', 5)).toBe(0);
    await gate().giveBack('mtn-ug', 'inquiry', 1);
    expect(await gate().take('mtn-ug', 'inquiry', 5)).toBe(1);
    expect(await gate().take('mtn-ug', 'inquiry', 0)).toBe(0);
  });

  it('bound nothing that has no limit', async () => {
    expect(await gate().take('mtn-ug', 'collection', 500)).toBe(500);
    await gate().giveBack('mtn-ug', 'collection', 500);
    expect([gate().limitedRails('payout'), gate().limitedRails('collection')]).toEqual([['mtn-ug'], []]);
  });

  it('pause a rail that was sent too much, in every process, longer each time', async () => {
    expect(await gate().pausedRails('collection')).toEqual([]);
    await gate().pause('airtel-ug', 'collection');
    // Requests that were under way when it began do not make it longer.
    await gate().pause('airtel-ug', 'collection');
    expect(await gate().pausedRails('collection')).toEqual(['airtel-ug']);
    expect(await gate().pausedRails('payout')).toEqual([]);
    const left = () => place().pauseLeftMs('airtel-ug', 'collection');
    expect(await left()).toBeLessThanOrEqual(1_000);
    // The database keeps whole milliseconds, and rounds up.
    await place().endPause('airtel-ug', 'collection', 1);
    expect(await gate().pausedRails('collection')).toEqual([]);
    await gate().pause('airtel-ug', 'collection');
    expect(await left()).toBeGreaterThan(1_000);
    await place().endPause('airtel-ug', 'collection', 360_000);
    await gate().pause('airtel-ug', 'collection');
    expect(await left()).toBeLessThanOrEqual(1_000);
  });
});
