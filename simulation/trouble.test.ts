import { expect, test } from 'vitest';
import { createTrouble } from './trouble.ts';

test('trouble of few ends at its moment, and is calm a while later', async () => {
  let nowMs = 0;
  const trouble = createTrouble({ nowMs: () => nowMs, untilMs: 60_000, isMostDone: null });
  await trouble.look();
  expect([trouble.isOver(), trouble.untilMsMax]).toEqual([false, 60_000]);
  nowMs = 60_001;
  expect([trouble.isOver(), trouble.isCalm()]).toEqual([true, false]);
  nowMs = 100_001;
  expect(trouble.isCalm()).toBe(true);
});

test('trouble of many lasts until most are done, not less than its time, and not for ever', async () => {
  let nowMs = 0;
  let done = true;
  const make = () => createTrouble({ nowMs: () => nowMs, untilMs: 60_000, isMostDone: async () => done });
  const trouble = make();
  await trouble.look();
  nowMs = 59_999;
  expect(trouble.isOver()).toBe(false);
  done = false;
  nowMs = 600_000;
  await trouble.look();
  expect(trouble.isOver()).toBe(false);
  done = true;
  await trouble.look();
  nowMs = 600_001;
  expect(trouble.isOver()).toBe(true);
  // What is over does not begin again.
  done = false;
  await trouble.look();
  expect(trouble.isOver()).toBe(true);

  const endless = make();
  nowMs = endless.untilMsMax + 1;
  expect([endless.untilMsMax, endless.isOver()]).toEqual([60_000 + 3_600_000, true]);
});
