import { expect, test } from 'vitest';
import { seededRandom } from '../../examples/random.ts';
import { arrivalsOf, type Mix, type Segment, type Spacing } from './schedule.ts';

const segment = (seconds: number, fromPerSecond: number, toPerSecond: number, phase = 0): Segment => ({
  phase,
  seconds,
  fromPerSecond,
  toPerSecond,
});
const due = (segments: readonly Segment[], spacing: Spacing = 'even', mix: Mix = { single: 1 }) => [
  ...arrivalsOf(segments, spacing, mix, seededRandom(1)),
];

test('at an even rate requests are due as far apart as the rate says, the first at once', () => {
  const found = due([segment(2, 10, 10)]).map(({ dueMs }) => dueMs);
  expect(found).toHaveLength(20);
  for (const [index, dueMs] of found.entries()) expect(dueMs).toBeCloseTo(index * 100, 6);
});

test('on a ramp the number due by any time is the area under the rate', () => {
  const found = due([segment(10, 0, 200)]).map(({ dueMs }) => dueMs);
  expect(found).toHaveLength(1_000);
  for (const second of [1, 3, 7, 10]) expect(found.filter((dueMs) => dueMs < second * 1_000).length).toBeCloseTo(10 * second ** 2, -1);
  expect(found.at(-1)).toBeLessThan(10_000);
});

test('a falling rate mirrors a rising one', () => {
  const rising = due([segment(10, 10, 50)]).length;
  const falling = due([segment(10, 50, 10)]);
  expect(falling).toHaveLength(rising);
  const half = falling.filter(({ dueMs }) => dueMs < 5_000).length;
  expect(half).toBe(200);
});

test('segments follow each other without a gap or a request too many', () => {
  const found = due([segment(1, 0.5, 0.5, 0), segment(1, 0.5, 0.5, 1), segment(1, 3, 3, 2)]);
  expect(found.map(({ phase, dueMs }) => [phase, Math.round(dueMs)])).toEqual([
    [0, 0],
    [2, 2_000],
    [2, 2_333],
    [2, 2_667],
  ]);
});

test('independent callers come at the same rate with gaps as spread out as they are long', () => {
  const found = due([segment(100, 200, 200)], 'random').map(({ dueMs }) => dueMs);
  expect(Math.abs(found.length - 20_000)).toBeLessThan(4 * Math.sqrt(20_000));
  const gaps = found.slice(1).map((dueMs, index) => dueMs - (found[index] ?? 0));
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(0);
  const mean = gaps.reduce((sum, each) => sum + each, 0) / gaps.length;
  const deviation = Math.sqrt(gaps.reduce((sum, each) => sum + (each - mean) ** 2, 0) / gaps.length);
  expect(deviation / mean).toBeGreaterThan(0.95);
  expect(deviation / mean).toBeLessThan(1.05);
});

test('kinds come in their shares, and the same seed gives the same requests', () => {
  const mix = { single: 6, status: 3, list: 1, batch: 0 };
  const found = due([segment(50, 200, 200)], 'random', mix);
  const share = (kind: string): number => found.filter((each) => each.kind === kind).length / found.length;
  expect(share('single')).toBeCloseTo(0.6, 1);
  expect(share('status')).toBeCloseTo(0.3, 1);
  expect(share('list')).toBeCloseTo(0.1, 1);
  expect(share('batch')).toBe(0);
  expect(due([segment(50, 200, 200)], 'random', mix)).toEqual(found);
});
