/** How often the caches of a platform had the answer, over all its processes, as `/metrics` tells. */
import { figure } from '../finding.ts';

export interface CacheHits {
  readonly name: string;
  readonly lookups: number;
  /** Share of the look-ups, 0 to 1. */
  readonly hits: number;
}

const LOOKUPS = /^capp_cache_lookups_total\{cache="(\w+)",result="(hit|miss)"\} (\d+)$/gm;

/** Reads them out of the text of `/metrics`; a cache that nobody asked is left out. */
export function cacheHitsOf(metrics: string): CacheHits[] {
  const counts = new Map<string, { hit: number; miss: number }>();
  for (const [, name = '', result, count] of metrics.matchAll(LOOKUPS)) {
    const known = counts.get(name) ?? { hit: 0, miss: 0 };
    counts.set(name, { ...known, [result as 'hit' | 'miss']: Number(count) });
  }
  return [...counts].flatMap(([name, { hit, miss }]) =>
    hit + miss === 0 ? [] : [{ name, lookups: hit + miss, hits: hit / (hit + miss) }],
  );
}

/** Asks a platform at an address. */
export async function readCacheHits(url: string): Promise<CacheHits[]> {
  return cacheHitsOf(await (await fetch(new URL('/metrics', url))).text());
}

export function lineOfCache({ name, lookups, hits }: CacheHits): string {
  return `${name}: ${figure(hits * 100)} % of ${lookups.toLocaleString('en-US')} look-ups had the answer`;
}
