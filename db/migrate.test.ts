import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newId } from '../domain/ids.ts';
import { insertAttempt, insertClient, insertPayment } from './fixtures.ts';
import { migrate, QUEUE_SCHEMA, readMigrations } from './migrate.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase({ empty: true });
});
afterEach(() => database.close());

/** Columns, constraints, indexes, triggers: all that a migration may make. */
async function shapeOf(): Promise<unknown[]> {
  const { rows } = await database.pool.query(`
    select 'column ' || table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || coalesce(column_default, '') as what
    from information_schema.columns where table_schema = 'public'
    union all select 'constraint ' || conname || ' ' || pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace
    union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
    union all select 'trigger ' || tgrelid::regclass || ' ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
    order by 1`);
  return rows.map((row) => row.what);
}

describe('migrations', () => {
  test('build the database once, however often and by however many they are run', async () => {
    const { pool } = database;
    const tags = (await readMigrations()).map(({ tag }) => tag);
    const applied = await Promise.all([migrate(pool), migrate(pool)]);
    expect(applied.flat()).toEqual(tags);
    const shape = await shapeOf();
    expect(await migrate(pool)).toEqual([]);
    expect(await shapeOf()).toEqual(shape);
    const { rows } = await pool.query('select schema_name from information_schema.schemata where schema_name = $1', [QUEUE_SCHEMA]);
    expect(rows).toHaveLength(1);
  });

  test('run forward over a database in use: its rows stay, and the new rules count for them', async () => {
    const { pool } = database;
    const [base] = await readMigrations();
    await migrate(pool, { upTo: base?.tag as string, ownOnly: true });
    const clientId = await insertClient(pool);
    const paymentId = await insertPayment(pool, { clientId, status: 'collecting' });
    await insertAttempt(pool, { clientId, paymentId, leg: 'collection', state: 'pending' });
    await pool.query(`insert into accounts (code, kind, currency, normal_side, floor, debits_posted) values
      ('float:mpesa-ke', 'float', 'KES', 'debit', 0, 900), ('treasury:KES', 'treasury', 'KES', 'credit', null, 0)`);
    // Before its trigger, a pool can say anything.
    await pool.query(`insert into liquidity_pools (id, account_id, currency, country, balance)
      select 'mpesa-ke', id, 'KES', 'KE', 5 from accounts where code = 'float:mpesa-ke'`);
    await pool.query(
      `insert into transfers (id, type, debit_account_id, credit_account_id, amount, currency, reason)
        select $1, 'posted', debit.id, credit.id, 900, 'KES', 'opening' from accounts debit, accounts credit
        where debit.code = 'float:mpesa-ke' and credit.code = 'treasury:KES'`,
      [newId()],
    );
    const count = async () =>
      (await pool.query('select (select count(*) from payments) p, (select count(*) from attempts) a, (select count(*) from transfers) t'))
        .rows[0];
    const before = await count();

    const applied = await migrate(pool, { ownOnly: true });
    expect(applied.length).toBeGreaterThan(0);
    expect(applied).not.toContain(base?.tag);

    expect(await count()).toEqual(before);
    expect((await pool.query('select balance from liquidity_pools')).rows[0].balance).toBe(900n);
    await expect(pool.query("update payments set status = 'paid' where id = $1", [paymentId])).rejects.toMatchObject({
      constraint: 'payments_transition',
    });
    await pool.query("update payments set status = 'collected' where id = $1", [paymentId]);
    await expect(pool.query('delete from transfers')).rejects.toMatchObject({ constraint: 'transfers_append_only' });
    await pool.query("update accounts set credits_posted = 100 where code = 'float:mpesa-ke'");
    expect((await pool.query('select balance from liquidity_pools')).rows[0].balance).toBe(800n);
  });

  test('whoever holds a payment while leases move beside the status still holds it, and no other payment is held', async () => {
    const { pool } = database;
    await migrate(pool, { upTo: '0076_details_of_held_parties', ownOnly: true });
    const clientId = await insertClient(pool);
    const [held, putOff, free] = [
      await insertPayment(pool, { clientId }),
      await insertPayment(pool, { clientId, status: 'collected' }),
      await insertPayment(pool, { clientId }),
    ];
    const token = newId();
    await pool.query(`update payments set lease_token = $2, lease_until = '2030-01-01T00:00Z' where id = $1`, [held, token]);
    await pool.query(`update payments set not_before = '2030-01-02T00:00Z' where id = $1`, [putOff]);
    await migrate(pool, { ownOnly: true });
    const { rows } = await pool.query(
      'select payment_id as id, lease_token as token, lease_until as until, not_before as "notBefore" from payments_by_status order by payment_id',
    );
    expect(rows).toEqual([
      { id: held, token, until: new Date('2030-01-01T00:00Z'), notBefore: null },
      { id: putOff, token: null, until: null, notBefore: new Date('2030-01-02T00:00Z') },
      { id: free, token: null, until: null, notBefore: null },
    ]);
  });

  test('spends from before they were known by the fingerprints of payments belong to the payments that came of them', async () => {
    const { pool } = database;
    await migrate(pool, { upTo: '0039_mandates', ownOnly: true });
    const clientId = await insertClient(pool);
    const mandateId = newId();
    await pool.query(
      `insert into mandates (id, client_id, depth, holder, issuer, policy, not_before, expires_at, created_at, seal)
       values ($1, $2, 1, 'a', 'b', '{}', now(), now() + interval '1 day', now(), '')`,
      [mandateId, clientId],
    );
    const spend = (referenceId: string, amount: bigint, later: string) =>
      pool.query(
        `insert into mandate_spends (client_id, reference_id, mandate_id, fingerprint, amount, currency, payee_index, spent_at)
         values ($1, $2, $3, '', $4, 'KES', '', now() + $5::interval)`,
        [clientId, referenceId, mandateId, amount, later],
      );
    await spend('its own', 100n, '-1 second');
    await spend('another amount', 99n, '-1 second');
    await spend('too late', 100n, '1 hour');
    await spend('never stored', 100n, '-1 second');
    for (const referenceId of ['its own', 'another amount', 'too late'])
      await insertPayment(pool, { clientId, referenceId, amount: 100n, fingerprint: Buffer.from(referenceId) });
    await migrate(pool, { ownOnly: true });
    const { rows } = await pool.query<{ referenceId: string; fingerprint: Buffer }>(
      'select reference_id as "referenceId", fingerprint from mandate_spends where length(fingerprint) > 0',
    );
    expect(rows).toEqual([{ referenceId: 'its own', fingerprint: Buffer.from('its own') }]);
    await expect(pool.query('update mandate_spends set amount = 1')).rejects.toMatchObject({ constraint: 'mandate_spends_append_only' });
    await expect(pool.query(`delete from mandate_spends where reference_id = 'its own'`)).rejects.toMatchObject({
      constraint: 'mandate_spends_kept',
    });
    expect((await pool.query(`delete from mandate_spends where reference_id = 'too late'`)).rowCount).toBe(1);
  });

  test('whoever has released in a round that a thread no longer knows is asked anew, and nobody else', async () => {
    const { pool } = database;
    await migrate(pool, { upTo: '0043_text_keys', ownOnly: true });
    const clientId = await insertClient(pool);
    /** A case that two officers decide, at an interrupt; some have released it, and what the first of them said is taken in. */
    const openCase = async (...officers: string[]) => {
      const paymentId = await insertPayment(pool, { clientId, status: 'held' });
      const id = newId();
      await pool.query(
        `insert into cases (id, client_id, payment_id, status, priority, reasons, evidence, evidence_digest, approvals_needed, interrupt_id, due_at)
         values ($1, $2, $3, 'deciding', 1, '[]', '{}', 'as it is', 2, 'asked', now())`,
        [id, clientId, paymentId],
      );
      const decisions = officers.map((officer, index) => ({ id: newId(), officer, isTaken: index === 0 && officers.length > 1 }));
      for (const decision of decisions)
        await pool.query(
          `insert into case_decisions (id, case_id, payment_id, officer, verdict, reason_code, evidence_digest, round, applied_at)
           values ($1, $2, $3, $4, 'release', 'false_positive', 'as it is', 1, case when $5 then now() end)`,
          [decision.id, id, paymentId, decision.officer, decision.isTaken],
        );
      return { id, decisions: decisions.map((decision) => decision.id) };
    };
    const [half, fresh] = [await openCase('amina', 'kofi'), await openCase('amina')];
    await migrate(pool, { upTo: '0044_checkpoints', ownOnly: true });
    const [begun, whole] = [await openCase('amina', 'kofi'), await openCase('amina', 'kofi')];
    const knows = (caseId: string, decisionId: string) =>
      pool.query(
        `insert into checkpoints (thread_id, namespace, id, state, channel_values, metadata) values ($1, '', '1', '{}', $2, '{}')`,
        [caseId, JSON.stringify({ answers: ['json', JSON.stringify([{ decisionId }])] })],
      );
    await pool.query(`update case_decisions set applied_at = now() where case_id = $1 and applied_at is null`, [begun.id]);
    await pool.query(`update cases set status = 'open' where id = $1`, [begun.id]);
    await knows(begun.id, begun.decisions[1] ?? '');
    await knows(whole.id, whole.decisions[0] ?? '');
    await migrate(pool, { ownOnly: true });
    const { rows } = await pool.query<{ id: string; round: number }>('select id, round from cases');
    const rounds = new Map(rows.map(({ id, round }) => [id, round]));
    expect([half, begun, fresh, whole].map(({ id }) => rounds.get(id))).toEqual([2, 2, 1, 1]);
    const { rows: told } = await pool.query<{ subject: string }>(`select subject from audit_events where action = 'case.approvals_void'`);
    expect(told.map(({ subject }) => subject).toSorted()).toEqual([half, begun].map(({ id }) => `case:${id}`).toSorted());
  });

  test('a database of a newer version is left alone', async () => {
    const { pool } = database;
    await migrate(pool, { ownOnly: true });
    await pool.query("insert into schema_migrations (tag, hash) values ('9999_later', 'x')");
    await expect(migrate(pool)).rejects.toThrow(/database_newer.*9999_later/);
  });

  test('a migration that was applied in another wording is noticed', async () => {
    const { pool } = database;
    await migrate(pool, { ownOnly: true });
    await pool.query("update schema_migrations set hash = 'x' where tag = '0000_base'");
    await expect(migrate(pool)).rejects.toThrow(/database_diverged.*0000_base/);
  });

  test('one that fails leaves nothing of itself, and the next run goes on from there', async () => {
    const { pool } = database;
    await migrate(pool, { upTo: '0000_base', ownOnly: true });
    // The name of a function that the guards will make is taken.
    await pool.query('create function guard_payment_transition() returns trigger language plpgsql as $$ begin return new; end $$');
    const before = await shapeOf();
    await expect(migrate(pool, { ownOnly: true })).rejects.toThrow('already exists');
    expect(await shapeOf()).toEqual(before);
    await pool.query('drop function guard_payment_transition()');
    expect(await migrate(pool, { ownOnly: true })).toContain('0001_guards');
  });
});
