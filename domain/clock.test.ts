import { expect, it } from 'vitest';
import { manualClock, systemClock } from './clock.ts';

it('the manual clock moves only when told', () => {
  const clock = manualClock(1_000);
  expect([clock.now(), clock.now()]).toEqual([1_000, 1_000]);
  clock.advance(250);
  expect(clock.now()).toBe(1_250);
});

it('the system clock tells milliseconds since the epoch', () => {
  const before = Date.now();
  const now = systemClock.now();
  expect(now).toBeGreaterThanOrEqual(before);
  expect(now).toBeLessThanOrEqual(Date.now());
});
