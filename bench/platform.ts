/**
 * The whole platform for a bench, as `npm start` brings it up: API, worker, sandbox operators and PostgreSQL as processes of
 * their own, on a free port and a folder that is removed afterwards. Says what each kind of process has used.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Pool, withTransaction } from '../db/connect.ts';
import { createApiKey } from '../db/queries/api-keys.ts';
import { ensureClient } from '../db/queries/clients.ts';
import { DEMO_CLIENT_ID } from '../db/seed.ts';
import { money } from '../domain/money.ts';
import { systemClock } from '../domain/clock.ts';
import { dayIn } from '../domain/days.ts';
import { countryByCode, RAILS } from '../domain/network.ts';
import { reconcileRails } from '../server/reconcile.ts';
import { loadKeys } from '../server/secrets.ts';
import { type Platform, startPlatform } from '../server/supervisor.ts';
import { verifyDatabase } from '../server/verify.ts';
import { fundClient, type Violation } from '../tools/ledger/index.ts';
import { CORRIDORS } from './intents.ts';
import { fsyncMicroseconds } from './meters.ts';

export interface BenchPlatform {
  readonly platform: Platform;
  readonly pool: Pool;
  readonly dataDir: string;
  readonly postgresPid: number;
  readonly fsyncUs: number;
  /** Every invariant, the audit log and the operators' books, of the sandbox of its own or in another folder: what does not hold. */
  verify(sandboxFolder?: string): Promise<readonly Violation[]>;
  /** Holds the operators' statements of today, so far, against attempts and ledger: their lines, and what does not agree. */
  reconcile(): Promise<{ readonly lines: number; readonly breaks: readonly string[] }>;
  /** Makes another client who may submit payments; gives its id and key. */
  addClient(name: string): Promise<{ readonly clientId: string; readonly key: string }>;
  /**
   * Stops it and starts it again on the same data, with other settings beside those it had. Gives the platform that runs then, in place of
   * this one; throws what its start throws, and may be called again after that.
   */
  restart(settings: Readonly<Record<string, string>>): Promise<BenchPlatform>;
  /** Stops whichever runs and removes the folder. */
  close(): Promise<void>;
}

const READY_MS_MAX = 60_000;
const POLL_MS = 100;
/** What the demo client's balances begin with, minor units of each currency. */
const FUNDS_MINOR = 10n ** 15n;

/** What a bench lets its platform be told. */
export interface PlatformOptions {
  /** Settings beside those that the bench needs itself. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a platform with one worker. `settings` are added to its environment. */
export async function openPlatform(
  settings: Readonly<Record<string, string>>,
  tell: (line: string) => void = () => undefined,
): Promise<BenchPlatform> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-bench-'));
  const home: Home = { dataDir, fsyncUs: fsyncMicroseconds(dataDir), running: [], tell };
  try {
    return await runIn(home, { ...(await environmentFor(dataDir)), ...settings });
  } catch (error) {
    await leave(home);
    throw error;
  }
}

/** Where a platform lives over its restarts. */
interface Home {
  readonly dataDir: string;
  readonly fsyncUs: number;
  /** Ends what runs, the last of it first. */
  readonly running: (() => Promise<unknown>)[];
  readonly tell: (line: string) => void;
}

async function runIn(home: Home, env: Readonly<Record<string, string | undefined>>): Promise<BenchPlatform> {
  const { dataDir, running, tell } = home;
  const platform = await startPlatform({ env, workers: 1, tell });
  running.push(() => platform.stop());
  const pool = connect({ url: platform.databaseUrl, applicationName: 'capp bench', max: 3 });
  running.push(() => pool.end());
  await untilReady(platform.url);
  const pidFile = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8');
  return {
    platform,
    pool,
    dataDir,
    fsyncUs: home.fsyncUs,
    postgresPid: Number(pidFile.split('\n', 1)[0]),
    verify: async (sandboxFolder = join(dataDir, 'sandbox')) => {
      const { quoteKey, keyring } = await loadKeys(env, dataDir);
      return (await verifyDatabase(pool, { quoteKey, keyring, sandboxFolder })).violations;
    },
    reconcile: () => reconcileToday(env),
    addClient: async (name) => {
      const { pepper } = await loadKeys(env, dataDir);
      return withTransaction(pool, async (tx) => {
        const clientId = await ensureClient(tx, name);
        const { key } = await createApiKey(tx, pepper, { clientId, principal: `client:${name}`, scopes: ['payments:write'] });
        return { clientId, key };
      });
    },
    restart: async (settings) => {
      await endAll(home);
      return runIn(home, { ...env, ...settings });
    },
    close: () => leave(home),
  };
}

async function endAll({ running }: Home): Promise<void> {
  for (const end of running.splice(0).reverse()) await end();
}

async function leave(home: Home): Promise<void> {
  await endAll(home);
  await rm(home.dataDir, { recursive: true, force: true });
}

async function reconcileToday(env: Readonly<Record<string, string | undefined>>): ReturnType<BenchPlatform['reconcile']> {
  const nowMs = systemClock.now();
  const byDay = Map.groupBy(
    RAILS.filter(({ protocol }) => protocol !== 'on_us'),
    ({ country }) => dayIn(country, nowMs),
  );
  let lines = 0;
  const breaks: string[] = [];
  for (const [day, rails] of byDay) {
    for (const result of await reconcileRails({ env, rails, day, file: null, by: 'bench' })) {
      // Nothing moved over a rail without a statement; whether that is so, the invariants tell.
      if (!('report' in result)) breaks.push(...(result.code === 'statement_missing' ? [] : [`${result.railId} ${day}: ${result.detail}`]));
      else {
        lines += result.report.lines;
        breaks.push(...result.report.breaks.map(({ kind, subject }) => `${result.railId} ${day}: ${kind}: ${subject}`));
      }
    }
  }
  return { lines, breaks };
}

/** Pays a client's balances in, the demo client's unless told, so that it can pay from them. */
export async function fundBalances({ pool }: Pick<BenchPlatform, 'pool'>, clientId = DEMO_CLIENT_ID): Promise<void> {
  const currencies = [...new Set(CORRIDORS.flat().map((country) => countryByCode(country).currency))];
  await withTransaction(pool, async (tx) => {
    for (const currency of currencies) await fundClient(tx, clientId, money(FUNDS_MINOR, currency), `bench ${currency}`);
  });
}

/** Our own environment without settings of CAPP, on a free port. */
async function environmentFor(dataDir: string): Promise<Record<string, string | undefined>> {
  const own = Object.entries(process.env).filter(([name]) => !/^(CAPP_|SANDBOX_|DATABASE_URL$|REDIS_URL$|PORT$|HOST$)/.test(name));
  return { ...Object.fromEntries(own), CAPP_DATA_DIR: dataDir, CAPP_LOG_LEVEL: 'warn', PORT: String(await freePort()) };
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}

async function untilReady(url: string): Promise<void> {
  const deadlineMs = performance.now() + READY_MS_MAX;
  while (performance.now() < deadlineMs) {
    const answer = await fetch(`${url}/health/ready`);
    await answer.arrayBuffer();
    if (answer.ok) return;
    await delay(POLL_MS);
  }
  throw new Error(`${url} did not become ready`);
}
