/**
 * Names per second on one core, by the index and by scoring every listed name, on the same names in turns;
 * and whether both find the same. The lists are made by a seed unless published ones are named.
 */
import { fault } from '../domain/errors.ts';
import type { SanctionsEntry } from '../tools/sanctions/entry.ts';
import { loadLists } from '../tools/sanctions/load.ts';
import { createScreener, RECORD_SCORE, type Screener } from '../tools/sanctions/screening/screener.ts';
import { type Finding, figure, quantile, spread, spreadOf } from './finding.ts';

export interface ScreeningBenchOptions {
  /** Listed parties to make, when no lists are named. */
  readonly parties: number;
  readonly names: number;
  /** Names of each round that are looked for in every listed name as well. */
  readonly compared: number;
  readonly rounds: number;
  /** Fails below so many names a second by the index. */
  readonly leastPerSecond: number;
  readonly lists?: string;
}

const SEED = 20_261_123;

export async function runScreeningBench(options: ScreeningBenchOptions, tell: (line: string) => void): Promise<Finding> {
  const random = seeded(SEED);
  const entries =
    options.lists === undefined ? madeParties(options.parties, random) : (await loadLists(options.lists)).flatMap((list) => list.entries);
  if (entries.length === 0) throw fault('config_invalid', { detail: 'There is nobody on the lists.' });
  const builtBefore = process.cpuUsage();
  const screener = createScreener(entries);
  const buildMs = cpuMs(builtBefore);
  tell(`${screener.size} listed names of ${entries.length} parties, indexed in ${figure(buildMs)} ms of CPU`);
  measure(screener, queries(entries, options.names, random), 'screen');
  const [indexed, scanned, each]: [number[], number[], number[]] = [[], [], []];
  let differing = 0;
  let hits = 0;
  for (let round = 0; round < options.rounds; round += 1) {
    const names = queries(entries, options.names, random);
    const result = measure(screener, names, 'screen');
    indexed.push(names.length / (result.cpuMs / 1_000));
    each.push(...result.eachMs);
    hits += result.hits;
    const few = names.slice(0, options.compared);
    scanned.push(few.length / (measure(screener, few, 'screenAll').cpuMs / 1_000));
    differing += few.filter((name) => found(screener, name, 'screen') !== found(screener, name, 'screenAll')).length;
    tell(`round ${round + 1}: ${figure(indexed.at(-1) ?? 0)} names/s indexed, ${figure(scanned.at(-1) ?? 0)} by scoring all`);
  }
  const perSecond = spreadOf(indexed);
  const ratio = perSecond.median / spreadOf(scanned).median;
  const sorted = each.toSorted((a, b) => a - b);
  tell(`Indexed: ${spread(perSecond)} names/s of CPU; by scoring all: ${spread(spreadOf(scanned))}; ${figure(ratio)} times as many.`);
  tell(
    `One name: median ${figure(quantile(sorted, 0.5))} ms, p99 ${figure(quantile(sorted, 0.99))} ms. ${differing} of ${options.compared * options.rounds} names gave another result.`,
  );
  const failures = [
    ...(differing > 0 ? [`${differing} names gave another result by the index than by scoring all`] : []),
    ...(perSecond.median < options.leastPerSecond
      ? [`${figure(perSecond.median)} names/s; at least ${options.leastPerSecond} are asked for`]
      : []),
  ];
  return {
    bench: 'screening',
    figures: {
      listedNames: screener.size,
      parties: entries.length,
      buildCpuMs: buildMs,
      namesPerSecond: perSecond,
      bruteForceNamesPerSecond: spreadOf(scanned),
      ratio,
      msPerName: { median: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
      hits,
      compared: options.compared * options.rounds,
      differing,
    },
    failures,
  };
}

function cpuMs(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

type How = 'screen' | 'screenAll';

function measure(screener: Screener, names: readonly string[], how: How): { cpuMs: number; eachMs: number[]; hits: number } {
  const before = process.cpuUsage();
  const eachMs: number[] = [];
  let hits = 0;
  for (const name of names) {
    const startedAtMs = performance.now();
    hits += Number(screener[how]({ name, kind: 'person' }).length > 0);
    eachMs.push(performance.now() - startedAtMs);
  }
  return { cpuMs: cpuMs(before), eachMs, hits };
}

function found(screener: Screener, name: string, how: How): string {
  return JSON.stringify(
    screener[how]({ name, kind: 'person' }, RECORD_SCORE).map((match) => [match.entry.list, match.entry.entryId, match.score]),
  );
}

/** Random numbers, 0 to below 1, the same for the same seed (Park and Miller's generator). */
function seeded(seed: number): () => number {
  let state = seed % 2_147_483_647;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

const COMMON =
  'mohamed ahmed ali hassan ibrahim abdullah omar yusuf musa said john joseph peter mary jean paul amina fatima aisha moussa'.split(' ');
const SYLLABLES = 'ka mwa ngo ti ba du si fa la ri no ku jo te wa chi be ma lu za ndi kwa do sha re pi go ya ha se'.split(' ');

function pick<T>(from: readonly T[], random: () => number): T | undefined {
  return from[Math.floor(random() * from.length)];
}

/** One word in three is a name that many bear, as on real lists. */
function word(random: () => number): string {
  if (random() < 0.33) return pick(COMMON, random) ?? '';
  return Array.from({ length: 2 + Math.floor(random() * 3) }, () => pick(SYLLABLES, random) ?? '').join('');
}

function fullName(random: () => number): string {
  return Array.from({ length: 2 + Math.floor(random() * 3) }, () => word(random)).join(' ');
}

function madeParties(count: number, random: () => number): SanctionsEntry[] {
  return Array.from({ length: count }, (_, at) => ({
    list: 'MADE',
    entryId: String(at + 1),
    type: random() < 0.7 ? 'person' : 'entity',
    names: [fullName(random), ...(random() < 0.6 ? [fullName(random)] : [])],
    weakNames: [],
    program: 'MADE',
    datesOfBirth: [],
    countries: [],
  }));
}

/** Half new names, half listed ones with a letter changed. */
function queries(entries: readonly SanctionsEntry[], count: number, random: () => number): string[] {
  return Array.from({ length: count }, () => {
    const listed = pick(entries, random)?.names[0] ?? '';
    if (random() < 0.5 || listed === '') return fullName(random);
    const at = Math.floor(random() * listed.length);
    return `${listed.slice(0, at)}${pick(SYLLABLES, random)?.[0] ?? ''}${listed.slice(at + 1)}`;
  });
}
