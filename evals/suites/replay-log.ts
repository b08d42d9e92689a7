/**
 * The log that is replayed: that of `DATABASE_URL`, or of the data folder; where there are no decisions yet, that
 * of a demonstration, which is run for it in a folder of its own and thrown away.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { clusterIn } from '../../db/cluster.ts';
import { connect, type Pool } from '../../db/connect.ts';
import { attachOrStartDatabase } from '../../db/embedded.ts';
import { fault } from '../../domain/errors.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** Runs the demonstration over an environment; resolves when it is over. */
export type RunDemo = (env: Env) => Promise<void>;

/** Opens the log and hands it on. Throws `not_found` when the database that is set has no decisions, or no demonstration can be run. */
export async function withDecisionLog<T>(
  env: Env,
  tell: (line: string) => void,
  use: (pool: Pool) => Promise<T>,
  demo: RunDemo = runDemo,
): Promise<T> {
  const databaseUrl = env['DATABASE_URL'] || null;
  const dataDir = resolve(env['CAPP_DATA_DIR'] ?? '.capp');
  if (databaseUrl !== null || existsSync(join(clusterIn(dataDir).directory, 'PG_VERSION'))) {
    const found = await withDatabase({ dataDir, databaseUrl }, async (pool) =>
      (await hasDecisions(pool)) ? { value: await use(pool) } : null,
    );
    if (found !== null) return found.value;
    if (databaseUrl !== null) throw fault('not_found', { detail: 'There are no decisions in this database. Run the demo first.' });
  }
  tell(`There are no decisions in ${dataDir} yet: a demonstration is run to have some, which takes a minute or two.`);
  const own = await mkdtemp(join(tmpdir(), 'capp-replay-'));
  try {
    await demo({ ...env, CAPP_DATA_DIR: own, DATABASE_URL: '', REDIS_URL: '', PORT: String(await freePort()) });
    return await withDatabase({ dataDir: own, databaseUrl: null }, use);
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

async function withDatabase<T>(
  config: { readonly dataDir: string; readonly databaseUrl: string | null },
  use: (pool: Pool) => Promise<T>,
): Promise<T> {
  const database = await attachOrStartDatabase(config);
  try {
    const pool = connect({ url: database.url, applicationName: 'capp evals', max: 2 });
    try {
      return await use(pool);
    } finally {
      await pool.end();
    }
  } finally {
    await database.stop();
  }
}

/** Whether anything was decided here; a database that nobody set up yet has nothing either. */
async function hasDecisions(pool: Pool): Promise<boolean> {
  const known = await pool.query<{ known: boolean }>(`select to_regclass('decisions') is not null as known`);
  if (known.rows[0]?.known !== true) return false;
  return (await pool.query('select 1 from decisions limit 1')).rows.length > 0;
}

async function runDemo(env: Env): Promise<void> {
  const root = new URL('../..', import.meta.url).pathname;
  const child = spawn(process.execPath, ['server/cli/main.ts', 'demo', '--json'], {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-SAID_LETTERS_MAX);
  });
  const code = await new Promise<number | null>((resolveCode, reject) => {
    child.once('error', reject);
    child.once('close', resolveCode);
  });
  if (code !== 0) throw fault('not_found', { detail: `There are no decisions, and the demonstration failed: ${said.trim()}` });
}

const SAID_LETTERS_MAX = 500;

function freePort(): Promise<number> {
  return new Promise((resolvePort, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolvePort(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
