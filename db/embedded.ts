/**
 * The database CAPP works on: the one DATABASE_URL names, or a PostgreSQL server of our own under the
 * data folder. One process owns that server: it started it and stops it. Others attach to it.
 *
 * Whoever owns the server holds an advisory lock in it as long as it lives, so that a server whose
 * owner died is told from one at work without trusting a pid.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { fault } from '../domain/errors.ts';
import {
  type Cluster,
  clusterIn,
  ensureCluster,
  findRunning,
  launch,
  removeDrafts,
  type RunningServer,
  stopServer,
  urlOf,
} from './cluster.ts';
import type { ServerTls } from './cluster-tls.ts';
import { databaseCodeOf, databaseFault } from './connect.ts';

export interface DatabaseConfig {
  /** CAPP_DATA_DIR. */
  readonly dataDir: string;
  /** DATABASE_URL; null: a server of our own. */
  readonly databaseUrl: string | null;
  /** False only for tests: nothing is flushed to disk. */
  readonly durable?: boolean;
  /** With these a server of our own speaks TLS 1.3 and nothing else. One that runs already goes on as it was started. */
  readonly serverTls?: ServerTls | null;
}

export interface Database {
  /** `postgres://…`; carries a password and is not to be logged. */
  readonly url: string;
  /** This process started the server, or took it over from an owner that died. */
  readonly owned: boolean;
  /** Resolves when a server of our own is gone without having been told to; never for one of somebody else. */
  readonly lost: Promise<void>;
  /** Stops the server if it is ours; does nothing otherwise. Close pools, queues and workers first. */
  stop(): Promise<void>;
}

const DATABASE = 'capp';
const OWNER_LOCK = 7_263_001;
/** Recovery after a crash replays up to the WAL limit, which a slow disk takes its time for. */
const READY_MS_MAX = 120_000;
const POLL_MS = 25;
const NEVER = new Promise<void>(() => undefined);

/**
 * Starts the database, as its owner. Throws `already_running` when another process owns the server on
 * this data folder, `storage_unwritable`, `database_newer`, `database_unavailable`.
 */
export async function startDatabase(config: DatabaseConfig): Promise<Database> {
  const database = await attachOrStartDatabase(config);
  if (database.owned || config.databaseUrl !== null) return database;
  throw fault('already_running', { detail: `Another instance of CAPP works on the data folder ${config.dataDir}.` });
}

/**
 * Gives the database of a running system, or starts it for as long as the caller needs it: for
 * `capp verify` and `capp explain`, which work either way. Throws as `startDatabase` does, but for
 * `already_running`.
 */
export async function attachOrStartDatabase(config: DatabaseConfig): Promise<Database> {
  if (config.databaseUrl !== null) {
    await assertReachable(config.databaseUrl);
    return { url: config.databaseUrl, owned: false, lost: NEVER, stop: async () => undefined };
  }
  const cluster = clusterIn(config.dataDir, config.durable ?? true, config.serverTls ?? null);
  await ensureCluster(cluster);
  const server = await runningOrLaunched(cluster);
  const maintenanceUrl = await urlOf(cluster, server, 'postgres');
  await ensureDatabase(maintenanceUrl);
  const owner = await takeOwnership(maintenanceUrl);
  const url = await urlOf(cluster, server, DATABASE);
  if (owner === null) return { url, owned: false, lost: NEVER, stop: async () => undefined };
  await removeDrafts(cluster).catch(() => undefined);
  let stopping: Promise<void> | undefined;
  const stop = async () => {
    await owner.end().catch(() => undefined);
    await stopServer(server);
  };
  const lost = new Promise<void>((resolve) => {
    owner.once('end', () => {
      if (stopping === undefined) resolve();
    });
  });
  return {
    url,
    owned: true,
    lost,
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/** The server that runs and takes connections. One that is just going down is waited for, then launched anew. */
async function runningOrLaunched(cluster: Cluster): Promise<RunningServer> {
  const deadlineMs = Date.now() + READY_MS_MAX;
  let lastError: unknown;
  while (Date.now() < deadlineMs) {
    const server = (await findRunning(cluster)) ?? (await launchUnlessRaced(cluster));
    if (server !== null && server.port > 0) {
      lastError = await connectionError(await urlOf(cluster, server, 'postgres'));
      if (lastError === undefined) return server;
      // 28000: it has just begun and speaks TLS, and what it wrote down was still of the start before.
      if (!['57P03', 'ECONNREFUSED', 'ECONNRESET', '57P01', '28000'].includes(databaseCodeOf(lastError) ?? '57P03'))
        throw databaseFault(lastError);
    }
    await delay(POLL_MS);
  }
  throw fault('database_unavailable', { detail: 'The embedded database did not become ready.', cause: lastError });
}

/** Two processes may launch at once; PostgreSQL lets one win, and the other finds it running at its next look. */
async function launchUnlessRaced(cluster: Cluster): Promise<RunningServer | null> {
  try {
    return await launch(cluster);
  } catch (error) {
    if ((await findRunning(cluster)) !== null) return null;
    throw error;
  }
}

async function connectionError(url: string): Promise<unknown> {
  const client = newClient(url);
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function assertReachable(url: string): Promise<void> {
  const error = await connectionError(url);
  if (error === undefined) return;
  throw fault('database_unavailable', {
    detail: `The database that DATABASE_URL names cannot be reached (${databaseCodeOf(error) ?? 'no answer'}).`,
    cause: error,
  });
}

async function ensureDatabase(maintenanceUrl: string): Promise<void> {
  const client = newClient(maintenanceUrl);
  await client.connect();
  try {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [DATABASE]);
    // 42P04 and 23505: another process made it in the same moment.
    if (rowCount === 0) await client.query(`create database ${DATABASE}`);
  } catch (error) {
    if (!['42P04', '23505'].includes(databaseCodeOf(error) ?? '')) throw databaseFault(error);
  } finally {
    await client.end();
  }
}

/** Takes the owner's lock, or null when a living owner has it. The connection stays open for as long as we own. */
async function takeOwnership(url: string): Promise<pg.Client | null> {
  const client = newClient(url);
  await client.connect();
  const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [OWNER_LOCK]);
  if (rows[0]?.taken === true) return client;
  await client.end();
  return null;
}

function newClient(url: string): pg.Client {
  const client = new pg.Client({ connectionString: url, application_name: 'capp owner', connectionTimeoutMillis: 5_000, keepAlive: true });
  // The end of the server ends this connection too; that is no news.
  client.on('error', () => undefined);
  return client;
}
