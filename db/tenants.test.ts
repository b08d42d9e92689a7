import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withTransaction } from './connect.ts';
import { insertAttempt, insertClient, insertPayment } from './fixtures.ts';
import { newId } from '../domain/ids.ts';
import { openTenants, type Tenants } from './tenants.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
let tenants: Tenants;
let one: string;
let other: string;
let ofOne: string;
let ofOther: string;
beforeAll(async () => {
  database = await testDatabase();
  // A single connection, so that every change of client happens on it.
  tenants = openTenants({ url: database.url, applicationName: 'capp test clients', max: 1 });
  one = await insertClient(database.pool);
  other = await insertClient(database.pool);
  ofOne = await insertPayment(database.pool, { clientId: one });
  ofOther = await insertPayment(database.pool, { clientId: other });
  for (const [clientId, paymentId] of [
    [one, ofOne],
    [other, ofOther],
  ] as const) {
    await insertAttempt(database.pool, { clientId, paymentId, leg: 'collection' });
    await database.pool.query(
      `insert into accounts (code, kind, currency, normal_side, client_id) values ($1, 'client', 'KES', 'credit', $2)`,
      [`client:${clientId}:KES`, clientId],
    );
  }
});
afterAll(async () => {
  await tenants.end();
  await database.close();
});

const idsSeenBy = async (clientId: string): Promise<string[]> =>
  (await tenants.of(clientId).query<{ id: string }>('select id from payments')).rows.map(({ id }) => id);

describe('a query that forgets to name the client', () => {
  test('sees the rows of its own alone, whoever used the connection before', async () => {
    expect(await idsSeenBy(one)).toEqual([ofOne]);
    expect(await idsSeenBy(other)).toEqual([ofOther]);
    const seen = await Promise.all(Array.from({ length: 40 }, (_, index) => idsSeenBy(index % 2 ? one : other)));
    seen.forEach((ids, index) => expect(ids).toEqual([index % 2 ? ofOne : ofOther]));
  });

  test('sees nothing of another even when it asks by id, directly or through what hangs on it', async () => {
    const db = tenants.of(one);
    for (const text of [
      'select 1 from payments where id = $1',
      'select 1 from attempts where payment_id = $1',
      'select 1 from transfers where payment_id = $1',
      'select 1 from payment_events where payment_id = $1',
    ])
      expect((await db.query(text, [ofOther])).rowCount).toBe(0);
    expect((await db.query('select 1 from attempts where payment_id = $1', [ofOne])).rowCount).toBe(1);
    const { rows } = await db.query<{ code: string }>(`select code from accounts where code like 'client:%'`);
    expect(rows.map(({ code }) => code)).toEqual([`client:${one}:KES`]);
  });

  test('sees its own in a transaction too, also after one that was rolled back', async () => {
    const failed = withTransaction(tenants.of(one), async (tx) => {
      await tx.query('select 1 from payments');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect(await withTransaction(tenants.of(one), async (tx) => (await tx.query('select id from payments')).rows)).toEqual([{ id: ofOne }]);
  });

  test('sees of mandates and halts its own, and halts of everybody', async () => {
    for (const clientId of [one, other]) {
      const id = newId();
      await database.pool.query(
        `insert into mandates (id, client_id, depth, holder, issuer, policy, not_before, expires_at, created_at, seal)
         values ($1, $2, 1, 'a', 'b', '{}', now(), now() + interval '1 day', now(), '')`,
        [id, clientId],
      );
      await database.pool.query(
        `insert into mandate_spends (client_id, reference_id, mandate_id, fingerprint, amount, currency, payee_index, spent_at)
         values ($1, 'r', $2, '', 1, 'KES', '', now())`,
        [clientId, id],
      );
    }
    const halts: [string | null, string | null][] = [
      [one, null],
      [other, null],
      [null, null],
      [null, ofOther],
    ];
    for (const [clientId, paymentId] of halts)
      await database.pool.query(
        `insert into execution_halts (id, client_id, payment_id, reason, begun_by, begun_at) values ($1, $2, $3, 'a test', 'x', now())`,
        [newId(), clientId, paymentId],
      );
    const seen = async (table: string) =>
      (await tenants.of(one).query<{ client_id: string | null }>(`select client_id from ${table} order by client_id`)).rows;
    for (const table of ['mandates', 'mandate_spends']) expect(await seen(table)).toEqual([{ client_id: one }]);
    expect(await seen('execution_halts')).toEqual([{ client_id: one }, { client_id: null }]);
    await expect(tenants.of(one).query('update execution_halts set lifted_at = now()')).rejects.toMatchObject({ code: '42501' });
  });

  test('cannot write a row for another', async () => {
    const insert = (clientId: string) =>
      tenants
        .of(one)
        .query(
          `insert into webhook_endpoints (id, client_id, url, secret, topics) values (gen_random_uuid(), $1, 'https://a.example', '', '{}')`,
          [clientId],
        );
    await expect(insert(other)).rejects.toMatchObject({ code: '42501' });
    expect((await insert(one)).rowCount).toBe(1);
  });
});

describe('the role', () => {
  test('cannot pass by row-level security, log in, or become another', async () => {
    const { rows } = await database.pool.query(
      `select rolcanlogin, rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = 'capp_tenant'`,
    );
    expect(rows).toEqual([{ rolcanlogin: false, rolsuper: false, rolbypassrls: false, rolcreaterole: false }]);
    const me = await tenants.of(one).query('select current_user as role');
    expect(me.rows).toEqual([{ role: 'capp_tenant' }]);
  });

  test.each(['api_keys', 'audit_events', 'operator_tokens', 'clients'])('cannot read %s at all', async (table) => {
    await expect(tenants.of(one).query(`select 1 from ${table}`)).rejects.toMatchObject({ code: '42501' });
  });

  test('reads of people the wrapped keys of its own client alone, and neither names nor numbers', async () => {
    const { rows } = await tenants.of(one).query<{ clientId: string }>('select distinct client_id as "clientId" from users');
    expect(rows).toEqual([{ clientId: one }]);
    for (const column of ['person', 'phone', 'phone_index', 'name', '*'])
      await expect(tenants.of(one).query(`select ${column} from users`)).rejects.toMatchObject({ code: '42501' });
  });

  test.each(['payments', 'attempts', 'transfers', 'cases'])('cannot change %s', async (table) => {
    await expect(tenants.of(one).query(`update ${table} set id = id`)).rejects.toMatchObject({ code: '42501' });
    await expect(tenants.of(one).query(`delete from ${table}`)).rejects.toMatchObject({ code: '42501' });
  });

  test('sees nothing without a client', async () => {
    const { rows } = await database.pool.query<{ count: number }>('select count(*)::int as count from payments');
    expect(rows[0]?.count).toBe(2);
    await expect(tenants.of('').query('select 1 from payments')).resolves.toMatchObject({ rowCount: 0 });
  });
});

test('every table that names a client is bound by row-level security, and by a policy', async () => {
  const { rows } = await database.pool.query<{ relname: string }>(
    `select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'client_id' and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and not (c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid))`,
  );
  expect(rows).toEqual([]);
});

test('the policy is asked by index, like any condition', async () => {
  const plan = await withTransaction(tenants.of(one), async (tx) => {
    await tx.query('set local enable_seqscan = off');
    return tx.query<{ 'QUERY PLAN': string }>('explain (costs off) select id from payments order by id desc limit 50');
  });
  const text = plan.rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(text).toMatch(/Index (Only )?Scan Backward using payments_client_list/);
  expect(text).toMatch(/Index Cond: \(client_id = /);
});
