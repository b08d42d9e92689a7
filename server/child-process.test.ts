import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test, vi } from 'vitest';
import { launchChild, openLog } from './child-process.ts';

test('a log that cannot be written loses its lines and nothing else, and is written again when it can be', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-log-'));
  const path = join(folder, 'later', 'worker.log');
  const log = openLog(path);
  // There is no folder yet: an error of the file system as any other.
  log.write(Buffer.from('lost\n'));
  await mkdir(join(folder, 'later'));
  await vi.waitFor(async () => {
    log.write(Buffer.from('kept\n'));
    expect(await readFile(path, 'utf8')).toContain('kept');
  });
  log.end();
  await rm(folder, { recursive: true, force: true });
});

test('a process that dies is started again, and whoever watches hears of it once it is up', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-child-'));
  const module = join(folder, 'child.mjs');
  await writeFile(module, `process.send({ kind: 'ready', detail: {} });\nsetInterval(() => {}, 1_000);\n`);
  const onRestart = vi.fn<() => void>();
  const child = launchChild({ name: 'worker-1', module: pathToFileURL(module).href, env: process.env, logDir: folder, onRestart });
  await child.ready();
  expect(onRestart).not.toHaveBeenCalled();
  expect(child.kill()).toBe(true);
  await vi.waitFor(() => expect(onRestart).toHaveBeenCalledTimes(1), 10_000);
  expect(child.deaths()).toBe(1);
  await child.stop();
  expect([onRestart.mock.calls.length, child.kill()]).toEqual([1, false]);
  await rm(folder, { recursive: true, force: true });
});
