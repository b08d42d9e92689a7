import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { withTransaction } from './connect.ts';
import { insertAttempt, insertClient, insertPayment } from './fixtures.ts';
import { newId } from '../domain/ids.ts';
import { UNBOUND_TABLES } from './tenant-rights.ts';
import { openTenants, TENANT_WRITER_ROLE, type Tenants } from './tenants.ts';
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
    expect(await seen('mandates')).toEqual([{ client_id: one }]);
    expect(await seen('execution_halts')).toEqual([{ client_id: one }, { client_id: null }]);
    await expect(tenants.of(one).query('update execution_halts set lifted_at = now()')).rejects.toMatchObject({ code: '42501' });
  });

  test('writes nothing, not even of its own', async () => {
    const insert = tenants
      .of(one)
      .query(
        `insert into webhook_endpoints (id, client_id, url, secret, topics) values (gen_random_uuid(), $1, 'https://a.example', '', '{}')`,
        [one],
      );
    await expect(insert).rejects.toMatchObject({ code: '42501' });
    await expect(tenants.of(one).query(`update payments set status = 'paid'`)).rejects.toMatchObject({ code: '42501' });
  });
});

describe('a statement that forgets to name the client', () => {
  const writing = (clientId: string) => tenants.writing(clientId);

  test('changes the rows of its own alone', async () => {
    const changed = await writing(one).query<{ client_id: string }>('update payments set updated_at = now() returning client_id');
    expect(changed.rows).toEqual([{ client_id: one }]);
    expect((await writing(one).query('update payments set updated_at = now() where id = $1', [ofOther])).rowCount).toBe(0);
    expect((await writing(other).query(`update accounts set updated_at = now() where code like 'client:%'`)).rowCount).toBe(1);
    expect((await writing(one).query('select 1 from audit_events where client_id is distinct from $1', [one])).rowCount).toBe(0);
  });

  test.each([
    ['audit_events', `insert into audit_events (client_id, actor, action, subject) values ($1, 'a', 'b', 'c')`],
    ['audit_events of nobody', `insert into audit_events (client_id, actor, action, subject) select null, 'a', 'b', $1::text`],
    ['intent_batches', `insert into intent_batches (id, client_id, rows_accepted, rows_rejected) values (gen_random_uuid(), $1, 0, 0)`],
    [
      'execution_halts',
      `insert into execution_halts (id, client_id, reason, begun_by, begun_at) values (gen_random_uuid(), $1, 'a', 'b', now())`,
    ],
    [
      'execution_halts of everybody',
      `insert into execution_halts (id, reason, begun_by, begun_at) select gen_random_uuid(), $1::text, 'b', now()`,
    ],
    [
      'agent_switches',
      `insert into agent_switches (agent, state, reason, changed_by, changed_at) values ('investigator/' || $1::text, 'off', 'a', 'b', now())`,
    ],
    [
      'a switch of everybody',
      `insert into agent_switches (agent, state, reason, changed_by, changed_at) select 'investigator', 'off', $1::text, 'b', now()`,
    ],
  ])('adds no row for another: %s', async (_what, text) => {
    await expect(writing(one).query(text, [other])).rejects.toMatchObject({ code: '42501' });
  });

  test('hands no row of its own to another', async () => {
    await expect(writing(one).query('update intent_batches set client_id = $1', [other])).resolves.toMatchObject({ rowCount: 0 });
    const own = `insert into intent_batches (id, client_id, rows_accepted, rows_rejected) values (gen_random_uuid(), $1, 0, 0)`;
    expect((await writing(one).query(own, [one])).rowCount).toBe(1);
    await expect(writing(one).query('update intent_batches set client_id = $1', [other])).rejects.toMatchObject({ code: '42501' });
  });

  test('is rolled back whole, and the connection serves the next client as its own', async () => {
    const failed = withTransaction(writing(one), async (tx) => {
      await tx.query('update payments set updated_at = now()');
      throw new Error('no');
    });
    await expect(failed).rejects.toThrow('no');
    expect((await writing(other).query<{ id: string }>('select id from payments')).rows).toEqual([{ id: ofOther }]);
  });

  test.each(['logins', 'token_families', 'passkeys', 'signing_keys', 'idempotency_keys', 'ussd_sessions', 'operator_pins', 'legal_holds'])(
    'has nothing to do with %s',
    async (table) => {
      await expect(writing(one).query(`select 1 from ${table}`)).rejects.toMatchObject({ code: '42501' });
    },
  );

  test('sees of keys who signs by which, and nothing that lets anybody in', async () => {
    await expect(writing(one).query('select secret_hash from api_keys')).rejects.toMatchObject({ code: '42501' });
    await expect(writing(one).query('select principal, request_key_id from api_keys')).resolves.toMatchObject({ rowCount: 0 });
  });

  test('works on nothing that is bound to no client, but where the list says so', async () => {
    const { rows } = await database.pool.query<{ name: string }>(
      `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relrowsecurity
         and (has_any_column_privilege($1, oid, 'SELECT') or has_any_column_privilege($1, oid, 'INSERT') or has_any_column_privilege($1, oid, 'UPDATE'))
       order by 1`,
      [TENANT_WRITER_ROLE],
    );
    expect(rows.map(({ name }) => name)).toEqual(UNBOUND_TABLES.toSorted());
  });

  test('what is only ever added to, it changes as little as anybody', async () => {
    for (const table of ['audit_events', 'payment_events', 'transfers', 'mandate_signatures'])
      await expect(writing(one).query(`update ${table} set client_id = client_id`), table).rejects.toMatchObject({
        code: expect.stringMatching(/42501|42703/),
      });
    await expect(writing(one).query('update text_keys set wrapped = null, destroyed_at = now()')).rejects.toMatchObject({ code: '42501' });
    for (const table of ['payments', 'cases', 'mandates', 'webhook_endpoints'])
      await expect(writing(one).query(`delete from ${table}`), table).rejects.toMatchObject({ code: '42501' });
    await expect(writing(one).query('update payments set amount = 1')).rejects.toMatchObject({ code: '42501' });
  });
});

describe('the role', () => {
  test.each(['capp_tenant', 'capp_tenant_writer'])('cannot pass by row-level security, log in, or become another: %s', async (role) => {
    const { rows } = await database.pool.query(
      'select rolcanlogin, rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname = $1',
      [role],
    );
    expect(rows).toEqual([{ rolcanlogin: false, rolsuper: false, rolbypassrls: false, rolcreaterole: false }]);
    const db = role === 'capp_tenant' ? tenants.of(one) : tenants.writing(one);
    expect((await db.query('select current_user as role')).rows).toEqual([{ role }]);
  });

  test.each(['api_keys', 'audit_events', 'operator_tokens', 'clients', 'compliance_records', 'outbox'])(
    'cannot read %s at all',
    async (table) => {
      await expect(tenants.of(one).query(`select 1 from ${table}`)).rejects.toMatchObject({ code: '42501' });
    },
  );

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
    for (const db of [tenants.of(''), tenants.writing('')])
      await expect(db.query('select 1 from payments')).resolves.toMatchObject({ rowCount: 0 });
  });
});

test('every table that names a client is bound by row-level security, and by a policy for who reads and who writes', async () => {
  const { rows } = await database.pool.query<{ relname: string }>(
    `select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'client_id' and not a.attisdropped
     where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
       and not (c.relrowsecurity and exists (select from pg_policy p where p.polrelid = c.oid and 'capp_tenant'::regrole = any(p.polroles))
         and exists (select from pg_policy p where p.polrelid = c.oid and 'capp_tenant_writer'::regrole = any(p.polroles)))`,
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
