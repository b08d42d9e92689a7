/**
 * The whole platform in one test process, as several processes would share it: an API without a socket, any number of
 * workers over one database, each with connections and a checkpointer of its own, real logs that are kept, and a clock
 * that stands still. A worker can die: nothing it has not committed is there afterwards.
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import { connect, type Pool } from '../../db/connect.ts';
import { createApiKey, findApiKey } from '../../db/queries/api-keys.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import { CaseCheckpointer } from '../../graph/case/checkpointer.ts';
import { findWork } from '../../graph/sweep.ts';
import { type TestPlatform, testPlatform } from '../../graph/testing.ts';
import type { GraphDeps, GraphSettings } from '../../graph/types.ts';
import { startWorker, type WorkerHandle } from '../../graph/worker.ts';
import { createApi } from '../../server/api/app.ts';
import { createIntake } from '../../server/intake.ts';
import { createLog, type Log } from '../../server/log.ts';
import { type Capp, createCapp } from '../../sdk/index.ts';
import { voidHolds } from '../../tools/ledger/index.ts';
import type { Scope } from '../../domain/scopes.ts';

const PEPPER = createHash('sha256').update('safety').digest();

export interface Process {
  readonly worker: WorkerHandle;
  /** Works until nothing is ready at this moment of the clock. */
  settleDown(): Promise<void>;
  /** Ends as a process that is killed: its connections break in whatever they are doing. */
  kill(): Promise<void>;
}

export interface SafetyPlatform extends TestPlatform {
  /** Every line the API and the workers have logged. */
  readonly logLines: string[];
  /** A worker as another process would be. `over` replaces what a test wants otherwise. */
  startProcess(over?: Partial<GraphDeps>): Process;
  /** A client of the API with a key of its own. */
  client(principal: string, scopes: readonly Scope[]): Promise<Capp>;
  /** An operator calls back about an attempt; resolves with the status of the answer. */
  callBack(railId: string, attemptId: string, event: unknown): Promise<number>;
  /** Ends the API as it runs, and starts it anew. */
  restartApi(): Promise<void>;
}

/** Starts it; the worker that comes with the platform is not used. */
export async function safetyPlatform(settings: Partial<GraphSettings> = {}): Promise<SafetyPlatform> {
  const platform = await testPlatform(settings);
  const logLines: string[] = [];
  const log = createLog({ program: 'test', level: 'debug', destination: { write: (line) => void logLines.push(line) } });
  const processes: Process[] = [];
  let api = openApi(platform, log);
  return Object.assign(platform, {
    logLines,
    startProcess: (over: Partial<GraphDeps> = {}) => {
      const started = startProcess(platform, log, over);
      processes.push(started);
      return started;
    },
    client: async (principal: string, scopes: readonly Scope[]) => {
      const { key } = await createApiKey(platform.database.pool, PEPPER, { clientId: DEMO_CLIENT_ID, principal, scopes });
      const dial: typeof fetch = async (input, init) => api.app.request(input, init);
      return createCapp({ baseUrl: 'http://capp.test', apiKey: key, fetch: dial, retriesMax: 0 });
    },
    callBack: async (railId: string, attemptId: string, event: unknown) => {
      const request = { method: 'POST', body: JSON.stringify(event), headers: { 'content-type': 'application/json' } };
      return (await api.app.request(`/v1/callbacks/${railId}/${attemptId}`, request)).status;
    },
    restartApi: async () => {
      await api.close();
      api = openApi(platform, log);
    },
    close: closing(platform, processes, () => api.close()),
  });
}

function closing(platform: TestPlatform, processes: readonly Process[], closeApi: () => Promise<void>): () => Promise<void> {
  const closePlatform = platform.close;
  return async () => {
    await closeApi();
    await Promise.all(processes.map((each) => each.kill()));
    await closePlatform();
  };
}

function openApi(platform: TestPlatform, log: Log) {
  const { database, clock, deps } = platform;
  const { pool } = database;
  return createApi({
    pool,
    tenants: { of: () => pool, writing: () => pool, listing: () => pool },
    keyring: deps.keyring,
    clock,
    log,
    intake: createIntake({ pool, keyring: deps.keyring, clock, notify: () => undefined }),
    findCaller: (presented) => findApiKey(pool, PEPPER, presented, clock.now()),
    createQuote: () => Promise.reject(new Error('no quotes here')),
    notify: () => undefined,
    callbackAnswer: () => ({ status: 200, body: '{}', contentType: 'application/json' }),
    voidReservation: (tx, { paymentId }) => voidHolds(tx, paymentId),
    dependencies: {},
    queueDepths: async () => ({}),
    version: '0.0.0-test',
    streamPollMs: 10,
  });
}

/**
 * A pool whose process is killed right after so many of its writes were committed, before it hears of it: whatever it asks from then on
 * fails, and what it had under way is rolled back.
 */
export function mortalPool(pool: Pool, writes: number): { readonly pool: Pool; isDead(): boolean } {
  let left = writes;
  const isWrite = (statement: unknown): boolean => {
    const text = typeof statement === 'string' ? statement : (statement as { readonly text: string }).text;
    return /\b(insert|update|delete)\b/i.test(text);
  };
  const died = () => new Error('the process was killed');
  const guarded = async (run: () => Promise<unknown>, counts: boolean): Promise<unknown> => {
    if (left <= 0) throw died();
    const result = await run();
    if (counts) left -= 1;
    if (left <= 0) throw died();
    return result;
  };
  const clientOf = (client: pg.PoolClient): pg.PoolClient =>
    new Proxy(client, {
      get: (target, key) => {
        if (key === 'query')
          return (...args: Parameters<Pool['query']>) =>
            guarded(() => target.query(...args) as unknown as Promise<unknown>, (args[0] as unknown) === 'commit');
        const value = Reflect.get(target, key) as unknown;
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  const mortal = new Proxy(pool, {
    get: (target, key) => {
      if (key === 'query')
        return (...args: Parameters<Pool['query']>) =>
          guarded(() => target.query(...args) as unknown as Promise<unknown>, isWrite(args[0]));
      if (key === 'connect') return async () => (left <= 0 ? Promise.reject(died()) : clientOf(await target.connect()));
      const value = Reflect.get(target, key) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { pool: mortal, isDead: () => left <= 0 };
}

const ROUNDS_MAX = 60;

function startProcess(platform: TestPlatform, log: Log, over: Partial<GraphDeps>): Process {
  const pools: pg.Pool[] = [];
  const pool: Pool = connect({ url: platform.database.url, applicationName: 'safety', max: 4 });
  const savers = new pg.Pool({ connectionString: platform.database.url, max: 2 });
  savers.on('error', () => undefined);
  savers.on('connect', (client) => void client.on('error', () => undefined));
  pools.push(pool, savers);
  const deps: GraphDeps = { ...platform.deps, pool, log, ...over };
  const worker = startWorker({
    deps,
    agents: platform.agents,
    queue: {
      notify: () => undefined,
      consume: () => undefined,
      depth: async () => ({ cohorts: 0, effects: 0, cases: 0 }),
      close: async () => undefined,
    },
    checkpointer: new CaseCheckpointer(savers),
    sweepMs: 3_600_000,
    housekeepingMs: 3_600_000,
  });
  let ended = false;
  return {
    worker,
    settleDown: async () => {
      for (let round = 0; round < ROUNDS_MAX; round += 1) {
        const hints = await findWork(deps);
        if (hints.length === 0) return;
        for (const hint of hints) await worker.work(hint);
        await worker.idle();
      }
      throw new Error(`work is left: ${(await findWork(deps)).join(', ')}`);
    },
    kill: async () => {
      if (ended) return;
      ended = true;
      await worker.stop();
      await Promise.all(pools.map((each) => each.end()));
    },
  };
}
