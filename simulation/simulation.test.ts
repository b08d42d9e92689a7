/** The simulation in every test run: a handful of seeds, the promise of one run per seed, and a few broken variants. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runScript } from './campaign.ts';
import { FAULT_GROUPS, FAULTS } from './faults.ts';
import { broken } from './mutants/apply.ts';
import { MUTANTS } from './mutants/catalogue.ts';
import { tryMutant } from './mutants/run.ts';
import type { Script } from './script.ts';
import { type DatabaseServer, startServer } from './server.ts';

const LONG_MS = 240_000;

/** A server of its own: what is sealed waits for every transaction on a server, and those of other tests come at random. */
let server: DatabaseServer;

beforeAll(async () => {
  server = await startServer();
});

afterAll(() => server.stop());

const small = (seed: string, over: Partial<Script> = {}): Script => ({ seed, payments: 6, workers: 2, groups: [...FAULT_GROUPS], ...over });

test('under a seed everything comes to its end, nothing is lost or doubled, and the same seed is the same run', {
  timeout: LONG_MS,
}, async () => {
  const lines: string[] = [];
  const first = await runScript({ open: server.open, trace: (line) => lines.push(line) }, small('11'));
  expect(first.violations).toEqual([]);
  expect(first.struck.length).toBeGreaterThan(10);
  const [history, steps] = [lines.splice(0), first.steps];
  expect(history.length).toBeGreaterThan(1_000);
  const again = await runScript({ open: server.open, trace: (line) => lines.push(line) }, small('11'));
  // The same run to the line, not only in sum; the first line that differs says more than any digest.
  const at = lines.findIndex((line, index) => line !== history[index]);
  expect(lines.slice(Math.max(0, at - 3), at + 3)).toEqual(history.slice(Math.max(0, at - 3), at + 3));
  expect([again.steps, lines, again.digest]).toEqual([steps, history, first.digest]);
});

test.each(['12', '13'])('under seed %s everything comes to its end, and nothing is lost or doubled', { timeout: LONG_MS }, async (seed) => {
  expect((await runScript(server, small(seed, { payments: 4 }))).violations).toEqual([]);
});

test('over the chain every batch is executed once or refunded, and disputes end as arbiters judge', { timeout: LONG_MS }, async () => {
  const groups: Script['groups'] = ['chain', 'queue'];
  const { violations, settlement, struck } = await runScript(server, small('3', { payments: 10, chain: true, groups }));
  expect(violations).toEqual([]);
  expect(struck.some(({ kind }) => kind in FAULTS.chain)).toBe(true);
  expect(settlement?.executedOnce).toBeGreaterThan(0);
  expect(settlement?.disputed).toBeGreaterThan(0);
});

describe('broken variants', () => {
  test.each(MUTANTS.map(({ name }) => name))('%s fits the code it breaks', (name) => {
    const mutant = MUTANTS.find((each) => each.name === name);
    for (const change of mutant?.changes ?? []) {
      const text = readFileSync(fileURLToPath(new URL(`../${change.file}`, import.meta.url)), 'utf8');
      expect(broken(text, [change])).not.toBe(text);
    }
  });

  // Under these seeds somebody declines, and an answer is lost for certain.
  test.each([
    ['reservation-kept', 8],
    ['unknown-is-failed', 29],
  ] as const)('%s is caught', { timeout: LONG_MS }, async (name, seed) => {
    const mutant = MUTANTS.find((each) => each.name === name);
    if (mutant === undefined) throw new Error(`there is no variant ${name}`);
    const caught = await tryMutant(mutant, { templateUrl: server.templateUrl, seeds: [seed, seed], payments: 4, runsMax: 1 });
    expect(caught?.violations.length).toBeGreaterThan(0);
  });
});
