/** What becomes of a failure when somebody has pressed Ctrl-C. */
import { expect, test, vi } from 'vitest';
import { type ToldToStop, unlessTold } from './signals.ts';

const told = (heard: boolean): ToldToStop => ({ signal: Promise.resolve(), isHeard: () => heard, finish: vi.fn<() => void>() });
const fail = () => Promise.reject(new Error('cut short'));

test('what was started is handed on', async () => {
  expect(await unlessTold(told(true), async () => 'up')).toBe('up');
});

test('a failure after the signal is no news; any other is', async () => {
  const stopping = told(true);
  expect(await unlessTold(stopping, fail)).toBeNull();
  expect(stopping.finish).toHaveBeenCalledOnce();
  await expect(unlessTold(told(false), fail)).rejects.toThrow('cut short');
});
