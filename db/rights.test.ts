/** Rights through upgrades, and as those who are no superusers: as a hosted server has them. */
import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect, type Pool } from './connect.ts';
import { insertClient } from './fixtures.ts';
import { connectToWork, migrate, QUEUE_SCHEMA } from './migrate.ts';
import { admitLogin, assertServiceRole, SERVICE_ROLE } from './service-role.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
let ends: (() => Promise<unknown>)[];
beforeEach(async () => {
  database = await testDatabase({ empty: true });
  ends = [() => database.close()];
});
afterEach(async () => {
  for (const end of ends.toReversed()) await end();
});

/** A login of the server by itself, gone after the test with all it owns. */
async function makeLogin(name: string, may = ''): Promise<{ readonly login: string; readonly url: string }> {
  const login = `${name}_${randomBytes(4).toString('hex')}`;
  await database.pool.query(`create role ${login} login password 'plain' nosuperuser ${may}`);
  ends.push(() => database.pool.query(`reassign owned by ${login} to current_user; drop owned by ${login}; drop role ${login}`));
  return { login, url: Object.assign(new URL(database.url), { username: login, password: 'plain' }).href };
}

function open(url: string, role?: string): Pool {
  const pool = connect({ url, applicationName: 'capp test', max: 1, ...(role === undefined ? {} : { role }) });
  ends.push(() => pool.end());
  return pool;
}

/** The database belongs to somebody who may make roles, and stands beside the two as if they had made them. */
async function makeOwner(): Promise<{ readonly login: string; readonly pool: Pool }> {
  const { login, url } = await makeLogin('owner', 'createrole');
  await database.pool.query(
    `alter database ${new URL(database.url).pathname.slice(1)} owner to ${login};
     grant ${SERVICE_ROLE}, capp_tenant, capp_tenant_writer to ${login} with admin true, inherit false, set true`,
  );
  return { login, pool: open(url) };
}

/** What the role may do, by table and column. */
async function rightsIn(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ right: string }>(
    `select format('%s %s.%s', verb, c.relname, coalesce(a.attname, '*')) as right from pg_class c
     join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
     cross join unnest(array['SELECT', 'INSERT', 'UPDATE']) as verb
     where c.relnamespace = any(array['public', '${QUEUE_SCHEMA}']::regnamespace[]) and c.relkind in ('r', 'p')
       and has_column_privilege($1, c.oid, a.attnum, verb)
     union all select 'DELETE ' || relname from pg_class
     where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and has_table_privilege($1, oid, 'DELETE') order by 1`,
    [SERVICE_ROLE],
  );
  return rows.map(({ right }) => right);
}

test('an owner who is no superuser upgrades what the role has made sequences in', async () => {
  const owner = await makeOwner();
  await migrate(owner.pool, { upTo: '0043_text_keys' });
  const { login, url } = await makeLogin('app');
  await owner.pool.query(`grant ${SERVICE_ROLE}, capp_tenant to ${login} with inherit false, set true`);
  const service = open(url, SERVICE_ROLE);
  // As the queue does for each of its lanes.
  await service.query(`create sequence ${QUEUE_SCHEMA}.of_a_lane`);
  expect(await migrate(owner.pool)).not.toEqual([]);
  expect((await service.query(`select from checkpoints`)).rowCount).toBe(0);
  expect((await service.query<{ next: bigint }>(`select nextval('${QUEUE_SCHEMA}.of_a_lane') as next`)).rows).toEqual([{ next: 1n }]);
  expect((await service.query<{ next: bigint }>(`select nextval('${QUEUE_SCHEMA}.job_seq') as next`)).rows).toEqual([{ next: 1n }]);
  await insertClient(service);
  // A login that was admitted before clients had a role to act by may take that on too.
  expect((await open(url, 'capp_tenant_writer').query('select from payments')).rowCount).toBe(0);
});

test('commands work as the login that the processes have, and are told when it was not admitted', async () => {
  await migrate(database.pool);
  const { login, url } = await makeLogin('app');
  const refused = { code: 'config_invalid', field: 'DATABASE_URL' };
  await expect(connectToWork({ url, applicationName: 'capp test' })).rejects.toMatchObject(refused);
  await admitLogin(database.pool, login);
  const pool = await connectToWork({ url, applicationName: 'capp test' });
  ends.push(() => pool.end());
  await insertClient(pool);
  expect((await pool.query('select current_user as now, session_user as login')).rows).toEqual([{ now: SERVICE_ROLE, login }]);
});

test('rights that could not be given after a migration are given the next time', async () => {
  await migrate(database.pool, { upTo: '0010_operators_and_reconciliation' });
  await database.pool.query(
    `create function refuse_grants() returns event_trigger language plpgsql as
       $$ begin if current_query() like '%to ${SERVICE_ROLE}%' then raise exception 'no rights today'; end if; end $$;
     create event trigger no_grants on ddl_command_start when tag in ('GRANT') execute function refuse_grants()`,
  );
  // The migration, which makes rows append-only, stands: it is committed by itself.
  await expect(migrate(database.pool, { upTo: '0011_reconciliation_guards' })).rejects.toThrow('no rights today');
  await database.pool.query('drop event trigger no_grants; drop function refuse_grants');
  const other = await testDatabase({ empty: true });
  ends.push(() => other.close());
  await migrate(other.pool, { upTo: '0011_reconciliation_guards' });
  const rights = await rightsIn(other.pool);
  expect(await rightsIn(database.pool)).not.toEqual(rights);
  expect(await migrate(database.pool, { upTo: '0011_reconciliation_guards' })).toEqual([]);
  expect(await rightsIn(database.pool)).toEqual(rights);
});

test('a database from before it was noted which rights were given gets them all', async () => {
  await migrate(database.pool);
  const rights = await rightsIn(database.pool);
  await database.pool.query(
    `alter table schema_migrations drop column granted_at; revoke update on payments from ${SERVICE_ROLE};
     grant update on transfers to ${SERVICE_ROLE}`,
  );
  expect(await rightsIn(database.pool)).not.toEqual(rights);
  expect(await migrate(database.pool)).toEqual([]);
  expect(await rightsIn(database.pool)).toEqual(rights);
});

test('a connection that never took on the role is not worked with', async () => {
  await migrate(database.pool);
  // What a pooler makes of it that drops the options of a connection.
  await expect(assertServiceRole(database.pool)).rejects.toMatchObject({
    code: 'config_invalid',
    field: 'DATABASE_URL',
    detail: expect.stringContaining('pooler') as string,
  });
  await assertServiceRole(open(database.url, SERVICE_ROLE));
});
