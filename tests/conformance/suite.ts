/** The suite: every behaviour against every adapter, and the table that tells what came of it. */
import { AMOUNTS } from './amounts.ts';
import { ANSWERS } from './answers.ts';
import { ADAPTERS, type Adapter } from './adapters.ts';
import { CALLBACKS } from './callbacks.ts';
import { type Behaviour, hold } from './checks.ts';
import { KEPT } from './kept.ts';
import { REFUNDS } from './refunds.ts';
import { TERMS } from './terms.ts';

export const BEHAVIOURS: readonly Behaviour[] = [...ANSWERS, ...AMOUNTS, ...KEPT, ...CALLBACKS, ...TERMS, ...REFUNDS];

export interface Verdict {
  readonly behaviour: string;
  readonly operator: string;
  readonly railId: string;
  /** What was wrong; null when nothing was. */
  readonly failure: string | null;
  /** Why the behaviour has nothing to show in the adapter; null when it has. */
  readonly notApplicable: string | null;
}

/** Runs every behaviour against the adapters, one after the other. */
export async function runSuite(adapters: readonly Adapter[] = ADAPTERS): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const behaviour of BEHAVIOURS) {
    for (const adapter of adapters) {
      const told = await hold(behaviour, adapter).then(
        (notApplicable) => ({ failure: null, notApplicable }),
        (error: unknown) => ({ failure: messageOf(error), notApplicable: null }),
      );
      verdicts.push({ behaviour: behaviour.name, operator: adapter.operator, railId: adapter.railId, ...told });
    }
  }
  return verdicts;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error);
}

/** The verdicts as a table: a line per behaviour, a column per adapter, and below it what failed. */
export function tableOf(verdicts: readonly Verdict[]): string {
  const rails = [...new Set(verdicts.map(({ railId }) => railId))];
  const behaviours = [...new Set(verdicts.map(({ behaviour }) => behaviour))];
  const width = Math.max(...behaviours.map((name) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}  ${cells.map((cell, index) => cell.padEnd(rails[index]?.length ?? 0)).join('  ')}`.trimEnd();
  const cellOf = (behaviour: string, railId: string) => {
    const verdict = verdicts.find((each) => each.behaviour === behaviour && each.railId === railId);
    if (verdict === undefined || verdict.failure !== null) return 'FAIL';
    return verdict.notApplicable === null ? 'ok' : 'n/a';
  };
  const failures = verdicts.filter(({ failure }) => failure !== null);
  const reasons = Map.groupBy(
    verdicts.filter((each) => each.notApplicable !== null),
    (each) => `${each.behaviour}: ${each.notApplicable}`,
  );
  const idle = [...reasons.values()].reduce((sum, each) => sum + each.length, 0);
  return [
    line('behaviour', rails),
    line(
      '-'.repeat(width),
      rails.map((rail) => '-'.repeat(rail.length)),
    ),
    ...behaviours.map((behaviour) =>
      line(
        behaviour,
        rails.map((railId) => cellOf(behaviour, railId)),
      ),
    ),
    '',
    `${behaviours.length} behaviours, ${rails.length} adapters: ${verdicts.length - failures.length - idle} hold, ${failures.length} fail, ${idle} do not apply.`,
    ...[...reasons].map(([why, each]) => `n/a ${each.map(({ railId }) => railId).join(', ')}: ${why}`),
    ...failures.map(({ railId, behaviour, failure }) => `FAIL ${railId}: ${behaviour}: ${failure}`),
  ].join('\n');
}
