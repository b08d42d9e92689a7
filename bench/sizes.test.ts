import { expect, test } from 'vitest';
import { runConcurrentBench } from './concurrent.ts';
import { runGrowthBench } from './growth.ts';
import { SOON_SETTLED as settings } from './load/testing.ts';
import { runOperatorsBench } from './operators.ts';

test('copies of payments stand in the books as their originals do, and cost and size are told for each', { timeout: 300_000 }, async () => {
  const options = { sizes: [500, 1_000], rounds: 1, payments: 100, template: 200, mostRatio: 0.001 };
  const { failures, figures } = await runGrowthBench(options, () => undefined);
  // Only the ratio that nothing can keep is missed.
  expect(failures).toEqual([expect.stringMatching(/times as much, more than 0\.001$/)]);
  expect(figures.stored).toBeGreaterThanOrEqual(1_000);
  expect(figures.copied).toBeGreaterThan(0);
  const { places } = figures.bytesPerPayment as { places: { name: string; bytes: number }[] };
  expect(places.map(({ name }) => name)).toEqual(expect.arrayContaining(['payments', 'transfers', 'payments_pkey']));
});

test('both legs go to operators, and a leg has its cost by process', { timeout: 300_000 }, async () => {
  const { failures, figures } = await runOperatorsBench(
    { seconds: 1, unfinished: 50, speed: 10, warmUp: 20, leastPerSecond: 1e9, settings },
    () => undefined,
  );
  expect(failures).toEqual([expect.stringMatching(/payments\/s, less than 1000000000$/)]);
  expect(figures.calls).toBeGreaterThanOrEqual(2 * Number(figures.paid));
  expect(figures.cpuUsPerLeg).toMatchObject({ api: expect.any(Number), worker: expect.any(Number), operators: expect.any(Number) });
});

test('payments that wait for operators have neither timers nor checkpoints, and complete', { timeout: 300_000 }, async () => {
  const { failures, figures } = await runConcurrentBench(
    { payments: 120, holdSeconds: 1, releasePerSecond: 200, settings },
    () => undefined,
  );
  expect(failures).toEqual([]);
  expect(figures.waiting).toBe(120);
  expect(figures.paid).toBe(120);
});
