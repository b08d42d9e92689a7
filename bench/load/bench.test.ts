import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runLoadBench } from './bench.ts';
import type { LoadBook } from './book.ts';
import { isNeighbours, KINDS } from './schedule.ts';
import { SOON_SETTLED } from './testing.ts';

const SCENARIO = {
  name: 'callers of every kind, over operators',
  between: 'wallets',
  mix: { single: 30, batch: 10, quoted: 20, status: 20, list: 10, listen: 10 },
  spacing: 'even',
  connections: 16,
  batchRows: 5,
  listenSeconds: 1,
  warmUpPayments: 40,
  settings: SOON_SETTLED,
  phases: [
    { kind: 'ramp', seconds: 2, fromPerSecond: 10, toPerSecond: 20 },
    { kind: 'spike', name: 'the leap', seconds: 2, perSecond: 10, peakSeconds: 1, peakPerSecond: 30 },
    { kind: 'breakpoint', stepSeconds: 1, fromPerSecond: 10, toPerSecond: 12 },
  ],
  // Nothing comes to its end over operators within a millisecond.
  thresholds: { p99Ms: 60_000, failedShare: 0, completeP99Ms: 1 },
};

test('callers of every kind are served, nothing is lost, operators agree, and only the threshold that cannot be kept is missed', {
  timeout: 300_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-load-test-'));
  try {
    const scenario = join(folder, 'scenario.json');
    await writeFile(scenario, JSON.stringify(SCENARIO));
    const out = join(folder, 'deep', 'out');
    const { failures } = await runLoadBench({ scenario, out }, () => undefined);
    expect(failures).toEqual([
      expect.stringMatching(/^ramp, the leap: accepted to complete p99 [\d.,]+ ms, more than 1$/),
      'breakpoint: not even 10 requests a second held',
    ]);
    expect((await readdir(out)).toSorted()).toEqual(['report.html', 'report.json', 'report.md']);
    const book = JSON.parse(await readFile(join(out, 'report.json'), 'utf8')) as LoadBook;
    const [run, search] = book.stages;
    if (run?.kind !== 'run' || search?.kind !== 'breakpoint') throw new Error('the stages are not those of the scenario');
    // At even distances the number of requests does not hang on chance.
    expect(run.phases.map(({ all }) => all.requests)).toEqual([30, 40]);
    expect(Object.keys(Object.assign({}, ...run.phases.map(({ byKind }) => byKind)) as object).toSorted()).toEqual(
      KINDS.filter((kind) => !isNeighbours(kind)).toSorted(),
    );
    expect(run.totals.payments.paid).toBe(run.totals.payments.accepted);
    expect(Object.keys(run.totals.cpuUsPerPayment)).toEqual(expect.arrayContaining(['api', 'worker', 'postgres', 'client', 'operators']));
    expect(run.samples.at(-1)?.unfinished).toBe(0);
    expect(run.samples.at(-1)?.walBytes).toBeGreaterThan(0);
    expect(search.steps).toHaveLength(1);
    expect(book.caches.map(({ name }) => name)).toEqual(expect.arrayContaining(['callers', 'known_people', 'screening_results']));
    // A line for each leg of each payment that was paid, the warm-up's as well.
    expect(book.books.statementLines).toBeGreaterThanOrEqual(2 * run.totals.payments.paid);
    expect(book.books).toMatchObject({ violations: [], breaks: [] });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
