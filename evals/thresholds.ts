/** The thresholds a suite is held to, as data. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Metrics } from './suite.ts';

const thresholdsSchema = z.record(z.string(), z.record(z.string(), z.object({ min: z.number().optional(), max: z.number().optional() })));

/** One threshold that does not hold. */
export interface Miss {
  readonly metric: string;
  readonly value: number;
  readonly bound: string;
}

/** The thresholds that a run misses; a metric that the run does not give is not asked for. */
export async function missesOf(suite: string, metrics: Metrics): Promise<Miss[]> {
  const text = await readFile(new URL('thresholds.json', import.meta.url), 'utf8');
  return missesIn(thresholdsSchema.parse(JSON.parse(text))[suite] ?? {}, metrics);
}

export function missesIn(
  bounds: Readonly<Record<string, { min?: number | undefined; max?: number | undefined }>>,
  metrics: Metrics,
): Miss[] {
  return Object.entries(bounds).flatMap(([metric, { min, max }]): Miss[] => {
    const value = metrics[metric];
    if (value === undefined) return [];
    // A figure that is no number holds no threshold.
    if (min !== undefined && !(value >= min)) return [{ metric, value, bound: `at least ${min}` }];
    if (max !== undefined && !(value <= max)) return [{ metric, value, bound: `at most ${max}` }];
    return [];
  });
}
