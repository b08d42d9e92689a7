/** A scenario as it is run: phases of given rates that follow each other without a pause are one load, a search for the breakpoint is many. */
import { foundBy } from './breakpoint.ts';
import type { MeasuredLoad, Sample } from './run.ts';
import { type BreakpointPhase, type FixedPhase, type Phase, segmentsOf, type Thresholds } from './scenario.ts';
import type { Segment } from './schedule.ts';
import type { UnfinishedReport } from './unfinished.ts';
import { drainOf, failedOf, missedByWhole, type PhaseName, type PhaseSummary, type Second, secondsOf, summaryOf } from './summary.ts';

export type Stage =
  | { readonly kind: 'run'; readonly segments: readonly Segment[]; readonly phases: readonly PhaseName[] }
  | { readonly kind: 'breakpoint'; readonly name: string; readonly phase: BreakpointPhase };

/** A name for a phase that has none: its kind, with a number where there are several of it. */
function namesOf(phases: readonly Phase[]): string[] {
  const counts: Record<string, number> = {};
  const isAlone = (kind: string): boolean => phases.filter((each) => each.kind === kind).length === 1;
  return phases.map(({ kind, name }) => {
    counts[kind] = (counts[kind] ?? 0) + 1;
    return name ?? (isAlone(kind) ? kind : `${kind} ${counts[kind]}`);
  });
}

/** The stages of some phases, in their order. */
export function stagesOf(phases: readonly Phase[]): Stage[] {
  const stages: Stage[] = [];
  const names = namesOf(phases);
  let running: { phases: PhaseName[]; segments: Segment[] } | null = null;
  for (const [index, phase] of phases.entries()) {
    const name = names[index] ?? phase.kind;
    if (phase.kind === 'breakpoint') {
      running = null;
      stages.push({ kind: 'breakpoint', name, phase });
      continue;
    }
    if (running === null) {
      running = { phases: [], segments: [] };
      stages.push({ kind: 'run', ...running });
    }
    addTo(running, phase, name);
  }
  return stages;
}

function addTo({ phases, segments }: { phases: PhaseName[]; segments: Segment[] }, phase: FixedPhase, name: string): void {
  const fromSeconds = phases.at(-1)?.toSeconds ?? 0;
  const number = phases.length;
  phases.push({ name, kind: phase.kind, phase: number, fromSeconds, toSeconds: fromSeconds + phase.seconds });
  segments.push(...segmentsOf(phase, number));
}

/** What a load came to as a whole. */
export interface Totals {
  readonly requests: number;
  readonly payments: { readonly accepted: number; readonly paid: number; readonly held: number };
  /** Payments accepted a second while clients sent. */
  readonly acceptedPerSecond: number;
  readonly acceptSeconds: number;
  /** From the last answer until the last payment was paid. */
  readonly drainSeconds: number;
  /** From the first request until the last payment was in a settlement batch. */
  readonly settledSeconds: number;
  readonly completeMs: { readonly p50: number | null; readonly p99: number | null };
  /** CPU microseconds by process, for each accepted payment and for each request. */
  readonly cpuUsPerPayment: Readonly<Record<string, number>>;
  readonly cpuUsPerRequest: Readonly<Record<string, number>>;
  readonly walBytesPerPayment: number | null;
  /** The most that all processes of a kind held together. */
  readonly megabytesMost: Readonly<Record<string, number>>;
  /** Share of the machine that went to anybody else. */
  readonly others: number;
  readonly events: number;
  readonly unfinished: UnfinishedReport;
  readonly troubles: Readonly<Record<string, number>>;
  /** What was lost, doubled or left on its way. */
  readonly wrong: readonly string[];
}

/** Nothing can be told for each of none. */
const told = (value: number): number | null => (Number.isFinite(value) ? value : null);

export function totalsOf({ result, report, samples }: MeasuredLoad): Totals {
  const { accepted, paid, held } = result;
  const requests = report.requests.outcome.length;
  const cpu = Object.entries(result.cpuUs);
  const perRequest = Object.entries(result.cpuSeconds).map(([kind, seconds]) => [kind, (seconds * 1e6) / requests] as const);
  return {
    requests,
    payments: { accepted, paid, held },
    acceptedPerSecond: result.acceptedPerSecond,
    acceptSeconds: result.acceptSeconds,
    drainSeconds: drainOf(result),
    settledSeconds: result.settledSeconds,
    completeMs: { p50: told(result.completeMs.p50), p99: told(result.completeMs.p99) },
    cpuUsPerPayment: Object.fromEntries(cpu.filter(([, us]) => Number.isFinite(us))),
    cpuUsPerRequest: Object.fromEntries(perRequest.filter(([, us]) => Number.isFinite(us))),
    walBytesPerPayment: told(result.walBytes),
    megabytesMost: mostOf(samples),
    others: result.others,
    events: report.events,
    unfinished: report.unfinished,
    troubles: report.troubles,
    wrong: result.wrong,
  };
}

function mostOf(samples: readonly Sample[]): Record<string, number> {
  const most: Record<string, number> = {};
  for (const { megabytes } of samples)
    for (const [kind, value] of Object.entries(megabytes)) most[kind] = Math.max(most[kind] ?? 0, Math.round(value));
  return most;
}

export interface RunOutcome {
  readonly kind: 'run';
  readonly phases: readonly PhaseSummary[];
  readonly totals: Totals;
  /** Thresholds that the phases together missed. */
  readonly missed: readonly string[];
  readonly seconds: readonly Second[];
  /** The platform meanwhile, by seconds since the first request. */
  readonly samples: readonly (Omit<Sample, 'atMs'> & { readonly atSeconds: number })[];
}

export function runOutcomeOf(measured: MeasuredLoad, phases: readonly PhaseName[], thresholds: Thresholds): RunOutcome {
  const { report, result, samples } = measured;
  return {
    kind: 'run',
    phases: phases.map((phase) => summaryOf(report, phase, thresholds)),
    totals: totalsOf(measured),
    missed: missedByWhole(result, samples, thresholds),
    seconds: secondsOf(report),
    samples: samples.map(({ atMs, ...sample }) => ({ ...sample, atSeconds: (atMs - report.firstSentAtMs) / 1_000 })),
  };
}

/** One rate that was tried. */
export interface Step {
  readonly perSecond: number;
  readonly held: boolean;
  readonly p99: number | null;
  readonly failedShare: number;
  readonly refusedShare: number;
  readonly completeP99: number | null;
  readonly drainSeconds: number;
  readonly missed: readonly string[];
  readonly wrong: readonly string[];
}

export interface BreakpointOutcome {
  readonly kind: 'breakpoint';
  readonly name: string;
  readonly steps: readonly Step[];
  /** The highest rate that held, and the lowest above it that did not. */
  readonly heldPerSecond: number | null;
  readonly missedPerSecond: number | null;
  /** What the phase asks for and did not get. */
  readonly missed: readonly string[];
}

export type StageOutcome = RunOutcome | BreakpointOutcome;

/** What became of one rate. */
export function stepOf(perSecond: number, { report, result, samples }: MeasuredLoad, thresholds: Thresholds): Step {
  const { all, missed: missedByAll } = summaryOf(report, { name: '', kind: 'step', phase: 0, fromSeconds: 0, toSeconds: 0 }, thresholds);
  const missed = [...missedByAll, ...missedByWhole(result, samples, thresholds)];
  return {
    perSecond,
    held: missed.length === 0,
    p99: all.latency?.p99 ?? null,
    failedShare: failedOf(all) / Math.max(1, all.requests),
    refusedShare: all.outcomes.refused / Math.max(1, all.requests),
    completeP99: told(result.completeMs.p99),
    drainSeconds: drainOf(result),
    missed,
    wrong: result.wrong,
  };
}

export function breakpointOutcomeOf(name: string, steps: readonly Step[], phase: BreakpointPhase): BreakpointOutcome {
  const { held, missed } = foundBy(steps);
  const least = phase.leastPerSecond ?? 0;
  return {
    kind: 'breakpoint',
    name,
    steps,
    heldPerSecond: held,
    missedPerSecond: missed,
    missed: [
      ...(held === null ? [`not even ${phase.fromPerSecond} requests a second held`] : []),
      ...(held !== null && held < least ? [`${Math.round(held)} requests a second held, fewer than ${least}`] : []),
    ],
  };
}

/** Everything that is not as it must be, a sentence each. */
export function failuresOf(stages: readonly StageOutcome[]): string[] {
  return stages.flatMap((stage) => {
    if (stage.kind === 'breakpoint') {
      const wrong = stage.steps.flatMap((step) => step.wrong.map((each) => `${stage.name} at ${Math.round(step.perSecond)}/s: ${each}`));
      return [...stage.missed.map((each) => `${stage.name}: ${each}`), ...wrong];
    }
    const byPhase = stage.phases.flatMap(({ name, missed }) => missed.map((each) => `${name}: ${each}`));
    const names = stage.phases.map(({ name }) => name).join(', ');
    return [...byPhase, ...[...stage.missed, ...stage.totals.wrong].map((each) => `${names}: ${each}`)];
  });
}
