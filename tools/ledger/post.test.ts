import { afterAll, beforeAll, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { accountsOfCurrency, balances, ensureAccounts, floatAccount, post } from './index.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

test('smoke', async () => {
  const { pool } = database;
  await withTransaction(pool, (tx) => ensureAccounts(tx, [...accountsOfCurrency('KES'), floatAccount('mpesa-ke', 'KES')]));
  const [id] = await withTransaction(pool, (tx) =>
    post(tx, [
      { type: 'posted', debit: 'float:mpesa-ke', credit: 'treasury:KES', amount: 1000n, currency: 'KES', reason: 'opening' },
      { type: 'pending', debit: 'clearing:KES', credit: 'float:mpesa-ke', amount: 300n, currency: 'KES', reason: 'reservation' },
    ]),
  ).then((ids) => ids.slice(1));
  expect(await balances(pool, ['float:mpesa-ke'])).toEqual([
    { code: 'float:mpesa-ke', currency: 'KES', posted: 1000n, reserved: 300n, available: 700n },
  ]);
  await withTransaction(pool, (tx) => post(tx, [{ type: 'post', pendingId: id as string, reason: 'payout' }]));
  expect((await balances(pool, ['float:mpesa-ke']))[0]).toMatchObject({ posted: 700n, reserved: 0n });
});
