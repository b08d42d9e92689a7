/** What a load says about the platform: for each phase and kind how fast, how many went wrong, and which thresholds were missed. */
import { type Latencies, latenciesOf } from './histogram.ts';
import { type LoadReport, type Outcome, OUTCOMES } from './order.ts';
import type { LoadResult, Sample } from './run.ts';
import type { Thresholds } from './scenario.ts';
import { isNeighbours, type Kind, KINDS } from './schedule.ts';
import { figure } from '../finding.ts';

/** Requests of one kind, or of all. */
export interface Part {
  readonly requests: number;
  readonly outcomes: Readonly<Record<Outcome, number>>;
  /** Of those that were answered as they should be, from when they should have left. */
  readonly latency: Latencies | null;
}

export interface PhaseSummary {
  readonly name: string;
  readonly kind: string;
  /** From the start of its load until the last of its requests was due. */
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** Of everybody but the neighbour. */
  readonly all: Part;
  /** Null when there is none. */
  readonly neighbour: Part | null;
  readonly byKind: Readonly<Partial<Record<Kind, Part>>>;
  /** How late requests left, because every connection waited for an answer. */
  readonly waited: Latencies | null;
  /** Thresholds that it missed, a sentence each. */
  readonly missed: readonly string[];
}

type IsIn = (index: number) => boolean;

function partOf({ requests }: LoadReport, isIn: IsIn): Part {
  const outcomes = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as Record<Outcome, number>;
  const latencies: number[] = [];
  let count = 0;
  for (const [index, code] of requests.outcome.entries()) {
    if (!isIn(index)) continue;
    const outcome = OUTCOMES[code] ?? 'failed';
    outcomes[outcome] += 1;
    count += 1;
    if (outcome === 'done') latencies.push(requests.latencyMs[index] ?? Number.NaN);
  }
  return { requests: count, outcomes, latency: latenciesOf(latencies) };
}

/** Requests that were not answered as they should be, those turned away cleanly aside. */
export function failedOf({ outcomes }: Part): number {
  return outcomes.failed + outcomes.unanswered + outcomes.unsent;
}

/** The thresholds that some requests miss. */
export function missedBy(part: Part, thresholds: Thresholds): string[] {
  const { requests, outcomes, latency } = part;
  if (requests === 0) return ['no request was due'];
  const share = (count: number): number => count / requests;
  const p99 = latency?.p99 ?? Number.POSITIVE_INFINITY;
  const failed = share(failedOf(part));
  const refused = share(outcomes.refused);
  return [
    ...(p99 <= thresholds.p99Ms ? [] : [latency === null ? 'no request was done' : `p99 ${figure(p99)} ms, more than ${thresholds.p99Ms}`]),
    ...(failed <= thresholds.failedShare ? [] : [`${percent(failed)} failed, more than ${percent(thresholds.failedShare)}`]),
    ...(refused <= thresholds.refusedShare ? [] : [`${percent(refused)} refused, more than ${percent(thresholds.refusedShare)}`]),
  ];
}

/** A neighbour may be turned away, and may wait; answered as it should be it must be. */
function missedByNeighbour(part: Part, { failedShare }: Thresholds): string[] {
  const failed = failedOf(part) / Math.max(1, part.requests);
  return failed <= failedShare ? [] : [`${percent(failed)} of the neighbour's requests failed, more than ${percent(failedShare)}`];
}

const percent = (value: number): string => `${Number((value * 100).toPrecision(3))} %`;

/** The thresholds that a load misses as a whole: how long payments took, and until none was left. */
export function missedByWhole(
  result: Pick<LoadResult, 'accepted' | 'completeMs' | 'acceptSeconds' | 'paidSeconds'>,
  samples: readonly Sample[],
  limits: Thresholds,
): string[] {
  const none = Number.POSITIVE_INFINITY;
  const { completeP99Ms = none, drainSeconds = none, apiMegabytes = none } = limits;
  const held = Math.max(0, ...samples.map(({ megabytes }) => megabytes.api ?? 0));
  const drain = drainOf(result);
  const { p99 } = result.completeMs;
  return [
    // A load that submits no payment has none that could be slow.
    ...(result.accepted === 0 || p99 <= completeP99Ms ? [] : [`accepted to complete p99 ${figure(p99)} ms, more than ${completeP99Ms}`]),
    ...(drain <= drainSeconds ? [] : [`${figure(drain)} s until no payment was on its way, more than ${drainSeconds}`]),
    ...(held <= apiMegabytes ? [] : [`the API held ${figure(held)} MB, more than ${apiMegabytes}`]),
  ];
}

/** Seconds from the last answer until the last payment was paid. */
export function drainOf({ acceptSeconds, paidSeconds }: Pick<LoadResult, 'acceptSeconds' | 'paidSeconds'>): number {
  return Math.max(0, paidSeconds - acceptSeconds);
}

export interface PhaseName {
  readonly name: string;
  readonly kind: string;
  /** The number that its requests carry. */
  readonly phase: number;
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

/** What became of one phase. */
export function summaryOf(report: LoadReport, { phase, ...named }: PhaseName, thresholds: Thresholds): PhaseSummary {
  const { requests } = report;
  const isOf: IsIn = (index) => requests.phase[index] === phase;
  const isNeighbour: IsIn = (index) => isNeighbours(KINDS[requests.kind[index] ?? 0] ?? 'single');
  const all = partOf(report, (index) => isOf(index) && !isNeighbour(index));
  const neighbour = partOf(report, (index) => isOf(index) && isNeighbour(index));
  const byKind: Partial<Record<Kind, Part>> = {};
  for (const [code, kind] of KINDS.entries()) {
    const part = partOf(report, (index) => isOf(index) && requests.kind[index] === code);
    if (part.requests > 0) byKind[kind] = part;
  }
  const waited = latenciesOf([...requests.waitedMs].filter((_, index) => isOf(index)));
  const missed = [...missedBy(all, thresholds), ...missedByNeighbour(neighbour, thresholds)];
  return { ...named, all, neighbour: neighbour.requests === 0 ? null : neighbour, byKind, waited, missed };
}

/** One second of a load. */
export interface Second {
  /** Requests by the second in which they were due. */
  readonly due: number;
  readonly done: number;
  readonly refused: number;
  readonly failed: number;
  /** Of those that were done; null when none was. */
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** What became of the requests that were due in each second. */
export function secondsOf({ requests }: LoadReport): Second[] {
  const rows: { due: number; refused: number; failed: number; latencies: number[] }[] = [];
  for (const [index, dueMs] of requests.dueMs.entries()) {
    const second = Math.floor(dueMs / 1_000);
    while (rows.length <= second) rows.push({ due: 0, refused: 0, failed: 0, latencies: [] });
    const row = rows[second];
    if (row === undefined) continue;
    row.due += 1;
    const outcome = OUTCOMES[requests.outcome[index] ?? -1];
    if (outcome === 'done') row.latencies.push(requests.latencyMs[index] ?? Number.NaN);
    else if (outcome === 'refused') row.refused += 1;
    else row.failed += 1;
  }
  return rows.map(({ latencies, ...row }) => {
    const found = latenciesOf(latencies);
    return { ...row, done: latencies.length, p50: found?.p50 ?? null, p99: found?.p99 ?? null, max: found?.max ?? null };
  });
}
