import { expect, test } from 'vitest';
import { foundBy, nextRate, type Tried } from './breakpoint.ts';
import { STEPS_MAX } from './scenario.ts';

function search(breaksAt: number, precision = 0.1, from = 10, to = 10_000): Tried[] {
  const tried: Tried[] = [];
  for (let rate = nextRate({ fromPerSecond: from, toPerSecond: to, precision }, tried); rate !== null; ) {
    tried.push({ perSecond: rate, held: rate <= breaksAt });
    rate = nextRate({ fromPerSecond: from, toPerSecond: to, precision }, tried);
  }
  return tried;
}

test.each([10, 11, 99, 500, 1_234, 9_999])('the rate that holds is found where %d is the most', (breaksAt) => {
  const tried = search(breaksAt);
  const { held, missed } = foundBy(tried);
  expect(held).toBeLessThanOrEqual(breaksAt);
  expect(missed).toBeGreaterThan(breaksAt);
  expect(((missed ?? 0) - (held ?? 0)) / (held ?? 1)).toBeLessThanOrEqual(0.1);
});

test('a finer search takes more steps and comes closer, and none takes more than it may', () => {
  expect(search(1_000, 0.01).length).toBeGreaterThan(search(1_000, 0.2).length);
  expect(search(9_000, 0.0001).length).toBe(STEPS_MAX);
});

test('the search ends at once where the first rate is too much, and at the top where all hold', () => {
  expect(search(5)).toEqual([{ perSecond: 10, held: false }]);
  expect(foundBy(search(5))).toEqual({ held: null, missed: 10 });
  const all = search(1e9);
  expect(all.at(-1)).toEqual({ perSecond: 10_000, held: true });
  expect(foundBy(all)).toEqual({ held: 10_000, missed: null });
});

test('a rate that held above one that did not counts for nothing', () => {
  const tried = [
    { perSecond: 10, held: true },
    { perSecond: 20, held: false },
    { perSecond: 30, held: true },
  ];
  expect(foundBy(tried)).toEqual({ held: 10, missed: 20 });
});
