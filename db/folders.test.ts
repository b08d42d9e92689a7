import { existsSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeFolder, storageFault } from './folders.ts';

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'capp-folders-'));
});

afterEach(async () => {
  await rm(root, { recursive: true });
});

test('makes a folder and those above it, as often as it is asked', async () => {
  const path = join(root, 'a', 'b', 'c');
  await Promise.all([makeFolder(path), makeFolder(path), makeFolder(join(root, 'a', 'd'), 0o700)]);
  await makeFolder(path);
  expect((await stat(path)).isDirectory()).toBe(true);
  expect((await stat(join(root, 'a', 'd'))).mode & 0o777).toBe(0o700);
});

test('says what stands in the way', async () => {
  await writeFile(join(root, 'file'), '');
  await expect(makeFolder(join(root, 'file'))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(makeFolder(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'ENOTDIR' });
});

test.runIf(existsSync('/proc/self'))('comes back from a folder that is there and takes none', async () => {
  const refused: unknown = await makeFolder('/proc/capp/logs').catch((error: unknown) => storageFault(error, '/proc/capp'));
  expect(refused).toMatchObject({ code: 'storage_unwritable', detail: expect.stringMatching(/\/proc\/capp cannot be written \(E/) });
});

test('what is no matter of the disk is given back', () => {
  const error = new Error('no');
  expect(storageFault(error, root)).toBe(error);
});
