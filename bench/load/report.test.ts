/** The report: it says what was measured, it can be read without a network, and nothing in it passes for markup. */
import { create } from 'xmlbuilder2';
import { expect, test } from 'vitest';
import type { LoadBook } from './book.ts';
import { htmlOf } from './html.ts';
import { linesOfStage, markdownOf } from './markdown.ts';
import { powerMarks, roundMarks, svgOf } from './plot.ts';
import { parseScenario } from './scenario.ts';
import { breakpointOutcomeOf, failuresOf, runOutcomeOf, stagesOf, type StageOutcome, stepOf } from './stages.ts';
import { madeLoad, type MadeRequest } from './testing.ts';

const scenario = parseScenario(
  JSON.stringify({
    name: 'callers <b>& others</b>',
    mix: { single: 1, list: 1 },
    phases: [
      { kind: 'ramp', seconds: 4, fromPerSecond: 1, toPerSecond: 9 },
      { kind: 'soak', seconds: 6, perSecond: 9 },
      { kind: 'breakpoint', name: 'the edge', stepSeconds: 1, fromPerSecond: 10, toPerSecond: 40, leastPerSecond: 20 },
      { kind: 'soak', seconds: 3, perSecond: 9 },
    ],
    thresholds: { p99Ms: 100, failedShare: 0 },
  }),
);

const requests = (count: number, latencyMs: number): MadeRequest[] =>
  Array.from({ length: count }, (_, index) => ({
    dueMs: (index * 10_000) / count,
    latencyMs: latencyMs + (index % 7),
    phase: index < count / 2 ? 0 : 1,
    kind: index % 2 === 0 ? 'single' : 'list',
  }));

function outcomes(): StageOutcome[] {
  const [first, edge] = stagesOf(scenario.phases);
  if (first?.kind !== 'run' || edge?.kind !== 'breakpoint') throw new Error('the stages are not those of the scenario');
  const step = (rate: number, latencyMs: number) => stepOf(rate, madeLoad(requests(50, latencyMs)), scenario.thresholds);
  return [
    runOutcomeOf(madeLoad(requests(80, 20), { wrong: ['1 accepted payments are lost'] }), first.phases, scenario.thresholds),
    breakpointOutcomeOf('the edge', [step(10, 20), step(15, 300)], edge.phase),
  ];
}

function book(): LoadBook {
  const stages = outcomes();
  return {
    scenario,
    startedAt: '2026-11-26T12:00:00.000Z',
    machine: { cores: 2, fsyncUs: 300 },
    stages,
    megabytesPeak: { api: 120 },
    caches: [],
    books: { violations: [], statementLines: 0, breaks: [], payments: 100 },
    failures: failuresOf(stages),
  };
}

test('phases that follow each other are one load, a search is one of its own', () => {
  const stages = stagesOf(scenario.phases);
  expect(stages.map((stage) => (stage.kind === 'run' ? stage.phases.map(({ name }) => name) : stage.name))).toEqual([
    ['ramp', 'soak 1'],
    'the edge',
    ['soak 2'],
  ]);
  expect(stages[0]).toMatchObject({
    phases: [
      { fromSeconds: 0, toSeconds: 4 },
      { fromSeconds: 4, toSeconds: 10 },
    ],
  });
  expect(stages[0]?.kind === 'run' && stages[0].segments.map(({ phase }) => phase)).toEqual([0, 1]);
});

test('what was lost and what a search fell short of are failures, a rate that did not hold within a search is none', () => {
  expect(failuresOf(outcomes())).toEqual([
    'ramp, soak 1: 1 accepted payments are lost',
    'the edge: 10 requests a second held, fewer than 20',
  ]);
});

test('a search that held nothing says so', () => {
  const [, edge] = stagesOf(scenario.phases);
  const steps = [stepOf(10, madeLoad(requests(50, 500)), scenario.thresholds)];
  if (edge?.kind !== 'breakpoint') throw new Error('there is no search');
  expect(failuresOf([breakpointOutcomeOf('edge', steps, edge.phase)])).toEqual(['edge: not even 10 requests a second held']);
});

test('a load without payments divides by none of them', () => {
  const nothing = {
    accepted: 0,
    paid: 0,
    cpuUs: { api: Number.POSITIVE_INFINITY },
    walBytes: Number.NaN,
    completeMs: { p50: Number.NaN, p99: Number.NaN },
  };
  const [first] = stagesOf(scenario.phases);
  if (first?.kind !== 'run') throw new Error('there is no load');
  const outcome = runOutcomeOf(madeLoad(requests(80, 20), nothing), first.phases, scenario.thresholds);
  expect(outcome.totals).toMatchObject({ cpuUsPerPayment: {}, walBytesPerPayment: null, completeMs: { p99: null } });
  expect(outcome.totals.cpuUsPerRequest.api).toBeCloseTo((3.3 * 1e6) / 80, 6);
  expect(linesOfStage(outcome).join('\n')).not.toMatch(/NaN|Infinity/);
});

test('the page in Markdown tells rates, latencies, processes, the search and the books', () => {
  const text = markdownOf(book());
  expect(text).toContain('| ramp | all | 40 | 0 % | 0 % | 23.0 |');
  expect(text).toContain('| worker | 800 | 55,000 | 200 |');
  expect(text).toContain('10.0 requests a second hold; 15.0 do not.');
  expect(text).toContain('FAILED: the edge: 10 requests a second held, fewer than 20');
  expect(text).not.toMatch(/NaN|undefined|Infinity/);
});

test('the page in HTML is well-formed, has a plot of each kind, loads nothing and runs nothing', () => {
  const text = htmlOf(book());
  const parsed = create(text.replace('<!doctype html>', '')).end();
  expect(parsed).toContain('<svg');
  expect(text.match(/<svg /g)).toHaveLength(8);
  expect(text).not.toMatch(/https?:|<script|<link|<img|url\(|@import|NaN|undefined|Infinity/);
  expect(text).toContain('callers &lt;b&gt;&amp; others&lt;/b&gt;');
  expect(text).not.toContain('<b>');
  expect(text).toContain('class="bad">FAILED');
});

test('the report in JSON is what the pages are made from', () => {
  const again = JSON.parse(JSON.stringify(book())) as LoadBook;
  expect(markdownOf(again)).toBe(markdownOf(book()));
  expect(htmlOf(again)).toBe(htmlOf(book()));
});

test('marks of an axis are round and reach around what is shown', () => {
  expect(roundMarks(47)).toEqual([0, 10, 20, 30, 40, 50]);
  expect(roundMarks(0.3)).toEqual([0, 0.1, 0.2, 0.3]);
  expect(roundMarks(0)).toEqual([0, 1]);
  expect(powerMarks(0.5, 300)).toEqual([0.1, 1, 10, 100, 1_000]);
  expect(powerMarks(10, 10)).toEqual([10, 100]);
});

test('points stand where their values say, and a gap breaks the line', () => {
  const points = [
    [0, 0],
    [5, 10],
    [6, null],
    [8, 5],
    [10, 10],
  ] as const;
  const svg = svgOf({ title: 't', xLabel: 'x', yLabel: 'y', series: [{ name: 's', points }] });
  const lines = [...svg.matchAll(/points="([^"]+)"/g)].map(([, path = '']) => path.split(' ').map((pair) => pair.split(',').map(Number)));
  expect(lines.map((line) => line.length)).toEqual([2, 2]);
  const [[zero, top] = [], [middle, end] = []] = lines;
  // The axes run from 64 to 750 and from 236 up to 34.
  expect(zero).toEqual([64, 236]);
  expect(top).toEqual([407, 34]);
  expect(middle?.[1]).toBe(135);
  expect(end).toEqual([750, 34]);
});

test('nothing to draw is an empty plot', () => {
  expect(svgOf({ title: 't', xLabel: 'x', yLabel: 'y', yScale: 'log', series: [{ name: 's', points: [] }] })).not.toMatch(/NaN|Infinity/);
});
