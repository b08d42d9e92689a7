/**
 * The role under which everything runs once the tables stand: it reads and adds to all of them, and may change or delete no row that
 * is only ever added to. Those are told by their triggers (migrations), so that what a trigger refuses, the right to do it is missing
 * for as well. Its owner alone can turn a trigger off or give a right back, and no process that serves or works connects as that.
 */
import { randomBytes } from 'node:crypto';
import type { Pool } from 'pg';
import { type Fault, fault } from '../domain/errors.ts';
import { databaseCodeOf, type Queryable } from './connect.ts';
import { TENANT_WRITER_COLUMNS, TENANT_WRITER_RIGHTS } from './tenant-rights.ts';
import { TENANT_ROLE, TENANT_WRITER_ROLE } from './tenants.ts';

/** Made by a migration, without a login of its own. */
export const SERVICE_ROLE = 'capp_service';
/** The login of the processes on a server of our own: it owns nothing, and can do nothing but take on the two roles. */
export const RUNNER = 'capp_runner';

/** Bits of `pg_trigger.tgtype`. */
const [DELETES, UPDATES] = [8, 16];

/**
 * Tables of our own schema, with what may never be done to their rows; not their partitions, which are for nobody but the owner. A trigger that refuses whenever it fires, on no condition, says
 * so for the table, or for the columns that it names.
 */
const TABLES_SQL = `
  select c.oid::regclass::text as name, c.relrowsecurity as rls,
    c.relname = 'schema_migrations' as known_only,
    coalesce(bool_or(t.tgtype::int & ${DELETES} > 0), false) as kept,
    coalesce(bool_or(t.tgtype::int & ${UPDATES} > 0 and t.tgattr::text = ''), false) as fixed,
    (select array_agg(quote_ident(a.attname) order by a.attnum) from pg_attribute a
      where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        and not coalesce(a.attnum = any(array_agg(t.attnum)), false)) as free
  from pg_class c
  left join lateral (
    select g.tgtype, g.tgattr, fixed.attnum from pg_trigger g
    join pg_proc p on p.oid = g.tgfoid and p.proname in ('refuse_change', 'refuse_loss', 'refuse_alteration')
    left join lateral unnest(g.tgattr::int2[]) as fixed(attnum) on g.tgtype::int & ${UPDATES} > 0
    where g.tgrelid = c.oid and g.tgqual is null and g.tgenabled <> 'D'
  ) t on true
  where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  group by c.oid, c.relname, c.relrowsecurity
  order by c.relname`;

interface OwnTable {
  readonly name: string;
  readonly rls: boolean;
  readonly known_only: boolean;
  readonly kept: boolean;
  readonly fixed: boolean;
  /** Columns that no trigger holds fast; null when every one is. */
  readonly free: readonly string[] | null;
}

const POLICY = 'of_the_service';

function statementsFor(table: OwnTable, policed: ReadonlySet<string>): string[] {
  const { name } = table;
  const statements = [`revoke all on ${name} from ${SERVICE_ROLE}`];
  if (table.known_only) return [...statements, `grant select on ${name} to ${SERVICE_ROLE}`];
  statements.push(`grant select, insert${table.kept ? '' : ', delete'} on ${name} to ${SERVICE_ROLE}`);
  if (!table.fixed && table.free !== null) statements.push(`grant update (${table.free.join(', ')}) on ${name} to ${SERVICE_ROLE}`);
  // Only where the role could not be made to pass by row-level security does this policy count.
  if (table.rls && !policed.has(name))
    statements.push(`create policy ${POLICY} on ${name} to ${SERVICE_ROLE} using (true) with check (true)`);
  return statements;
}

/** The rights of whoever acts for a client: those of a list, and of rows that change no more than the service may change either. */
function writerStatementsFor({ name, fixed, free }: OwnTable): string[] {
  const statements = [`revoke all on ${name} from ${TENANT_WRITER_ROLE}`];
  const verbs = TENANT_WRITER_RIGHTS[name] ?? [];
  const whole = verbs.filter((verb) => verb !== 'update');
  if (whole.length > 0) statements.push(`grant ${whole.join(', ')} on ${name} to ${TENANT_WRITER_ROLE}`);
  const seen = TENANT_WRITER_COLUMNS[name];
  if (seen !== undefined) statements.push(`grant select (${seen.join(', ')}) on ${name} to ${TENANT_WRITER_ROLE}`);
  if (verbs.includes('update') && !fixed && free !== null)
    statements.push(`grant update (${free.join(', ')}) on ${name} to ${TENANT_WRITER_ROLE}`);
  return statements;
}

/** A schema of a library of ours, whose tables hold nothing that must last. */
export interface LibrarySchema {
  readonly name: string;
  /** It makes what it needs as it runs: the queue, a sequence for each of its lanes. */
  readonly makes: boolean;
}

/** Gives the role its rights on every table there is now. Run by the owner, after migrations, in a transaction. */
export async function grantServiceRole(tx: Queryable, schemas: readonly LibrarySchema[]): Promise<void> {
  const { rows: tables } = await tx.query<OwnTable>(TABLES_SQL);
  const { rows: policies } = await tx.query<{ name: string }>(
    `select polrelid::regclass::text as name from pg_policy where polname = '${POLICY}'`,
  );
  const policed = new Set(policies.map(({ name }) => name));
  const statements = tables.flatMap((table) => statementsFor(table, policed));
  statements.push(`grant usage on schema public to ${SERVICE_ROLE}`);
  // Before the migration that binds it, nobody acts for clients by it; the role itself another database of the server may have made.
  const { rowCount: bound } = await tx.query(
    'select from pg_policy where polroles && array(select oid from pg_roles where rolname = $1) limit 1',
    [TENANT_WRITER_ROLE],
  );
  if (bound === 1) statements.push(...tables.flatMap(writerStatementsFor), `grant usage on schema public to ${TENANT_WRITER_ROLE}`);
  for (const { name, makes } of schemas) statements.push(`grant usage${makes ? ', create' : ''} on schema ${name} to ${SERVICE_ROLE}`);
  const { rows: others } = await tx.query<OtherRelation>(OTHERS_SQL, [schemas.map(({ name }) => name), SERVICE_ROLE]);
  for (const { name, is_sequence } of others)
    statements.push(is_sequence ? `grant usage on sequence ${name} to ${SERVICE_ROLE}` : `grant all on ${name} to ${SERVICE_ROLE}`);
  if (bound === 1) statements.push(`grant usage on all sequences in schema public to ${TENANT_WRITER_ROLE}`);
  await tx.query(statements.join(';\n'));
}

/**
 * Sequences, and tables of libraries. What the role made itself it has every right to, and only a superuser, or whoever inherits from
 * the role, could grant anything on it.
 */
const OTHERS_SQL = `
  select c.oid::regclass::text as name, c.relkind = 'S' as is_sequence from pg_class c
  where c.relowner <> (select oid from pg_roles where rolname = $2)
    and (c.relnamespace = any($1::regnamespace[]) and c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
      or c.relnamespace = 'public'::regnamespace and c.relkind = 'S')
  order by 1`;

interface OtherRelation {
  readonly name: string;
  readonly is_sequence: boolean;
}

/** Whether a library has made a table since the rights were given, or lacks a right of its own. Ours come with migrations. */
export async function lacksRights(db: Queryable, schemas: readonly LibrarySchema[]): Promise<boolean> {
  const making = schemas.filter(({ makes }) => makes).map(({ name }) => name);
  const { rows } = await db.query<{ lacking: boolean }>(
    `select exists (select from pg_class where relkind in ('r', 'p') and not relispartition and relnamespace = any($1::regnamespace[])
         and not has_table_privilege('${SERVICE_ROLE}', oid, 'SELECT'))
       or exists (select from unnest($2::text[]) as library(name) where not has_schema_privilege('${SERVICE_ROLE}', name, 'CREATE')) as lacking`,
    [['public', ...schemas.map(({ name }) => name)], making],
  );
  return rows[0]?.lacking === true;
}

/** Lets a login of the server take on the roles of the processes, and nothing else of them. Run by the owner. */
export async function admitLogin(db: Queryable, login: string): Promise<void> {
  const { rows } = await db.query<{ name: string | null }>(
    'select (select quote_ident(rolname) from pg_roles where rolname = $1) as name',
    [login],
  );
  const name = rows[0]?.name ?? null;
  if (name === null) throw fault('not_found', { detail: 'The server has no role of that name.' });
  await db.query(`grant ${SERVICE_ROLE}, ${TENANT_ROLE}, ${TENANT_WRITER_ROLE} to ${name} with inherit false, set true`);
}

/**
 * Makes the login of the processes on a server of our own, with a new password, and returns how to reach the database as it. For the
 * owner of the server alone: the password before stops working.
 */
export async function openRunner(pool: Pool): Promise<(url: string) => string> {
  const password = randomBytes(24).toString('hex');
  const { rowCount } = await pool.query('select from pg_roles where rolname = $1', [RUNNER]);
  await pool.query(
    `${rowCount === 0 ? 'create' : 'alter'} role ${RUNNER} login nosuperuser nocreatedb nocreaterole noinherit nobypassrls password '${password}'`,
  );
  await admitLogin(pool, RUNNER);
  return (url) => Object.assign(new URL(url), { username: RUNNER, password }).href;
}

/**
 * Says in words what is missing when a connection cannot take on the role, or has not taken it on. Throws `config_invalid`, or what the
 * database does.
 */
export async function assertServiceRole(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ now: string }>('select current_user as now').catch((cause: unknown) => {
    // 22023: there is no such role, or it is not for this login; 42501 by newer servers.
    throw ['22023', '42501'].includes(databaseCodeOf(cause) ?? '') ? roleMissing(cause) : cause;
  });
  if (rows[0]?.now === SERVICE_ROLE) return;
  // A pooler that drops the options of a connection leaves it to its login, with whatever rights that has.
  const detail = `A connection by DATABASE_URL does not take on the role ${SERVICE_ROLE}: a pooler on the way must pass on startup options.`;
  throw fault('config_invalid', { field: 'DATABASE_URL', detail });
}

/** The fault of a login that was not admitted. */
export function roleMissing(cause: unknown): Fault {
  const detail = `The user of DATABASE_URL cannot take on the role ${SERVICE_ROLE}: run capp migrate as the owner of the tables, with --login.`;
  return fault('config_invalid', { field: 'DATABASE_URL', detail, cause });
}
