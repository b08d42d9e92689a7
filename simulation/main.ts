/**
 * `npm run simulate`: the whole platform in virtual time, under seeds. Ends with 0 when everything held, with 1
 * when something was violated (or a broken variant was not caught), with 2 when it could not run.
 */
import { createWriteStream, type WriteStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { explainFailure, type Failure, runScript } from './campaign.ts';
import { type ChainSummary, settlementLine, statesLine } from './chain-verdict.ts';
import { FAULT_GROUPS, type FaultGroup } from './faults.ts';
import { MUTANTS } from './mutants/catalogue.ts';
import { tryMutant } from './mutants/run.ts';
import { addCounts, countFaults, failureLines, HELD, lineOf, survivedLines } from './report.ts';
import { readScript, type Script } from './script.ts';
import { type DatabaseServer, startServer } from './server.ts';

interface Options {
  readonly seed: string;
  readonly seeds?: readonly string[];
  readonly payments?: number;
  readonly workers: number;
  readonly faults: readonly FaultGroup[];
  readonly chainFaults?: true;
  readonly script?: string;
  readonly mutants?: true | string;
  readonly shrinkRuns: number;
  readonly trace?: string;
  readonly saveScript?: string;
  readonly json: boolean;
}

const PAYMENTS = { one: 500, many: 30, mutants: 20 };
const SEEDS_PER_MUTANT = 12;
/** What goes wrong in a run over the chain: the chain itself, those who drive it, and what they remember by. */
const CHAIN_RUN: readonly FaultGroup[] = ['chain', 'workers', 'queue', 'database'];

/** How a run is broken off, and the exit code that says so. */
const BREAKS = [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const;

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 1_000_000)
    throw new InvalidArgumentError('It must be a whole number from 1 to 1,000,000.');
  return value;
}

function range(text: string): string[] {
  const [, from, to] = /^(\d{1,9})\.\.(\d{1,9})$/.exec(text) ?? [];
  const [first, last] = [Number(from), Number(to)];
  if (from === undefined || last < first || last - first > 100_000) throw new InvalidArgumentError('It must be a range like 1..50.');
  return Array.from({ length: last - first + 1 }, (_, index) => String(first + index));
}

function groups(text: string): FaultGroup[] {
  if (text === 'all') return [...FAULT_GROUPS];
  if (text === 'none') return [];
  return text.split(',').map((name) => {
    if (!FAULT_GROUPS.includes(name as FaultGroup)) throw new InvalidArgumentError(`There are all, none, ${FAULT_GROUPS.join(', ')}.`);
    return name as FaultGroup;
  });
}

const program = new Command('simulate')
  .description('Runs the whole platform against sandbox operators in virtual time, under a seed, and checks every invariant at the end.')
  .option('--seed <seed>', 'one run under this seed', '1')
  .addOption(new Option('--seeds <from..to>', 'a run under each of these seeds').argParser(range))
  .addOption(new Option('--payments <n>', 'payments in each run').argParser(wholeNumber))
  .addOption(new Option('--workers <n>', 'worker processes').default(3).argParser(wholeNumber))
  .addOption(
    new Option('--faults <groups>', `what goes wrong: all, none, or some of ${FAULT_GROUPS.join(', ')}`)
      .default([...FAULT_GROUPS], 'all')
      .argParser(groups),
  )
  .option(
    '--chain-faults',
    `settles over the sandbox chain, which fails as everything else: ${CHAIN_RUN.join(', ')} unless --faults says otherwise`,
  )
  .option('--script <file>', 'plays a script that an earlier run has written')
  .option('--mutants [names]', 'tries the broken variants of the platform, all or those named: each must be caught')
  .addOption(new Option('--shrink-runs <n>', 'runs that may be spent on making a failure short').default(60).argParser(wholeNumber))
  .option('--save-script <file>', 'writes the short script of a failure to a file')
  .option('--trace <file>', 'writes the history of the runs to a file')
  .option('--json', 'end with one line of JSON on standard output', false)
  .showHelpAfterError()
  .action(main);

async function main(options: Options): Promise<void> {
  const tell = (line: string): void => (options.json ? console.error(line) : console.log(line));
  const trace = options.trace === undefined ? null : createWriteStream(options.trace);
  const server = await startServer();
  // Whoever breaks off leaves neither a server nor its files behind.
  for (const [signal, code] of BREAKS) process.once(signal, () => void server.stop().finally(() => process.exit(code)));
  try {
    const report = options.mutants === undefined ? await simulate(server, options, trace, tell) : await tryMutants(server, options, tell);
    if (options.json) console.log(JSON.stringify(report));
    process.exitCode = report.ok ? 0 : 1;
  } finally {
    trace?.end();
    await server.stop();
  }
}

async function scriptsOf(options: Options): Promise<Script[]> {
  if (options.script !== undefined) return [await readScript(options.script)];
  if (options.chainFaults !== true && options.faults.join() === 'chain')
    throw new Error('--faults chain goes with --chain-faults: without it nothing settles over the chain');
  const common = { workers: options.workers, ...wayOf(options) };
  if (options.seeds !== undefined) return options.seeds.map((seed) => ({ seed, payments: options.payments ?? PAYMENTS.many, ...common }));
  return [{ seed: options.seed, payments: options.payments ?? PAYMENTS.one, ...common }];
}

function wayOf({ faults, chainFaults }: Options): Pick<Script, 'groups' | 'chain'> {
  // Where nothing settles over the chain, nothing of it can fail.
  if (chainFaults !== true) return { groups: faults.filter((group) => group !== 'chain') };
  const asked = program.getOptionValueSource('faults') === 'default' ? CHAIN_RUN : faults;
  return { chain: true, groups: [...new Set<FaultGroup>(['chain', ...asked])] };
}

interface RunReport {
  readonly seed: string;
  readonly digest: string;
  readonly violations: readonly string[];
  readonly ends: Readonly<Record<string, number>>;
  readonly survived: Readonly<Record<string, number>>;
  readonly starts: { readonly api: number; readonly workers: number };
  readonly steps: number;
  readonly virtualSeconds: number;
  readonly seconds: number;
  readonly settlement?: ChainSummary;
}

async function simulate(server: DatabaseServer, options: Options, trace: WriteStream | null, tell: (line: string) => void) {
  const deps = { open: server.open, ...(trace === null ? {} : { trace: (line: string) => void trace.write(`${line}\n`) }) };
  const runs: RunReport[] = [];
  const failures: Failure[] = [];
  for (const script of await scriptsOf(options)) {
    const startedAtMs = performance.now();
    const result = await runScript(deps, script);
    const seconds = Math.round(performance.now() - startedAtMs) / 1_000;
    const { digest, violations, ends, starts, steps, virtualSeconds } = result;
    runs.push({
      seed: script.seed,
      digest,
      violations,
      ends,
      survived: countFaults(result.struck, script.groups),
      starts,
      steps,
      virtualSeconds,
      seconds,
      ...(result.settlement === undefined ? {} : { settlement: result.settlement }),
    });
    tell(lineOf(script.seed, result, seconds));
    if (result.settlement !== undefined) for (const line of [settlementLine, statesLine]) tell(line(result.settlement));
    if (violations.length === 0) continue;
    for (const violation of violations.slice(0, 20)) tell(`    ${violation}`);
    const failure = await explainFailure(deps, script, result, options.shrinkRuns);
    failures.push(failure);
    for (const line of failureLines(failure)) tell(line);
    if (options.saveScript !== undefined) await writeFile(options.saveScript, `${JSON.stringify(failure.script, null, 2)}\n`);
  }
  const survived = addCounts(runs.map((each) => each.survived));
  tell(`${runs.length} runs, ${failures.length} violated. ${failures.length === 0 ? 'Survived' : 'Struck'}:`);
  for (const line of survivedLines(survived)) tell(line);
  const starts = addCounts(runs.map((each) => each.starts));
  if (failures.length === 0) for (const line of HELD) tell(line);
  tell(`Processes were started ${starts['workers'] ?? 0} times (workers) and ${starts['api'] ?? 0} times (API).`);
  return { ok: failures.length === 0, runs, survived, failures };
}

async function tryMutants(server: DatabaseServer, options: Options, tell: (line: string) => void) {
  const names = typeof options.mutants === 'string' ? options.mutants.split(',') : MUTANTS.map(({ name }) => name);
  const unknown = names.filter((name) => !MUTANTS.some((mutant) => mutant.name === name));
  if (unknown.length > 0)
    throw new Error(`there is no variant ${unknown.join(', ')}; there are ${MUTANTS.map(({ name }) => name).join(', ')}`);
  const trials: { readonly name: string; readonly caught: Failure | null }[] = [];
  for (const mutant of MUTANTS.filter(({ name }) => names.includes(name))) {
    const caught = await tryMutant(mutant, {
      templateUrl: server.templateUrl,
      seeds: [1, SEEDS_PER_MUTANT],
      payments: options.payments ?? PAYMENTS.mutants,
      runsMax: options.shrinkRuns,
    });
    trials.push({ name: mutant.name, caught });
    tell(`${mutant.name}: ${caught === null ? 'NOT CAUGHT' : `caught by seed ${caught.seed}`}  ${mutant.mistake}`);
    if (caught !== null) for (const line of failureLines(caught)) tell(line);
  }
  const missed = trials.filter(({ caught }) => caught === null);
  tell(`${trials.length - missed.length} of ${trials.length} broken variants caught.`);
  return { ok: missed.length === 0, trials };
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(`simulate: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 2;
}
