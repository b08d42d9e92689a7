/**
 * Brings a database forward to the schema of this version: our own migrations, then the queue's and
 * the checkpointer's. Forward only, one process at a time, safe to run at every start.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import { runMigrations } from 'bullmq';
import type { Pool, PoolClient } from 'pg';
import { fault } from '../domain/errors.ts';
import { databaseFault } from './connect.ts';

/** Where BullMQ keeps its jobs when it runs on PostgreSQL. */
export const QUEUE_SCHEMA = 'queue';
/** Where the case graph keeps its checkpoints. */
export const GRAPH_SCHEMA = 'graph';

const MIGRATE_LOCK = 7_263_002;
const FOLDER = new URL('./migrations/', import.meta.url);

interface Migration {
  readonly tag: string;
  readonly sql: string;
  readonly hash: string;
}

export interface MigrateOptions {
  /** Stop after this migration; for tests of the next one. */
  readonly upTo?: string;
  /** Leave out the schemas of the queue and the checkpointer. */
  readonly ownOnly?: boolean;
}

/**
 * Applies what is missing, each migration in a transaction of its own, and returns the names of those
 * applied now. Throws `database_newer` when the database knows a migration that we do not,
 * `database_diverged` when one was applied in another wording.
 */
export async function migrate(pool: Pool, options: MigrateOptions = {}): Promise<string[]> {
  const migrations = await readMigrations();
  const client = await pool.connect().catch((error: unknown) => {
    throw databaseFault(error);
  });
  try {
    // A migration may take longer than a statement of daily work; waiting for the lock counts as well.
    await client.query('set statement_timeout = 0');
    await client.query('select pg_advisory_lock($1)', [MIGRATE_LOCK]);
    try {
      const applied = await applyMissing(client, migrations, options.upTo);
      if (options.ownOnly !== true) {
        await runMigrations(client, QUEUE_SCHEMA);
        await new PostgresSaver(pool, undefined, { schema: GRAPH_SCHEMA }).setup();
      }
      return applied;
    } finally {
      await client.query('select pg_advisory_unlock($1)', [MIGRATE_LOCK]);
    }
  } finally {
    // The connection goes away with its settings.
    client.release(true);
  }
}

/** The migrations of this version, oldest first. */
export async function readMigrations(): Promise<Migration[]> {
  const journal = JSON.parse(await readFile(new URL('meta/_journal.json', FOLDER), 'utf8')) as { entries: { tag: string }[] };
  return Promise.all(
    journal.entries.map(async ({ tag }) => {
      const sql = await readFile(new URL(`${tag}.sql`, FOLDER), 'utf8');
      return { tag, sql, hash: createHash('sha256').update(sql).digest('hex') };
    }),
  );
}

async function applyMissing(client: PoolClient, migrations: readonly Migration[], upTo: string | undefined): Promise<string[]> {
  await client.query(
    'create table if not exists schema_migrations (tag text primary key, hash text not null, applied_at timestamptz not null default now())',
  );
  const { rows } = await client.query<{ tag: string; hash: string }>('select tag, hash from schema_migrations');
  const known = new Map(migrations.map((migration) => [migration.tag, migration]));
  for (const { tag, hash } of rows) {
    const migration = known.get(tag);
    if (migration === undefined)
      throw fault('database_newer', { detail: `The database has the migration ${tag}, which this version does not know.` });
    if (migration.hash !== hash)
      throw fault('database_diverged', { detail: `The migration ${tag} was applied to the database in another wording.` });
  }
  const done = new Set(rows.map((row) => row.tag));
  const applied: string[] = [];
  for (const migration of migrations) {
    if (!done.has(migration.tag)) {
      await applyOne(client, migration);
      applied.push(migration.tag);
    }
    if (migration.tag === upTo) break;
  }
  return applied;
}

async function applyOne(client: PoolClient, migration: Migration): Promise<void> {
  await client.query('begin');
  try {
    for (const statement of migration.sql.split('--> statement-breakpoint')) await client.query(statement);
    await client.query('insert into schema_migrations (tag, hash) values ($1, $2)', [migration.tag, migration.hash]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}
