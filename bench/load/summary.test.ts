import { expect, test } from 'vitest';
import type { Outcome } from './order.ts';
import { missedBy, missedByWhole, secondsOf, summaryOf } from './summary.ts';
import { madeLoad, madeReport, type MadeRequest } from './testing.ts';

const LIMITS = { p99Ms: 100, failedShare: 0.01, refusedShare: 0.05 };
const named = { name: 'soak', kind: 'soak', phase: 0, fromSeconds: 0, toSeconds: 10 };
const many = (count: number, outcome: Outcome, latencyMs = 10): MadeRequest[] =>
  Array.from({ length: count }, (_, index) => ({ dueMs: index, latencyMs, outcome }));
const missed = (...requests: readonly MadeRequest[]): readonly string[] => summaryOf(madeReport(requests), named, LIMITS).missed;

test('thresholds are kept up to their very value and missed beyond', () => {
  expect(missed(...many(94, 'done'), ...many(5, 'refused'), ...many(1, 'failed'))).toEqual([]);
  expect(missed(...many(94, 'done'), ...many(6, 'refused'))).toEqual(['6 % refused, more than 5 %']);
  expect(missed(...many(98, 'done'), ...many(2, 'failed'))).toEqual(['2 % failed, more than 1 %']);
  expect(missed(...many(98, 'done'), ...many(2, 'done', 300))).toEqual([expect.stringMatching(/^p99 300 ms, more than 100$/)]);
});

test('a request that was never answered, or never left, has failed', () => {
  expect(missed(...many(98, 'done'), ...many(1, 'unanswered'), ...many(1, 'unsent'))).toEqual(['2 % failed, more than 1 %']);
});

test('how long a refusal took says nothing of how fast the others were', () => {
  expect(summaryOf(madeReport([...many(96, 'done', 20), ...many(4, 'refused', 900)]), named, LIMITS).all.latency?.max).toBe(20);
});

test('nothing done, or nothing due, keeps no threshold', () => {
  expect(missed(...many(10, 'failed'))).toEqual(['no request was done', '100 % failed, more than 1 %']);
  expect(missed()).toEqual(['no request was due']);
});

test('requests count for their phase and kind alone', () => {
  const report = madeReport([
    { dueMs: 0, latencyMs: 5, kind: 'single', phase: 0 },
    { dueMs: 1, latencyMs: 7, kind: 'list', phase: 0 },
    { dueMs: 2, latencyMs: 900, kind: 'list', phase: 1, outcome: 'failed' },
  ]);
  const { all, byKind, missed: misses } = summaryOf(report, named, LIMITS);
  expect(all.requests).toBe(2);
  expect(Object.keys(byKind)).toEqual(['single', 'list']);
  expect(byKind.list?.latency?.max).toBe(7);
  expect(misses).toEqual([]);
});

test('the load as a whole is held to how long payments took and until none was left', () => {
  const { result, samples } = madeLoad([]);
  expect(missedByWhole(result, samples, LIMITS)).toEqual([]);
  expect(missedByWhole(result, samples, { ...LIMITS, completeP99Ms: 900, drainSeconds: 2 })).toEqual([]);
  expect(missedByWhole(result, samples, { ...LIMITS, completeP99Ms: 899, drainSeconds: 1.9 })).toEqual([
    'accepted to complete p99 900 ms, more than 899',
    '2.00 s until no payment was on its way, more than 1.9',
  ]);
  expect(
    missedByWhole({ ...result, completeMs: { p50: Number.NaN, p99: Number.NaN } }, samples, { ...LIMITS, completeP99Ms: 900 }),
  ).toHaveLength(1);
});

test('the memory that the API held at most counts, whenever that was', () => {
  const { result, samples } = madeLoad([]);
  expect(missedByWhole(result, samples, { ...LIMITS, apiMegabytes: 111 })).toEqual([]);
  expect(missedByWhole(result, samples, { ...LIMITS, apiMegabytes: 110 })).toEqual(['the API held 111 MB, more than 110']);
});

test('a neighbour may be turned away and kept waiting, which others may not, but must be answered as it should be', () => {
  const neighbour = (outcome: Outcome): MadeRequest[] => many(50, outcome, 9_000).map((each) => ({ ...each, kind: 'flood' }));
  expect(missed(...many(100, 'done'), ...neighbour('refused'), ...neighbour('done'))).toEqual([]);
  expect(missed(...many(100, 'done'), ...neighbour('failed'))).toEqual(["100 % of the neighbour's requests failed, more than 1 %"]);
  const found = summaryOf(madeReport([...many(100, 'done'), ...neighbour('refused')]), named, LIMITS);
  expect([found.all.requests, found.neighbour?.requests, found.byKind.flood?.outcomes.refused]).toEqual([100, 50, 50]);
});

test('each second tells of the requests that were due in it, however late they were answered', () => {
  const seconds = secondsOf(
    madeReport([
      { dueMs: 10, latencyMs: 5_000 },
      { dueMs: 990, latencyMs: 1 },
      { dueMs: 2_500, latencyMs: 3, outcome: 'refused' },
      { dueMs: 2_600, latencyMs: 3, outcome: 'unanswered' },
    ]),
  );
  expect(seconds.map(({ due, done, refused, failed }) => [due, done, refused, failed])).toEqual([
    [2, 2, 0, 0],
    [0, 0, 0, 0],
    [2, 0, 1, 1],
  ]);
  expect(seconds.map(({ max }) => max)).toEqual([5_000, null, null]);
});

test('a part with nothing in it is told without a latency', () => {
  expect(missedBy({ requests: 1, outcomes: { done: 1, refused: 0, failed: 0, unanswered: 0, unsent: 0 }, latency: null }, LIMITS)).toEqual([
    'no request was done',
  ]);
});
