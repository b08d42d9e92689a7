/**
 * The queue carries hints, never work: a job says that payments of a kind are ready, the worker finds
 * them in Postgres. Losing a job costs a sweep, a job delivered twice finds nothing to do.
 *
 * BullMQ runs it, on Redis when there is a `REDIS_URL`, else on its PostgreSQL backend in the schema
 * `queue` of our own database. Both keep the same contract; one suite of tests runs against both.
 */
import { createPostgresBackend, type Job, Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';
import { sessionOf } from '../db/connect.ts';
import type { Hint, Log } from './types.ts';

export type QueueConnection =
  | { readonly kind: 'postgres'; readonly url: string; readonly schema: string; readonly role?: string }
  | { readonly kind: 'redis'; readonly url: string };

/** Hints that may be worked on side by side share a lane only with their like. */
export const LANES = {
  cohorts: ['authorize', 'resume', 'outcomes', 'settle'],
  effects: ['dispatch', 'inquire', 'callbacks', 'webhooks', 'sms'],
  cases: ['cases'],
} as const satisfies Record<string, readonly Hint[]>;

export type Lane = keyof typeof LANES;

export const HINTS: readonly Hint[] = [...LANES.cohorts, ...LANES.effects, ...LANES.cases];

export function laneOf(hint: Hint): Lane {
  const lane = (Object.keys(LANES) as Lane[]).find((name) => (LANES[name] as readonly Hint[]).includes(hint));
  if (lane === undefined) throw new RangeError(`hint ${hint} has no lane`);
  return lane;
}

export interface HintQueue {
  /** Puts a hint; repeats within a few milliseconds are one. Failing to put one is logged, not thrown: the sweeper finds the work. */
  notify(hint: Hint): void;
  /** Starts taking hints of a lane; `handle` runs for each, up to `concurrency` at once. */
  consume(lane: Lane, concurrency: number, handle: (hint: Hint) => Promise<void>): void;
  /** Hints that wait, per lane. */
  depth(): Promise<Record<Lane, number>>;
  /** Waits for hints that were put, stops consumers after their current hint, closes connections. */
  close(): Promise<void>;
}

export interface QueueOptions {
  readonly connection: QueueConnection;
  readonly log: Log;
  /** Repeats of a hint within this time are put once, milliseconds; 50 unless told. */
  readonly quietMs?: (hint: Hint) => number;
}

const JOB_OPTIONS = { removeOnComplete: true, removeOnFail: true, attempts: 1 } as const;

/** Opens the queue. BullMQ's tables must exist already (`migrate`) when it runs on PostgreSQL. */
export function createHintQueue(options: QueueOptions): HintQueue {
  const backend = openBackend(options);
  const queues = mapLanes((lane) => {
    const queue = backend.queue(lane);
    queue.on('error', (error) => options.log.warn({ lane, error: error.message }, 'queue error'));
    return queue;
  });
  const workers: JobWorker[] = [];
  const lastPut = new Map<Hint, number>();
  const pending = new Set<Promise<unknown>>();
  const timers = new Set<NodeJS.Timeout>();
  let closed = false;

  function put(hint: Hint): void {
    if (closed) return;
    lastPut.set(hint, Date.now());
    const job = queues[laneOf(hint)].add(hint, {}, JOB_OPTIONS).catch((error: unknown) => {
      options.log.warn({ hint, error: error instanceof Error ? error.message : 'unknown' }, 'hint not queued');
    });
    pending.add(job);
    void job.finally(() => pending.delete(job));
  }

  const waiting = new Set<Hint>();
  const handling = new Set<Promise<void>>();
  return {
    notify(hint) {
      if (closed || waiting.has(hint)) return;
      const quietMs = options.quietMs?.(hint) ?? 50;
      const sinceMs = Date.now() - (lastPut.get(hint) ?? 0);
      if (sinceMs >= quietMs) return put(hint);
      // The work may have become ready after the last hint was taken, so the repeat is late, not dropped.
      waiting.add(hint);
      const timer = setTimeout(() => {
        waiting.delete(hint);
        timers.delete(timer);
        put(hint);
      }, quietMs - sinceMs);
      timers.add(timer);
    },
    consume(lane, concurrency, handle) {
      const worker = backend.worker(lane, concurrency, (job) => {
        const handled = handle(job.name as Hint);
        const settled = handled.catch(() => undefined).finally(() => handling.delete(settled));
        handling.add(settled);
        return handled;
      });
      worker.on('error', (error) => options.log.warn({ lane, error: error.message }, 'worker error'));
      worker.on('failed', (job, error) => options.log.error({ lane, hint: job?.name, error: error.message }, 'hint failed'));
      workers.push(worker);
    },
    async depth() {
      const counts = await Promise.all(Object.values(queues).map((queue) => queue.getWaitingCount()));
      return mapLanes((lane) => counts[(Object.keys(queues) as Lane[]).indexOf(lane)] ?? 0);
    },
    async close() {
      closed = true;
      for (const timer of timers) clearTimeout(timer);
      await Promise.allSettled(pending);
      // BullMQ says goodbye to its store; to one that is gone it would say it for ever.
      const isGone = !backend.isReachable();
      if (isGone) await Promise.all(handling);
      await Promise.allSettled(workers.map((worker) => worker.close(isGone)));
      await Promise.allSettled(Object.values(queues).map((queue) => queue.close()));
      await backend.close();
    },
  };
}

/** What the two backends of BullMQ have in common; their own types differ in the connection. */
interface JobQueue {
  add(name: string, data: object, options: object): Promise<unknown>;
  getWaitingCount(): Promise<number>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}

interface JobWorker {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'failed', listener: (job: { readonly name: string } | undefined, error: Error) => void): unknown;
  close(force: boolean): Promise<void>;
}

interface Backend {
  queue(lane: Lane): JobQueue;
  worker(lane: Lane, concurrency: number, handle: (job: Job) => Promise<void>): JobWorker;
  /** False when the store is known not to answer. */
  isReachable(): boolean;
  close(): Promise<void>;
}

const nameOf = (lane: Lane): string => `capp-${lane}`;

function openBackend(options: QueueOptions): Backend {
  const { connection } = options;
  if (connection.kind === 'redis') {
    // Producers fail fast, the sweeper makes up for it; workers wait for Redis to come back.
    const producer = new Redis(connection.url, { maxRetriesPerRequest: 1, enableOfflineQueue: true });
    producer.on('error', (error) => options.log.warn({ error: error.message }, 'redis error'));
    const consumers: Redis[] = [];
    return {
      queue: (lane) => new Queue(nameOf(lane), { connection: producer }),
      worker: (lane, concurrency, handle) => {
        const consumer = new Redis(connection.url, { maxRetriesPerRequest: null });
        consumer.on('error', (error) => options.log.warn({ error: error.message }, 'redis error'));
        consumers.push(consumer);
        return new Worker(nameOf(lane), handle, { connection: consumer, concurrency });
      },
      isReachable: () => producer.status === 'ready',
      close: async () => {
        await Promise.allSettled([producer, ...consumers].map(endClient));
      },
    };
  }
  // A hint that a crash undoes is one that was lost.
  const pg = {
    ...sessionOf(connection.url, connection.role, ['synchronous_commit=off']),
    schema: connection.schema,
    max: 2,
    skipMigrations: true,
  };
  return {
    queue: (lane) => new Queue(nameOf(lane), { connection: pg }, createPostgresBackend),
    worker: (lane, concurrency, handle) => new Worker(nameOf(lane), handle, { connection: pg, concurrency }, createPostgresBackend),
    isReachable: () => true,
    close: async () => undefined,
  };
}

/** Says goodbye to Redis when it is there to hear it. */
async function endClient(client: Redis): Promise<void> {
  if (client.status === 'ready') await client.quit();
  else client.disconnect();
}

function mapLanes<T>(make: (lane: Lane) => T): Record<Lane, T> {
  return Object.fromEntries((Object.keys(LANES) as Lane[]).map((lane) => [lane, make(lane)])) as Record<Lane, T>;
}
