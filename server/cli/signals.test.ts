/** What Ctrl-C does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
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

test('Ctrl-C that comes from the terminal and again from npm is heard once', async () => {
  const script = `import { waitForSignal } from '${new URL('signals.ts', import.meta.url).href}';
    const told = waitForSignal();
    const stay = setInterval(() => undefined, 1_000);
    let finished = false;
    // Whatever is put in order takes a moment, in which the second one arrives.
    process.on('SIGINT', () => { if (finished) { clearInterval(stay); told.finish(); } finished = true; });
    console.log('ready');`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  const ended = once(child, 'exit');
  const again = setInterval(() => child.kill('SIGINT'), 20);
  const [code] = await ended;
  clearInterval(again);
  expect(code).toBe(0);
});
