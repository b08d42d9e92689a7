import { Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { createCache } from '../../domain/cache.ts';
import { countCaches } from '../../server/cache-figures.ts';
import { cacheHitsOf, lineOfCache } from './caches.ts';

test('how often caches had the answer is read out of the metrics as they are written', async () => {
  const cache = createCache<string, number>('asked', 10);
  createCache<string, number>('never_asked', 10);
  cache.set('a', 1);
  for (const key of ['a', 'a', 'a', 'b']) cache.get(key);
  const registry = new Registry();
  countCaches(registry);
  const caches = cacheHitsOf(await registry.metrics());
  expect(caches).toEqual([{ name: 'asked', lookups: 4, hits: 0.75 }]);
  expect(caches.map(lineOfCache)).toEqual(['asked: 75.0 % of 4 look-ups had the answer']);
});
