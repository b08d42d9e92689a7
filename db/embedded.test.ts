import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { clusterIn, findRunning } from './cluster.ts';
import { attachOrStartDatabase, type Database, startDatabase } from './embedded.ts';

let dataDir: string;
const opened: Database[] = [];
const children: ChildProcess[] = [];
let madeDir: string;
beforeAll(async () => {
  madeDir = await mkdtemp(join(tmpdir(), 'capp-embedded-'));
  await (await startDatabase({ dataDir: madeDir, databaseUrl: null, durable: false })).stop();
});
afterAll(() => rm(madeDir, { recursive: true }));
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'capp-embedded-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const database of opened.splice(0)) await database.stop();
  await untilGone();
  await rm(dataDir, { recursive: true });
});

const config = () => ({ dataDir, databaseUrl: null, durable: false });
const pidFile = () => join(dataDir, 'postgres', 'postmaster.pid');

/** Waits until no server runs on the data folder. */
async function untilGone(): Promise<void> {
  await vi.waitUntil(async () => (await findRunning(clusterIn(dataDir))) === null, { timeout: 20_000 });
}

/** Makes the data folder one that has been worked on before, which is quicker than making a cluster. */
async function copyMade(): Promise<void> {
  const [code] = await once(spawn('cp', ['-a', `${madeDir}/.`, dataDir]), 'exit');
  expect(code).toBe(0);
}

async function start(): Promise<Database> {
  const database = await startDatabase(config());
  opened.push(database);
  return database;
}

async function ask<T extends object>(url: string, text: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<T>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Starts the database in a process of its own, and returns once it says that it owns it. */
async function startElsewhere(): Promise<ChildProcess> {
  const script = `import { startDatabase } from '${new URL('embedded.ts', import.meta.url).href}';
    await startDatabase(${JSON.stringify(config())});
    console.log('started');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await once(child.stdout as NonNullable<ChildProcess['stdout']>, 'data');
  return child;
}

describe('the embedded database', () => {
  test('tells when it is gone unasked, and can be started again at the same address', async () => {
    await copyMade();
    const first = await start();
    const running = await findRunning(clusterIn(dataDir));
    process.kill(running?.pid ?? 0, 'SIGKILL');
    await first.lost;
    const second = await vi.waitUntil(() => start().catch(() => null), { timeout: 20_000 });
    expect(second?.url).toBe(first.url);
    const told = vi.fn<() => void>();
    void second?.lost.then(told);
    await second?.stop();
    expect(told).not.toHaveBeenCalled();
  });

  test('starts, keeps what was written, and comes back on the same port', async () => {
    const first = await start();
    expect(first.owned).toBe(true);
    await ask(first.url, 'create table note as select 7 as number');
    const settings = await ask<{ name: string; setting: string }>(
      first.url,
      "select name, setting from pg_settings where name in ('listen_addresses', 'TimeZone')",
    );
    expect(settings.map(({ setting }) => setting).sort()).toEqual(['127.0.0.1', 'UTC']);
    await first.stop();
    await first.stop();
    expect(existsSync(pidFile())).toBe(false);
    const second = await start();
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'select number from note')).toEqual([{ number: 7 }]);
  });

  test('takes another port when its own is taken', async () => {
    await copyMade();
    const first = await start();
    await first.stop();
    const squatter = createServer().listen(Number(new URL(first.url).port), '127.0.0.1');
    await once(squatter, 'listening');
    const second = await start();
    expect(new URL(second.url).port).not.toBe(new URL(first.url).port);
    expect(await ask(second.url, 'select 1 as one')).toEqual([{ one: 1 }]);
    squatter.close();
  });

  test('asks everybody on the machine for a password', async () => {
    await copyMade();
    const { url } = await start();
    const guess = Object.assign(new URL(url), { password: 'guess' }).href;
    await expect(ask(guess, 'select 1')).rejects.toThrow(/password/);
  });
});

describe('two on one data folder', () => {
  test('the second is told so, and may attach; only the owner stops the server', async () => {
    await copyMade();
    const owner = await start();
    await expect(startDatabase(config())).rejects.toThrow(/already_running/);
    const guest = await attachOrStartDatabase(config());
    expect(guest).toMatchObject({ owned: false, url: owner.url });
    await guest.stop();
    expect(await ask(owner.url, 'select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('of two that start in the same moment on a new folder, one owns', async () => {
    const outcomes = await Promise.allSettled([start(), start()]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(outcomes.find((outcome) => outcome.status === 'rejected')?.reason).toMatchObject({ code: 'already_running' });
  });

  test('without a running system, attaching starts it for a while', async () => {
    await copyMade();
    const guest = await attachOrStartDatabase(config());
    opened.push(guest);
    expect(guest.owned).toBe(true);
    await guest.stop();
    expect((await start()).owned).toBe(true);
  });
});

describe('after a death', () => {
  test('the server goes when its owner is killed, and the next start finds everything', async () => {
    await copyMade();
    const owner = await startElsewhere();
    const guest = await attachOrStartDatabase(config());
    expect(guest.owned).toBe(false);
    await ask(guest.url, 'create table note as select 7 as number');
    owner.kill('SIGKILL');
    await untilGone();
    const next = await start();
    expect(await ask(next.url, 'select number from note')).toEqual([{ number: 7 }]);
  });

  test('a killed server recovers at the next start', async () => {
    await copyMade();
    const first = await startDatabase({ ...config(), durable: true });
    opened.push(first);
    await ask(first.url, 'create table note as select 7 as number');
    const running = await findRunning(clusterIn(dataDir));
    process.kill(running?.pid as number, 'SIGKILL');
    await untilGone();
    const next = await start();
    expect(await ask(next.url, 'select number from note')).toEqual([{ number: 7 }]);
  });

  test('a postmaster.pid whose number now belongs to another program is stale', async () => {
    await copyMade();
    await writeFile(pidFile(), `${process.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n\n127.0.0.1\n`);
    expect((await start()).owned).toBe(true);
  });

  test('what is left of a creation that was cut short is not taken for a cluster, and goes', async () => {
    await mkdir(join(dataDir, 'postgres.00.new', 'base'), { recursive: true });
    await writeFile(join(dataDir, 'postgres.00.new.password'), 'secret');
    expect((await start()).owned).toBe(true);
    expect((await readdir(dataDir)).filter((name) => name.includes('.new'))).toEqual([]);
  });
});

describe('faults in one line', () => {
  const failureOf = async (given: Parameters<typeof startDatabase>[0]) => {
    const error = await startDatabase(given).catch((failure: Error) => failure);
    expect(String(error)).not.toContain('\n');
    return String(error);
  };

  test('a data folder that cannot be', async () => {
    await writeFile(join(dataDir, 'file'), '');
    expect(await failureOf({ ...config(), dataDir: join(dataDir, 'file', 'data') })).toMatch(/storage_unwritable.*ENOTDIR/);
  });

  test('a database that DATABASE_URL names and that is not there; its password is not shown', async () => {
    const message = await failureOf({ ...config(), databaseUrl: 'postgres://capp:hunter2@127.0.0.1:1/capp' });
    expect(message).toMatch(/database_unavailable.*ECONNREFUSED/);
    expect(message).not.toContain('hunter2');
  });

  test('files of another version of PostgreSQL', async () => {
    await copyMade();
    await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '99\n');
    expect(await failureOf(config())).toMatch(/database_newer/);
  });

  test('a server that cannot start', async () => {
    await copyMade();
    await appendFile(join(dataDir, 'postgres', 'postgresql.conf'), '\nno_such_setting = 1\n');
    expect(await failureOf(config())).toMatch(/database_unavailable.*postgres\.log/);
    expect(await readFile(join(dataDir, 'postgres.log'), 'utf8')).toContain('no_such_setting');
  });
});
