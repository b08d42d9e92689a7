/** The thresholds a suite is held to, as data. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { fault } from '../domain/errors.ts';
import type { Metrics, SuiteRun } from './suite.ts';

const thresholdsSchema = z.record(z.string(), z.record(z.string(), z.object({ min: z.number().optional(), max: z.number().optional() })));

/** One threshold that does not hold; `value` is null where the run does not give the metric at all. */
export interface Miss {
  readonly metric: string;
  readonly value: number | null;
  readonly bound: string;
}

type Bounds = Readonly<Record<string, { min?: number | undefined; max?: number | undefined }>>;

/** The thresholds that a run misses. A metric that it does not give is missed too, unless the run says why it cannot be there. */
export async function missesOf(run: Pick<SuiteRun, 'suite' | 'metrics' | 'thresholds' | 'absent'>): Promise<Miss[]> {
  const text = await readFile(new URL('thresholds.json', import.meta.url), 'utf8');
  const name = run.thresholds ?? run.suite;
  const bounds = thresholdsSchema.parse(JSON.parse(text))[name];
  if (bounds === undefined) throw fault('internal', { internal: `there are no thresholds ${name}` });
  return missesIn(bounds, run.metrics, run.absent);
}

export function missesIn(bounds: Bounds, metrics: Metrics, absent: SuiteRun['absent'] = {}): Miss[] {
  return Object.entries(bounds).flatMap(([metric, { min, max }]): Miss[] => {
    const value = metrics[metric];
    const bound = min === undefined ? `at most ${max}` : `at least ${min}`;
    if (value === undefined) return Object.hasOwn(absent, metric) ? [] : [{ metric, value: null, bound }];
    // A figure that is no number holds no threshold.
    if (min !== undefined && !(value >= min)) return [{ metric, value, bound }];
    if (max !== undefined && !(value <= max)) return [{ metric, value, bound: `at most ${max}` }];
    return [];
  });
}
