import { expect, test } from 'vitest';
import { runEndToEndBench } from './end-to-end.ts';
import { SOON_SETTLED as settings } from './load/testing.ts';

test('every payment of every part comes to its end once, and only the floor that cannot be reached is missed', {
  timeout: 300_000,
}, async () => {
  const lines: string[] = [];
  const options = {
    seconds: 1,
    naiveSeconds: 1,
    rate: 20,
    flagged: 5,
    rows: 100,
    warmUp: 30,
    activity: 3,
    leastPerSecond: 1e9,
    leastRatio: 0,
    settings,
  };
  const { failures, figures } = await runEndToEndBench(options, (line) => lines.push(line));
  expect(failures).toEqual([expect.stringMatching(/^[\d.,]+ payments\/s from batches, less than 1000000000$/)]);
  const results = figures.results as Record<string, { accepted: number; paid: number; held: number; cpuUs: Record<string, number> }>;
  expect(Object.keys(results)).toEqual(['naive', 'batches', 'singles', 'at a fixed rate']);
  for (const { accepted, paid, held, cpuUs } of Object.values(results)) {
    expect(paid + held).toBe(accepted);
    expect(Object.keys(cpuUs)).toEqual(expect.arrayContaining(['api', 'worker', 'postgres', 'client']));
  }
  expect(results.batches?.held).toBeGreaterThan(0);
  expect(lines.filter((line) => /^ +[0-9.]+ {2}(cpu|\w+:\w+) +\S/.test(line))).toHaveLength(3 * 4);
  expect(lines).toContainEqual('books, audit log and operators: every invariant holds');
});
