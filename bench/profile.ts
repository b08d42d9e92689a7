/**
 * `npm run profile`: where the time of a payment goes. Takes payments in and through the agents by cohorts, as a worker does, and
 * writes a flame graph of this process, its profile for other tools to read, and what PostgreSQL spent on each statement.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { Session } from 'node:inspector/promises';
import type { Profiler } from 'node:inspector';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { settleDue, SETTLEMENT_POLICY } from '../agents/settlement/index.ts';
import type { Pool } from '../db/connect.ts';
import { buildPaymentGraph } from '../graph/payment-graph.ts';
import { sealAudit } from '../tools/audit/index.ts';
import { checkBooks } from '../tools/ledger/index.ts';
import { settleAccepted } from './cohort.ts';
import { figure } from './finding.ts';
import { drawFlame, type Frame, framesOf, selfTimes } from './flame.ts';
import { startMeter } from './meters.ts';
import { openWorld, type World } from './world.ts';

export interface ProfileOptions {
  readonly payments: number;
  readonly cohort: number;
  readonly out: string;
}

/** CPU microseconds per payment. */
interface Cost {
  readonly node: number;
  readonly postgres: number;
}

interface Statement {
  readonly text: string;
  readonly us: number;
  readonly calls: number;
}

export interface ProfileReport {
  readonly intake: Cost;
  readonly cohorts: Cost;
  /** Netting, and sealing the audit log. */
  readonly after: Cost;
  /** Self time of this process by part of the house, microseconds per payment. */
  readonly areas: readonly [string, number][];
  readonly functions: readonly [string, number][];
  /** Share of PostgreSQL's time by statement, as microseconds of its CPU per payment. */
  readonly statements: readonly Statement[];
  /** The same of netting and sealing. */
  readonly statementsAfter: readonly Statement[];
  readonly flame: string;
  readonly violations: readonly string[];
}

const SAMPLE_US = 200;
/** One: of several the statements would wait for each other's locks, and waiting counts as their time. */
const COHORTS_AT_ONCE = 1;
const SHOWN = 14;
/** Letters told of a statement. */
const TOLD = 110;
const ROOT = new URL('..', import.meta.url).href;

/** Makes the profile. */
export async function runProfile(options: ProfileOptions, tell: (line: string) => void): Promise<ProfileReport> {
  const world = await openWorld({ connections: COHORTS_AT_ONCE + 4, statements: true });
  try {
    const graph = buildPaymentGraph(world.deps, world.agents);
    const share = { cohortMax: options.cohort, atOnce: COHORTS_AT_ONCE };
    const settle = (count: number): Promise<void> => settleAccepted(world.deps, graph, { count, ...share });
    // The first cohorts compile the code and fill caches.
    await world.seed(options.cohort * 4);
    await settle(options.cohort * 4);
    await closeBooks(world);
    const costOf = meterOf(world, options.payments);
    const intake = await costOf(() => world.seed(options.payments));
    await world.pool.query('vacuum analyze');
    await world.pool.query('checkpoint');
    await world.pool.query('select pg_stat_statements_reset()');
    const profiler = await startProfiler();
    const cohorts = await costOf(() => settle(options.payments));
    const profile = await profiler.stop();
    const statements = await readStatements(world.pool, cohorts.postgres);
    await world.pool.query('select pg_stat_statements_reset()');
    const after = await costOf(() => closeBooks(world));
    const statementsAfter = await readStatements(world.pool, after.postgres);
    const flame = await write(options, profile);
    const violations = (await checkBooks(world.pool)).map(
      ({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`,
    );
    const report = { intake, cohorts, after, ...timesOf(profile, cohorts.node), statements, statementsAfter, flame, violations };
    show(report, tell);
    return report;
  } finally {
    await world.close();
  }
}

function meterOf(world: World, payments: number): (work: () => Promise<unknown>) => Promise<Cost> {
  return async (work) => {
    const stop = startMeter(world.postgresPid);
    await work();
    const { node, postgres } = stop();
    return { node: (node * 1e6) / payments, postgres: (postgres * 1e6) / payments };
  };
}

/** Nets what is paid and seals the audit log, as a worker does every few seconds. */
async function closeBooks({ pool, deps }: World): Promise<void> {
  await settleDue({ pool, clock: deps.clock, policy: { ...SETTLEMENT_POLICY, ageMsMax: 0 } });
  await sealAudit(deps);
}

async function startProfiler() {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_US });
  await session.post('Profiler.start');
  return {
    stop: async (): Promise<Profiler.Profile> => {
      const { profile } = await session.post('Profiler.stop');
      session.disconnect();
      return profile;
    },
  };
}

/** The profiler counts time; it is told as the CPU that the meter saw, by shares. */
function timesOf(profile: Profiler.Profile, nodeUs: number): Pick<ProfileReport, 'areas' | 'functions'> {
  const whole = framesOf(profile, ROOT);
  const each = (keyOf: (frame: Frame) => string): [string, number][] =>
    selfTimes(whole, keyOf).map(([key, us]) => [key, (us / whole.totalUs) * nodeUs]);
  return {
    areas: each(({ area, place, name }) => (area === 'packages' || area === 'node' ? place : area === 'engine' ? engineOf(name) : area)),
    functions: each(({ name, place }) => `${name}${place === '' ? '' : ` (${place})`}`),
  };
}

/** What the engine does by itself has a name in brackets; the rest is code of its own in C++: digests, ciphers, writing to sockets. */
function engineOf(name: string): string {
  return /^\((?!anonymous)/.test(name) ? name : '(native code)';
}

async function readStatements(pool: Pool, postgresUs: number): Promise<readonly Statement[]> {
  // Time of a statement inside a function counts for itself, not for the statement that called the function as well.
  const { rows } = await pool.query<{ text: string; calls: number; ms: number; all: number }>(
    `select query as text, calls::int as calls, total_exec_time as ms, sum(total_exec_time) over () as all
     from pg_stat_statements where toplevel and query not like '%pg_stat_statements%' order by total_exec_time desc limit $1`,
    [SHOWN],
  );
  return rows.map(({ text, calls, ms, all }) => ({ text: text.replaceAll(/\s+/g, ' ').trim(), calls, us: (ms / all) * postgresUs }));
}

async function write({ out, payments, cohort }: ProfileOptions, profile: Profiler.Profile): Promise<string> {
  await mkdir(out, { recursive: true });
  const path = join(out, 'cohorts.svg');
  await writeFile(path, drawFlame(framesOf(profile, ROOT), `${payments} payments by cohorts of ${cohort}`, payments));
  await writeFile(join(out, 'cohorts.cpuprofile'), JSON.stringify(profile));
  return path;
}

function show(report: ProfileReport, tell: (line: string) => void): void {
  const { intake, cohorts, after } = report;
  const row = (name: string, us: number): void => tell(`  ${figure(us).padStart(7)}  ${name}`);
  tell('CPU µs per payment      Node  PostgreSQL');
  for (const [name, cost] of [
    ['taking it in', intake],
    ['agents and ledger', cohorts],
    ['netting and sealing', after],
  ] as const)
    tell(`  ${name.padEnd(20)} ${figure(cost.node).padStart(5)}  ${figure(cost.postgres).padStart(10)}`);
  tell('Node, agents and ledger, by part:');
  for (const [name, us] of report.areas.slice(0, SHOWN)) row(name, us);
  tell('and by function:');
  for (const [name, us] of report.functions.slice(0, SHOWN)) row(name, us);
  tell('PostgreSQL, agents and ledger, by statement (shares of its time, functions and triggers included):');
  for (const { text, us, calls } of report.statements) row(`${calls}× ${text.slice(0, TOLD)}`, us);
  tell('PostgreSQL, netting and sealing:');
  for (const { text, us, calls } of report.statementsAfter.slice(0, SHOWN / 2)) {
    // Statements of sealing begin alike.
    const source = /^with leaf as .* from (\w+) r where/.exec(text)?.[1];
    row(`${calls}× ${source === undefined ? text.slice(0, TOLD) : `sealing ${source}`}`, us);
  }
  tell(`flame graph: ${report.flame}; the profile for other tools lies beside it`);
  tell(`books: ${report.violations.length === 0 ? 'every invariant holds' : `${report.violations.length} violations`}`);
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 10 || value > 200_000)
    throw new InvalidArgumentError('It must be a whole number from 10 to 200000.');
  return value;
}

if (import.meta.main) {
  await new Command('profile')
    .description('Shows where the time of a payment goes: a flame graph of the agents and the ledger, and the statements of PostgreSQL.')
    .addOption(new Option('--payments <n>', 'payments that are profiled').default(10_000).argParser(wholeNumber))
    .addOption(new Option('--cohort <n>', 'payments in one cohort at most').default(500).argParser(wholeNumber))
    .option('--out <folder>', 'where the pictures go', '.capp/profile')
    .action(async (options: ProfileOptions) => {
      const { violations } = await runProfile(options, (line) => console.log(line));
      for (const violation of violations) console.error(violation);
      process.exitCode = violations.length === 0 ? 0 : 1;
    })
    .parseAsync();
}
