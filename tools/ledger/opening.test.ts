import { afterEach, beforeEach, expect, test } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { CURRENCIES } from '../../domain/currency.ts';
import { demoFloatMinor } from '../../domain/demo-float.ts';
import { newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import { RAILS } from '../../domain/network.ts';
import { balances, fundClient, seedBooks } from './index.ts';

let database: TestDatabase;
beforeEach(async () => {
  database = await testDatabase();
});
afterEach(() => database.close());

test('opens every account and pool of the network, once', async () => {
  const { pool } = database;
  await seedBooks(pool);
  await seedBooks(pool);
  for (const [index, balance] of (
    await balances(
      pool,
      RAILS.map((rail) => `float:${rail.id}`),
    )
  ).entries()) {
    const rail = RAILS[index] as (typeof RAILS)[number];
    expect(balance).toMatchObject({ currency: rail.currency, posted: demoFloatMinor(rail), reserved: 0n });
  }
  const pools = await pool.query('select p.id, p.balance, p.reserved, p.currency, p.target, p.low_water from liquidity_pools p');
  expect(pools.rows).toHaveLength(RAILS.length);
  for (const row of pools.rows) {
    const rail = RAILS.find(({ id }) => id === row.id);
    expect(row).toMatchObject({ currency: rail?.currency, balance: row.target, reserved: 0n, low_water: row.target / 5n });
  }
  const used = CURRENCIES.filter((currency) => RAILS.some((rail) => rail.currency === currency));
  await balances(
    pool,
    used.flatMap((currency) => ['clearing', 'fees', 'position', 'rounding', 'treasury'].map((kind) => `${kind}:${currency}`)),
  );
});

test('a later version with other amounts leaves opened floats alone', async () => {
  const { pool } = database;
  const rails = RAILS.slice(0, 2);
  await seedBooks(pool, { rails, floatMinor: () => 500n });
  await seedBooks(pool, { rails: RAILS.slice(0, 3), floatMinor: () => 900n });
  const posted = (
    await balances(
      pool,
      RAILS.slice(0, 3).map((rail) => `float:${rail.id}`),
    )
  ).map((balance) => balance.posted);
  expect(posted).toEqual([500n, 500n, 900n]);
});

test('pays in for a client once per reference', async () => {
  const { pool } = database;
  const clientId = newId();
  await pool.query("insert into clients (id, name) values ($1, 'one')", [clientId]);
  const fund = () => withTransaction(pool, (tx) => fundClient(tx, clientId, money(7_000n, 'KES'), 'bank-1'));
  await fund();
  await fund();
  expect(await balances(pool, [`client:${clientId}:KES`, 'treasury:KES'])).toMatchObject([{ posted: 7_000n }, { posted: -7_000n }]);
});
