/**
 * Screening: is a listed party found under the names it goes by, and is everybody else left in peace?
 *
 * List task: a name against the lists; an alert counts as right when it names one of the parties that bear
 * it. Pair task: do two names mean one party? Plain Jaro-Winkler does the same cases in the same run.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { isoDatesOf } from '../../tools/sanctions/dates.ts';
import type { LoadedList } from '../../tools/sanctions/entry.ts';
import { libraryIn } from '../../tools/sanctions/live.ts';
import { loadCurrent } from '../../tools/sanctions/library.ts';
import { loadLists } from '../../tools/sanctions/load.ts';
import { compareNames } from '../../tools/sanctions/screening/compare.ts';
import { ALERT_SCORE, createScreener, SAME_PARTY_SCORE, type Screener } from '../../tools/sanctions/screening/screener.ts';
import type { Kind } from '../../tools/sanctions/screening/vocabulary.ts';
import { dataFolder, halfOf, readDataset } from '../dataset.ts';
import { createPlainScreen, jaroWinkler, plainForm } from '../jaro-winkler.ts';
import { regionOf } from '../regions.ts';
import { confusionOf, f1Of, falseAlertRateOf, type Judged, precisionOf, recallOf, share } from '../scorers.ts';
import { type CaseResult, type Metrics, type Rival, type Slice, slicesBy, type Suite, type SuiteOptions, type SuiteRun } from '../suite.ts';
import { policyTarget } from '../targets/target.ts';

const caseSchema = z.looseObject({
  id: z.string(),
  task: z.enum(['list', 'pair']),
  query: z.string(),
  candidate: z.string().optional(),
  schema: z.string().default('Person'),
  expected: z.enum(['match', 'no_match']),
  entries: z.array(z.looseObject({ list: z.string(), id: z.union([z.string(), z.number()]).transform(String) })).default([]),
  category: z.string().default('-'),
  strength: z.enum(['STRONG', 'MEDIUM', 'WEAK']).default('MEDIUM'),
  origin: z.string().default('-'),
  dob: z.string().nullish(),
  country: z.string().nullish(),
});
type ScreeningCase = z.infer<typeof caseSchema>;

/** Names that collide with a listed one while the birth date does not: reported, but no false alert of the name. */
const COLLISION = 'name_collision_dob_conflict';
/** Thresholds of the plain method: what it needs for the same recall, and for about the same false alerts. */
const PLAIN_THRESHOLDS = [0.85, 0.92] as const;

interface Verdict {
  readonly each: ScreeningCase;
  /** An alert was given, or the pair was taken for one party. */
  readonly said: boolean;
  /** For a match on the list: one of the right parties was named. */
  readonly found: boolean;
  readonly score: number;
}

export const screeningSuite: Suite = {
  name: 'screening',
  about: 'names against sanctions lists, and pairs of names',
  page: {
    metrics: ['recallStrongMedium', 'recall', 'falseAlertRate', 'precision', 'pairF1'],
    slices: { by: ['region', 'category', 'origin'], metrics: ['recall', 'falseAlertRate', 'precision'] },
  },
  run: runScreening,
};

async function runScreening(options: SuiteOptions): Promise<SuiteRun> {
  const path = options.dataset ?? defaultDataset(options);
  const dataset = await readDataset(path, caseSchema);
  const needsLists = dataset.cases.some((each) => each.task === 'list');
  const lists = needsLists ? await listsFor(path, options) : [];
  const entries = lists.flatMap((list) => list.entries).filter((entry) => entry.topic !== 'pep');
  options.tell(`${dataset.cases.length} cases against ${entries.length} listed parties`);
  const screener = createScreener(entries);
  const target = policyTarget('screening policy', (each: ScreeningCase) => judge(screener, each));
  const verdicts: Verdict[] = [];
  const before = process.cpuUsage();
  for (const each of dataset.cases) verdicts.push(await target.run(each));
  const cpuMs = process.cpuUsage(before).user / 1_000;
  const results = verdicts.map(resultOf);
  options.tell('the same by plain Jaro-Winkler');
  return {
    suite: 'screening',
    target: target.name,
    dataset: { name: dataset.name, digest: dataset.digest },
    metrics: { ...metricsOf(verdicts), cpuMsPerCase: cpuMs / verdicts.length },
    absent: absentFrom(dataset.cases),
    slices: slicesOf(verdicts),
    results,
    rivals: plainRivals(
      dataset.cases,
      entries.flatMap((entry) => (isParty(entry.type) ? [...entry.names, ...entry.weakNames] : [])),
    ),
    remarks: [
      `Lists: ${lists.map((list) => list.version).join(', ') || 'none'}.`,
      `Alerts from a score of ${ALERT_SCORE}; two names are one party from ${SAME_PARTY_SCORE}.`,
      'Settings were chosen on the half "chosen-on"; the half "held-out" was only reported.',
    ],
  };
}

function isParty(type: string): boolean {
  return type === 'person' || type === 'entity';
}

function defaultDataset({ env }: SuiteOptions): string {
  const folder = dataFolder(env);
  const large = folder === null ? '' : join(folder, 'screening', 'labelled.jsonl');
  return existsSync(large) ? large : new URL('../datasets/screening.jsonl', import.meta.url).pathname;
}

/** The lists that the dataset speaks of: those named, those beside it, those of the data folder, those in force. */
async function listsFor(path: string, { lists, env }: SuiteOptions): Promise<LoadedList[]> {
  const folder = dataFolder(env);
  const places = [
    lists,
    join(dirname(path), 'lists'),
    join(dirname(path), '..', 'sanctions'),
    env['CAPP_SANCTIONS_PATH'] ?? null,
    folder === null ? null : join(folder, 'sanctions'),
  ];
  const place = places.find((each) => each !== null && each !== '' && existsSync(each));
  if (place !== undefined && place !== null) return loadLists(place);
  return loadCurrent(libraryIn(env['CAPP_DATA_DIR'] ?? '.capp'));
}

function kindOf(schema: string): Kind {
  return schema === 'Person' ? 'person' : 'organisation';
}

function judge(screener: Screener, each: ScreeningCase): Verdict {
  const kind = kindOf(each.schema);
  if (each.task === 'pair') {
    const [there, back] = [compareNames(each.query, each.candidate ?? '', kind), compareNames(each.candidate ?? '', each.query, kind)];
    const score = Math.max(there.score, back.score);
    return { each, score, said: score >= SAME_PARTY_SCORE, found: score >= SAME_PARTY_SCORE };
  }
  const matches = screener.screen({
    name: each.query,
    kind,
    datesOfBirth: isoDatesOf(each.dob ?? ''),
    countries: each.country === null || each.country === undefined ? [] : [each.country],
  });
  const wanted = new Set(each.entries.map((entry) => `${entry.list}/${entry.id}`));
  const found = matches.some((match) => wanted.has(`${match.entry.list}/${match.entry.entryId}`));
  return { each, said: matches.length > 0, found, score: matches[0]?.score ?? 0 };
}

function slicesOf(verdicts: readonly Verdict[]): Slice[] {
  const byId = new Map(verdicts.map((verdict) => [verdict.each.id, verdict]));
  const measure = (group: readonly CaseResult[]): Metrics => metricsOf(group.flatMap((result) => byId.get(result.id) ?? []));
  const results = verdicts.map(resultOf);
  return SLICES.flatMap((by) => slicesBy(results, by, measure));
}

function isCorrect({ each, said, found }: Verdict): boolean {
  return each.expected === 'match' ? found : !said;
}

function scriptOf(text: string): string {
  if (/\p{Script=Arabic}/u.test(text)) return 'arabic';
  if (/\p{Script=Cyrillic}/u.test(text)) return 'cyrillic';
  return /[^\p{Script=Latin}\p{Script=Common}\p{M}]/u.test(text) ? 'other' : 'latin';
}

function resultOf(verdict: Verdict): CaseResult {
  const { each, score } = verdict;
  return {
    id: each.id,
    correct: isCorrect(verdict),
    tags: {
      task: each.task,
      category: each.task === 'pair' ? 'pair' : each.category,
      origin: each.origin,
      region: each.task === 'pair' ? 'pair' : regionOf(each.country),
      strength: each.strength,
      half: halfOf(each.id),
      script: scriptOf(each.query),
    },
    note: `${each.query}${each.candidate === undefined ? '' : ` / ${each.candidate}`}: expected ${each.expected}, score ${score.toFixed(3)}`,
  };
}

/** Figures for which a dataset has no cases: it may be of one task only. */
function absentFrom(cases: readonly ScreeningCase[]): Record<string, string> {
  const of = (expected: ScreeningCase['expected']) =>
    cases.filter((each) => each.task === 'list' && each.category !== COLLISION && each.expected === expected);
  return {
    ...(of('match').some((each) => each.strength !== 'WEAK')
      ? {}
      : { recallStrongMedium: 'there are no strong or medium names of listed parties' }),
    ...(of('no_match').length > 0 ? {} : { falseAlertRate: 'there are no names of people who are not listed' }),
    ...(cases.some((each) => each.task === 'pair') ? {} : { pairF1: 'there are no pairs' }),
  };
}

function metricsOf(verdicts: readonly Verdict[]): Metrics {
  const listed = verdicts.filter(({ each }) => each.task === 'list');
  const judged = (group: readonly Verdict[]): Judged[] =>
    group.map(({ each, said, found }) => ({ expected: each.expected === 'match', said: each.expected === 'match' ? found : said }));
  const counted = listed.filter(({ each }) => each.category !== COLLISION);
  const firm = counted.filter(({ each }) => each.strength !== 'WEAK' && each.expected === 'match');
  const collisions = listed.filter(({ each }) => each.category === COLLISION);
  const pairs = verdicts.filter(({ each }) => each.task === 'pair');
  const [all, pair] = [confusionOf(judged(counted)), confusionOf(judged(pairs))];
  const metrics: Record<string, number> = {};
  if (counted.some(({ each }) => each.expected === 'match')) metrics['recall'] = recallOf(all);
  if (firm.length > 0) metrics['recallStrongMedium'] = recallOf(confusionOf(judged(firm)));
  if (counted.some(({ each }) => each.expected === 'no_match')) metrics['falseAlertRate'] = falseAlertRateOf(all);
  // Where nobody is listed every alert is false, which the rate of those tells.
  if (counted.some(({ each }) => each.expected === 'match')) metrics['precision'] = precisionOf(all);
  if (collisions.length > 0)
    metrics['collisionsDischarged'] = share(collisions.filter((verdict) => !verdict.said).length, collisions.length);
  if (pairs.length > 0) Object.assign(metrics, { pairF1: f1Of(pair), pairPrecision: precisionOf(pair), pairRecall: recallOf(pair) });
  return metrics;
}

const SLICES = ['half', 'region', 'category', 'origin', 'strength', 'script'] as const;

/** The plain method says whether anybody is like the name, not who: it gets the benefit of the doubt. */
function plainRivals(cases: readonly ScreeningCase[], names: readonly string[]): Rival[] {
  const screen = createPlainScreen(names);
  const floor = PLAIN_THRESHOLDS[0] - 0.000_001;
  const scores = cases.map((each) =>
    each.task === 'list' ? screen(each.query, floor) : jaroWinkler(plainForm(each.query), plainForm(each.candidate ?? '')),
  );
  return PLAIN_THRESHOLDS.map((threshold) => {
    const verdicts = cases.map((each, at): Verdict => {
      const score = scores[at] ?? 0;
      return { each, score, said: score >= threshold, found: score >= threshold };
    });
    return {
      name: `Jaro-Winkler at ${threshold}`,
      metrics: metricsOf(verdicts),
      correct: verdicts.map(isCorrect),
      slices: slicesOf(verdicts),
    };
  });
}
