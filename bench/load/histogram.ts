/**
 * Latencies as an HdrHistogram keeps them: exact to three digits from a microsecond to an hour, whatever their number. It is the
 * one that comes with Node.
 */
import { createHistogram } from 'node:perf_hooks';

/** Milliseconds, except for the count. */
export interface Latencies {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  /** Percentile and value, closer together the nearer to 100. */
  readonly curve: readonly (readonly [number, number])[];
}

const US_MAX = 3_600_000_000;
const FIGURES = 3;

/** What some latencies in milliseconds look like; null when there are none. */
export function latenciesOf(valuesMs: Iterable<number>): Latencies | null {
  const histogram = createHistogram({ lowest: 1, highest: US_MAX, figures: FIGURES });
  let [min, max] = [Number.POSITIVE_INFINITY, 0];
  for (const ms of valuesMs) {
    histogram.record(Math.min(US_MAX, Math.max(1, Math.round(ms * 1_000))));
    min = Math.min(min, ms);
    max = Math.max(max, ms);
  }
  if (histogram.count === 0) return null;
  // A bucket is told by its upper end, which no value need have reached.
  const at = (percentile: number): number => Math.min(max, histogram.percentile(percentile) / 1_000);
  return {
    count: histogram.count,
    min,
    mean: histogram.mean / 1_000,
    p50: at(50),
    p90: at(90),
    p95: at(95),
    p99: at(99),
    p999: at(99.9),
    max,
    curve: [...histogram.percentiles.keys()].map((percentile) => [percentile, percentile === 0 ? min : at(percentile)] as const),
  };
}
