import { expect, test } from 'vitest';
import { seededRandom } from '../../examples/random.ts';
import { latenciesOf } from './histogram.ts';

/** Within the three digits that the histogram keeps. */
const isNear = (found: number | undefined, known: number): void => {
  expect(Math.abs((found ?? Number.NaN) - known) / known).toBeLessThan(0.002);
};

test('percentiles of a known even distribution', () => {
  const found = latenciesOf(Array.from({ length: 100_000 }, (_, index) => (index + 1) / 100));
  expect(found?.count).toBe(100_000);
  expect(found?.min).toBe(0.01);
  expect(found?.max).toBe(1_000);
  isNear(found?.mean, 500);
  isNear(found?.p50, 500);
  isNear(found?.p90, 900);
  isNear(found?.p95, 950);
  isNear(found?.p99, 990);
  isNear(found?.p999, 999);
});

test('percentiles of a known exponential distribution', () => {
  const random = seededRandom(3);
  const values = Array.from({ length: 200_000 }, () => -20 * Math.log(1 - random.next()));
  const sorted = values.toSorted((a, b) => a - b);
  const found = latenciesOf(values);
  isNear(found?.p50, sorted[100_000 - 1] ?? Number.NaN);
  isNear(found?.p99, sorted[198_000 - 1] ?? Number.NaN);
  isNear(found?.p999, sorted[199_800 - 1] ?? Number.NaN);
  expect(Math.abs((found?.p99 ?? 0) - 20 * Math.log(100))).toBeLessThan(2);
});

test('one stall among a thousand is the tail, not the middle', () => {
  const found = latenciesOf([...Array.from({ length: 999 }, () => 2), 5_000]);
  isNear(found?.p99, 2);
  expect(found?.max).toBe(5_000);
  isNear(found?.mean, 6.998);
});

test('no latency is told above the longest, and the curve ends there', () => {
  const found = latenciesOf([1.2345, 777.7]);
  expect(found?.p999).toBe(777.7);
  expect(found?.curve[0]).toEqual([0, 1.2345]);
  expect(found?.curve.at(-1)).toEqual([100, 777.7]);
});

test('nothing measured is nothing told, and what is too short or too long to keep is kept at the edge', () => {
  expect(latenciesOf([])).toBeNull();
  expect(latenciesOf([0, 4_000_000])).toMatchObject({ count: 2, min: 0, max: 4_000_000 });
});
