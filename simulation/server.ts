/** Where runs have their databases: each a fresh copy of a migrated one, on a PostgreSQL of the simulation's own. */
import { rm } from 'node:fs/promises';
import pg from 'pg';
import { connect } from '../db/connect.ts';
import { startDatabase } from '../db/embedded.ts';
import { migrate } from '../db/migrate.ts';
import { makeScratchDir } from '../db/scratch.ts';
import { wakeAll } from './lock-waits.ts';

/** What one run works on. */
export interface RunDatabase {
  /** For the processes of the platform; more connections than all of them can take. */
  readonly pool: pg.Pool;
  /** Sees who waits for whom. */
  readonly monitor: pg.Pool;
  close(): Promise<void>;
}

export interface DatabaseServer {
  /** A migrated database that copies are made of. */
  readonly templateUrl: string;
  /** Makes the database of one run. */
  open(): Promise<RunDatabase>;
  stop(): Promise<void>;
}

const TEMPLATE = 'simulation_template';
/** Ends whoever closes a circle of locks as soon as it is closed, so that it is always the same one. */
const DEADLOCK_TIMEOUT = '1ms';

/** The order of rows must not depend on when somebody cleaned up, nor on who else reads a table, or reads it side by side. */
const SETTINGS = ['autovacuum = off', 'synchronize_seqscans = off', 'max_parallel_workers_per_gather = 0'];

/** Starts a server in a folder that is removed afterwards. */
export async function startServer(): Promise<DatabaseServer> {
  const dataDir = await makeScratchDir('capp-simulation-');
  const remove = (): Promise<void> => rm(dataDir, { recursive: true, force: true });
  try {
    const database = await startDatabase({ dataDir, databaseUrl: null, durable: false });
    const admin = adminOf(database.url);
    for (const setting of SETTINGS) await administer(admin, `alter system set ${setting}`);
    await administer(admin, 'select pg_reload_conf()');
    await administer(admin, `create database ${TEMPLATE}`);
    const pool = connect({ url: urlOf(admin, TEMPLATE), applicationName: 'capp simulation' });
    await migrate(pool);
    await pool.end();
    const templateUrl = urlOf(admin, TEMPLATE);
    return {
      templateUrl,
      open: () => openCopy(templateUrl),
      stop: async () => {
        wakeAll();
        await database.stop();
        await remove();
      },
    };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** As many as the server has room for, beside the monitor and whoever makes databases. */
const CONNECTIONS_MAX = 140;

let copies = 0;

/** Makes a copy of a migrated database on its own server. */
export async function openCopy(templateUrl: string): Promise<RunDatabase> {
  copies += 1;
  const name = `simulation_${process.pid}_${copies}`;
  const admin = adminOf(templateUrl);
  await administer(admin, `create database ${name} template ${new URL(templateUrl).pathname.slice(1)} strategy file_copy`);
  await administer(admin, `alter database ${name} set deadlock_timeout = '${DEADLOCK_TIMEOUT}'`);
  const url = urlOf(admin, name);
  // Connections stay: which of them is taken says how its statements are planned, and that must not hang on how long a run takes.
  const lasting = { url, statementTimeoutMs: 0, idleInTransactionTimeoutMs: 0, idleTimeoutMs: 0 };
  const pool = connect({ ...lasting, applicationName: 'capp simulation', max: CONNECTIONS_MAX });
  const monitor = connect({ ...lasting, applicationName: 'capp simulation monitor', max: 1 });
  return {
    pool,
    monitor,
    close: async () => {
      await Promise.all([pool, monitor].map((each) => each.end()));
      await administer(admin, `drop database ${name} with (force)`);
    },
  };
}

function adminOf(url: string): string {
  return urlOf(url, 'postgres');
}

function urlOf(url: string, database: string): string {
  return Object.assign(new URL(url), { pathname: `/${database}` }).href;
}

async function administer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
