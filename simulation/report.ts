/** What runs survived, for people and for programs. */
import type { Failure } from './campaign.ts';
import { type Fault, type FaultGroup, FAULTS } from './faults.ts';
import type { RunResult } from './run.ts';

/** How often each kind of fault struck; those of the groups that were asked for stand there even if they never did. */
export function countFaults(struck: readonly Fault[], groups: readonly FaultGroup[]): Record<string, number> {
  const counts: Record<string, number> = Object.fromEntries(groups.flatMap((group) => Object.keys(FAULTS[group]).map((kind) => [kind, 0])));
  for (const { kind } of struck) counts[kind] = (counts[kind] ?? 0) + 1;
  return Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Sums of counts by name. */
export function addCounts(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const counts of all) for (const [name, count] of Object.entries(counts)) sums[name] = (sums[name] ?? 0) + count;
  return sums;
}

/** One run as a line. */
export function lineOf(seed: string, result: RunResult, seconds: number): string {
  const ends = Object.entries(result.ends).map(([status, count]) => `${status} ${count}`);
  const verdict = result.violations.length === 0 ? 'holds' : `${result.violations.length} VIOLATIONS`;
  return `seed ${seed}  ${verdict}  ${ends.join(' · ')}  ${result.struck.length} faults  ${result.steps} steps  ${result.virtualSeconds} s in ${seconds.toFixed(1)} s  ${result.digest.slice(0, 16)}`;
}

/** What was survived, a kind a line. */
export function survivedLines(counts: Readonly<Record<string, number>>): string[] {
  const width = Math.max(0, ...Object.keys(counts).map((kind) => kind.length));
  return Object.entries(counts).map(([kind, count]) => `  ${kind.replaceAll('_', ' ').padEnd(width)}  ${count}`);
}

/** What `findViolations` looks for and did not find. */
export const HELD: readonly string[] = [
  'Held: every payment came to an end and every request has its one payment; no leg was moved twice, and none is open;',
  "  operators' books equal ours; each client was told of each end once; every invariant of `capp verify`.",
];

/** A failure with its short script. */
export function failureLines(failure: Failure): string[] {
  return [
    ...failure.violations.slice(0, 5).map((violation) => `    ${violation}`),
    `    shrunk in ${failure.runs} runs to ${failure.script.wishes?.length ?? failure.script.payments} payments, ${failure.script.faults?.length ?? 'all'} faults, ${failure.script.workers} workers:`,
    `    ${JSON.stringify(failure.script)}`,
  ];
}
