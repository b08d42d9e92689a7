import { expect, it } from 'vitest';
import { runMoveTests } from './harness.ts';

it('the contracts compile without a warning and pass their own tests', { timeout: 120_000 }, async () => {
  const report = await runMoveTests();
  expect(report.warnings).toEqual([]);
  expect(report.output.split('\n').filter((line) => /\[ (FAIL|TIMEOUT)/.test(line))).toEqual([]);
  expect(report.failed).toBe(0);
  expect(report.passed).toBe(report.tests);
  expect(report.tests).toBeGreaterThanOrEqual(27);
});
