/**
 * A Redis server for tests: its own process on a free loopback port, with nothing kept on disk. Uses the
 * `redis-server` on the PATH; where there is none and apt-get may install, Debian's package is installed
 * once. Without either it fails with one line that says what to do.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface RedisServer {
  /** `redis://127.0.0.1:PORT`. */
  readonly url: string;
  /** Ends the server and removes its folder. May be called more than once. */
  readonly stop: () => Promise<void>;
}

const START_TRIES_MAX = 3;
const INSTALL_TRIES_MAX = 3;
const INSTALL_MS_MAX = 180_000;
/** The first start after an installation reads from a cold disk. */
const START_MS_MAX = 20_000;

/** Starts a Redis server and resolves once it takes connections. Throws one line when none can be had. */
export async function startRedis(): Promise<RedisServer> {
  const program = (await findProgram('redis-server')) ?? (await installRedis());
  let failure: unknown;
  for (let attempt = 1; attempt <= START_TRIES_MAX; attempt += 1) {
    try {
      return await startOn(program, await freePort());
    } catch (error) {
      // Another program may have taken the port between asking for it and using it.
      failure = error;
    }
  }
  throw new Error('redis-server does not start', { cause: failure });
}

/** The full path of a program on the PATH, or null. */
export async function findProgram(name: string, path: string = process.env.PATH ?? ''): Promise<string | null> {
  for (const folder of path.split(delimiter).filter((each) => each !== '')) {
    const candidate = join(folder, name);
    const found = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return candidate;
  }
  return null;
}

async function installRedis(): Promise<string> {
  if (process.getuid?.() !== 0 || (await findProgram('apt-get')) === null) {
    throw new Error('redis-server is not on the PATH: install it (Debian: apt-get install redis-server) to run the Redis tests');
  }
  let failure: unknown;
  // Test files run side by side: while one installs, apt-get turns the other away or makes it wait.
  for (let attempt = 1; attempt <= INSTALL_TRIES_MAX; attempt += 1) {
    try {
      await aptGet('update');
      await aptGet('install', '-y', '--no-install-recommends', 'redis-server');
    } catch (error) {
      failure = error;
    }
    const program = await findProgram('redis-server');
    if (program !== null) return program;
  }
  throw new Error('redis-server is not on the PATH, and apt-get could not install it', { cause: failure });
}

async function aptGet(...words: readonly string[]): Promise<void> {
  await run('apt-get', ['-qq', '-o', 'DPkg::Lock::Timeout=120', ...words], {
    timeout: INSTALL_MS_MAX,
    // In run level 1 the package starts no server of its own on the well-known port.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
}

async function startOn(program: string, port: number): Promise<RedisServer> {
  const folder = await mkdtemp(join(tmpdir(), 'capp-redis-'));
  const settings = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  const server = spawn(program, [...settings, '--maxmemory-policy', 'noeviction', '--daemonize', 'no'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const stop = async () => {
    await end(server);
    await rm(folder, { recursive: true, force: true });
  };
  // Servers outlive a test process that is killed, unless they go with it.
  const endNow = () => server.kill('SIGKILL');
  process.once('exit', endNow);
  server.once('exit', () => process.removeListener('exit', endNow));
  try {
    await ready(server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `redis://127.0.0.1:${port}`, stop };
}

/** Resolves when the server says that it takes connections, rejects when it ends or takes too long. */
function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const deadline = setTimeout(() => reject(new Error('redis-server did not become ready in time')), START_MS_MAX);
    const settle = (act: () => void) => {
      clearTimeout(deadline);
      act();
    };
    let said = '';
    server.once('error', (error) => settle(() => reject(error)));
    server.once('exit', (code) => settle(() => reject(new Error(`redis-server ended with code ${code}`))));
    server.stdout?.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('latin1')).slice(-4096);
      if (said.includes('Ready to accept connections')) settle(resolve);
    });
  });
}

async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null || server.pid === undefined) return;
  const ended = new Promise((resolve) => server.once('exit', resolve));
  // Nothing is kept, so there is nothing to end gently.
  server.kill('SIGKILL');
  await ended;
}

/** A port of the loopback interface that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => (address !== null && typeof address === 'object' ? resolve(address.port) : reject(new Error('no port'))));
    });
  });
}
