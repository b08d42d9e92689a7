import { afterAll, beforeAll, expect, test } from 'vitest';
import { createKeyring } from '../db/keyring.ts';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { insertClient } from '../db/fixtures.ts';
import { systemClock } from '../domain/clock.ts';
import { parseIntent } from '../domain/intent.ts';
import { createIntake } from './intake.ts';

let database: TestDatabase;
beforeAll(async () => {
  // One connection: what it planned when there was nobody it goes on with.
  database = await testDatabase({ max: 1 });
  await database.pool.query('alter table users set (autovacuum_enabled = off)');
});
afterAll(() => database.close());

const FLUSHES = 12;
const TOGETHER = 30;

test('storing payments reads as few people when there are many as when there are few', async () => {
  const { pool } = database;
  const clientId = await insertClient(pool);
  const keyring = createKeyring([{ id: 1, master: Buffer.from(Array.from({ length: 32 }, (_, index) => (index * 7) % 256)) }]);
  const intake = createIntake({ pool, keyring, clock: systemClock, notify: () => undefined });
  let count = 0;
  const submit = () => {
    count += 1;
    const digits = String(count).padStart(6, '0');
    const verdict = parseIntent({
      referenceId: `plan-${count}`,
      amount: '1500.00',
      fromCurrency: 'KES',
      toCurrency: 'UGX',
      sender: { name: 'Wanjiru Kamau', phone: `+254712${digits}`, country: 'KE' },
      receiver: { name: 'Okello Moses', phone: `+256772${digits}`, country: 'UG' },
    });
    if (!verdict.ok) throw new Error(JSON.stringify(verdict.errors));
    return intake.submit(clientId, verdict.intent);
  };
  const readOfPeople = async (): Promise<number> => {
    await pool.query('select pg_stat_force_next_flush()');
    const { rows } = await pool.query<{ read: number }>(
      `select (coalesce(idx_tup_fetch, 0) + coalesce(seq_tup_read, 0))::int as read from pg_stat_user_tables where relname = 'users'`,
    );
    return rows[0]?.read ?? -1;
  };
  const reads: number[] = [];
  for (let flush = 0; flush < FLUSHES; flush += 1) {
    const before = await readOfPeople();
    await Promise.all(Array.from({ length: TOGETHER }, submit));
    reads.push((await readOfPeople()) - before);
  }
  // Two parties each, and what the first plans of a connection look at besides.
  for (const read of reads.slice(-3)) expect(read).toBeLessThanOrEqual(TOGETHER * 4);
});
