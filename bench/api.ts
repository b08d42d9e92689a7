/**
 * The way in under load: the whole platform as it is started by `npm start`, with one worker, and a crowd of
 * clients in a process of their own, each sending its next payment as soon as the last is answered.
 * Afterwards every answer is held against the database.
 */
import { checkBooks } from '../tools/ledger/index.ts';
import { type ApiCost, type Cost, measureApiCost } from './api-cost.ts';
import { type Finding, figure } from './finding.ts';
import { latenciesOf } from './load/histogram.ts';
import type { LoadReport } from './load/order.ts';
import { latenciesAnswered, type LoadWish, misstored, paymentsBy, sendLoad } from './load/run.ts';
import { type BenchPlatform, openPlatform } from './platform.ts';

export interface ApiBenchOptions {
  readonly clients: number;
  readonly seconds: number;
  /** Requests at most. */
  readonly requests: number;
  /** Fails from this p99 on, milliseconds. */
  readonly p99: number;
  /** Measures first what encryption, authorisation, limits and row-level security cost. */
  readonly compare: boolean;
}

/** Requests before the clock starts, so that the first compilation of the code is not what is measured. */
const WARM_UP_REQUESTS = 20_000;
const WARM_UP_SECONDS_MAX = 600;
const COST = { requests: 500, rounds: 3 };

/** Runs the bench. Fails when p99 is not below the limit, a request fails, or an accepted payment is not stored exactly once. */
export async function runApiBench(options: ApiBenchOptions, tell: (line: string) => void): Promise<Finding> {
  const cost = options.compare ? await measureApiCost(COST, tell) : null;
  // The system does not deal connections out evenly among the processes, and each has room for its share alone.
  const bench = await openPlatform({ CAPP_CONNECTIONS_MAX: String(Math.max(10_000, 2 * options.clients)) }, tell);
  try {
    tell(`one page is durable after ${figure(bench.fsyncUs)} µs on this disk`);
    const measured = await measure(bench, options);
    return await conclude(bench, options, measured, cost, tell);
  } finally {
    await bench.close();
  }
}

function crowd({ clients }: ApiBenchOptions, prefix: string, payments: number, seconds: number): LoadWish {
  const pace = { kind: 'closed', seconds, payments, unfinishedMax: Number.POSITIVE_INFINITY } as const;
  return { ...paymentsBy(1), connections: clients, pace, intents: { prefix, between: 'wallets', seed: prefix.length } };
}

interface Measured {
  readonly report: LoadReport;
  /** Failures of the warm-up as well. */
  readonly troubles: LoadReport['troubles'];
  /** What is lost, doubled, or not as it was answered. */
  readonly wrong: readonly string[];
}

async function measure(bench: BenchPlatform, options: ApiBenchOptions): Promise<Measured> {
  const warm = await sendLoad(bench, crowd(options, 'warm-up', WARM_UP_REQUESTS, WARM_UP_SECONDS_MAX));
  const report = await sendLoad(bench, crowd(options, 'bench', options.requests, options.seconds));
  const troubles = { ...report.troubles };
  for (const [kind, count] of Object.entries(warm.troubles)) troubles[kind] = (troubles[kind] ?? 0) + count;
  const wrong = [...(await misstored(bench.pool, warm, 'warm-up')), ...(await misstored(bench.pool, report, 'bench'))];
  return { report, troubles, wrong };
}

/** The cost by request and by who bears it, microseconds by kind. */
function figuresOf({ payment, read }: ApiCost) {
  const each = (of: ApiCost['read'], field: keyof Cost) =>
    Object.fromEntries(Object.entries(of).map(([kind, cost]) => [kind, cost[field]]));
  return {
    cpuUsPerPayment: each(payment, 'cpuUs'),
    databaseUsPerPayment: each(payment, 'databaseUs'),
    cpuUsPerRead: each(read, 'cpuUs'),
    databaseUsPerRead: each(read, 'databaseUs'),
  };
}

async function conclude(
  { pool, platform, fsyncUs }: BenchPlatform,
  options: ApiBenchOptions,
  { report, troubles, wrong }: Measured,
  cost: ApiCost | null,
  tell: (line: string) => void,
): Promise<Finding> {
  const latency = latenciesOf(latenciesAnswered(report));
  const { p50, p99, max, count } = latency ?? { p50: Number.NaN, p99: Number.NaN, max: Number.NaN, count: 0 };
  const seconds = (report.lastAnsweredAtMs - report.firstSentAtMs) / 1_000;
  const failed = Object.values(troubles).reduce((sum, each) => sum + each, 0);
  tell(`${options.clients} clients, ${figure(count)} requests in ${figure(seconds)} s: ${figure(count / seconds)} requests/s`);
  tell(`latency: p50 ${figure(p50)} ms, p99 ${figure(p99)} ms, longest ${figure(max)} ms; failures: ${failed}`);
  const violations = await checkBooks(pool);
  tell(
    `${figure(report.accepted.length)} were accepted: ${wrong.length === 0 ? 'each is stored once, as it was answered' : wrong.join('; ')}`,
  );
  tell(`books: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
  const deaths = platform.deaths();
  return {
    bench: 'api',
    figures: {
      perSecond: count / seconds,
      p50Ms: p50,
      p99Ms: p99,
      maxMs: max,
      requests: count,
      accepted: report.accepted.length,
      answersByFailure: troubles,
      options,
      fsyncUs: Math.round(fsyncUs),
      ...(cost === null ? {} : figuresOf(cost)),
      invariants: violations.length === 0 ? 'hold' : violations,
    },
    failures: [
      ...(p99 < options.p99 ? [] : [`p99 is ${figure(p99)} ms, not below ${options.p99}`]),
      ...Object.entries(troubles).map(([kind, times]) => `${times} requests failed: ${kind}`),
      ...wrong,
      ...(deaths === 0 ? [] : [`processes died ${deaths} times`]),
      ...violations.map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`),
    ],
  };
}
