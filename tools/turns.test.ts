import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { inTurns, takeNoTurns } from './turns.ts';

function busy(milliseconds: number): void {
  const endMs = performance.now() + milliseconds;
  while (performance.now() < endMs);
}

test('others run while a long row of items is worked on, and results are in the order of the items', async () => {
  let others = 0;
  let isWorking = true;
  const beside = (async () => {
    while (isWorking) {
      await delay(0);
      others += 1;
    }
  })();
  const results = await inTurns([1, 2, 3, 4, 5, 6], (item, index) => {
    busy(5);
    return item * 10 + index;
  });
  const seen = others;
  isWorking = false;
  await beside;
  expect(results).toEqual([10, 21, 32, 43, 54, 65]);
  expect(seen).toBeGreaterThanOrEqual(3);
});

test('a process that takes no turns works in one go, until that is undone', async () => {
  const isGoneThrough = async (): Promise<boolean> => {
    let others = 0;
    setImmediate(() => {
      others += 1;
    });
    await inTurns([1, 2, 3], () => busy(5));
    return others === 0;
  };
  const undo = takeNoTurns();
  expect(await isGoneThrough()).toBe(true);
  undo();
  expect(await isGoneThrough()).toBe(false);
});

test('what one item throws ends the row', async () => {
  const worked: number[] = [];
  const failing = inTurns([1, 2, 3], (item) => {
    worked.push(item);
    if (item === 2) throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  expect(worked).toEqual([1, 2]);
});
