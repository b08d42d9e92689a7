import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connect, type Pool } from './connect.ts';
import { insertClient, insertPayment } from './fixtures.ts';
import { admitLogin, assertServiceRole, openRunner, RUNNER, SERVICE_ROLE } from './service-role.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

/** Rows of these are added and stay as they are. Written out, so that a trigger that goes missing takes no right with it unseen. */
const APPEND_ONLY = [
  'agent_activity',
  'audit_blocks',
  'audit_events',
  'audit_ranges',
  'break_decisions',
  'compliance_records',
  'compliance_rule_sets',
  'decision_commons',
  'decision_sets',
  'execution_grants',
  'mandate_signatures',
  'payment_events',
  'reconciliations',
  'settlement_approvals',
  'settlement_disputes',
  'settlement_items',
  'settlement_signed_approvals',
  'settlement_votes',
  'settlement_window_decisions',
  'settlement_windows',
  'statement_lines',
  'statements',
  'transfers',
];
/** Rows of these change in what is to change, and are never deleted. */
const KEPT = [
  'accounts',
  'autonomy_dials',
  'case_decisions',
  'case_information',
  'clients',
  'compliance_rules',
  'execution_halts',
  'index_keys',
  'intent_batches',
  'mandates',
  'payments',
  'reports',
  'screening_findings',
  'text_keys',
  'users',
];

let database: TestDatabase;
let service: Pool;
beforeAll(async () => {
  database = await testDatabase();
  service = connect({ url: database.url, applicationName: 'capp test', role: SERVICE_ROLE });
});
afterAll(async () => {
  await service.end();
  await database.close();
});

const DENIED = { code: '42501' };

describe('by the catalogue of the database', () => {
  test('no right to change or delete what is only ever added to', async () => {
    const { rows } = await database.pool.query<{ name: string; changes: boolean; deletes: boolean; empties: boolean; adds: boolean }>(
      `select relname as name, has_any_column_privilege($1, oid, 'UPDATE') as changes, has_table_privilege($1, oid, 'DELETE') as deletes,
         has_table_privilege($1, oid, 'TRUNCATE') as empties, has_table_privilege($1, oid, 'SELECT') and has_table_privilege($1, oid, 'INSERT') as adds
       from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by relname`,
      [SERVICE_ROLE],
    );
    const migrations = 'schema_migrations';
    const names = (those: typeof rows) => those.map(({ name }) => name).filter((name) => name !== migrations);
    expect(names(rows.filter(({ changes, deletes }) => !changes && !deletes))).toEqual(APPEND_ONLY);
    expect(names(rows.filter(({ changes, deletes }) => changes && !deletes))).toEqual(KEPT);
    expect(rows.filter(({ empties }) => empties)).toEqual([]);
    expect(rows.filter(({ adds }) => !adds).map(({ name }) => name)).toEqual([migrations]);
  });

  test('no right to change what stands fast in rows that change otherwise', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select table_name || '.' || column_name as name from information_schema.columns
       where table_schema = 'public' and has_column_privilege($1, format('public.%I', table_name), column_name, 'UPDATE')`,
      [SERVICE_ROLE],
    );
    const free = new Set(rows.map(({ name }) => name));
    for (const column of ['payments.amount', 'attempts.amount', 'quotes.rate', 'mandates.policy']) expect(free).not.toContain(column);
    for (const column of ['payments.status', 'attempts.state', 'quotes.payment_id', 'mandates.revoked_at']) expect(free).toContain(column);
    expect([...free].filter((name) => name.startsWith('case_decisions.'))).toEqual(['case_decisions.applied_at']);
    // Keys of parties are changed by rotation, under a condition that the trigger knows and a right cannot.
    expect(free.has('payments.parties')).toBe(true);
  });

  test('neither a login, nor an owner, nor a superuser', async () => {
    const { rows } = await database.pool.query(
      `select rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls,
         (select count(*)::int from pg_class where relowner = r.oid) as owns, (select count(*)::int from pg_auth_members where member = r.oid) as member_of
       from pg_roles r where rolname = $1`,
      [SERVICE_ROLE],
    );
    // Made by a superuser here, so that no policy has a part in the plans of its statements.
    expect(rows).toEqual([
      { rolcanlogin: false, rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: true, owns: 0, member_of: 0 },
    ]);
  });
});

describe('by trying', () => {
  test.each(APPEND_ONLY)('%s', async (name) => {
    const { rows } = await database.pool.query<{ column: string }>(
      `select quote_ident(attname) as column from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped limit 1`,
      [name],
    );
    await expect(service.query(`update ${name} set ${rows[0]?.column} = ${rows[0]?.column}`)).rejects.toMatchObject(DENIED);
    await expect(service.query(`delete from ${name}`)).rejects.toMatchObject(DENIED);
    await expect(service.query(`truncate ${name}`)).rejects.toMatchObject(DENIED);
  });

  test('the triggers cannot be turned off, nor a right be given back', async () => {
    for (const statement of [
      'alter table audit_events disable trigger audit_events_append_only',
      'drop trigger audit_events_append_only on audit_events',
      'set session_replication_role = replica',
      'create or replace function refuse_change() returns trigger language plpgsql as $$ begin return null; end $$',
      'drop table audit_events',
      'update schema_migrations set hash = hash',
    ])
      await expect(service.query(statement), statement).rejects.toMatchObject(DENIED);
    // This one is answered with a warning, and does nothing.
    await service.query(`grant update on audit_events to ${SERVICE_ROLE}`);
    await expect(service.query('update audit_events set id = id')).rejects.toMatchObject(DENIED);
  });

  test('rows are added and read as before', async () => {
    const clientId = await insertClient(service);
    const paymentId = await insertPayment(service, { clientId });
    expect((await service.query('select from payments where id = $1', [paymentId])).rowCount).toBe(1);
  });
});

describe('the logins of the processes', () => {
  const inDatabase = (url: string): string => Object.assign(new URL(url), { pathname: new URL(database.url).pathname }).href;

  test('on a server of our own: nothing is left to one that puts its role off', async () => {
    const url = inDatabase((await openRunner(database.pool))(database.url));
    const pool = connect({ url, applicationName: 'capp test', role: SERVICE_ROLE, max: 1 });
    // One connection throughout: a pool takes another after an error.
    const runner = await pool.connect();
    try {
      const insert = `insert into clients (id, name) values (gen_random_uuid(), 'runner')`;
      expect((await runner.query(insert)).rowCount).toBe(1);
      await expect(runner.query(`set role ${new URL(database.url).username}`)).rejects.toMatchObject(DENIED);
      await runner.query('set role none');
      expect((await runner.query<{ now: string }>('select current_user as now')).rows).toEqual([{ now: RUNNER }]);
      for (const statement of [insert, 'select id from audit_events', 'delete from audit_events', 'set session_replication_role = replica'])
        await expect(runner.query(statement), statement).rejects.toMatchObject(DENIED);
      await runner.query('set role capp_tenant');
    } finally {
      runner.release(true);
      await pool.end();
    }
  });

  test('one that cannot pass by row-level security sees every row by policy', async () => {
    const login = `plain_${process.pid}_${Date.now()}`;
    const clientId = await insertClient(database.pool);
    await database.pool.query(
      `create role ${login} login password 'plain' nobypassrls; grant ${SERVICE_ROLE} to ${login} with inherit true`,
    );
    const plain = new pg.Client({ connectionString: Object.assign(new URL(database.url), { username: login, password: 'plain' }).href });
    try {
      await plain.connect();
      const paymentId = await insertPayment(plain as unknown as Pool, { clientId });
      expect((await plain.query('select from payments where id = $1', [paymentId])).rowCount).toBe(1);
      await expect(plain.query('delete from audit_events')).rejects.toMatchObject(DENIED);
    } finally {
      await plain.end();
      await database.pool.query(`drop role ${login}`);
    }
  });

  test('one that was not admitted is told what to do, and one that does not exist is not found', async () => {
    const login = `stranger_${process.pid}_${Date.now()}`;
    await database.pool.query(`create role ${login} login password 'stranger'`);
    const url = Object.assign(new URL(database.url), { username: login, password: 'stranger' }).href;
    const open = () => connect({ url, applicationName: 'capp test', role: SERVICE_ROLE, max: 1 });
    const before = open();
    const after = open();
    try {
      await expect(assertServiceRole(before)).rejects.toMatchObject({ code: 'config_invalid', field: 'DATABASE_URL' });
      await admitLogin(database.pool, login);
      await assertServiceRole(after);
      await expect(admitLogin(database.pool, 'nobody of that name')).rejects.toMatchObject({ code: 'not_found' });
    } finally {
      await Promise.all([before.end(), after.end()]);
      await database.pool.query(`revoke ${SERVICE_ROLE}, capp_tenant, capp_tenant_writer from ${login}; drop role ${login}`);
    }
  });

  test('options in an address do not put another role in its place', async () => {
    const url = Object.assign(new URL(database.url), { search: '?options=-c%20role%3Dnone%20-c%20lock_timeout%3D1234' }).href;
    const pool = connect({ url, applicationName: 'capp test', role: SERVICE_ROLE, max: 1 });
    try {
      const { rows } = await pool.query(`select current_user as now, current_setting('lock_timeout') as own`);
      expect(rows).toEqual([{ now: SERVICE_ROLE, own: '1234ms' }]);
    } finally {
      await pool.end();
    }
  });
});
