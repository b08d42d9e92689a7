/** `capp demo`: pays a file of intents on a platform of its own, reports, and exits. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { clusterIn, findRunning } from '../../../db/cluster.ts';
import { fault } from '../../../domain/errors.ts';
import { type DemoReport, tlsCost } from '../../demo/report.ts';
import { readConfig } from '../../config.ts';
import { type CommandContext, wholeNumber, withExamples } from '../context.ts';
import { EXAMPLE_FILE } from '../example.ts';
import { EXIT } from '../failure.ts';
import { unlessTold, waitForSignal } from '../signals.ts';

interface DemoOptions {
  readonly json?: true;
  readonly kill: number;
  readonly fresh?: true;
  readonly tls?: true;
  readonly file: string;
}

const DETAILS = `
A column expect in the file names the end each row must reach: a status, or invalid for a row that must
be refused when it is submitted.

Exit code: 0 when every payment reached its end and every invariant holds, 1 when not, 2 when it could not run.
The JSON report is the last line of the output.`;

export function registerDemo(program: Command, context: CommandContext): void {
  const command = program
    .command('demo')
    .summary('pay a file of intents, check the books, exit')
    .description('Starts the platform, pays a file of intents through the public API, checks every invariant, reports, and exits.')
    .option('--json', 'print one JSON report, and nothing else')
    .option('--kill <times>', 'kill worker processes with SIGKILL at random moments, so many times', wholeNumber(0, 1_000), 0)
    .option('--fresh', 'forget the data of earlier runs under CAPP_DATA_DIR first')
    .option('--tls', 'everything over TLS 1.3, after the same run without, apart; says what that costs')
    .option('--file <file>', 'the intents to pay', EXAMPLE_FILE)
    .addHelpText('after', DETAILS)
    .action((options: DemoOptions) => demo(context, options));
  withExamples(command, [
    ['capp demo', 'a table by corridor'],
    ['capp demo --json --kill 10', 'a report for programs, with ten murders on the way'],
    ['capp demo --json --tls', 'over TLS, with the loss of throughput against the same run without'],
    ['capp demo --fresh --file mine.csv', 'other intents on an empty database'],
  ]);
}

async function demo(context: CommandContext, options: DemoOptions): Promise<void> {
  const { terminal } = context;
  const config = readConfig(terminal.env);
  if (options.fresh) await forgetData(resolve(config.dataDir), config.databaseUrl);
  const plain = options.tls ? await runPlain(context, options, config.databaseUrl) : null;
  const env = options.tls ? { ...terminal.env, CAPP_TLS: '1' } : terminal.env;
  const [{ startPlatform }, { runDemo }, { renderReport }, { isSound }] = await Promise.all([
    import('../../supervisor.ts'),
    import('../../demo/run.ts'),
    import('../../demo/render.ts'),
    import('../../demo/report.ts'),
  ]);
  const told = waitForSignal();
  const platform = await unlessTold(told, () =>
    startPlatform({
      env,
      // While one worker is dead another goes on, as it would in earnest.
      ...(options.kill > 0 ? { workers: Math.max(2, config.workers) } : {}),
      ...(options.json ? {} : { tell: terminal.err }),
    }),
  );
  if (platform === null) return context.endWith(EXIT.failed);
  try {
    const shown = options.json ? null : terminal;
    const run = () => runDemo(platform, { file: options.file, killWorkers: options.kill, terminal: shown, env });
    const report = await Promise.race([told.isHeard() ? undefined : run(), told.signal]);
    if (report === undefined) {
      context.endWith(EXIT.failed);
      return;
    }
    const cost = plain === null ? null : tlsCost(plain, report);
    terminal.out(options.json ? JSON.stringify(cost === null ? report : { ...report, tls: cost }) : renderReport(terminal, report));
    if (cost !== null && !options.json)
      terminal.out(`TLS 1.3: ${cost.perSecond} payments/s, ${cost.perSecondWithout} without: a loss of ${cost.lossPercent} %`);
    if (!isSound(report)) context.endWith(EXIT.wrong);
  } finally {
    await platform.stop();
    told.finish();
  }
}

/** The same run without TLS, over a database of its own that is gone afterwards. Throws `config_invalid` for a database of somebody else. */
async function runPlain(context: CommandContext, options: DemoOptions, databaseUrl: string | null): Promise<DemoReport> {
  if (databaseUrl !== null)
    throw fault('config_invalid', { detail: 'DATABASE_URL is set: --tls compares with a run over an embedded database.' });
  const [{ startPlatform }, { runDemo }] = await Promise.all([import('../../supervisor.ts'), import('../../demo/run.ts')]);
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-demo-'));
  const env = { ...context.terminal.env, CAPP_DATA_DIR: dataDir, CAPP_TLS: '0' };
  try {
    const platform = await startPlatform({ env });
    try {
      return await runDemo(platform, { file: options.file, killWorkers: options.kill, terminal: null, env });
    } finally {
      await platform.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** What CAPP keeps in its data folder. The folder itself may hold other things, and stays. */
const KEPT = ['postgres', 'postgres.log', 'sandbox', 'logs', 'keys.json', 'demo-keys.json', 'demo-results.csv', 'operators.json', 'tls'];

/** Removes what earlier runs left. Throws `config_invalid` for a database of somebody else, `already_running`. */
async function forgetData(dataDir: string, databaseUrl: string | null): Promise<void> {
  if (databaseUrl !== null) throw fault('config_invalid', { detail: 'DATABASE_URL is set: --fresh empties the embedded database only.' });
  if ((await findRunning(clusterIn(dataDir))) !== null) {
    throw fault('already_running', { detail: `CAPP works on the data folder ${dataDir}; stop it before its data is forgotten.` });
  }
  for (const name of KEPT) await rm(join(dataDir, name), { recursive: true, force: true });
}
