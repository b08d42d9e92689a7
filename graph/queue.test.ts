import { Queue, createPostgresBackend } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { QUEUE_SCHEMA } from '../db/migrate.ts';
import { SERVICE_ROLE } from '../db/service-role.ts';
import { testDatabase } from '../db/testing.ts';
import { startRedis } from '../tests/setup/redis.ts';
import { createHintQueue, HINTS, type HintQueue, LANES, laneOf, type Lane, type QueueConnection } from './queue.ts';
import { findWork } from './sweep.ts';
import { type TestPlatform, testPlatform } from './testing.ts';
import type { Hint, Log } from './types.ts';

/** A store for the queue, and what a test may do to it. */
interface Store {
  readonly connection: QueueConnection;
  /** Deletes every job there is. */
  loseAll(): Promise<void>;
  /** Connections that users of the queue hold. */
  connections(): Promise<number>;
  stop(): Promise<void>;
}

async function onPostgres(): Promise<Store> {
  const database = await testDatabase();
  const connection: QueueConnection = { kind: 'postgres', url: database.url, schema: QUEUE_SCHEMA, role: SERVICE_ROLE };
  return {
    connection,
    loseAll: async () => {
      for (const lane of Object.keys(LANES)) {
        const options = { connection: { connectionString: database.url, schema: QUEUE_SCHEMA, max: 1, skipMigrations: true } };
        const queue = new Queue(`capp-${lane}`, options, createPostgresBackend);
        await queue.obliterate({ force: true });
        await queue.close();
      }
    },
    connections: async () => {
      const sql = `select count(*)::int as count from pg_stat_activity where datname = current_database() and application_name <> 'capp test'`;
      return (await database.pool.query<{ count: number }>(sql)).rows[0]?.count ?? -1;
    },
    stop: () => database.close(),
  };
}

async function onRedis(): Promise<Store> {
  const server = await startRedis();
  const client = new Redis(server.url);
  return {
    connection: { kind: 'redis', url: server.url },
    loseAll: async () => void (await client.flushall()),
    connections: async () =>
      String(await client.client('LIST'))
        .trim()
        .split('\n').length - 1,
    stop: async () => {
      client.disconnect();
      await server.stop();
    },
  };
}

function counted(hints: readonly Hint[]): Partial<Record<Hint, number>> {
  const counts: Partial<Record<Hint, number>> = {};
  for (const hint of hints) counts[hint] = (counts[hint] ?? 0) + 1;
  return counts;
}

interface Line {
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

function listeningLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const write = (fields: object, message: string) => void lines.push({ fields: fields as Record<string, unknown>, message });
  return { lines, debug: write, info: write, warn: write, error: write };
}

/** The laws of the queue, whatever it runs on. A rejection that nobody handles fails the run by itself. */
function queueLaws(name: string, openStore: () => Promise<Store>): void {
  describe(`hints on ${name}`, { timeout: 60_000 }, () => {
    let store: Store;
    let queues: HintQueue[];
    let log: ReturnType<typeof listeningLog>;

    beforeAll(async () => {
      store = await openStore();
    }, 240_000);

    afterAll(async () => {
      await store.stop();
    });

    beforeEach(() => {
      queues = [];
      log = listeningLog();
    });

    afterEach(async () => {
      await Promise.all(queues.map((queue) => queue.close()));
      await store.loseAll();
    });

    function open(quietMs = 0): HintQueue {
      const queue = createHintQueue({ connection: store.connection, log, quietMs: () => quietMs });
      queues.push(queue);
      return queue;
    }

    /** Takes hints of a lane into a list. */
    function collect(queue: HintQueue, lane: Lane): Hint[] {
      const seen: Hint[] = [];
      queue.consume(lane, 1, async (hint) => void seen.push(hint));
      return seen;
    }

    const waits = (queue: HintQueue, depth: Partial<Record<Lane, number>>) =>
      vi.waitFor(async () => expect(await queue.depth()).toMatchObject(depth), { timeout: 20_000 });

    it('arrive, each kind in the lane it belongs to', async () => {
      const queue = open();
      const seen = { cohorts: collect(queue, 'cohorts'), effects: collect(queue, 'effects'), cases: collect(queue, 'cases') };
      for (const hint of HINTS) queue.notify(hint);
      await vi.waitFor(() => expect(Object.values(seen).flat()).toHaveLength(HINTS.length), { timeout: 20_000 });
      for (const lane of Object.keys(LANES) as Lane[]) expect(new Set(seen[lane])).toEqual(new Set(LANES[lane]));
    });

    it('wait for their own lane while another is worked, and are counted', async () => {
      const queue = open();
      queue.notify('cases');
      queue.notify('dispatch');
      queue.notify('inquire');
      await waits(queue, { cohorts: 0, effects: 2, cases: 1 });
      const seen = collect(queue, 'cases');
      await vi.waitFor(() => expect(seen).toEqual(['cases']), { timeout: 20_000 });
      expect(await queue.depth()).toEqual({ cohorts: 0, effects: 2, cases: 0 });
    });

    it('put in a hurry are put twice: the first at once, the last when it is quiet again', async () => {
      const queue = open(50);
      for (let repeat = 0; repeat < 100; repeat += 1) queue.notify('authorize');
      queue.notify('settle');
      await waits(queue, { cohorts: 3 });
      const seen = collect(queue, 'cohorts');
      await vi.waitFor(() => expect(counted(seen)).toEqual({ authorize: 2, settle: 1 }), { timeout: 20_000 });
    });

    it('that come while their like is worked are worked after it', async () => {
      const queue = open(20);
      let readyRows = 1;
      let seenRows = 0;
      queue.consume('cohorts', 1, async () => {
        seenRows = readyRows;
        if (readyRows < 5) {
          // Work that becomes ready after this look; its hint must bring another look.
          readyRows += 1;
          queue.notify('authorize');
        }
      });
      queue.notify('authorize');
      await vi.waitFor(() => expect(seenRows).toBe(5), { timeout: 20_000 });
    });

    it('go on after a consumer that throws, and the failure is logged', async () => {
      const queue = open();
      const seen: Hint[] = [];
      queue.consume('effects', 1, async (hint) => {
        seen.push(hint);
        if (hint === 'dispatch') throw new Error('on purpose');
      });
      queue.notify('dispatch');
      queue.notify('inquire');
      await vi.waitFor(() => expect(counted(seen)).toEqual({ dispatch: 1, inquire: 1 }), { timeout: 20_000 });
      await vi.waitFor(() => {
        expect(log.lines.filter((line) => line.message === 'hint failed')).toMatchObject([
          { fields: { lane: 'effects', hint: 'dispatch' } },
        ]);
      });
      await waits(queue, { effects: 0 });
    });

    it('are shared by two consumers, each hint worked once', async () => {
      const [first, second] = [open(), open()];
      const seen: string[] = [];
      let arrived = 0;
      let openGate: () => void = () => undefined;
      const bothArrived = new Promise<void>((resolve) => {
        openGate = resolve;
      });
      const consume = (queue: HintQueue, who: string) =>
        queue.consume('cohorts', 1, async (hint) => {
          seen.push(`${who} ${hint}`);
          arrived += 1;
          if (arrived === 2) openGate();
          // The first two hints are held until the other consumer has one as well.
          await bothArrived;
        });
      consume(first, 'first');
      consume(second, 'second');
      for (let count = 0; count < 12; count += 1) first.notify('authorize');
      await vi.waitFor(() => expect(seen).toHaveLength(12), { timeout: 20_000 });
      expect(new Set(seen).size).toBe(2);
      await waits(second, { cohorts: 0 });
      expect(seen).toHaveLength(12);
    });

    it('that were put before a close are there after it, and the current one is finished first', async () => {
      const queue = open();
      let finished = false;
      let begin: () => void = () => undefined;
      const begun = new Promise<void>((resolve) => {
        begin = resolve;
      });
      queue.consume('cohorts', 1, async () => {
        begin();
        await new Promise((resolve) => setImmediate(resolve));
        finished = true;
      });
      queue.notify('authorize');
      await begun;
      queue.notify('dispatch');
      await queue.close();
      expect(finished).toBe(true);
      expect((await open().depth()).effects).toBe(1);
    });

    it('leave nothing behind a close: no connection, no timer that puts one later', async () => {
      const queue = open(5_000);
      collect(queue, 'cohorts');
      collect(queue, 'effects');
      queue.notify('cases');
      queue.notify('cases');
      await waits(queue, { cases: 1 });
      await queue.close();
      await queue.close();
      queue.notify('cases');
      await vi.waitFor(async () => expect(await store.connections()).toBe(0), { timeout: 20_000 });
      expect(await open().depth()).toEqual({ cohorts: 0, effects: 0, cases: 1 });
    });

    describe('that are all lost', () => {
      let platform: TestPlatform;

      beforeEach(async () => {
        platform = await testPlatform();
      });

      afterEach(async () => {
        await platform.close();
      });

      it('are made up for by a sweep', async () => {
        const paymentId = await platform.submit();
        const queue = open();
        queue.notify('authorize');
        await waits(queue, { cohorts: 1 });
        await store.loseAll();
        await waits(queue, { cohorts: 0 });
        queue.consume('cohorts', 1, (hint) => platform.worker.work(hint));
        expect(await findWork(platform.deps)).toEqual(['authorize']);
        for (const hint of await findWork(platform.deps)) queue.notify(hint);
        await vi.waitFor(async () => expect((await platform.status(paymentId)).status).toBe('collecting'), { timeout: 20_000 });
      });

      it('while a consumer waits for one do not make it deaf', async () => {
        const queue = open();
        const seen = collect(queue, 'cohorts');
        queue.notify('authorize');
        await vi.waitFor(() => expect(seen).toEqual(['authorize']), { timeout: 20_000 });
        await store.loseAll();
        queue.notify('resume');
        await vi.waitFor(() => expect(seen).toEqual(['authorize', 'resume']), { timeout: 20_000 });
      });
    });
  });
}

queueLaws('PostgreSQL', onPostgres);
queueLaws('Redis', onRedis);

it('hints on PostgreSQL do not wait for the disk', { timeout: 60_000 }, async () => {
  const database = await testDatabase();
  await database.pool.query(`
    do $$ begin execute format('alter database %I set synchronous_commit = on', current_database()); end $$;
    create table commits (waits text);
    create function tell_commit() returns trigger language plpgsql security definer set search_path = public as
      $$ begin insert into commits values (current_setting('synchronous_commit')); return null; end $$;
    create constraint trigger tell_commit after insert or update or delete on ${QUEUE_SCHEMA}.job deferrable initially deferred
      for each row execute function tell_commit()`);
  const connection: QueueConnection = { kind: 'postgres', url: database.url, schema: QUEUE_SCHEMA, role: SERVICE_ROLE };
  const queue = createHintQueue({ connection, log: listeningLog(), quietMs: () => 0 });
  const seen: Hint[] = [];
  queue.consume('cohorts', 1, async (hint) => void seen.push(hint));
  queue.notify('authorize');
  await vi.waitFor(() => expect(seen).toEqual(['authorize']), { timeout: 20_000 });
  await queue.close();
  const { rows } = await database.pool.query<{ waits: string; commits: number }>(
    'select waits, count(*)::int as commits from commits group by waits',
  );
  expect(rows).toEqual([{ waits: 'off', commits: expect.any(Number) }]);
  // Put, taken and done.
  expect(rows[0]?.commits).toBeGreaterThanOrEqual(3);
  await database.close();
});

describe('a queue whose store is gone', { timeout: 60_000 }, () => {
  it.each([
    ['PostgreSQL', onPostgres],
    ['Redis', onRedis],
  ] as const)('loses hints without an error, and still closes (%s)', async (_name, openStore) => {
    const store = await openStore();
    const log = listeningLog();
    const queue = createHintQueue({ connection: store.connection, log, quietMs: () => 0 });
    queue.consume('cohorts', 1, async () => undefined);
    queue.notify('dispatch');
    await vi.waitFor(async () => expect((await queue.depth()).effects).toBe(1), { timeout: 20_000 });
    await store.stop();
    queue.notify('dispatch');
    await vi.waitFor(() => expect(log.lines.map((line) => line.message)).toContain('hint not queued'), { timeout: 30_000 });
    await queue.close();
  });
});

describe('lanes', () => {
  it('have every hint once', () => {
    expect(new Set(HINTS).size).toBe(HINTS.length);
    for (const hint of HINTS) expect(LANES[laneOf(hint)]).toContain(hint);
  });

  it('know no other hint', () => {
    expect(() => laneOf('lunch' as Hint)).toThrow(RangeError);
  });
});
