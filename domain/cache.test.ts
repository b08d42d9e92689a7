import { expect, test } from 'vitest';
import { cacheFigures, createCache, remembering } from './cache.ts';

const figuresOf = (name: string) => cacheFigures().find((each) => each.name === name);

test('holds no more than it may, and what was asked for lately stays', () => {
  const cache = createCache<number, string>('test_bound', 10);
  for (let key = 0; key < 1_000; key += 1) {
    cache.set(key, `${key}`);
    expect(cache.size).toBeLessThanOrEqual(10);
    // The first one is asked for again and again.
    expect(cache.get(0)).toBe('0');
  }
  expect([995, 996, 997, 998, 999].filter((key) => cache.peek(key) !== undefined).length).toBeGreaterThanOrEqual(4);
  expect(cache.peek(500)).toBeUndefined();
});

test('gives what was set last, wherever the one before was', () => {
  const cache = createCache<string, number>('test_set', 4);
  for (const key of ['a', 'b', 'c']) cache.set(key, 1);
  cache.set('a', 2);
  expect(cache.get('a')).toBe(2);
  cache.set('b', 2);
  expect(['a', 'b', 'c'].map((key) => cache.get(key))).toEqual([2, 2, 1]);
  cache.clear();
  expect([cache.get('a'), cache.size]).toEqual([undefined, 0]);
});

test('look-ups are counted by name over all caches that bear it, second looks are not', () => {
  const caches = [createCache<string, number>('test_counts', 10), createCache<string, number>('test_counts', 10)] as const;
  caches[0].set('a', 1);
  caches[1].set('b', 1);
  caches[0].get('a');
  caches[0].get('b');
  caches[1].get('b');
  caches[1].peek('c');
  expect(figuresOf('test_counts')).toEqual({ name: 'test_counts', hits: 2, misses: 1, entries: 2 });
});

test('what was made is remembered', () => {
  let made = 0;
  const square = remembering('test_made', (value: number) => ((made += 1), value * value), 10);
  expect([square(3), square(3), square(4)]).toEqual([9, 9, 16]);
  expect(made).toBe(2);
  expect(figuresOf('test_made')).toMatchObject({ hits: 1, misses: 2 });
});
