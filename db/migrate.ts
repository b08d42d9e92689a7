/**
 * Brings a database forward to the schema of this version: our own migrations, then the queue's.
 * Forward only, one process at a time, safe to run at every start.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { runMigrations } from 'bullmq';
import type { Pool, PoolClient } from 'pg';
import { fault } from '../domain/errors.ts';
import { connect, type ConnectOptions, databaseCodeOf, databaseFault } from './connect.ts';
import { assertServiceRole, grantServiceRole, lacksRights, type LibrarySchema, roleMissing, SERVICE_ROLE } from './service-role.ts';

/** Where BullMQ keeps its jobs when it runs on PostgreSQL. */
export const QUEUE_SCHEMA = 'queue';

const LIBRARIES: readonly LibrarySchema[] = [{ name: QUEUE_SCHEMA, makes: true }];

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
  /** Leave out the schema of the queue. */
  readonly ownOnly?: boolean;
}

/**
 * Applies what is missing, each migration in a transaction of its own, gives the role of the processes its rights, and returns the names
 * of those applied now. Who does not own the tables can only find that nothing is missing. Throws `database_newer` when the database
 * knows a migration that we do not, `database_diverged` when one was applied in another wording.
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
      if (!(await ownsTables(client)) && (await missingForUser(client, migrations)).length === 0) return [];
      const applied = await applyMissing(client, migrations, options.upTo);
      if (options.ownOnly !== true) await runMigrations(client, QUEUE_SCHEMA);
      await giveRights(client);
      return applied;
    } finally {
      await client.query('select pg_advisory_unlock($1)', [MIGRATE_LOCK]);
    }
  } finally {
    // The connection goes away with its settings.
    client.release(true);
  }
}

/**
 * Connections for a command that works beside the processes: to a database in the schema of this version, with the rights that the
 * processes have, and not those of the owner, as whom it may be called.
 */
export async function connectToWork(options: Pick<ConnectOptions, 'url' | 'applicationName'>): Promise<Pool> {
  const owner = connect({ ...options, max: 2 });
  try {
    await migrate(owner);
  } finally {
    await owner.end();
  }
  const pool = connect({ ...options, role: SERVICE_ROLE, max: 2 });
  await assertServiceRole(pool).catch(async (error: unknown) => {
    await pool.end();
    throw error;
  });
  return pool;
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

/** Whether we may change the tables; of a database that is still empty, we are to make them. */
async function ownsTables(client: PoolClient): Promise<boolean> {
  const { rows } = await client.query<{ owned: boolean }>(
    `select pg_has_role(relowner, 'USAGE') as owned from pg_class where oid = to_regclass('public.schema_migrations')`,
  );
  return rows[0]?.owned ?? true;
}

/**
 * What is missing, for who does not own the tables: a login of the processes may read nothing but in their role. Throws `config_invalid`
 * for one that was not admitted.
 */
async function missingForUser(client: PoolClient, migrations: readonly Migration[]): Promise<Migration[]> {
  const { rowCount } = await client.query(`select from pg_roles where rolname = $1 and pg_has_role(oid, 'SET')`, [SERVICE_ROLE]);
  if (rowCount === 1) await client.query(`set role ${SERVICE_ROLE}`);
  const missing = await missingOf(client, migrations).catch((error: unknown) => {
    throw databaseCodeOf(error) === '42501' ? roleMissing(error) : error;
  });
  await client.query('reset role');
  return missing;
}

/**
 * The role of the processes has its rights on what stands: after each migration of ours, and where the queue made a table. A migration
 * whose rights were never given, because the process ended between the two, gets them the next time.
 */
async function giveRights(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    'select nspname as name from pg_namespace where nspname = any($1) and exists (select from pg_roles where rolname = $2)',
    [['public', QUEUE_SCHEMA], SERVICE_ROLE],
  );
  const schemas = LIBRARIES.filter((library) => rows.some(({ name }) => name === library.name));
  // Before the migration that makes the role there is nobody to give rights to.
  if (rows.length === 0) return;
  const { rowCount: ungranted } = await client.query('select from schema_migrations where granted_at is null limit 1');
  if (ungranted === 0 && !(await lacksRights(client, schemas))) return;
  await client.query('begin');
  try {
    await grantServiceRole(client, schemas);
    await client.query('update schema_migrations set granted_at = now() where granted_at is null');
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

async function applyMissing(client: PoolClient, migrations: readonly Migration[], upTo: string | undefined): Promise<string[]> {
  await makeJournal(client);
  const missing = new Set(await missingOf(client, migrations));
  const applied: string[] = [];
  for (const migration of migrations) {
    if (missing.has(migration)) {
      await applyOne(client, migration);
      applied.push(migration.tag);
    }
    if (migration.tag === upTo) break;
  }
  return applied;
}

/** The table of what was applied, and of what the role of the processes has its rights on. It is older than the column of those. */
async function makeJournal(client: PoolClient): Promise<void> {
  await client.query(
    'create table if not exists schema_migrations (tag text primary key, hash text not null, applied_at timestamptz not null default now())',
  );
  const { rowCount } = await client.query(
    `select from pg_attribute where attrelid = 'public.schema_migrations'::regclass and attname = 'granted_at'`,
  );
  // Not by "if not exists", which waits for everybody who reads the table, such as a backup, at every start.
  if (rowCount === 0) await client.query('alter table schema_migrations add column granted_at timestamptz');
}

/** What the database does not know yet. Throws for what it knows and we do not. */
async function missingOf(client: PoolClient, migrations: readonly Migration[]): Promise<Migration[]> {
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
  return migrations.filter(({ tag }) => !done.has(tag));
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
