/**
 * A dump of the database as an operator keeps one: by `pg_dump` where there is one that is no older than the server, else every table
 * copied out by the server itself.
 */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pool } from '../../db/connect.ts';
import type { Needles } from './needles.ts';
import { type Place, searchFiles } from './places.ts';

const run = promisify(execFile);

/** Takes a dump, searches it, and deletes it. The user of `url` must be a superuser of a server on this machine. */
export async function searchDump({ pool, url }: { readonly pool: Pool; readonly url: string }, needles: Needles): Promise<Place> {
  const folder = await mkdtemp(join(tmpdir(), 'capp-dump-'));
  try {
    const withProgram = (await majorOfProgram()) >= (await majorOfServer(pool));
    await (withProgram ? dumpBy(url, join(folder, 'dump.sql')) : copyOut(pool, folder));
    return await searchFiles(withProgram ? 'dump by pg_dump' : 'dump by copy', folder, needles);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** 0 where there is none. */
async function majorOfProgram(): Promise<number> {
  try {
    const { stdout } = await run('pg_dump', ['--version']);
    return Number(/(\d+)/.exec(stdout)?.[1] ?? 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

async function majorOfServer(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ major: number }>(`select current_setting('server_version_num')::int / 10000 as major`);
  return rows[0]?.major ?? 0;
}

async function dumpBy(url: string, file: string): Promise<void> {
  const { hostname, port, username, password, pathname } = new URL(url);
  // Not as arguments, which everybody on the machine sees.
  const server = {
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: username,
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: pathname.slice(1),
  };
  await run('pg_dump', ['--file', file], { env: { PATH: process.env['PATH'], ...server } });
}

async function copyOut(pool: Pool, folder: string): Promise<void> {
  // The server writes the files, and may be another user of the machine.
  await chmod(folder, 0o777);
  const { rows } = await pool.query<{ copy: string }>(
    `select format('copy %I.%I to %L', schemaname, tablename, $1 || '/' || schemaname || '.' || tablename) as copy
     from pg_tables where schemaname not in ('pg_catalog', 'information_schema')
       and not exists (select from pg_partitioned_table where partrelid = format('%I.%I', schemaname, tablename)::regclass) order by 1`,
    [folder],
  );
  for (const { copy } of rows) await pool.query(copy);
}
