/** The comparison of guards takes payments and shows them in every one of its kinds. */
import { expect, test } from 'vitest';
import { measureApiCost } from './api-cost.ts';

test('each kind is measured for payments handed in, payments read and payments that have not changed', { timeout: 120_000 }, async () => {
  const lines: string[] = [];
  const { payment, read, poll } = await measureApiCost({ requests: 20, rounds: 1 }, (line) => lines.push(line));
  for (const cost of [payment, read, poll]) {
    expect(Object.keys(cost)).toHaveLength(7);
    for (const { cpuUs, databaseUs } of Object.values(cost)) {
      expect(cpuUs).toBeGreaterThan(0);
      expect(databaseUs).toBeGreaterThanOrEqual(0);
    }
  }
  expect(lines).toHaveLength(8);
  expect(lines.at(-1)).toMatch(/^without any of them( +\d+\.\d){6}$/);
});
