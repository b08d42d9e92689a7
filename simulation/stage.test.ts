import { expect, test } from 'vitest';
import { createActor } from './actor.ts';
import { createFaults, type Fault, FAULT_GROUPS } from './faults.ts';
import { createStage } from './stage.ts';

const never = async (): Promise<boolean> => false;

function faultsOf(stage: ReturnType<typeof createStage>, only: Fault[]) {
  return createFaults({ chance: stage.chance, groups: [], isOver: () => true, only, tell: () => undefined });
}

test('steps come in the order of their moments, and time stands at each', async () => {
  const stage = createStage({ seed: '1', startMs: 1_000 });
  const seen: [string, number][] = [];
  for (const [name, delayMs] of [
    ['late', 50],
    ['early', 5],
    ['middle', 20],
    ['as early', 5],
  ] as const) {
    stage.after(delayMs, () => void seen.push([name, stage.now()]));
  }
  expect(await stage.play(never, { untilMs: 10_000, lookEveryMs: 1 })).toBe('quiet');
  expect(seen).toEqual([
    ['early', 1_005],
    ['as early', 1_005],
    ['middle', 1_020],
    ['late', 1_050],
  ]);
});

test('the last moment ends the play with steps left over', async () => {
  const stage = createStage({ seed: '1', startMs: 0 });
  stage.after(500, () => undefined);
  expect(await stage.play(never, { untilMs: 100, lookEveryMs: 1 })).toBe('late');
});

test('one who is killed never goes on; one who is stopped goes on later', async () => {
  const stage = createStage({ seed: '1', startMs: 0 });
  const faults = faultsOf(stage, [
    { kind: 'killed_after', point: 'doomed write #0 workers' },
    { kind: 'paused', point: 'sleepy write #0 workers' },
  ]);
  const mortality = { before: ['killed_before', 'paused'], after: ['killed_after'] } as const;
  const done: string[] = [];
  const acted: string[] = [];
  for (const name of ['doomed', 'sleepy', 'sound']) {
    const actor = createActor({ stage, faults, name, mortality });
    void actor.step('write', 10, () => void acted.push(name)).then(() => done.push(`${name} ${stage.now() > 400 ? 'later' : 'at once'}`));
  }
  await stage.play(never, { untilMs: 10_000_000, lookEveryMs: 1_000 });
  expect(acted).toEqual(['doomed', 'sound', 'sleepy']);
  expect(done).toEqual(['sound at once', 'sleepy later']);
});

test('a point is struck as the seed says, only as long as there is trouble, and only by groups that were asked for', () => {
  const stage = createStage({ seed: '5', startMs: 0 });
  const make = (groups: typeof FAULT_GROUPS, isOver: boolean, share = 1) =>
    createFaults({ chance: stage.chance, groups, isOver: () => isOver, share: () => share, tell: () => undefined });
  const points = Array.from({ length: 400 }, (_, index) => `callback of mtn-ug #${index}`);
  const kinds = ['callback_lost', 'callback_doubled'] as const;
  const strike = (faults: ReturnType<typeof make>) => points.map((point) => faults.at(point, kinds)).filter((kind) => kind !== null).length;
  expect(strike(make(FAULT_GROUPS, false))).toBeGreaterThan(20);
  expect(strike(make(FAULT_GROUPS, false, 0.1))).toBeLessThan(strike(make(FAULT_GROUPS, false)) / 4);
  expect(strike(make(FAULT_GROUPS, true))).toBe(0);
  expect(strike(make(['database'], false))).toBe(0);
});
