/** The suite: every behaviour against every adapter, and the table that tells what came of it. */
import { ANSWERS } from './answers.ts';
import { ADAPTERS, type Adapter } from './adapters.ts';
import { CALLBACKS } from './callbacks.ts';
import type { Behaviour } from './checks.ts';
import { TERMS } from './terms.ts';

export const BEHAVIOURS: readonly Behaviour[] = [...ANSWERS, ...CALLBACKS, ...TERMS];

export interface Verdict {
  readonly behaviour: string;
  readonly operator: string;
  readonly railId: string;
  /** What was wrong; null when nothing was. */
  readonly failure: string | null;
}

/** Runs every behaviour against the adapters, one after the other. */
export async function runSuite(adapters: readonly Adapter[] = ADAPTERS): Promise<readonly Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const behaviour of BEHAVIOURS) {
    for (const adapter of adapters) {
      const failure = await behaviour.run(adapter).then(
        () => null,
        (error: unknown) => (error instanceof Error ? (error.message.split('\n')[0] ?? error.name) : String(error)),
      );
      verdicts.push({ behaviour: behaviour.name, operator: adapter.operator, railId: adapter.railId, failure });
    }
  }
  return verdicts;
}

/** The verdicts as a table: a line per behaviour, a column per adapter, and below it what failed. */
export function tableOf(verdicts: readonly Verdict[]): string {
  const rails = [...new Set(verdicts.map(({ railId }) => railId))];
  const behaviours = [...new Set(verdicts.map(({ behaviour }) => behaviour))];
  const width = Math.max(...behaviours.map((name) => name.length));
  const line = (name: string, cells: readonly string[]) =>
    `${name.padEnd(width)}  ${cells.map((cell, index) => cell.padEnd(rails[index]?.length ?? 0)).join('  ')}`.trimEnd();
  const cellOf = (behaviour: string, railId: string) =>
    verdicts.find((each) => each.behaviour === behaviour && each.railId === railId)?.failure === null ? 'ok' : 'FAIL';
  const failures = verdicts.filter(({ failure }) => failure !== null);
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
    `${behaviours.length} behaviours, ${rails.length} adapters: ${verdicts.length - failures.length} hold, ${failures.length} fail, 0 skipped.`,
    ...failures.map(({ railId, behaviour, failure }) => `FAIL ${railId}: ${behaviour}: ${failure}`),
  ].join('\n');
}
