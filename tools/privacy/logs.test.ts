import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { manualClock } from '../../domain/clock.ts';
import { ageLogs, keepLogs } from './logs.ts';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 10, 1);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-logs-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const names = async (): Promise<string[]> => (await readdir(folder)).toSorted();
const textOf = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');

test('what is written goes aside day by day while its writer goes on, and ends with its age', async () => {
  const log = createWriteStream(join(folder, 'api-1.log'), { flags: 'a' });
  const write = async (line: string): Promise<void> => {
    if (!log.write(line)) await once(log, 'drain');
    await expect.poll(() => textOf('api-1.log')).toContain(line);
  };
  for (let day = 0; day < 4; day += 1) {
    await write(`line of day ${day}\n`);
    expect(await ageLogs(folder, 2, START_MS + day * DAY_MS)).toEqual({ deleted: day === 3 ? 1 : 0, failures: [] });
  }
  log.end();
  expect(await names()).toEqual(['api-1.log', 'api-1.log.2026-01-11', 'api-1.log.2026-01-12', 'api-1.log.2026-01-13']);
  expect(await textOf('api-1.log')).toBe('');
  expect(await textOf('api-1.log.2026-01-12')).toBe('line of day 2\n');
  expect((await stat(join(folder, 'api-1.log.2026-01-12'))).mode & 0o077).toBe(0);
});

test('a second time on a day loses nothing, and what is no log stays', async () => {
  await writeFile(join(folder, 'worker-1.log'), 'x'.repeat(3 * 1024 * 1024));
  await ageLogs(folder, 90, START_MS);
  await writeFile(join(folder, 'worker-1.log'), 'more\n', { flag: 'a' });
  await mkdir(join(folder, 'sandbox'));
  for (const name of ['keys.json', 'notes.log.old', '.log', 'A B.log']) await writeFile(join(folder, name), name);
  expect(await ageLogs(folder, 90, START_MS)).toEqual({ deleted: 0, failures: [] });
  expect(await ageLogs(join(folder, 'none'), 90, START_MS)).toEqual({ deleted: 0, failures: [] });
  expect((await textOf('worker-1.log.2026-01-10')).length).toBe(3 * 1024 * 1024 + 5);
  expect(await names()).toEqual(['.log', 'A B.log', 'keys.json', 'notes.log.old', 'sandbox', 'worker-1.log', 'worker-1.log.2026-01-10']);
});

test('a file that cannot be aged is told of, and keeps no other from it', async () => {
  await mkdir(join(folder, 'api-1.log', 'of its own'), { recursive: true });
  await mkdir(join(folder, 'api-1.log.2020-01-01'));
  await writeFile(join(folder, 'worker-1.log'), 'line\n');
  const { deleted, failures } = await ageLogs(folder, 90, START_MS);
  expect(deleted).toBe(0);
  expect(failures.toSorted()).toEqual([
    expect.stringMatching(/api-1\.log\.2020-01-01: E[A-Z]+$/),
    expect.stringMatching(/api-1\.log: E[A-Z]+$/),
  ]);
  expect(await textOf('worker-1.log.2026-01-10')).toBe('line\n');
});

test('whoever keeps a folder ages it once a day, until told to stop', async () => {
  const clock = manualClock(START_MS);
  const [tasks, failures] = [[] as (() => void)[], [] as string[]];
  await mkdir(join(folder, 'sandbox.log', 'of its own'), { recursive: true });
  await writeFile(join(folder, 'api-1.log'), 'one\n');
  let isOver = false;
  const every = (_ms: number, task: () => void) => (tasks.push(task), () => void (isOver = true));
  const end = keepLogs({ folder, clock, every, onFailure: (failure) => failures.push(failure) });
  await expect.poll(() => failures.length).toBe(1);
  await expect.poll(names).toContain('api-1.log.2026-01-10');
  await expect.poll(() => textOf('api-1.log')).toBe('');
  await writeFile(join(folder, 'api-1.log'), 'two\n', { flag: 'a' });
  clock.advance(60_000);
  tasks[0]?.();
  clock.advance(DAY_MS);
  tasks[0]?.();
  await expect.poll(() => failures.length).toBe(2);
  await expect.poll(() => textOf('api-1.log')).toBe('');
  expect(await textOf('api-1.log.2026-01-10')).toBe('one\n');
  expect(await textOf('api-1.log.2026-01-11')).toBe('two\n');
  end();
  expect(isOver).toBe(true);
});
