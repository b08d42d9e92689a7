/** Reconciling on demand, whether CAPP runs or not: for the command line. */
import { join, resolve } from 'node:path';
import { connectToWork } from '../db/migrate.ts';
import { attachOrStartDatabase } from '../db/embedded.ts';
import { systemClock } from '../domain/clock.ts';
import { admitIndexKeys } from '../tools/privacy/index.ts';
import { dayIn } from '../domain/days.ts';
import { fault, isFault } from '../domain/errors.ts';
import type { Rail } from '../domain/rail.ts';
import { reconcileDay, type ReconcileReport } from '../graph/reconciliation/run.ts';
import { DEFAULT_GRAPH_SETTINGS, type GraphDeps } from '../graph/types.ts';
import type { Operators } from '../tools/mmo/registry.ts';
import type { StatementFile } from '../tools/reconciliation/file.ts';
import { callbackAddresses } from './callback-addresses.ts';
import { type Config, readConfig } from './config.ts';
import { createLog } from './log.ts';
import { openOperatorsOf, type OperatorStores, operatorStores } from './operators.ts';
import { openRedis } from './redis.ts';
import { readStatementFile, statementSource } from './statements.ts';
import { loadKeys } from './secrets.ts';

const DAY_MS = 86_400_000;

export interface ReconcileOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly rails: readonly Rail[];
  /** "2026-11-25"; each rail's yesterday unless given. */
  readonly day: string | null;
  /** The statement itself, for one rail. */
  readonly file: string | null;
  readonly by: string;
}

/** What became of one rail: its report, or the code of why there is none. */
export type RailResult = { readonly railId: string; readonly day: string } & (
  | { readonly report: ReconcileReport }
  | { readonly code: string; readonly detail: string }
);

/** Reconciles each rail; one that cannot be is told with its code, and the others go on. Throws when the database cannot be reached. */
export async function reconcileRails(options: ReconcileOptions): Promise<readonly RailResult[]> {
  const config = readConfig(options.env);
  const dataDir = resolve(config.dataDir);
  const file = options.file === null ? null : await readStatementFile(options.file);
  const database = await attachOrStartDatabase({ dataDir, databaseUrl: config.databaseUrl });
  const pool = await connectToWork({ url: database.url, applicationName: 'capp reconcile' });
  const log = createLog({ program: 'reconcile', level: 'error', destination: process.stderr });
  const redis = await openRedis(config, log);
  try {
    const keys = await loadKeys(options.env, dataDir);
    await admitIndexKeys(pool, keys.keyring, systemClock.now());
    const deps: GraphDeps = {
      pool,
      clock: systemClock,
      log,
      keyring: keys.keyring,
      operators: await operatorsOf(config, dataDir, operatorStores({ pool, redis }, keys, config.publicUrl, log)),
      callbacks: callbackAddresses(config.publicUrl, keys.callbackKey),
      // The sweeper of a worker finds what was ended here.
      notify: () => undefined,
      settings: DEFAULT_GRAPH_SETTINGS,
    };
    const isSandbox = config.operatorsPath === null;
    const source = statementSource({
      statementsPath: config.statementsPath,
      sandbox: isSandbox ? { url: config.sandboxUrl, folder: join(dataDir, 'sandbox') } : null,
    });
    const results: RailResult[] = [];
    for (const rail of options.rails) results.push(await reconcileRail(deps, rail, options, file, source));
    return results;
  } finally {
    redis?.disconnect();
    await pool.end();
    await database.stop();
  }
}

async function reconcileRail(
  deps: GraphDeps,
  rail: Rail,
  options: ReconcileOptions,
  given: StatementFile | null,
  source: ReturnType<typeof statementSource>,
): Promise<RailResult> {
  const day = options.day ?? dayIn(rail.country, deps.clock.now() - DAY_MS);
  try {
    const takenAtMs = deps.clock.now();
    const file = given ?? (await source(rail, day));
    return { railId: rail.id, day, report: await reconcileDay(deps, { rail, day, file, takenAtMs, by: options.by }) };
  } catch (error) {
    if (!isFault(error) || !['statement_missing', 'statement_malformed', 'file_unreadable'].includes(error.code)) throw error;
    return { railId: rail.id, day, code: error.code, detail: error.detail };
  }
}

/** Clients for balances, where the operators' settings are at hand; without them there are statements only. */
async function operatorsOf(config: Config, dataDir: string, stores: OperatorStores): Promise<Operators> {
  const operators = await openOperatorsOf(config, dataDir, stores);
  if (operators !== null) return operators;
  return () => {
    throw fault('statement_missing');
  };
}
