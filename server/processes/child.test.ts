import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';

/** A process as a supervisor starts it, whose work ends as `stop` says, and which tells of its exit. */
async function startChild(stop: string): Promise<ChildProcess> {
  const program = `
    process.on('exit', (code) => process.stdout.write('left with ' + code));
    const { runChild } = await import(${JSON.stringify(new URL('./child.ts', import.meta.url).href)});
    await runChild(async () => ({ stop: ${stop} }));
    setInterval(() => {}, 1_000);
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'ignore', 'ipc'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  expect(await once(child, 'message')).toEqual([{ kind: 'ready', detail: {} }, undefined]);
  return child;
}

async function exitOf(child: ChildProcess): Promise<{ said: string; code: number | null; signal: string | null }> {
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [[code, signal]] = await Promise.all([once(child, 'exit'), once(child.stdout as Readable, 'end')]);
  return { said, code, signal };
}

test('a process that is told to end does so by itself', async () => {
  const child = await startChild('async () => {}');
  child.kill('SIGTERM');
  expect(await exitOf(child)).toEqual({ said: 'left with 0', code: 0, signal: null });
});

test.each([
  ['ends', 'async () => {}', 0],
  ['fails to end', 'async () => { throw new Error(); }', 1],
  ['dies of an error that nobody catches', '() => new Promise(() => setTimeout(() => { throw new Error(); }))', 1],
])('a process whose supervisor is gone leaves for certain when it %s', async (_, stop, code) => {
  const child = await startChild(stop);
  child.disconnect();
  // Nobody is left to kill a process that the runtime keeps from exiting: it does so itself, as its last act.
  expect(await exitOf(child)).toEqual({ said: `left with ${code}`, code: null, signal: 'SIGKILL' });
});
