/** `npm run bench -- NAME`: what the platform does in a second on this machine, and whether its books balance after it. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { runApiBench } from './api.ts';
import { runCasesBench } from './cases.ts';
import { runCohortBench } from './cohort.ts';
import { runConcurrentBench } from './concurrent.ts';
import { runEndToEndBench } from './end-to-end.ts';
import type { Finding } from './finding.ts';
import { isFault } from '../domain/errors.ts';
import { type GrowthOptions, runGrowthBench } from './growth.ts';
import { type LoadBenchOptions, runLoadBench } from './load/bench.ts';
import { runOperatorsBench } from './operators.ts';
import { runScreeningBench } from './screening.ts';
import { runSettlementBench } from './settlement.ts';

/** Makes a reader for whole numbers within bounds. */
function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Reads whole numbers that grow, separated by commas. */
function growingNumbers(text: string): number[] {
  const values = text.split(',').map(wholeNumber(1_000, 1_000_000_000));
  if (values.some((value, index) => value <= (values[index - 1] ?? 0)))
    throw new InvalidArgumentError('Each number must be larger than the one before.');
  return values;
}

/** Reads a number above zero that need not be whole. */
function positive(text: string): number {
  const value = Number(text);
  if (!(value > 0 && value < 1_000)) throw new InvalidArgumentError('It must be a number above 0 and below 1000.');
  return value;
}

function number(flags: string, description: string, fallback: number, min: number, max: number): Option {
  return new Option(flags, description).default(fallback).argParser(wholeNumber(min, max));
}

/** Prints a finding and ends the process with 1 when it does not hold. */
async function report(json: boolean, run: (tell: Tell) => Promise<Finding>): Promise<void> {
  // With --json standard output carries nothing but the report.
  const tell = (line: string): void => (json ? console.error(line) : console.log(line));
  const finding = await run(tell);
  for (const failure of finding.failures) tell(`FAILED: ${failure}`);
  if (json)
    console.log(
      JSON.stringify({ bench: finding.bench, ok: finding.failures.length === 0, failures: finding.failures, ...finding.figures }),
    );
  process.exitCode = finding.failures.length === 0 ? 0 : 1;
}

const program = new Command('bench')
  .description('Measures the platform on this machine, in a database of its own that is removed afterwards.')
  .showHelpAfterError();

type Tell = (line: string) => void;

/** A bench as a command: its options, and `--json`, which every bench has. */
function bench<Options extends object>(
  name: string,
  description: string,
  options: readonly Option[],
  run: (options: Options, tell: Tell) => Promise<Finding>,
): void {
  const command = program.command(name).description(description);
  for (const option of options) command.addOption(option);
  command
    .option('--json', 'end with one line of JSON on standard output', false)
    .action(({ json, ...given }: { json: boolean }) => report(json, (tell) => run(given as Options, tell)));
}

bench(
  'cohort',
  'Payments per second by cohorts, against one graph run per payment, in turns; fails below the least ratio or when the books do not balance.',
  [
    number('--rounds <n>', 'rounds of each kind', 4, 1, 50),
    number('--cohort <n>', 'payments in one cohort at most', 500, 2, 5_000),
    number('--payments <n>', 'payments in one round by cohorts', 5_000, 10, 200_000),
    number('--singles <n>', 'payments in one round one by one', 300, 10, 50_000),
    number('--at-once <n>', 'runs under way at once, one by one', 8, 1, 64),
    number('--least-ratio <n>', 'fails below this ratio', 20, 1, 1_000),
  ],
  runCohortBench,
);

bench(
  'cases',
  'Cases per second from evidence to verdict, kept by our own checkpoint saver and by the one of the library, in turns; fails below the least ratio.',
  [
    number('--rounds <n>', 'rounds of each kind', 4, 1, 50),
    number('--cases <n>', 'cases in one round of each kind', 400, 10, 100_000),
    number('--at-once <n>', 'cases under way at once', 16, 1, 64),
    number('--least-ratio <n>', 'fails below this ratio', 1, 1, 100),
  ],
  runCasesBench,
);

bench(
  'api',
  'Latency of POST /v1/payments under concurrent clients; fails when it is slow, or when anything accepted is lost or doubled.',
  [
    number('--clients <n>', 'clients at once', 200, 1, 10_000),
    number('--seconds <n>', 'for so long at most', 20, 1, 600),
    number('--requests <n>', 'requests at most', 20_000, 1, 2_000_000),
    number('--p99 <ms>', 'fails from this p99 on, milliseconds', 200, 1, 60_000),
    new Option('--compare', 'first measure the CPU of a request with and without its guards (the default)').default(true),
    new Option('--no-compare', 'measure the latency alone'),
  ],
  runApiBench,
);

bench(
  'screening',
  'Names screened per second on one core, by the index and by scoring every listed name; fails when the two find different parties.',
  [
    number('--parties <n>', 'listed parties to make', 25_000, 100, 200_000),
    number('--names <n>', 'names in one round', 2_000, 10, 1_000_000),
    number('--compared <n>', 'names in one round that are scored against every listed name too', 20, 1, 10_000),
    number('--rounds <n>', 'rounds', 3, 1, 50),
    number('--least-per-second <n>', 'fails below so many names a second', 1_000, 1, 1_000_000),
    new Option('--lists <path>', 'published lists, instead of made ones'),
  ],
  runScreeningBench,
);

bench(
  'settlement',
  'Payments per settlement transaction and gas per payment, netted, against one transfer per payment; fails when a balance or a batch is not as it must be.',
  [
    number('--payments <n>', 'payments to net', 5_000, 10, 200_000),
    number('--partners <n>', 'partners that collect and pay out', 12, 2, 60),
    number('--singles <n>', 'transfers of the baseline that are sent', 200, 1, 5_000),
    number('--least-ratio <n>', 'fails when netting saves less gas than so many times', 2, 1, 1_000),
  ],
  runSettlementBench,
);

bench(
  'end-to-end',
  'Complete payments per second, from the client to the settlement batch, from batches, from single posts, at a fixed rate and against one graph run and transaction per payment; fails when anything is lost or doubled, or below a floor.',
  [
    number('--seconds <n>', 'how long clients send in each part', 60, 1, 3_600),
    number('--naive-seconds <n>', 'the same of the naive variant', 20, 1, 3_600),
    number('--rate <n>', 'payments a second of the part at a fixed rate', 500, 1, 20_000),
    number('--rows <n>', 'payments in one batch', 1_000, 2, 10_000),
    number('--flagged <percent>', 'of a hundred payments so many are held for people', 0, 0, 100),
    number('--warm-up <n>', 'payments before the clock starts', 3_000, 30, 100_000),
    number('--activity <n>', 'so many lines on what PostgreSQL’s sessions did in each part, on average of a moment', 0, 0, 100),
    number('--least-per-second <n>', 'fails below so many payments a second from batches', 100, 1, 100_000),
    number('--least-ratio <n>', 'fails below so many times the naive rate', 10, 1, 1_000),
  ],
  runEndToEndBench,
);

bench(
  'operators',
  'Payments per second from wallet to wallet, both legs over HTTP to sandbox operators, and the CPU of a leg by process; fails when anything is lost or doubled, or below the floor.',
  [
    number('--seconds <n>', 'how long clients send', 30, 1, 3_600),
    number('--unfinished <n>', 'payments on their way before clients wait', 2_000, 1, 100_000),
    number('--warm-up <n>', 'payments before the clock starts', 400, 10, 100_000),
    number('--speed <n>', 'how many times faster than usual customers and operators are', 10, 1, 1_000),
    number('--least-per-second <n>', 'fails below so many payments a second', 10, 0, 100_000),
  ],
  runOperatorsBench,
);

bench(
  'growth',
  'CPU of a payment at growing numbers of stored ones, and what each takes up by table and index; fails above the most ratio.',
  [
    new Option('--sizes <n,n,…>', 'stored payments at which is measured')
      .default([1_000_000, 2_000_000, 5_000_000], '1000000,2000000,5000000')
      .argParser(growingNumbers),
    number('--to <n>', 'one more size, behind all others', 0, 0, 1_000_000_000),
    number('--rounds <n>', 'rounds at each size', 3, 1, 50),
    number('--payments <n>', 'payments in one round', 5_000, 10, 200_000),
    number('--template <n>', 'payments that are copied', 20_000, 10, 200_000),
    new Option('--most-ratio <n>', 'fails when the last costs so many times as much as the first').default(1.15).argParser(positive),
  ],
  ({ to, ...options }: GrowthOptions & { to: number }, tell) => {
    const sizes = to > Math.max(...options.sizes) ? [...options.sizes, to] : options.sizes;
    return runGrowthBench({ ...options, sizes }, tell);
  },
);

bench(
  'concurrent',
  'Payments that all wait for slow operators at once: memory of each, and that none has a timer or a checkpoint; fails when one does not complete.',
  [
    number('--payments <n>', 'payments that wait at once', 10_000, 10, 200_000),
    number('--hold-seconds <n>', 'how long all of them wait', 60, 0, 900),
    number('--release-per-second <n>', 'payments whose operators end each second afterwards', 1_000, 1, 100_000),
  ],
  runConcurrentBench,
);

bench<LoadBenchOptions>(
  'load',
  'Load as a file describes it: callers of every kind, at rates that rise, stay, leap, or are raised until a threshold of the file is missed; fails when one of the given rates misses a threshold, or anything is lost or doubled.',
  [
    new Option('--scenario <file>', 'the file that says what load to make (JSON; see bench/load/scenarios/)').makeOptionMandatory(),
    new Option('--out <folder>', 'where report.json, report.md and report.html are written').makeOptionMandatory(),
  ],
  runLoadBench,
);

try {
  await program.parseAsync();
} catch (error) {
  if (!isFault(error)) throw error;
  // A file or folder that was named on the command line is not as it must be.
  console.error(`bench: ${error.message}`);
  process.exitCode = 2;
}
