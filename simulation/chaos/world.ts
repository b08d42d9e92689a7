/**
 * The real thing, to be broken: a durable PostgreSQL behind a wire that can be cut, on a small file system where
 * one can be mounted; a Redis where there is one; the API, workers and sandbox operators as processes under
 * their supervisor.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { access, chmod, constants, mkdtemp, rm, statfs, unlink, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { clusterIn, findRunning } from '../../db/cluster.ts';
import { connect, type Pool } from '../../db/connect.ts';
import { type Database, startDatabase } from '../../db/embedded.ts';
import { type Platform, startPlatform } from '../../server/supervisor.ts';
import { type Proxy, startProxy } from './proxy.ts';

const run = promisify(execFile);

export interface ChaosWorld {
  readonly platform: Platform;
  readonly proxy: Proxy;
  readonly env: Readonly<Record<string, string>>;
  readonly dataDir: string;
  /** Straight to PostgreSQL, past the wire; made anew after PostgreSQL was killed. */
  pool(): Pool;
  /** SIGKILL to PostgreSQL's first process, and its start after that, as a service manager would. */
  killPostgres(): Promise<void>;
  /** Fills the file system of the database; null where none of our own could be mounted. */
  readonly disk: { fill(): Promise<void>; free(): Promise<void> } | null;
  /** Null without a redis-server. */
  readonly redis: { flush(): Promise<void>; kill(): void; start(): Promise<void> } | null;
  stop(): Promise<void>;
}

const DISK_MEGABYTES = 900;
const RETRY_MS = 250;

/** Brings everything up. */
export async function openChaosWorld(options: { readonly workers: number; readonly tell: (line: string) => void }): Promise<ChaosWorld> {
  const undo: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const each of undo.splice(0).reverse()) await each();
  };
  try {
    const folder = await mkdtemp(join(tmpdir(), 'capp-chaos-'));
    await chmod(folder, 0o755);
    undo.push(() => rm(folder, { recursive: true, force: true }));
    // What operators keep is on disks of their own.
    const dataDir = await mkdtemp(join(tmpdir(), 'capp-chaos-data-'));
    undo.push(() => rm(dataDir, { recursive: true, force: true }));
    const mounted = await mountSmall(folder);
    if (mounted) undo.push(() => run('umount', [folder]));
    const server = await openServer(folder);
    undo.push(server.stop);
    const proxy = await startProxy(() => Number(new URL(server.url()).port));
    undo.push(proxy.close);
    const redis = await openRedis();
    if (redis !== null) undo.push(async () => redis.kill());
    const env: Record<string, string> = {
      PATH: process.env['PATH'] ?? '',
      CAPP_DATA_DIR: dataDir,
      CAPP_LOG_LEVEL: 'warn',
      DATABASE_URL: Object.assign(new URL(server.url()), { port: String(proxy.port) }).href,
      PORT: String(await freePort()),
      ...(redis === null ? {} : { REDIS_URL: redis.url }),
    };
    const platform = await startPlatform({ env, workers: options.workers, tell: options.tell });
    undo.push(() => platform.stop());
    return {
      platform,
      proxy,
      env,
      dataDir,
      pool: server.pool,
      killPostgres: server.kill,
      disk: mounted ? diskOf(folder) : null,
      redis,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A file system in memory of its own, so that it can be filled; needs the right to mount. */
async function mountSmall(folder: string): Promise<boolean> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return false;
  return run('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MEGABYTES}m,mode=755`, 'tmpfs', folder]).then(
    () => true,
    () => false,
  );
}

function diskOf(folder: string): NonNullable<ChaosWorld['disk']> {
  const ballast = join(folder, 'ballast');
  return {
    fill: async () => {
      const { bavail, bsize } = await statfs(folder);
      await writeFile(ballast, Buffer.alloc(bavail * bsize)).catch((error: NodeJS.ErrnoException) => {
        // Others write at the same time: full before the ballast is whole is full as well.
        if (error.code !== 'ENOSPC') throw error;
      });
    },
    free: () => unlink(ballast),
  };
}

async function openServer(folder: string) {
  const config = { dataDir: folder, databaseUrl: null };
  let database: Database = await startDatabase(config);
  let pool = poolOf(database.url);
  return {
    url: () => database.url,
    pool: () => pool,
    kill: async (): Promise<void> => {
      const running = await findRunning(clusterIn(folder));
      if (running === null) return;
      process.kill(running.pid, 'SIGKILL');
      await database.lost;
      await pool.end().catch(() => undefined);
      // Its children hold the memory for a moment longer; until they are gone no other server starts.
      for (;;) {
        const started = await startDatabase(config).catch(() => null);
        if (started !== null) {
          database = started;
          pool = poolOf(database.url);
          return;
        }
        await pause(RETRY_MS);
      }
    },
    stop: async (): Promise<void> => {
      await pool.end().catch(() => undefined);
      await database.stop();
    },
  };
}

function poolOf(url: string): Pool {
  return connect({ url, applicationName: 'capp chaos', max: 3 });
}

async function openRedis() {
  const program = await findProgram('redis-server');
  if (program === null) return null;
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child: ChildProcess | null = null;
  const withClient = async (use: (client: Redis) => Promise<unknown>): Promise<void> => {
    const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 20 });
    client.on('error', () => undefined);
    try {
      await client.connect().catch(() => undefined);
      await use(client);
    } finally {
      client.disconnect();
    }
  };
  const start = async (): Promise<void> => {
    child = spawn(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--maxmemory-policy', 'noeviction'], {
      stdio: 'ignore',
    });
    await withClient((client) => client.ping());
  };
  await start();
  return {
    url,
    start,
    kill: () => void child?.kill('SIGKILL'),
    flush: () => withClient((client) => client.flushall()),
  };
}

async function findProgram(name: string): Promise<string | null> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  return null;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
