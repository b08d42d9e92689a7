import { expect, test } from 'vitest';
import { manualClock } from '../domain/clock.ts';
import { createCourtesy } from './crowd.ts';

test('work waits for a crowd to go, and goes on when it has', async () => {
  const clock = manualClock(1_000_000);
  const courtesy = createCourtesy(clock, async (ms) => clock.advance(ms));
  await courtesy.wait();
  expect(clock.now()).toBe(1_000_000);
  courtesy.hear();
  await courtesy.wait();
  // The crowd was told of once, and counts as gone a while later.
  expect(clock.now() - 1_000_000).toBeGreaterThanOrEqual(300);
  expect(clock.now() - 1_000_000).toBeLessThan(400);
});

test('a crowd that stays holds work up for a bounded time, however many wait', async () => {
  const clock = manualClock(1_000_000);
  const courtesy = createCourtesy(clock, async (ms) => {
    clock.advance(ms);
    courtesy.hear();
  });
  await courtesy.wait();
  courtesy.hear();
  const passedMs: number[] = [];
  const waits = ['cohort', 'outcomes', 'dispatch'].map(() => courtesy.wait().then(() => passedMs.push(clock.now() - 1_000_000)));
  await Promise.all(waits);
  expect(passedMs).toHaveLength(3);
  // One of them after each time of patience.
  expect(passedMs[0]).toBeGreaterThanOrEqual(500);
  expect((passedMs[2] ?? 0) - (passedMs[0] ?? 0)).toBeGreaterThanOrEqual(900);
});
