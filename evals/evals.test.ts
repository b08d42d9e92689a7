import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { marginOf } from '../agents/compliance/risk/model.ts';
import { baselineOf, compareWithBaseline, pack, unpack } from './baseline.ts';
import { halfOf } from './dataset.ts';
import { createPlainScreen, jaroWinkler, plainForm } from './jaro-winkler.ts';
import { escape, toHtml } from './report/html.ts';
import { toJunit } from './report/junit.ts';
import { toMarkdown } from './report/markdown.ts';
import { missSentences, reportOf, toJson } from './report/report.ts';
import { calibrate, growTrees } from './fraud/boost.ts';
import { readTransactions } from './fraud/paysim.ts';
import { partsOf, SCORED_FROM_STEP } from './fraud/split.ts';
import {
  averagePrecisionOf,
  brierOf,
  calibrationErrorOf,
  confusionOf,
  f1Of,
  falseAlertRateOf,
  precisionOf,
  quantileOf,
  recallOf,
} from './scorers.ts';
import { comparePaired, mcNemar } from './statistics.ts';
import type { SuiteRun } from './suite.ts';
import { fraudSuite } from './suites/fraud.ts';
import { bestWorth, generateCases, mayCarry, routingSuite, worthOf } from './suites/routing.ts';
import { screeningSuite } from './suites/screening.ts';
import { missesIn, missesOf } from './thresholds.ts';

const SILENT = { dataset: null, lists: null, env: {}, target: null, record: null, tell: () => undefined };
const SAMPLE = new URL('datasets/screening.jsonl', import.meta.url).pathname;

describe('measures', () => {
  const judged = [
    { expected: true, said: true },
    { expected: true, said: false },
    { expected: false, said: true },
    { expected: false, said: false },
    { expected: false, said: false },
  ];

  test('of a confusion matrix', () => {
    const matrix = confusionOf(judged);
    expect(matrix).toEqual({ truePositives: 1, falseNegatives: 1, falsePositives: 1, trueNegatives: 2 });
    expect([recallOf(matrix), precisionOf(matrix), f1Of(matrix)]).toEqual([0.5, 0.5, 0.5]);
    expect(falseAlertRateOf(matrix)).toBeCloseTo(1 / 3);
    expect(recallOf(confusionOf([]))).toBe(0);
  });

  test('quantiles', () => {
    expect(quantileOf([3, 1, 2, 4], 0.5)).toBe(2);
    expect(quantileOf([], 0.5)).toBe(0);
  });

  test("McNemar's exact test against known values", () => {
    expect(mcNemar(0, 0)).toBe(1);
    expect(mcNemar(5, 5)).toBe(1);
    expect(mcNemar(10, 0)).toBeCloseTo(2 / 1024, 10);
    expect(mcNemar(8, 2)).toBeCloseTo(0.109375, 10);
  });

  test('a paired comparison finds a difference where there is one, and none in noise', () => {
    const worse = Array.from({ length: 200 }, (_, at) => at % 4 !== 0);
    const better = worse.map((right, at) => right || at % 8 === 0);
    expect(comparePaired(better, worse)).toMatchObject({ onlyFirst: 25, onlySecond: 0 });
    const { low, high, difference } = comparePaired(better, worse);
    expect(low).toBeGreaterThan(0);
    expect(difference).toBeCloseTo(0.125);
    expect(high).toBeGreaterThan(difference);
    expect(comparePaired(worse, worse)).toMatchObject({ pValue: 1, difference: 0, low: 0, high: 0 });
    expect(() => comparePaired([true], [])).toThrow(RangeError);
  });

  test('Jaro-Winkler as published: MARTHA, DIXON', () => {
    expect(jaroWinkler('MARTHA', 'MARHTA')).toBeCloseTo(0.9611, 4);
    expect(jaroWinkler('DIXON', 'DICKSONX')).toBeCloseTo(0.8133, 4);
    expect(plainForm('Kéita, Mamadou')).toBe('KEITA MAMADOU');
  });

  test('the plain screen passes over nobody who could be the best', () => {
    const name = fc.stringMatching(/^[A-Z]{1,6}( [A-Z]{1,6})?$/);
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), name, (names, asked) => {
        const best = Math.max(...names.map((each) => jaroWinkler(plainForm(asked), plainForm(each))));
        expect(createPlainScreen(names)(asked, 0)).toBeCloseTo(best, 12);
      }),
    );
  });
});

describe('thresholds and baselines', () => {
  test('say what is missed, also when a figure is no number', () => {
    const bounds = { recall: { min: 0.9 }, alerts: { max: 0.1 }, other: { min: 1 } };
    expect(missesIn(bounds, { recall: 0.9, alerts: 0.1, other: 1 })).toEqual([]);
    expect(missesIn(bounds, { recall: 0.89, alerts: Number.NaN, other: 1 }).map((miss) => miss.metric)).toEqual(['recall', 'alerts']);
  });

  test('a metric that a run does not give is missed, unless the run says why it cannot be there', async () => {
    const bounds = { recall: { min: 0.9 }, alerts: { max: 0.1 } };
    expect(missesIn(bounds, { alerts: 0 })).toEqual([{ metric: 'recall', value: null, bound: 'at least 0.9' }]);
    expect(missesIn(bounds, { alerts: 0 }, { recall: 'there are no such cases' })).toEqual([]);
    const run = { ...RUN, metrics: {}, absent: { recall: 'there are no such cases' } };
    const report = reportOf(run, null, missesIn(bounds, run.metrics, run.absent));
    expect(report.passed).toBe(false);
    expect(toMarkdown(report)).toContain('alerts is not there, and must be at most 0.1.');
    expect(toMarkdown(report)).toContain('No recall: there are no such cases.');
    expect(toJunit(report)).toContain('name="alerts"><failure message="alerts is not there');
    await expect(missesOf({ ...RUN, suite: 'unheard-of' })).rejects.toMatchObject({ code: 'internal' });
  });

  test('a suite whose cases are of one task says so', async () => {
    const path = join(tmpdir(), `capp-pairs-${process.pid}.jsonl`);
    const rows = (await readFile(SAMPLE, 'utf8'))
      .split('\n')
      .filter((line) => line.includes('"task":"pair"') || line.includes('"task": "pair"'));
    expect(rows.length).toBeGreaterThan(0);
    await writeFile(path, rows.join('\n'));
    const run = await screeningSuite.run({ ...SILENT, dataset: path });
    await rm(path);
    expect(Object.keys(run.absent ?? {})).toEqual(['recallStrongMedium', 'falseAlertRate']);
    expect(await missesOf(run)).toEqual([]);
    expect((await missesOf({ ...run, absent: {} })).map(({ metric }) => metric)).toEqual(['recallStrongMedium', 'falseAlertRate']);
  });

  test('bits come back as they went', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (bits) => {
        expect(unpack(pack(bits), bits.length)).toEqual(bits);
      }),
    );
    expect(unpack('', 9)).toBeNull();
  });

  test('other cases have no baseline', async () => {
    expect(await compareWithBaseline({ ...RUN, suite: 'routing' })).toBeNull();
    expect(await compareWithBaseline({ ...RUN, suite: 'nothing' })).toBeNull();
  });

  test('a baseline keeps no timing, which is of the machine', async () => {
    expect(baselineOf({ ...RUN, metrics: { recall: 0.5, p95Ms: 113.8, cpuMsPerCase: 0.3 } }).metrics).toEqual({ recall: 0.5 });
    const folder = new URL('baselines/', import.meta.url).pathname;
    const kept = await Promise.all((await readdir(folder)).map((name) => readFile(`${folder}${name}`, 'utf8')));
    expect(kept.filter((text) => /Ms(?:Per\w+)?"/.test(text))).toEqual([]);
  });

  test('halves are stable and about equal', () => {
    const chosen = Array.from({ length: 1_000 }, (_, at) => halfOf(`case-${at}`)).filter((half) => half === 'chosen-on').length;
    expect(chosen).toBeGreaterThan(400);
    expect(chosen).toBeLessThan(600);
  });
});

const RUN: SuiteRun = {
  suite: 'sample',
  target: 'policy',
  dataset: { name: 'd', digest: 'abc' },
  metrics: { recall: 0.5 },
  slices: [{ by: 'kind', value: '<b>x</b>', cases: 2, metrics: { recall: 0.5 } }],
  results: [
    { id: '1', correct: true, tags: { kind: 'a' }, note: 'fine' },
    { id: '2', correct: false, tags: { kind: 'a' }, note: '<script>alert(1)</script> | pipe' },
  ],
  rivals: [{ name: 'plain', metrics: { recall: 0.1 }, correct: [false, null] }],
  remarks: [],
};

describe('reports', () => {
  const report = reportOf(RUN, null, [{ metric: 'recall', value: 0.5, bound: 'at least 0.9' }]);

  test('the JSON has the fields that are promised', () => {
    const json = toJson(report);
    expect(Object.keys(json)).toEqual(['suite', 'cases', 'metrics', 'slices', 'baseline', 'passed']);
    expect(json).toMatchObject({ suite: 'sample', cases: 2, metrics: { recall: 0.5 }, baseline: { stored: null }, passed: false });
    expect(json.slices).toHaveLength(1);
    expect(json.baseline.rivals[0]?.comparison).toMatchObject({ onlyFirst: 1, onlySecond: 0 });
    expect(missSentences(report)).toEqual(['recall is 0.5000, and must be at least 0.9.']);
  });

  test('a run that is worse than its baseline does not pass, whatever its figures', () => {
    const comparison = comparePaired([true], [true]);
    const against = (verdict: 'worse' | 'better') => reportOf(RUN, { metrics: {}, comparison, verdict }, []).passed;
    expect([against('worse'), against('better'), reportOf(RUN, null, []).passed]).toEqual([false, true, true]);
  });

  test('hostile text stays text', () => {
    expect(toHtml(report)).not.toContain('<script>');
    expect(toHtml(report)).toContain('&lt;script&gt;');
    expect(toHtml(report)).not.toMatch(/https?:\/\//);
    expect(escape(`<&>"'`)).toBe('&lt;&amp;&gt;&quot;&#39;');
    expect(toJunit(report)).toMatch(/failures="1"[\s\S]*recall is 0\.5000, and must be at least 0\.9/);
    expect(toMarkdown(report)).toContain('**Not passed.**');
  });
});

describe('the suite of routing', () => {
  test('makes the same cases of the same seed', () => {
    expect(generateCases(3, 1)).toEqual(generateCases(3, 1));
    expect(generateCases(3, 1)).not.toEqual(generateCases(3, 2));
  });

  test('no order is worth more than the best, and the best is one of them', () => {
    for (const { facts } of generateCases(100, 7)) {
      const leg = facts.collection;
      const able = leg.rails.filter((rail) => mayCarry(rail, BigInt(leg.amountMinor)));
      const best = bestWorth(leg, facts);
      expect(worthOf(able.slice(0, facts.scale.railsMax), leg, facts)).toBeLessThanOrEqual(best + 1e-12);
      expect(best).toBeLessThanOrEqual(1);
      expect(best > 0).toBe(able.length > 0);
    }
  });

  test('passes, with no forbidden pick', async () => {
    const run = await routingSuite.run(SILENT);
    expect(run.metrics).toMatchObject({ forbiddenPicks: 0, refusalAgreement: 1 });
    expect(run.metrics['meanRegret']).toBeLessThan(0.02);
  });
});

test('the suite of screening passes on the sample that comes with it, and beats the plain method', async () => {
  const run = await screeningSuite.run({ ...SILENT, dataset: SAMPLE });
  expect(run.metrics['recallStrongMedium']).toBe(1);
  expect(run.metrics['falseAlertRate']).toBe(0);
  expect(run.metrics['pairF1']).toBe(1);
  expect(run.rivals[0]?.metrics['falseAlertRate']).toBeGreaterThan(0);
  expect(run.results.length).toBeGreaterThan(40);
});

describe('fraud', () => {
  const TRANSACTIONS = new URL('datasets/transactions.csv', import.meta.url).pathname;
  const scored = (pairs: readonly (readonly [score: number, isPositive: boolean, weight?: number])[]) =>
    pairs.map(([score, isPositive, weight = 1]) => ({ score, isPositive, weight }));

  test('average precision: ties count together, weights as so many cases', () => {
    expect(
      averagePrecisionOf(
        scored([
          [3, true],
          [2, false],
          [1, true],
        ]),
      ),
    ).toBeCloseTo((1 + 2 / 3) / 2);
    expect(
      averagePrecisionOf(
        scored([
          [1, true],
          [1, false],
          [1, false],
          [1, false],
        ]),
      ),
    ).toBe(0.25);
    expect(
      averagePrecisionOf(
        scored([
          [2, false, 9],
          [1, true],
        ]),
      ),
    ).toBeCloseTo(0.1);
    expect(averagePrecisionOf([])).toBe(0);
  });

  test('Brier score and calibration error tell true chances from false ones', () => {
    const half = scored([
      [0.5, true],
      [0.5, false],
    ]);
    expect([brierOf(half), calibrationErrorOf(half)]).toEqual([0.25, 0]);
    expect(
      calibrationErrorOf(
        scored([
          [0.9, false],
          [0.9, false],
        ]),
      ),
    ).toBeCloseTo(0.9);
  });

  test('boosted trees find a pattern that no single feature shows, and the table makes rising chances of it', () => {
    const samples = Array.from({ length: 400 }, (_, at) => {
      const [x, y] = [(at * 7) % 20, (at * 13) % 17];
      return { vector: [x, y], isPositive: x > 9 !== y > 8, weight: 1 };
    });
    const grown = growTrees(samples, { trees: 20, depth: 2, rate: 0.3, leastHessian: 0.1, leastRows: 5, lambda: 1, features: [0, 1] });
    const trees = { ...grown, calibration: [[0, 0]] as [number, number][] };
    const margins = samples.map((each) => marginOf(trees, each.vector));
    expect(averagePrecisionOf(samples.map((each, at) => ({ ...each, score: margins[at] ?? 0 })))).toBeGreaterThan(0.99);
    const table = calibrate(margins, samples);
    expect(
      table.every(([margin, chance], at) => at === 0 || (margin >= (table[at - 1]?.[0] ?? 0) && chance >= (table[at - 1]?.[1] ?? 0))),
    ).toBe(true);
    expect(growTrees(samples, { trees: 2, depth: 2, rate: 0.3, leastHessian: 0.1, leastRows: 5, lambda: 1, features: [0, 1] })).toEqual({
      base: grown.base,
      trees: grown.trees.slice(0, 2),
    });
  });

  test('what is known of a transaction is what stood before it', async () => {
    const file = await readTransactions(TRANSACTIONS);
    const cut = file.rows.slice(0, 200);
    expect(cut.every((row) => row.isFraud === false || row.input.balanceShare === 1)).toBe(true);
    const { learnt, calibrated, scored: later } = partsOf(file.rows);
    expect(Math.max(...learnt.map(({ step }) => step))).toBeLessThan(Math.min(...calibrated.map(({ step }) => step)));
    expect(Math.min(...later.map(({ step }) => step))).toBeGreaterThan(SCORED_FROM_STEP);
    expect(file.rows.some((row) => row.input.isMirrored && row.type === 'CASH_OUT')).toBe(true);
  });

  test('the model is held against its rivals on the later steps, with the balance and without', async () => {
    const run = await fraudSuite.run({ ...SILENT, dataset: TRANSACTIONS });
    expect(run.metrics).toMatchObject({ averagePrecision: expect.any(Number), costRatio: expect.any(Number) });
    expect(run.metrics['averagePrecision']).toBeGreaterThan(run.metrics['averagePrecisionWithoutBalance'] ?? 1);
    expect(run.rivals.map(({ name }) => name)).toEqual([
      'risk model without balance',
      'logistic regression with balance',
      'logistic regression without balance',
      'rules only',
      'always allow',
      'risk model without balance, transfers only',
      'logistic regression without balance, transfers only',
      'rules only, transfers only',
      'always allow, transfers only',
    ]);
    const isTransfer = run.results.map(({ tags }) => tags['type'] === 'TRANSFER');
    for (const { correct } of run.rivals.slice(-4)) expect(correct.map((each) => each !== null)).toEqual(isTransfer);
    expect(run.rivals.at(-4)?.metrics['averagePrecision']).toBe(run.metrics['averagePrecisionTransfers']);
    const allow = run.rivals.find(({ name }) => name === 'always allow')?.metrics;
    expect([allow?.['costRatio'], allow?.['recall']]).toEqual([1, 0]);
    // Whatever is learnt, allowing everything ranks no better than chance: the natural share of fraud.
    expect(allow?.['averagePrecision']).toBeCloseTo(8_213 / (8_213 + 6_354_407), 6);
  });

  test('a file without balances is held to what can be told without them', async () => {
    const path = join(tmpdir(), `capp-no-balance-${process.pid}.csv`);
    const lines = (await readFile(TRANSACTIONS, 'utf8'))
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const at = lines[0]?.indexOf('oldbalanceOrg') ?? -1;
    await writeFile(path, lines.map((cells) => cells.toSpliced(at, 1).join(',')).join('\n'));
    const run = await fraudSuite.run({ ...SILENT, dataset: path });
    await rm(path);
    expect(run.metrics['averagePrecision']).toBe(run.metrics['averagePrecisionWithoutBalance']);
    expect(run.thresholds).toBe('fraud, no balance');
    const poor = { ...run, metrics: { averagePrecision: 0.3, costRatio: 0.2 } };
    expect(await missesOf(poor)).toEqual([]);
    expect((await missesOf({ ...poor, thresholds: 'fraud' })).map(({ metric }) => metric)).toEqual([
      'averagePrecision',
      'costRatio',
      'averagePrecisionWithoutBalance',
      'costRatioWithoutBalance',
    ]);
    expect((await fraudSuite.run({ ...SILENT, dataset: TRANSACTIONS })).thresholds).toBeUndefined();
  });

  test('a file that is none of its form is refused, naming the row', async () => {
    await expect(fraudSuite.run({ ...SILENT, dataset: SAMPLE })).rejects.toMatchObject({ code: 'config_invalid' });
    await expect(fraudSuite.run({ ...SILENT, dataset: '/nowhere' })).rejects.toMatchObject({ code: 'config_invalid' });
  });
});
