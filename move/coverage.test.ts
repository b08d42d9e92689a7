/** How far the Move tests reach: every function that others may call, and nearly every instruction. */
import { expect, it } from 'vitest';
import { moveCoverage } from './harness.ts';

const PERCENT_LEAST = 98;

it('the Move tests reach every function that others may call', { timeout: 300_000 }, async () => {
  const coverage = await moveCoverage();
  expect(coverage.map(({ module }) => module)).toEqual(['compliance_registry', 'liquidity_pool', 'merkle', 'roles', 'settlement']);
  expect(coverage.flatMap(({ module, unreached }) => unreached.map((fn) => `${module}::${fn}`))).toEqual([]);
  expect(coverage.filter(({ percent }) => percent < PERCENT_LEAST).map(({ module, percent }) => `${module} ${percent} %`)).toEqual([]);
});
