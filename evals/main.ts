/**
 * `npm run evals -- SUITE`: how good the decisions are, before they are shipped.
 *
 * Prints the report as Markdown, or with --json as one object, and writes all four forms below `--out`.
 * Exit code: 0 passed; 1 a threshold is missed, or the run is worse than its baseline; 2 it could not be run.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, CommanderError } from 'commander';
import { fault, isFault } from '../domain/errors.ts';
import { compareWithBaseline, storeBaseline } from './baseline.ts';
import { toHtml } from './report/html.ts';
import { toJunit } from './report/junit.ts';
import { toMarkdown } from './report/markdown.ts';
import { putIntoPage } from './report/page.ts';
import { baselineSentence, missSentences, type Report, reportOf, toFullJson, toJson } from './report/report.ts';
import type { Suite, SuiteRun } from './suite.ts';
import { fraudSuite } from './suites/fraud.ts';
import { fxSuite } from './suites/fx.ts';
import { injectionSuite } from './suites/injection.ts';
import { replaySuite } from './suites/replay.ts';
import { routingSuite } from './suites/routing.ts';
import { screeningSuite } from './suites/screening.ts';
import { missesOf } from './thresholds.ts';

const SUITES: readonly Suite[] = [screeningSuite, fraudSuite, routingSuite, fxSuite, injectionSuite, replaySuite];

interface Options {
  readonly dataset?: string;
  readonly lists?: string;
  readonly out: string;
  readonly target?: string;
  readonly record?: string;
  readonly json?: true;
  readonly storeBaseline?: true;
  readonly page?: string;
}

function say(stream: NodeJS.WriteStream, text: string): void {
  stream.write(`${text}\n`);
}

async function evaluate(suite: Suite, options: Options): Promise<boolean> {
  if (suite.asksModel !== true && (options.target ?? options.record) !== undefined)
    throw fault('config_invalid', { detail: `The suite ${suite.name} asks no model: --target and --record are for those that do.` });
  const run = await suite.run({
    dataset: options.dataset ?? null,
    lists: options.lists ?? null,
    env: process.env,
    target: options.target ?? null,
    record: options.record ?? null,
    tell: (line) => say(process.stderr, line),
  });
  const report = reportOf(run, await compareWithBaseline(run), await missesOf(run));
  await write(options.out, report);
  if (options.storeBaseline) await storeBaseline(run);
  if (options.page !== undefined) await writePage(options.page, suite, run);
  say(process.stdout, options.json ? JSON.stringify(toJson(report)) : toMarkdown(report));
  if (options.json && !report.passed)
    for (const reason of [...missSentences(report), baselineSentence(report)]) say(process.stderr, reason);
  return report.passed;
}

async function writePage(path: string, { name, page: tables }: Suite, run: SuiteRun): Promise<void> {
  if (tables === undefined) throw fault('config_invalid', { detail: `The suite ${name} has no tables for a page.` });
  const page = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('config_invalid', { detail: `${path} cannot be read.`, cause });
  });
  await writeFile(path, putIntoPage(page, run, tables));
}

async function write(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true });
  const path = (ending: string): string => join(folder, `${report.run.suite}.${ending}`);
  await writeFile(path('json'), `${JSON.stringify(toFullJson(report), null, 1)}\n`);
  await writeFile(path('md'), toMarkdown(report));
  await writeFile(path('html'), toHtml(report));
  await writeFile(path('junit.xml'), toJunit(report));
}

const program = new Command('evals')
  .description('Measures the decisions of the agents on labelled cases.')
  .showHelpAfterError()
  .exitOverride();
for (const suite of SUITES) {
  program
    .command(suite.name)
    .description(suite.about)
    .option('--dataset <file>', "cases of the same shape instead of the suite's own")
    .option('--lists <path>', 'sanctions lists to screen against (screening)')
    .option('--target <target>', 'the model to ask: policy (none), scripted, recorded:FILE or endpoint (injection)')
    .option('--record <file>', 'write what the model answers, to be asked again with --target recorded:FILE (injection)')
    .option('--out <folder>', 'where the reports are written', '.capp/evals')
    .option('--json', 'print one JSON object')
    .option('--store-baseline', 'keep this run as the baseline of its suite')
    .option('--page <file>', 'put the tables of this run into a page, between the marks of its suite')
    .action(async (options: Options) => {
      process.exitCode = (await evaluate(suite, options)) ? 0 : 1;
    });
}

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else {
    say(
      process.stderr,
      isFault(error)
        ? `evals: ${error.code}: ${error.detail}`
        : `evals: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exitCode = 2;
  }
}
