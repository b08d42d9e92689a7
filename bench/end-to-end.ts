/**
 * Complete payments: from the request of a client, through all agents, to their place in a settlement batch. Real processes over
 * HTTP; clients, API, worker, operators and PostgreSQL on this machine. The same from batches, from single posts, at a fixed
 * rate, and against a worker that makes a graph run and a transaction for each payment.
 */
import { type Activity, whileWatched } from './activity.ts';
import { type Finding, figure } from './finding.ts';
import type { LoadOrder } from './load/order.ts';
import { cpuLine, type LoadResult, paymentsBy, runLoad } from './load/run.ts';
import { peakMegabytes } from './meters.ts';
import { type BenchPlatform, fundBalances, openPlatform, type PlatformOptions } from './platform.ts';

export interface EndToEndOptions extends PlatformOptions {
  /** How long clients send in each part. */
  readonly seconds: number;
  readonly naiveSeconds: number;
  /** Payments a second of the part at a fixed rate. */
  readonly rate: number;
  /** Of a hundred payments so many are flagged. */
  readonly flagged: number;
  /** Payments in one batch. */
  readonly rows: number;
  /** So much is told of what PostgreSQL did in each part. */
  readonly activity: number;
  /** Payments before the clock starts; of the naive variant a thirtieth. */
  readonly warmUp: number;
  /** Fails below so many from batches, and below so many times the naive rate. */
  readonly leastPerSecond: number;
  readonly leastRatio: number;
}

/** What is aimed at, on two ordinary cores. */
const GOALS = {
  batchesPerSecond: 20_000,
  singlesPerSecond: 10_000,
  p99Ms: 200,
  p99AtPerSecond: 4_000,
  ratio: 100,
  flaggedPerSecond: 8_000,
};

/** Payments that a crowd may have under way before it waits. */
const UNFINISHED_MAX = 20_000;
const NAIVE_UNFINISHED_MAX = 100;
const BATCH_CONNECTIONS = 4;
const SINGLE_CONNECTIONS = 200;
const UNLIMITED = 10_000_000;

type Part = Pick<LoadOrder, 'rows' | 'connections' | 'pace'> & { readonly name: string };

/** Runs the bench. Fails when anything is lost or doubled, an invariant does not hold, or a stated floor is missed. */
export async function runEndToEndBench(options: EndToEndOptions, tell: (line: string) => void): Promise<Finding> {
  const naive = await measure({ CAPP_COHORT_MAX: '1' }, naiveParts(options), { ...options, warmUp: Math.ceil(options.warmUp / 30) }, tell);
  const whole = await measure({}, parts(options), options, tell);
  const results = { ...naive.results, ...whole.results };
  const of = (name: string): number => results[name]?.perSecond ?? Number.NaN;
  const best = Math.max(of('batches'), of('singles'));
  const ratio = best / of('naive');
  const goal = options.flagged > 0 ? GOALS.flaggedPerSecond : GOALS.batchesPerSecond;
  const reached = (name: string, value: string, aim: string): void =>
    tell(`${name.padEnd(34)} reached ${value.padStart(10)}   goal ${aim}`);
  tell('');
  reached('from batches, payments/s', figure(of('batches')), figure(goal));
  reached('from single posts, payments/s', figure(of('singles')), figure(GOALS.singlesPerSecond));
  reached('times the naive rate', figure(ratio), figure(GOALS.ratio));
  reached(
    `accepted to complete, p99 ms`,
    `${figure(results['at a fixed rate']?.completeMs.p99 ?? Number.NaN)} at ${figure(options.rate)}/s`,
    `${GOALS.p99Ms} at ${figure(GOALS.p99AtPerSecond)}/s`,
  );
  const violations = [...naive.violations, ...whole.violations];
  tell(`books, audit log and operators: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
  return {
    bench: 'end-to-end',
    figures: {
      results,
      ratio,
      goals: GOALS,
      options,
      megabytes: whole.megabytes,
      fsyncUs: Math.round(whole.fsyncUs),
      invariants: violations.length === 0 ? 'hold' : violations,
    },
    failures: [
      ...Object.entries(results).flatMap(([name, { wrong }]) => wrong.map((each) => `${name}: ${each}`)),
      ...Object.entries(results).flatMap(([name, result]) => unmet(name, result, options)),
      ...violations,
      ...[naive, whole].flatMap(({ deaths }) => (deaths === 0 ? [] : [`processes died ${deaths} times`])),
      ...(of('batches') >= options.leastPerSecond
        ? []
        : [`${figure(of('batches'))} payments/s from batches, less than ${options.leastPerSecond}`]),
      ...(ratio >= options.leastRatio ? [] : [`${figure(ratio)} times the naive rate, less than ${options.leastRatio}`]),
    ],
  };
}

function closed(seconds: number, unfinishedMax: number, payments = UNLIMITED): LoadOrder['pace'] {
  return { kind: 'closed', seconds, payments, unfinishedMax };
}

function naiveParts({ naiveSeconds }: EndToEndOptions): Part[] {
  return [{ name: 'naive', rows: 1, connections: 50, pace: closed(naiveSeconds, NAIVE_UNFINISHED_MAX) }];
}

function parts({ seconds, rows, rate }: EndToEndOptions): Part[] {
  const steady = [{ phase: 0, seconds, fromPerSecond: rate, toPerSecond: rate }];
  return [
    { name: 'batches', rows, connections: BATCH_CONNECTIONS, pace: closed(seconds, UNFINISHED_MAX) },
    { name: 'singles', rows: 1, connections: SINGLE_CONNECTIONS, pace: closed(seconds, UNFINISHED_MAX) },
    { name: 'at a fixed rate', rows: 1, connections: SINGLE_CONNECTIONS, pace: { kind: 'open', segments: steady, spacing: 'even' } },
  ];
}

/** Payments with a flag must be held, all others paid. */
function unmet(name: string, { accepted, paid, held }: LoadResult, { flagged }: EndToEndOptions): string[] {
  if (accepted === 0) return [`${name}: nothing was accepted`];
  if (paid + held !== accepted) return [`${name}: of ${accepted} accepted ${paid} are paid and ${held} held`];
  return flagged === 0 && held > 0 ? [`${name}: ${held} payments are held`] : [];
}

interface Measured {
  readonly results: Readonly<Record<string, LoadResult>>;
  readonly violations: readonly string[];
  readonly deaths: number;
  readonly megabytes: Readonly<Record<string, number>>;
  readonly fsyncUs: number;
}

/** Runs parts one after the other on a platform of their own. */
async function measure(
  settings: Readonly<Record<string, string>>,
  wanted: readonly Part[],
  options: EndToEndOptions,
  tell: (line: string) => void,
): Promise<Measured> {
  const bench = await openPlatform({ ...options.settings, ...settings });
  try {
    await fundBalances(bench);
    await runPart(bench, warmUp(wanted, options.warmUp), 0, 0);
    const results: Record<string, LoadResult> = {};
    for (const [index, part] of wanted.entries()) {
      const run = (): Promise<LoadResult> => runPart(bench, part, index + 1, options.flagged);
      const { result, activity } =
        options.activity > 0 ? await whileWatched(bench.platform.databaseUrl, run) : { result: await run(), activity: [] };
      results[part.name] = result;
      for (const line of [...linesOf(part.name, result), ...activityLines(activity.slice(0, options.activity))]) tell(line);
    }
    const megabytes = peakMegabytes();
    const violations = (await bench.verify()).map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`);
    return { results, violations, deaths: bench.platform.deaths(), megabytes, fsyncUs: bench.fsyncUs };
  } finally {
    await bench.close();
  }
}

/** The first part in small, so that the first compilation of the code is not what is measured. */
function warmUp([first]: readonly Part[], payments: number): Part {
  if (first === undefined) throw new RangeError('there is nothing to measure');
  return { ...first, name: 'warm-up', pace: closed(60, first.pace.kind === 'closed' ? first.pace.unfinishedMax : payments, payments) };
}

function runPart(bench: BenchPlatform, { rows, connections, pace }: Part, number: number, flaggedPercent: number): Promise<LoadResult> {
  const intents = { prefix: `part${number}`, between: 'balances', flaggedPercent, seed: number + 1 } as const;
  return runLoad(bench, { ...paymentsBy(rows), connections, pace, intents });
}

function activityLines(activity: readonly Activity[]): string[] {
  return activity.map(({ doing, what, sessions }) => `  ${sessions.toFixed(3).padStart(7)}  ${doing.padEnd(20)}  ${what}`);
}

function linesOf(name: string, result: LoadResult): string[] {
  const { perSecond, accepted, held, acceptMs, completeMs, paidSeconds, settledSeconds, walBytes, others, refusals } = result;
  return [
    `${name}: ${figure(accepted)} accepted in ${figure(result.acceptSeconds)} s, all paid after ${figure(paidSeconds)} s and settled after ${figure(settledSeconds)} s: ${figure(perSecond)} payments/s${held > 0 ? `, ${figure(held)} held for people` : ''}`,
    `  request to answer p50 ${figure(acceptMs.p50)} ms, p99 ${figure(acceptMs.p99)} ms; accepted to complete p50 ${figure(completeMs.p50)} ms, p99 ${figure(completeMs.p99)} ms`,
    `  ${cpuLine(result.cpuUs)}; WAL ${figure(walBytes)} bytes per payment; others ${Math.round(others * 100)} % of the machine`,
    ...Object.entries(refusals).map(([kind, count]) => `  not accepted: ${figure(count)}, ${kind}`),
  ];
}
