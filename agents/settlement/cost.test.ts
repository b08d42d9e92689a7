import { afterAll, beforeAll, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { SETTLEMENT_POLICY, settle } from './index.ts';
import { insertPaid } from './testing.ts';

const NOW_MS = Date.UTC(2026, 5, 1);
const DUE_MS = NOW_MS + SETTLEMENT_POLICY.ageMsMax;

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

const query = async (text: string, values: unknown[] = []) => (await database.pool.query(text, values)).rows;

it('reckons with the gas that the last batches took, what the node asks for it, and the price of APT in the settings', async () => {
  const gas = { priceOctas: async () => 250n, apt: { usdMicros: 4_200_000n, asOf: '2026-03-30', source: 'a market' } };
  const settleWith = async (terms: Partial<typeof gas>) => {
    await insertPaid(database.pool, NOW_MS, { payment: { amountMinor: 39_000_000n } });
    const silent = { priceOctas: async () => null, apt: null };
    await settle({ pool: database.pool, clock: manualClock(DUE_MS), isOnChain: () => true, gas: { ...silent, ...terms } });
    const [row] = await query(
      `select id, facts -> 'chainCost' as cost, method from settlement_batches where partner = 'mpesa-ke' order by id desc limit 1`,
    );
    return row as { id: string; cost: unknown; method: string };
  };
  const first = await settleWith({});
  expect(first).toMatchObject({ method: 'chain', cost: { gasUnits: '6000', gasUnitsFrom: 'policy', gasUnitPriceFrom: 'policy' } });
  for (const status of ['executed', 'settled'])
    await query(`update settlement_batches set status = $2, settled_at = now() where id = $1`, [first.id, status]);
  for (const [step, used, price, state] of [
    ['propose', 301, 100, 'executed'],
    ['execute', 200, 130, 'failed'],
    ['execute', 400, 100, 'executed'],
    ['pay', null, null, 'open'],
  ] as const)
    await query(
      `insert into chain_transactions (subject, step, attempt, expires_at_secs, editions, state, hash, gas_used, gas_unit_price)
       values ($1, $2, $3, 0, '[]', $4, $5, $6, $7)`,
      [first.id, step, state === 'failed' ? 1 : 2, state, state === 'open' ? null : '0x1', used, price],
    );
  // 901 units for 96,100 octas: 106.6… each, rounded up.
  expect((await settleWith({})).cost).toMatchObject({
    gasUnits: '901',
    gasUnitsFrom: 'batches',
    gasUnitPriceOctas: '107',
    gasUnitPriceFrom: 'batches',
  });
  expect((await settleWith(gas)).cost).toEqual({
    gasUnits: '901',
    gasUnitsFrom: 'batches',
    gasUnitPriceOctas: '250',
    gasUnitPriceFrom: 'node',
    aptUsdMicros: '4200000',
    aptAsOf: '2026-03-30',
    aptSource: 'a market',
  });
  // A hundred times the price, and the same amount is not worth the gas.
  expect(await settleWith({ ...gas, priceOctas: async () => 250_000n })).toMatchObject({ method: 'books' });
});
