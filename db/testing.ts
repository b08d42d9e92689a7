/** Databases for tests: each a fresh copy of a migrated one, gone when the test is done with it. */
import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { connect, withTransaction } from './connect.ts';

export interface TestDatabase {
  readonly pool: pg.Pool;
  readonly url: string;
  /** Closes the pool and drops the database. */
  close(): Promise<void>;
}

let templateUrl: Promise<string> | undefined;

async function askForTemplate(): Promise<string> {
  const response = await fetch(inject('testServerUrl'));
  const text = await response.text();
  if (!response.ok) throw new Error(`the test database did not start: ${text}`);
  return text;
}

/** Makes a database of its own for a test file or a test; `empty` without any migration. */
export async function testDatabase(options: { readonly empty?: boolean; readonly max?: number } = {}): Promise<TestDatabase> {
  templateUrl ??= askForTemplate();
  const template = new URL(await templateUrl);
  const name = `test_${randomBytes(6).toString('hex')}`;
  const source = options.empty === true ? 'template0' : template.pathname.slice(1);
  const adminUrl = Object.assign(new URL(template), { pathname: '/postgres' }).href;
  await administer(adminUrl, `create database ${name} template ${source} strategy file_copy`);
  const url = Object.assign(new URL(template), { pathname: `/${name}` }).href;
  const pool = connect({ url, applicationName: 'capp test', max: options.max ?? 8 });
  return {
    pool,
    url,
    close: async () => {
      await pool.end();
      await administer(adminUrl, `drop database ${name} with (force)`);
    },
  };
}

/** Changes rows as somebody would who owns the database: no trigger and no constraint between tables stands in the way. */
export async function tamper(pool: pg.Pool, sql: string, values: readonly unknown[] = []): Promise<void> {
  await withTransaction(pool, async (tx) => {
    await tx.query('set local session_replication_role = replica');
    await tx.query(sql, [...values]);
  });
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
