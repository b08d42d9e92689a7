import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isFault } from '../../domain/errors.ts';
import { requestsIn } from './schedule.ts';
import { BOUNDS, connectionsMost, type FixedPhase, parseScenario, readScenario, segmentsOf } from './scenario.ts';

const whole = {
  name: 'a scenario',
  mix: { single: 3, status: 1 },
  phases: [{ kind: 'soak', seconds: 15, perSecond: 20 }],
  thresholds: { p99Ms: 100, failedShare: 0.01 },
};

/** What is said of a scenario: the code, the field. */
function objectionTo(text: string): [string, string | undefined, string] {
  try {
    parseScenario(text);
  } catch (error) {
    if (isFault(error)) return [error.code, error.field, error.detail];
    throw error;
  }
  return ['none', undefined, ''];
}

const changed = (change: object): string => JSON.stringify({ ...whole, ...change });
const phases = (...given: object[]): string => changed({ phases: given });

test('what is left out has its usual value', () => {
  expect(parseScenario(JSON.stringify(whole))).toMatchObject({
    between: 'balances',
    spacing: 'random',
    connections: 100,
    settings: {},
    thresholds: { refusedShare: 0 },
  });
});

test.each([
  ['no JSON at all', '{"name":', 'malformed_body', undefined],
  ['something else than an object', '[]', 'validation_failed', ''],
  ['no name', changed({ name: undefined }), 'validation_failed', 'name'],
  ['a field that is none', changed({ rate: 5 }), 'validation_failed', 'rate'],
  ['a kind that is none', changed({ mix: { refund: 1 } }), 'validation_failed', 'mix.refund'],
  ['a share below zero', changed({ mix: { single: -1 } }), 'validation_failed', 'mix.single'],
  ['no share above zero', changed({ mix: { single: 0 } }), 'validation_failed', 'mix'],
  ['nobody but a neighbour', changed({ mix: { flood: 1 } }), 'validation_failed', 'mix'],
  ['too many batches of a million rows', changed({ mix: { single: 1, huge: 1 } }), 'validation_failed', 'mix.huge'],
  ['no phase', phases(), 'validation_failed', 'phases'],
  ['a phase that is none', phases({ kind: 'flood', seconds: 1 }), 'validation_failed', 'phases.0.kind'],
  ['a rate that is text', phases({ kind: 'soak', seconds: 1, perSecond: '5' }), 'validation_failed', 'phases.0.perSecond'],
  ['a rate above the most', phases({ kind: 'soak', seconds: 1, perSecond: 1e9 }), 'validation_failed', 'phases.0.perSecond'],
  ['no time', phases(whole.phases[0] ?? {}, { kind: 'soak', seconds: 0, perSecond: 1 }), 'validation_failed', 'phases.1.seconds'],
  [
    'a field of another phase',
    phases({ kind: 'soak', seconds: 1, perSecond: 1, peakSeconds: 1 }),
    'validation_failed',
    'phases.0.peakSeconds',
  ],
  [
    'a peak as long as its phase',
    phases({ kind: 'spike', seconds: 5, perSecond: 1, peakSeconds: 5, peakPerSecond: 9 }),
    'validation_failed',
    'phases.0.peakSeconds',
  ],
  [
    'a search downwards',
    phases({ kind: 'breakpoint', stepSeconds: 5, fromPerSecond: 9, toPerSecond: 8 }),
    'validation_failed',
    'phases.0.toPerSecond',
  ],
  ['too many requests', phases({ kind: 'soak', seconds: 600, perSecond: 20_000 }), 'validation_failed', 'phases'],
  [
    'too many payments in batches',
    changed({ mix: { batch: 1 }, batchRows: 10_000, phases: [{ kind: 'soak', seconds: 60, perSecond: 100 }] }),
    'validation_failed',
    'phases',
  ],
  ['too many listeners at once', changed({ mix: { listen: 1 }, listenSeconds: 600 }), 'validation_failed', 'mix.listen'],
  [
    'too many requests that are never finished',
    changed({ mix: { single: 1, unfinished: 9 }, phases: [{ kind: 'soak', seconds: 60, perSecond: 400 }] }),
    'validation_failed',
    'mix.unfinished',
  ],
  ['a share above one', changed({ thresholds: { p99Ms: 1, failedShare: 2 } }), 'validation_failed', 'thresholds.failedShare'],
  ['no threshold', changed({ thresholds: { failedShare: 0 } }), 'validation_failed', 'thresholds.p99Ms'],
  [
    'a setting that leads off this machine',
    changed({ settings: { CAPP_OPERATORS_PATH: '/x' } }),
    'validation_failed',
    'settings.CAPP_OPERATORS_PATH',
  ],
])('%s is refused by its field', (_what, text, code, field) => {
  expect(objectionTo(text).slice(0, 2)).toEqual([code, field]);
});

test('what is said of a mistake names the field and what must be', () => {
  expect(objectionTo(phases({ kind: 'soak', seconds: -1, perSecond: 1 }))[2]).toMatch(
    /^phases\.0\.seconds of the scenario is not as it must be: .*>0/,
  );
});

test('a file that is not there is said so', async () => {
  await expect(readScenario('/nowhere/scenario.json')).rejects.toMatchObject({ code: 'file_unreadable' });
});

test('a spike has its peak in the middle, a ramp goes from one rate to the other', () => {
  const spike: FixedPhase = { kind: 'spike', seconds: 10, perSecond: 5, peakSeconds: 2, peakPerSecond: 100 };
  const segments = segmentsOf(spike, 3);
  expect(segments.map(({ seconds, fromPerSecond }) => [seconds, fromPerSecond])).toEqual([
    [4, 5],
    [2, 100],
    [4, 5],
  ]);
  expect(segments.every(({ phase }) => phase === 3)).toBe(true);
  expect(requestsIn(segmentsOf({ kind: 'ramp', seconds: 10, fromPerSecond: 0.5, toPerSecond: 9.5 }, 0)[0] as never)).toBe(50);
});

test('requests that are never finished may all stand at once, beside the connections of both crowds', () => {
  const scenario = parseScenario(
    changed({ connections: 50, mix: { single: 1, unfinished: 3 }, phases: [{ kind: 'soak', seconds: 10, perSecond: 100 }] }),
  );
  expect(connectionsMost(scenario)).toBe(100 + 750);
});

test('every scenario that is kept here is one, and within bounds', async () => {
  const folder = join(import.meta.dirname, 'scenarios');
  const names = readdirSync(folder);
  expect(names.length).toBeGreaterThan(1);
  for (const name of names) expect((await readScenario(join(folder, name))).connections).toBeLessThanOrEqual(BOUNDS.connectionsMax);
});
