/** `capp demo`: pays a file of intents on a platform of its own, reports, and exits. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { clusterIn, findRunning } from '../../../db/cluster.ts';
import { fault } from '../../../domain/errors.ts';
import type { MeasuredRun } from '../../demo/tls.ts';
import { type Config, readConfig } from '../../config.ts';
import type { Platform, PlatformOptions } from '../../supervisor.ts';
import { type CommandContext, wholeNumber, withExamples } from '../context.ts';
import { EXAMPLE_FILE, WARM_UP_FILE } from '../example.ts';
import { EXIT } from '../failure.ts';
import { type ToldToStop, unlessTold, waitForSignal } from '../signals.ts';

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

Exit code: 0 when every payment reached its end and every invariant holds, 1 when not, 2 when it could not run. With --tls: of
both runs, and 1 as well when anything of the second went in clear.
The JSON report is the last line of the output.`;

export function registerDemo(program: Command, context: CommandContext): void {
  const command = program
    .command('demo')
    .summary('pay a file of intents, check the books, exit')
    .description('Starts the platform, pays a file of intents through the public API, checks every invariant, reports, and exits.')
    .option('--json', 'print one JSON report, and nothing else')
    .option('--kill <times>', 'kill worker processes with SIGKILL at random moments, so many times', wholeNumber(0, 1_000), 0)
    .option('--fresh', 'forget the data of earlier runs under CAPP_DATA_DIR first')
    .option('--tls', 'two runs in folders of their own, one with everything over TLS 1.3; says what that costs')
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
  if (options.tls) return demoOverTls(context, options);
  const { terminal } = context;
  const config = readConfig(terminal.env);
  if (options.fresh) await forgetData(resolve(config.dataDir), config.databaseUrl);
  const [{ runDemo }, { renderReport }, { isSound }] = await Promise.all([
    import('../../demo/run.ts'),
    import('../../demo/render.ts'),
    import('../../demo/report.ts'),
  ]);
  const told = waitForSignal();
  const shown = options.json ? null : terminal;
  const platformOptions = { ...platformOf(options, config, terminal.env), ...(options.json ? {} : { tell: terminal.err }) };
  try {
    const report = await onPlatform(told, platformOptions, (platform) =>
      runDemo(platform, { file: options.file, killWorkers: options.kill, terminal: shown, env: terminal.env }),
    );
    if (report === null) return context.endWith(EXIT.failed);
    terminal.out(options.json ? JSON.stringify(report) : renderReport(terminal, report));
    if (!isSound(report)) context.endWith(EXIT.wrong);
  } finally {
    told.finish();
  }
}

function platformOf(options: DemoOptions, config: Config, env: PlatformOptions['env']): PlatformOptions {
  // While one worker is dead another goes on, as it would in earnest.
  return { env, ...(options.kill > 0 ? { workers: Math.max(2, config.workers) } : {}) };
}

/** Brings a platform up, works on it, and takes it down. Null when the process was told to stop meanwhile. */
async function onPlatform<Result>(
  told: ToldToStop,
  options: PlatformOptions,
  work: (platform: Platform) => Promise<Result>,
): Promise<Result | null> {
  const { startPlatform } = await import('../../supervisor.ts');
  const platform = told.isHeard() ? null : await unlessTold(told, () => startPlatform(options));
  if (platform === null) return null;
  try {
    return (await Promise.race([told.isHeard() ? undefined : work(platform), told.signal])) ?? null;
  } finally {
    await platform.stop();
  }
}

/** Two runs, without TLS and with, each after the same warm-up in a new folder that is gone afterwards. */
async function demoOverTls(context: CommandContext, options: DemoOptions): Promise<void> {
  const { terminal } = context;
  const config = readConfig(terminal.env);
  const { assertComparable, renderTlsCost, tlsCost } = await import('../../demo/tls.ts');
  assertComparable(config);
  const told = waitForSignal();
  try {
    const without = await runApart(context, options, told, '0');
    const withTls = without === null ? null : await runApart(context, options, told, '1');
    if (without === null || withTls === null) return context.endWith(EXIT.failed);
    const cost = tlsCost(without, withTls);
    const { renderReport } = await import('../../demo/render.ts');
    if (options.json) terminal.out(JSON.stringify({ ...withTls.report, tls: cost }));
    else terminal.out(`${renderReport(terminal, withTls.report)}\n${renderTlsCost(cost, withTls.report.othersPercent)}`);
    if (!cost.sound || !cost.soundWithout || !cost.encrypted) context.endWith(EXIT.wrong);
  } finally {
    told.finish();
  }
}

async function runApart(context: CommandContext, options: DemoOptions, told: ToldToStop, tls: '0' | '1'): Promise<MeasuredRun | null> {
  const { terminal } = context;
  const [{ runDemo }, { inspectEncryption }] = await Promise.all([import('../../demo/run.ts'), import('../../demo/tls.ts')]);
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-demo-'));
  const env = { ...terminal.env, CAPP_DATA_DIR: dataDir, CAPP_TLS: tls };
  const shown = options.json ? null : terminal;
  shown?.err(tls === '1' ? 'Over TLS:' : 'Without TLS:');
  try {
    return await onPlatform(told, platformOf(options, readConfig(env), env), async (platform) => {
      const terms = { file: options.file, warmUpFile: WARM_UP_FILE, killWorkers: options.kill, terminal: shown, env };
      return { report: await runDemo(platform, terms), encryption: await inspectEncryption(platform) };
    });
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
