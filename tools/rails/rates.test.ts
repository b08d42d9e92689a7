import { afterAll, beforeAll, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { readCorridorHealth, recordCorridorOutcomes } from './corridors.ts';
import { HEALTH_POLICY } from './health.ts';
import { createRateGate } from './rates.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

const limits = new Map([['mtn-ug', { payout: 10, inquiry: 0.01 }]]);
/** Gates as several processes have them; none remembers anything. */
const gate = () => createRateGate(database.pool, limits, () => Date.now());

it('lets through what an operator takes in a second, over all processes at once', async () => {
  const taken = await Promise.all(Array.from({ length: 8 }, () => gate().take('mtn-ug', 'payout', 4)));
  const sum = taken.reduce((total, each) => total + each, 0);
  // Ten at once, and what became free while they were asked for.
  expect(sum).toBeGreaterThanOrEqual(10);
  expect(sum).toBeLessThan(32);
  await database.pool.query(
    "update operator_rates set permits = 0, updated_at = clock_timestamp() - interval '300 milliseconds' where product = 'payout'",
  );
  const later = await gate().take('mtn-ug', 'payout', 100);
  expect(later).toBeGreaterThanOrEqual(3);
  expect(later).toBeLessThanOrEqual(10);
});

it('always lets one through at first, and what was not needed again', async () => {
  expect(await gate().take('mtn-ug', 'inquiry', 5)).toBe(1);
  expect(await gate().take('mtn-ug', 'inquiry', 5)).toBe(0);
  await gate().giveBack('mtn-ug', 'inquiry', 1);
  expect(await gate().take('mtn-ug', 'inquiry', 5)).toBe(1);
});

it('bounds nothing that has no limit', async () => {
  expect(await gate().take('mtn-ug', 'collection', 500)).toBe(500);
  expect([gate().limitedRails('payout'), gate().limitedRails('collection')]).toEqual([['mtn-ug'], []]);
});

it('pauses a rail that was sent too much, in every process, longer each time', async () => {
  expect(await gate().pausedRails('collection')).toEqual([]);
  await gate().pause('airtel-ug', 'collection');
  // Requests that were under way when it began do not make it longer.
  await gate().pause('airtel-ug', 'collection');
  expect(await gate().pausedRails('collection')).toEqual(['airtel-ug']);
  expect(await gate().pausedRails('payout')).toEqual([]);
  const left = async () => {
    // The column rounds to milliseconds; the clock it is held against has to as well.
    const sql =
      "select extract(epoch from paused_until - clock_timestamp()::timestamptz(3))::float8 as s from operator_rates where rail_id = 'airtel-ug'";
    return (await database.pool.query<{ s: number }>(sql)).rows[0]?.s ?? 0;
  };
  expect(await left()).toBeLessThanOrEqual(1);
  await database.pool.query("update operator_rates set paused_until = clock_timestamp() where rail_id = 'airtel-ug'");
  await gate().pause('airtel-ug', 'collection');
  expect(await left()).toBeGreaterThan(1);
  await database.pool.query(
    "update operator_rates set paused_until = clock_timestamp() - interval '6 minutes' where rail_id = 'airtel-ug'",
  );
  await gate().pause('airtel-ug', 'collection');
  expect(await left()).toBeLessThanOrEqual(1);
});

it('keeps success rates by corridor, rail and leg, which forget', async () => {
  const at = Date.UTC(2026, 10, 25, 9);
  const outcome = (ok: boolean, corridor = 'KE-UG') => ({ corridor, railId: 'mtn-ug', leg: 'payout' as const, ok });
  const record = (outcomes: ReturnType<typeof outcome>[], nowMs: number) =>
    withTransaction(database.pool, (tx) => recordCorridorOutcomes(tx, outcomes, nowMs));
  await record([outcome(true), outcome(true), outcome(true), outcome(false), outcome(false, 'TZ-UG')], at);
  expect(await readCorridorHealth(database.pool, 'KE-UG', at)).toMatchObject([
    { railId: 'mtn-ug', leg: 'payout', seen: 4, successRate: 0.75 },
  ]);
  await record([outcome(false), outcome(false)], at + HEALTH_POLICY.halfLifeMs);
  const [aged] = await readCorridorHealth(database.pool, 'KE-UG', at + HEALTH_POLICY.halfLifeMs);
  expect(aged?.seen).toBeCloseTo(4, 6);
  expect(aged?.successRate).toBeCloseTo(1.5 / 4, 6);
  expect(await readCorridorHealth(database.pool, null, at)).toHaveLength(2);
  expect(await readCorridorHealth(database.pool, 'TZ-UG', at + 40 * HEALTH_POLICY.halfLifeMs)).toEqual([]);
});
