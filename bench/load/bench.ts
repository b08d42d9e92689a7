/**
 * Load as a file describes it, on a whole platform on this machine: phases of given rates, and the search for the rate that still
 * holds. Ends with the books, and leaves a report as JSON, Markdown and one page of HTML.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fault } from '../../domain/errors.ts';
import { NO_FAULTS } from '../../sandbox/fates.ts';
import { type Finding, figure } from '../finding.ts';
import { peakMegabytes } from '../meters.ts';
import { connectionsWithin, openFilesMax } from '../../server/open-files.ts';
import { type BenchPlatform, fundBalances, openPlatform } from '../platform.ts';
import { nextRate } from './breakpoint.ts';
import { lineOfCache, readCacheHits } from './caches.ts';
import { htmlOf } from './html.ts';
import { markdownOf, linesOfStage } from './markdown.ts';
import type { LoadBook } from './book.ts';
import { NEIGHBOUR_MARK } from './requests.ts';
import { type LoadWish, type MeasuredLoad, paymentsBy, runLoad, storedPayments, watchLoad } from './run.ts';
import { connectionsMost, readScenario, type Scenario } from './scenario.ts';
import { isNeighbours, KINDS, type Segment } from './schedule.ts';
import { breakpointOutcomeOf, failuresOf, runOutcomeOf, type Stage, type StageOutcome, stagesOf, type Step, stepOf } from './stages.ts';

export interface LoadBenchOptions {
  /** The file that says what load to make. */
  readonly scenario: string;
  /** The folder that the report is written into. */
  readonly out: string;
}

type Tell = (line: string) => void;

/** How many times faster than people the sandbox's customers are. */
const SANDBOX_SPEED = '10';
/** Small enough for every float to last. */
const WALLET_USD_MAX = 10;
const WARM_UP_ROWS = 50;
const WARM_UP_SECONDS_MAX = 120;
/** Payments handed on from one load to the next, to be asked about. */
const KNOWN_MAX = 1_000;

/**
 * Runs the bench. Fails when anything is lost or doubled, an invariant does not hold, the operators' statements do not agree, or a
 * threshold of the file is missed. Throws `file_unreadable`, `malformed_body` and `validation_failed` for the file,
 * `storage_unwritable` for the folder.
 */
export async function runLoadBench({ scenario: path, out }: LoadBenchOptions, tell: Tell): Promise<Finding> {
  const scenario = await readScenario(path);
  assertFiles(scenario);
  // Before minutes of load, not after them.
  await mkdir(out, { recursive: true }).catch((cause: unknown) => {
    throw fault('storage_unwritable', { detail: `The folder ${out} cannot be made.`, cause });
  });
  const book = await measure(scenario, tell);
  const files = { 'report.json': `${JSON.stringify(book, null, 1)}\n`, 'report.md': markdownOf(book), 'report.html': htmlOf(book) };
  for (const [name, text] of Object.entries(files)) await writeFile(join(out, name), text);
  tell(`written to ${out}: ${Object.keys(files).join(', ')}`);
  const { stages, failures, ...rest } = book;
  const short = stages.map((stage) => (stage.kind === 'run' ? { phases: stage.phases.map(withoutCurves), totals: stage.totals } : stage));
  return { bench: 'load', figures: { ...rest, stages: short }, failures };
}

/** Throws `validation_failed` when a process may not open as many connections as the file asks for. */
function assertFiles({ mix, phases, connections }: Scenario): void {
  const wanted = connectionsMost({ mix, phases, connections });
  const filesMax = openFilesMax();
  if (connectionsWithin(wanted, filesMax) < wanted)
    throw fault('validation_failed', {
      detail: `The scenario needs ${wanted} connections at once, and the system lets a process open ${filesMax} files; see ulimit -n.`,
    });
}

function withoutCurves({ all, byKind: _byKind, waited: _waited, ...phase }: Extract<StageOutcome, { kind: 'run' }>['phases'][number]) {
  const { curve: _curve, ...latency } = all.latency ?? { curve: [] };
  return { ...phase, requests: all.requests, outcomes: all.outcomes, latency };
}

function settingsOf({ between, settings }: Scenario): Record<string, string> {
  const given = Object.fromEntries(Object.entries(settings).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
  return between === 'wallets' ? { ...given, SANDBOX_FAULTS: JSON.stringify(NO_FAULTS), SANDBOX_SPEED } : given;
}

async function measure(scenario: Scenario, tell: Tell): Promise<LoadBook> {
  const startedAt = new Date().toISOString();
  const bench = await openPlatform(settingsOf(scenario));
  try {
    if (scenario.between === 'balances') await fundBalances(bench);
    const neighbour = await neighbourOf(bench, scenario);
    tell(`${scenario.name}: one page is durable after ${figure(bench.fsyncUs)} µs on this disk`);
    const loads = createLoads(bench, scenario, neighbour);
    const warm = await loads.warmUp();
    const stages: StageOutcome[] = [];
    for (const stage of stagesOf(scenario.phases)) {
      const outcome = stage.kind === 'run' ? await runPhases(loads, stage, scenario) : await findBreakpoint(loads, stage, scenario, tell);
      for (const line of linesOfStage(outcome)) tell(line);
      stages.push(outcome);
    }
    const megabytesPeak = peakMegabytes();
    const caches = await readCacheHits(bench.platform.url);
    for (const cache of caches) tell(lineOfCache(cache));
    const violations = (await bench.verify()).map(({ invariant, subject, detail }) => `invariant ${invariant}: ${subject}: ${detail}`);
    tell(`books, audit log and operators: ${violations.length === 0 ? 'every invariant holds' : `${violations.length} violations`}`);
    const { lines, breaks } = await bench.reconcile();
    tell(`operators' statements of today: ${lines} lines, ${breaks.length} that do not agree with the books`);
    const stored = await storedPayments(bench.pool);
    const deaths = bench.platform.deaths();
    return {
      scenario,
      startedAt,
      machine: { cores: cpus().length, fsyncUs: Math.round(bench.fsyncUs) },
      stages,
      megabytesPeak,
      caches,
      books: { violations, statementLines: lines, breaks, payments: stored.payments },
      failures: [
        ...warm.map((each) => `warm-up: ${each}`),
        ...failuresOf(stages),
        // Nobody is on a list unless the file asks for that, so nobody need be looked at, whichever load a payment came with.
        ...(scenario.flaggedPercent > 0 || (scenario.mix.flagged ?? 0) > 0 || stored.held === 0
          ? []
          : [`${stored.held} payments are held`]),
        ...violations,
        ...breaks,
        ...(deaths === 0 ? [] : [`processes died ${deaths} times`]),
      ],
    };
  } finally {
    await bench.close();
  }
}

/** The neighbour's key, where the file has one. */
async function neighbourOf(bench: BenchPlatform, { mix, between }: Scenario): Promise<Pick<LoadWish, 'neighbourKey'>> {
  if (!KINDS.some((kind) => isNeighbours(kind) && (mix[kind] ?? 0) > 0)) return {};
  const { clientId, key } = await bench.addClient('neighbour');
  if (between === 'balances') await fundBalances(bench, clientId);
  return { neighbourKey: key };
}

interface Loads {
  /** What went wrong in it. */
  warmUp(): Promise<readonly string[]>;
  run(segments: readonly Segment[]): Promise<MeasuredLoad>;
}

/** Makes loads one after the other, each with references and people of its own. */
function createLoads(bench: BenchPlatform, scenario: Scenario, neighbour: Pick<LoadWish, 'neighbourKey'>): Loads {
  const { between, flaggedPercent, connections, batchRows, listenSeconds, spacing, mix, seed } = scenario;
  let number = 0;
  let known: readonly string[] = [];
  const intents = (): LoadWish['intents'] => {
    number += 1;
    const usd = between === 'wallets' ? { usdMax: WALLET_USD_MAX } : {};
    return { prefix: `load${number}`, between, flaggedPercent, seed: seed + number, ...usd };
  };
  const remember = ({ report }: MeasuredLoad): void => {
    const own = report.accepted.filter(([reference]) => !reference.includes(NEIGHBOUR_MARK));
    if (own.length > 0) known = own.slice(-KNOWN_MAX).map(([, id]) => id);
  };
  return {
    warmUp: async () => {
      const payments = scenario.warmUpPayments;
      const pace = { kind: 'closed', seconds: WARM_UP_SECONDS_MAX, payments, unfinishedMax: payments } as const;
      const half = Math.ceil(payments / 2);
      const one = { connections: Math.min(connections, payments), pace: { ...pace, payments: half }, intents: intents() };
      const first = await runLoad(bench, { ...paymentsBy(1), ...one });
      const batches = { ...paymentsBy(WARM_UP_ROWS), connections: 1, pace: { ...pace, payments: half }, intents: intents() };
      const second = await watchLoad(bench, batches);
      remember(second);
      return [...first.wrong, ...second.result.wrong];
    },
    run: async (segments) => {
      const pace = { kind: 'open', segments, spacing } as const;
      const wish = { mix, rows: batchRows, connections, pace, intents: intents(), listenSeconds, known, ...neighbour };
      const measured = await watchLoad(bench, wish);
      remember(measured);
      return measured;
    },
  };
}

async function runPhases(loads: Loads, stage: Extract<Stage, { kind: 'run' }>, { thresholds }: Scenario): Promise<StageOutcome> {
  return runOutcomeOf(await loads.run(stage.segments), stage.phases, thresholds);
}

/** Tries rate after rate, each once the payments of the one before are at their end. */
async function findBreakpoint(
  loads: Loads,
  { name, phase }: Extract<Stage, { kind: 'breakpoint' }>,
  { thresholds }: Scenario,
  tell: Tell,
): Promise<StageOutcome> {
  const steps: Step[] = [];
  for (let rate = nextRate(phase, steps); rate !== null; rate = nextRate(phase, steps)) {
    const segment = { phase: 0, seconds: phase.stepSeconds, fromPerSecond: rate, toPerSecond: rate };
    const step = stepOf(rate, await loads.run([segment]), thresholds);
    steps.push(step);
    tell(`${name}: ${figure(rate)} requests/s ${step.held ? 'hold' : `do not hold: ${step.missed.join('; ')}`}`);
  }
  return breakpointOutcomeOf(name, steps, phase);
}
