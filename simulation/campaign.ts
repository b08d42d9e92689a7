/** Runs of many seeds, each on a database of its own; the first that fails is made short. */
import type { RunResult } from './run.ts';
import { run } from './run.ts';
import type { Script } from './script.ts';
import type { RunDatabase } from './server.ts';
import { shrink } from './shrink.ts';

export interface CampaignDeps {
  readonly open: () => Promise<RunDatabase>;
  /** Hears the history of each run. */
  readonly trace?: (line: string) => void;
  /** Statements that each new database is changed by. */
  readonly sql?: readonly string[];
}

/** Runs a script on a fresh database. */
export async function runScript(deps: CampaignDeps, script: Script): Promise<RunResult> {
  const database = await deps.open();
  try {
    for (const statement of deps.sql ?? []) await database.pool.query(statement);
    return await run({ script, database, ...(deps.trace === undefined ? {} : { trace: deps.trace }) });
  } finally {
    await database.close();
  }
}

export interface Failure {
  readonly seed: string;
  readonly violations: readonly string[];
  readonly script: Script;
  /** Runs it took to make the script short. */
  readonly runs: number;
}

/** Makes a failed run short, and tells what the short one violates. */
export async function explainFailure(deps: CampaignDeps, script: Script, result: RunResult, runsMax: number): Promise<Failure> {
  const quiet: CampaignDeps = { open: deps.open, ...(deps.sql === undefined ? {} : { sql: deps.sql }) };
  const wanted = new Set(result.violations.map(kindOf));
  let violations = result.violations;
  const shrunken = await shrink(script, result.struck, {
    runsMax,
    fails: async (candidate) => {
      const again = await runScript(quiet, candidate);
      const fails = again.violations.some((violation) => wanted.has(kindOf(violation)));
      if (fails) violations = again.violations;
      return fails;
    },
  });
  return { seed: script.seed, violations, ...shrunken };
}

/** A violation without the ids and amounts it is about, so that a shorter script fails in the same way. */
function kindOf(violation: string): string {
  return violation.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|wish-\d+|\d+|[a-z]+-[a-z]{2}\b/g, '*');
}
