import { expect, test } from 'vitest';
import type { Fault } from './faults.ts';
import type { Script } from './script.ts';
import { fewer, shrink } from './shrink.ts';

const always = (): boolean => true;

test('of many items those remain that fail together', async () => {
  const items = Array.from({ length: 60 }, (_, index) => index);
  const kept = await fewer(items, async (some) => some.includes(7) && some.includes(41), always);
  expect(kept).toEqual([7, 41]);
});

test('nothing remains when nothing is needed', async () => {
  expect(await fewer([1, 2, 3], async () => true, always)).toEqual([]);
});

test('a script is shrunk in faults, wishes and workers, within its runs', async () => {
  const script: Script = { seed: '1', payments: 20, workers: 3, groups: ['workers'] };
  const struck: Fault[] = Array.from({ length: 12 }, (_, index) => ({ kind: 'paused', point: `worker-1.0 commit #${index}` }));
  const fails = async ({ faults, wishes }: Script): Promise<boolean> =>
    (faults ?? []).some(({ point }) => point.endsWith('#5')) && (wishes ?? []).includes(3);
  const short = await shrink(script, struck, { fails, runsMax: 200 });
  expect(short.script).toMatchObject({ wishes: [3], faults: [{ point: 'worker-1.0 commit #5' }], workers: 1 });
  const hurried = await shrink(script, struck, { fails, runsMax: 4 });
  expect(hurried.runs).toBeLessThanOrEqual(6);
  expect(await fails(hurried.script)).toBe(true);
});

test('what does not fail again is left as it is', async () => {
  const script: Script = { seed: '1', payments: 2, workers: 1, groups: [] };
  expect(await shrink(script, [], { fails: async () => false, runsMax: 10 })).toEqual({ script, runs: 1 });
});
