/** What a run comes to: figures, comparisons and whether it passes. The four forms of the report are made from this. */
import type { BaselineReport } from '../baseline.ts';
import { type Comparison, comparePaired } from '../statistics.ts';
import type { SuiteRun } from '../suite.ts';
import type { Miss } from '../thresholds.ts';

export interface Report {
  readonly run: SuiteRun;
  readonly baseline: BaselineReport | null;
  readonly misses: readonly Miss[];
  readonly passed: boolean;
  readonly rivals: readonly { readonly name: string; readonly comparison: Comparison }[];
}

export function reportOf(run: SuiteRun, baseline: BaselineReport | null, misses: readonly Miss[]): Report {
  const rivals = run.rivals.map(({ name, correct }) => {
    const both = run.results.flatMap((result, at) => {
      const other = correct[at];
      return other === null || other === undefined ? [] : [[result.correct, other] as const];
    });
    return {
      name,
      comparison: comparePaired(
        both.map(([ours]) => ours),
        both.map(([, theirs]) => theirs),
      ),
    };
  });
  return { run, baseline, misses, passed: misses.length === 0 && baseline?.verdict !== 'worse', rivals };
}

const DIGITS = 10_000;

function rounded(metrics: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, Math.round(value * DIGITS) / DIGITS]));
}

/**
 * The report as one JSON object, with these fields and no others. `baseline` is what the run is held against: the stored
 * one, where there is one for these very cases, and the other methods of the same run.
 */
export function toJson({ run, baseline, passed, rivals }: Report) {
  return {
    suite: run.suite,
    cases: run.results.length,
    metrics: rounded(run.metrics),
    slices: run.slices.map((slice) => ({ ...slice, metrics: rounded(slice.metrics) })),
    baseline: {
      stored: baseline,
      rivals: run.rivals.map(({ name, metrics }, at) => ({ name, metrics: rounded(metrics), comparison: rivals[at]?.comparison ?? null })),
    },
    passed,
  };
}

/** The same with what was measured, on which cases, what is missed, and every single case: what is kept of a run. */
export function toFullJson(report: Report) {
  const { target, dataset, results, remarks } = report.run;
  return { ...toJson(report), target, dataset, misses: report.misses, remarks, results };
}

/** One sentence for each threshold that is missed. */
export function missSentences({ misses }: Report): string[] {
  return misses.map(missSentence);
}

export function missSentence({ metric, value, bound }: Miss): string {
  return `${metric} is ${value === null ? 'not there' : figure(value)}, and must be ${bound}.`;
}

/** What a run says of figures that it cannot give. */
export function absentSentences({ run }: Report): string[] {
  return Object.entries(run.absent ?? {}).map(([metric, why]) => `No ${metric}: ${why}.`);
}

const WRONG_SHOWN_MAX = 100;

/** Cases that went wrong, the first of them. */
export function wrongCases(report: Report): SuiteRun['results'] {
  return report.run.results.filter((result) => !result.correct).slice(0, WRONG_SHOWN_MAX);
}

/** A figure for people. */
export function figure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  return Math.abs(value) >= 100 ? value.toFixed(1) : value.toFixed(4);
}

/** One sentence about the baseline. */
export function baselineSentence({ baseline }: Report): string {
  if (baseline === null) return 'There is no baseline for these cases.';
  const { comparison, verdict } = baseline;
  const { difference, low, high, pValue, onlyFirst, onlySecond } = comparison;
  const gains = `${onlyFirst} cases gained, ${onlySecond} lost`;
  return `Against the baseline: ${verdict} (${gains}; ${(difference * 100).toFixed(2)} points, 95 % from ${(low * 100).toFixed(2)} to ${(high * 100).toFixed(2)}; p = ${pValue.toPrecision(2)}).`;
}
