/** What the tests of benches share: settings, and made-up loads for what is told about them. */
import type { LoadReport, Outcome } from './order.ts';
import { OUTCOMES } from './order.ts';
import type { LoadResult, MeasuredLoad, Sample } from './run.ts';
import { type Kind, KINDS } from './schedule.ts';

/** Settings for tests of benches: paid payments are in a settlement window soon, which every load waits for. */
export const SOON_SETTLED = { CAPP_SETTLEMENT_AGE_MS: '100', CAPP_HOUSEKEEPING_MS: '250' };

export interface MadeRequest {
  readonly kind?: Kind;
  readonly outcome?: Outcome;
  readonly phase?: number;
  readonly dueMs: number;
  readonly latencyMs: number;
}

/** A report of some requests. */
export function madeReport(made: readonly MadeRequest[]): LoadReport {
  return {
    firstSentAtMs: 1_000_000,
    lastAnsweredAtMs: 1_010_000,
    requests: {
      kind: Uint8Array.from(made, ({ kind = 'single' }) => KINDS.indexOf(kind)),
      outcome: Uint8Array.from(made, ({ outcome = 'done' }) => OUTCOMES.indexOf(outcome)),
      phase: Uint8Array.from(made, ({ phase = 0 }) => phase),
      dueMs: Float64Array.from(made, ({ dueMs }) => dueMs),
      waitedMs: new Float64Array(made.length),
      latencyMs: Float64Array.from(made, ({ latencyMs }) => latencyMs),
    },
    accepted: [],
    unanswered: [],
    refusals: {},
    troubles: {},
    events: 0,
    unfinished: { openMost: 0, endings: {} },
  };
}

const RESULT: LoadResult = {
  accepted: 100,
  refusals: {},
  paid: 100,
  held: 0,
  acceptSeconds: 10,
  paidSeconds: 12,
  settledSeconds: 15,
  perSecond: 7,
  acceptedPerSecond: 10,
  acceptMs: { p50: 5, p99: 50 },
  completeMs: { p50: 500, p99: 900 },
  cpuSeconds: { api: 3.3, worker: 4.4, postgres: 5.5 },
  cpuUs: { api: 600, worker: 800, postgres: 900 },
  walBytes: 15_000,
  others: 0.25,
  wrong: [],
};

/** A load whose platform was looked at each second. */
export function madeLoad(made: readonly MadeRequest[], result: Partial<LoadResult> = {}): MeasuredLoad {
  const samples = Array.from(
    { length: 12 },
    (_, index): Sample => ({
      atMs: 1_000_000 + index * 1_000,
      unfinished: Math.max(0, 50 - 5 * index),
      cpu: { api: index * 0.3, worker: index * 0.4, postgres: index * 0.5 },
      megabytes: { api: 100 + index, worker: 200, postgres: 300 },
      walBytes: index * 2_000_000,
    }),
  );
  return { result: { ...RESULT, ...result }, report: madeReport(made), samples };
}
