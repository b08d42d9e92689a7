import { afterAll, beforeAll, expect, it } from 'vitest';
import { withTransaction } from '../../db/connect.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { readCorridorHealth, recordCorridorOutcomes } from './corridors.ts';
import { HEALTH_POLICY } from './health.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database?.close());

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
