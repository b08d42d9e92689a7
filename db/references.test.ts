import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { newId } from '../domain/ids.ts';
import { insertClient, insertPayment, insertUser } from './fixtures.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await testDatabase();
  await run(
    `insert into accounts (code, kind, currency, normal_side)
     select kind || ':' || currency, kind, currency, 'credit'
     from unnest(array['clearing', 'fees', 'position']) as kind, unnest(array['KES', 'UGX']) as currency`,
  );
});

afterAll(async () => {
  await database.close();
});

const run = (sql: string, values: readonly unknown[] = []) => database.pool.query(sql, [...values]);

/** Inserts one transfer that is right and one with these accounts, in one statement. */
async function transfer(debit: string, credit: string, currency: string): Promise<void> {
  await run(
    `insert into transfers (id, type, debit_account_id, credit_account_id, amount, currency, reason)
     select id, 'posted', coalesce((select a.id from accounts a where a.code = debit), 999999),
       coalesce((select a.id from accounts a where a.code = credit), 999999), 1, currency, 'test'
     from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as t(id, debit, credit, currency)`,
    [
      [newId(), newId()],
      ['clearing:KES', debit],
      ['fees:KES', credit],
      ['KES', currency],
    ],
  );
}

const transfersTold = async () => (await run(`select 1 from transfers where reason = 'test'`)).rowCount;

describe('references that are checked once for a statement', () => {
  it('let in what they refer to', async () => {
    await transfer('position:KES', 'clearing:KES', 'KES');
    expect(await transfersTold()).toBe(2);
  });

  it.each([
    ['debits an account that is not there', 'nowhere', 'fees:KES', 'KES', 'transfers_debit_account'],
    ['credits an account that is not there', 'fees:KES', 'nowhere', 'KES', 'transfers_credit_account'],
    ['debits an account of another currency', 'clearing:UGX', 'fees:KES', 'KES', 'transfers_debit_account'],
    ['credits an account of another currency', 'clearing:KES', 'fees:UGX', 'KES', 'transfers_credit_account'],
  ])('refuse a set with one transfer that %s', async (_what, debit, credit, currency, constraint) => {
    const before = await transfersTold();
    await expect(transfer(debit, credit, currency)).rejects.toMatchObject({ code: '23503', constraint });
    expect(await transfersTold()).toBe(before);
  });

  it('refuse an end of a transfer that is not there, beside ends of those that are', async () => {
    const [begun, ended] = [newId(), newId()];
    const insert = (ends: readonly string[]) =>
      run(
        `insert into transfers (id, type, pending_id, debit_account_id, credit_account_id, amount, currency, reason)
         select begun, 'pending', null, 1, 3, 1, 'KES', 'test' from unnest($1::uuid[]) as begun
         union all select gen_random_uuid(), 'void', ends, 1, 3, 1, 'KES', 'test' from unnest($2::uuid[]) as ends`,
        [[begun], ends],
      );
    await expect(insert([begun, ended])).rejects.toMatchObject({ code: '23503', constraint: 'transfers_pending_transfer' });
    await insert([begun]);
    expect((await run('select 1 from transfers where pending_id = $1', [begun])).rowCount).toBe(1);
  });

  it('refuse an event, a decision and a compliance record of no payment', async () => {
    await expect(
      run(`insert into payment_events (client_id, payment_id, to_status, cause) values ($1, $1, 'accepted', 'client')`, [newId()]),
    ).rejects.toMatchObject({ code: '23503', constraint: 'payment_events_payment_id_payments_id_fk' });
    await expect(
      run(
        `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence, duration_us)
         values ($1, $1, $1, $1, 'liquidity', '1', '', '{}', 'reserve', '[]', 1, 1)`,
        [newId()],
      ),
    ).rejects.toMatchObject({ code: '23503', constraint: 'agent_activity_payment_id_payments_id_fk' });
    await expect(
      run(
        `insert into compliance_records (id, client_id, payment_id, outcome, list_version, hits, rules) values ($1, $1, $1, 'clear', 'l', '[]', '[]')`,
        [newId()],
      ),
    ).rejects.toMatchObject({ code: '23503', constraint: 'compliance_records_payment_id_payments_id_fk' });
  });

  it('refuse a person, a payment and a quote of nobody, and a payment of another client’s people', async () => {
    const clientId = await insertClient(database.pool);
    const [sender, receiver] = [await insertUser(database.pool, clientId), await insertUser(database.pool, clientId, 'UG', 'mtn-ug')];
    const nobody = newId();
    const refused = (table: string, column: string) => ({ code: '23503', constraint: `${table}_${column}_fk` });
    await expect(insertUser(database.pool, nobody)).rejects.toMatchObject(refused('users', 'client_id_clients_id'));
    const payment = { clientId, senderId: sender, receiverId: receiver };
    await expect(insertPayment(database.pool, { ...payment, clientId: nobody })).rejects.toMatchObject(
      refused('payments', 'client_id_clients_id'),
    );
    await expect(insertPayment(database.pool, { ...payment, senderId: nobody })).rejects.toMatchObject(
      refused('payments', 'sender_id_users_id'),
    );
    await expect(insertPayment(database.pool, { ...payment, receiverId: nobody })).rejects.toMatchObject(
      refused('payments', 'receiver_id_users_id'),
    );
    const stranger = await insertUser(database.pool, await insertClient(database.pool));
    for (const role of ['sender', 'receiver'])
      await expect(insertPayment(database.pool, { ...payment, [`${role}Id`]: stranger })).rejects.toMatchObject(
        refused('payments', `${role}_id_users_id`),
      );
    await insertPayment(database.pool, payment);
    await expect(
      run(
        `insert into quotes (id, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount, rate,
           mid_rate, spread_bps, policy_version, signature, expires_at)
         values ($1, $1, 'KES', 'UGX', 'KE', 'UG', 100, 1, 3000, 1, 1, 1, 'v1', '', now())`,
        [nobody],
      ),
    ).rejects.toMatchObject(refused('quotes', 'client_id_clients_id'));
  });

  it('refuse payments of a batch that is not there, beside one that is, and keep both where they are', async () => {
    const clientId = await insertClient(database.pool);
    const [one, other] = [await insertPayment(database.pool, { clientId }), await insertPayment(database.pool, { clientId })];
    const batchId = newId();
    await run('insert into intent_batches (id, client_id, rows_accepted, rows_rejected, created_at) values ($1, $2, 0, 0, now())', [
      batchId,
      clientId,
    ]);
    const copy = (batches: readonly (string | null)[]) =>
      run(
        `insert into payments (id, client_id, reference_id, fingerprint, batch_id, amount, from_currency, to_currency, from_country, to_country,
           sender_id, receiver_id, sender_wallet, receiver_wallet, parties)
         select copied.id, client_id, copied.id, fingerprint, copied.batch, amount, from_currency, to_currency, from_country, to_country,
           sender_id, receiver_id, sender_wallet, receiver_wallet, parties
         from payments, unnest($2::uuid[], $3::uuid[]) as copied(id, batch) where payments.id = $1`,
        [one, batches.map(() => newId()), batches],
      );
    await expect(copy([batchId, newId(), null])).rejects.toMatchObject({
      code: '23503',
      constraint: 'payments_batch_id_intent_batches_id_fk',
    });
    await copy([batchId, null]);
    expect((await run('select 1 from payments where batch_id = $1', [batchId])).rowCount).toBe(1);
    await expect(run('update payments set batch_id = $1 where id = $2', [newId(), other])).rejects.toMatchObject({ code: '23514' });
    await expect(run('update intent_batches set id = $1', [newId()])).rejects.toMatchObject({ code: '23514' });
  });

  it('stand on rows that are never deleted', async () => {
    for (const table of ['accounts', 'clients', 'intent_batches', 'payments', 'users']) {
      await expect(run(`delete from ${table}`)).rejects.toMatchObject({ constraint: `${table}_kept` });
      await expect(run(`truncate ${table} cascade`)).rejects.toMatchObject({ code: '23514' });
    }
  });
});
