/** How often the caches of this process had the answer, for Prometheus; the hit rate is `hit` over both results. */
import { Counter, Gauge, type Registry } from 'prom-client';
import { cacheFigures } from '../domain/cache.ts';

/** Puts the figures of all caches into a registry; they are read when it is. */
export function countCaches(registry: Registry): void {
  new Counter({
    name: 'capp_cache_lookups_total',
    help: 'Look-ups in caches, by cache and result.',
    labelNames: ['cache', 'result'] as const,
    registers: [registry],
    collect() {
      this.reset();
      for (const { name: cache, hits, misses } of cacheFigures()) {
        this.inc({ cache, result: 'hit' }, hits);
        this.inc({ cache, result: 'miss' }, misses);
      }
    },
  });
  new Gauge({
    name: 'capp_cache_entries',
    help: 'What caches hold, by cache.',
    labelNames: ['cache'] as const,
    registers: [registry],
    collect() {
      for (const { name: cache, entries } of cacheFigures()) this.set({ cache }, entries);
    },
  });
}
