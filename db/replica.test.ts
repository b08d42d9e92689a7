/** Lists over a real standby of a real server, which streams from it. */
import { execFile } from 'node:child_process';
import { appendFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Cluster, clusterIn, launch, type RunningServer, stopServer, urlOf } from './cluster.ts';
import { connect, type Pool } from './connect.ts';
import { startDatabase, type Database } from './embedded.ts';
import { insertClient, insertPayment } from './fixtures.ts';
import { migrate } from './migrate.ts';
import { watchReplica } from './replica.ts';
import { makeScratchDir } from './scratch.ts';
import { openTenants, type Tenants } from './tenants.ts';

let root: string;
let database: Database;
let pool: Pool;
let standby: Cluster;
let running: RunningServer;
let standbyPool: Pool;
let standbyUrl: string;
let clientId: string;

beforeAll(async () => {
  root = await makeScratchDir('capp-replica-');
  const dataDir = join(root, 'primary');
  database = await startDatabase({ dataDir, databaseUrl: null, durable: false });
  pool = connect({ url: database.url, applicationName: 'capp test' });
  await migrate(pool);
  clientId = await insertClient(pool);
  standby = await copyOf(clusterIn(dataDir, false), join(root, 'standby'));
  running = await launch(standby);
  standbyUrl = await urlOf(standby, running, 'capp');
  standbyPool = connect({ url: standbyUrl, applicationName: 'capp test' });
  await vi.waitFor(() => standbyPool.query('select 1'), { timeout: 20_000, interval: 50 });
}, 60_000);
afterAll(async () => {
  await standbyPool.end();
  await stopServer(running);
  await pool.end();
  await database.stop();
  await rm(root, { recursive: true, force: true });
});

/** Copies the files of a running server, as the manual of PostgreSQL says under "Making a Base Backup Using the Low Level API", into a standby of it. */
async function copyOf(primary: Cluster, dataDir: string): Promise<Cluster> {
  const copy = clusterIn(dataDir, false);
  const backup = await pool.connect();
  try {
    await backup.query(`select pg_backup_start('standby', true)`);
    await mkdir(dataDir, { mode: 0o755 });
    // With their owner, whom the server runs as.
    await promisify(execFile)('cp', ['-a', primary.directory, copy.directory]);
    await rm(join(copy.directory, 'postmaster.pid'));
    const { rows } = await backup.query<{ label: string }>('select labelfile as label from pg_backup_stop(false)');
    await writeFile(join(copy.directory, 'backup_label'), rows[0]?.label ?? '');
  } finally {
    backup.release();
  }
  const { hostname, port, username, password } = new URL(database.url);
  await appendFile(
    join(copy.directory, 'postgresql.auto.conf'),
    `primary_conninfo = 'host=${hostname} port=${port} user=${username} password=${password}'\n`,
  );
  await writeFile(join(copy.directory, 'standby.signal'), '');
  return copy;
}

/** As `pg_wal_replay_pause` does: the standby goes on to answer and stands still. */
const stand = (still: boolean) => standbyPool.query(still ? 'select pg_wal_replay_pause()' : 'select pg_wal_replay_resume()');

/** Ends the queries of lists that sleep on the standby; gives how many there were. */
async function breakOff(): Promise<number> {
  const { rowCount } = await standbyPool.query(
    `select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and state = 'active' and pid <> pg_backend_pid()`,
  );
  return rowCount ?? 0;
}

async function idsListed(tenants: Tenants): Promise<string[]> {
  const { rows } = await tenants.listing(clientId).query<{ id: string }>('select id from payments order by id');
  return rows.map(({ id }) => id);
}

function open(url = standbyUrl, lagMsMax = 1_500): { readonly tenants: Tenants; readonly errors: unknown[] } {
  const errors: unknown[] = [];
  const replica = { url, lagMsMax, onError: (error: unknown) => void errors.push(error) };
  return { errors, tenants: openTenants({ url: database.url, applicationName: 'capp test', max: 2, replica }) };
}

const isCurrent = (tenants: Tenants, wanted: boolean) =>
  vi.waitFor(() => expect(tenants.replica?.isCurrent()).toBe(wanted), { timeout: 20_000, interval: 20 });

describe('lists over a replica', () => {
  test('are read from it while it is current, of one client only, and from the server that writes while it stands still', async () => {
    const first = await insertPayment(pool, { clientId });
    await insertPayment(pool, { clientId: await insertClient(pool) });
    const { tenants } = open();
    try {
      await isCurrent(tenants, true);
      await vi.waitFor(async () => expect(await idsListed(tenants)).toContain(first), { timeout: 20_000 });
      expect((await idsListed(tenants)).length).toBe(1);
      const fromReplica = tenants.replica?.answered().replica ?? 0;
      expect(fromReplica).toBeGreaterThan(0);

      await stand(true);
      const second = await insertPayment(pool, { clientId });
      await isCurrent(tenants, false);
      expect(await idsListed(tenants)).toContain(second);
      expect(tenants.replica?.lagMs()).toBeGreaterThan(1_500);
      expect(tenants.replica?.answered()).toEqual({ replica: fromReplica, primary: 1 });

      await stand(false);
      await isCurrent(tenants, true);
      expect(await idsListed(tenants)).toContain(second);
      expect(tenants.replica?.answered()).toEqual({ replica: fromReplica + 1, primary: 1 });
    } finally {
      await stand(false);
      await tenants.end();
    }
  });

  test('come from the server that writes when the replica breaks off, and what is wrong with a query is still said', async () => {
    const { tenants, errors } = open();
    try {
      await isCurrent(tenants, true);
      await expect(tenants.listing(clientId).query('select nothing from payments')).rejects.toThrow('does not exist');
      expect(tenants.replica?.isCurrent()).toBe(false);
      await isCurrent(tenants, true);
      // The standby breaks off whatever is under way, and nobody who asked hears of it.
      const listed = tenants.listing(clientId).query('select id, pg_sleep(0.5) from payments');
      await vi.waitFor(async () => expect(await breakOff()).toBe(1), { timeout: 20_000 });
      expect((await listed).rowCount).toBeGreaterThan(0);
      expect(errors.length).toBeGreaterThan(0);
    } finally {
      await tenants.end();
    }
  });

  test('never come from a server that follows another, or none', async () => {
    const { tenants, errors } = open(database.url);
    try {
      await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 20_000 });
      await delay(600);
      // It was looked at again and again, and told of once.
      expect(errors).toHaveLength(1);
      expect(tenants.replica?.lagMs()).toBeNull();
      expect(await idsListed(tenants)).not.toEqual([]);
      expect(tenants.replica?.answered().replica).toBe(0);
    } finally {
      await tenants.end();
    }
  });

  test('come from the server that writes when nothing answers at the address of the replica', async () => {
    const { tenants, errors } = open('postgres://nobody@127.0.0.1:1/capp');
    try {
      await vi.waitFor(() => expect(errors.length).toBeGreaterThan(0), { timeout: 20_000 });
      expect(await idsListed(tenants)).not.toEqual([]);
    } finally {
      await tenants.end();
    }
  });
});

describe('how old what a replica shows is', () => {
  const answering = (place: () => number, follows: boolean, server = 'one') => ({
    query: (async () => ({ rows: [{ place: String(place()), follows, server }] })) as unknown as Pool['query'],
  });

  test('counts from the newest place that it has replayed', async () => {
    let [written, replayed, nowMs] = [100, 100, 0];
    const replica = watchReplica({
      primary: answering(() => written, false),
      standby: answering(() => replayed, true),
      lagMsMax: 2_000,
      onError: () => undefined,
      everyMs: 1,
      now: () => nowMs,
    });
    try {
      await vi.waitFor(() => expect(replica.lagMs()).toBe(0));
      [written, nowMs] = [200, 5_000];
      await delay(50);
      expect(replica.lagMs()).toBeGreaterThan(2_000);
      expect(replica.isCurrent()).toBe(false);
      nowMs = 6_000;
      replayed = 200;
      await vi.waitFor(() => expect(replica.lagMs()).toBe(0));
      expect(replica.isCurrent()).toBe(true);
      replica.suspend();
      expect(replica.lagMs()).toBeNull();
    } finally {
      await replica.close();
    }
  });

  test('is not known of a server with another log, however far that is', async () => {
    const errors: unknown[] = [];
    const replica = watchReplica({
      primary: answering(() => 100, false),
      standby: answering(() => 1_000, true, 'other'),
      lagMsMax: 2_000,
      onError: (error) => errors.push(error),
      everyMs: 1,
    });
    await vi.waitFor(() => expect(errors).toHaveLength(1));
    await delay(20);
    expect(replica.lagMs()).toBeNull();
    await replica.close();
  });
});
