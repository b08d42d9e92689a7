/**
 * What the lists at `CAPP_SANCTIONS_PATH` held when they were last in force, kept in the data folder: so that files that lost much are
 * noticed, also by a process that has just begun, as an edition is that was fetched.
 */
import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import type { LoadedList } from './entry.ts';
import { contentOf, contentSchema, lossesOf } from './losses.ts';

const memorySchema = z.object({ path: z.string(), lists: z.array(contentSchema.extend({ list: z.string(), version: z.string() })) });
type Memory = z.infer<typeof memorySchema>;

const fileIn = (dataDir: string): string => join(dataDir, 'sanctions-path.json');

/**
 * Holds lists that were read at a path against what it held before, and remembers them. A list that lost much must be named in
 * `allowed` by its version, and one that is gone by its name. Throws `config_invalid` for any other, and remembers nothing then;
 * `storage_unwritable` when it cannot.
 */
export async function holdToMemory(dataDir: string, path: string, lists: readonly LoadedList[], allowed: readonly string[]): Promise<void> {
  const now = await Promise.all(lists.map(async (list) => ({ ...(await contentOf(list)), list: list.name, version: list.version })));
  const before = await readMemory(dataDir);
  // Another path is another choice of lists, made by hand.
  const known = before?.path === path ? before.lists : [];
  const refusals = known.flatMap((earlier) => {
    const list = now.find((each) => each.list === earlier.list);
    const losses = list === undefined ? ['is not there any more'] : list.version === earlier.version ? [] : lossesOf(earlier, list);
    const name = list?.version ?? earlier.list;
    return losses.length === 0 || allowed.includes(name) ? [] : [{ name, text: `${earlier.list} ${losses.join(', and ')}` }];
  });
  if (refusals.length > 0) {
    throw fault('config_invalid', {
      field: 'CAPP_LISTS_ALLOW_SHRINK',
      detail: `CAPP_SANCTIONS_PATH: ${refusals.map(({ text }) => text).join('; ')}, so the files do not count. Look at them, then name in CAPP_LISTS_ALLOW_SHRINK: ${refusals.map(({ name }) => name).join(',')}.`,
    });
  }
  if (JSON.stringify(before) !== JSON.stringify({ path, lists: now })) await writeMemory(dataDir, { path, lists: now });
}

async function readMemory(dataDir: string): Promise<Memory | null> {
  const file = fileIn(dataDir);
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw fault('config_invalid', { detail: `${file} cannot be read.`, cause: error });
  });
  if (text === null) return null;
  try {
    return memorySchema.parse(JSON.parse(text));
  } catch (cause) {
    throw fault('config_invalid', {
      detail: `${file} is not of its form. It says what the lists held; remove it once they are looked at.`,
      cause,
    });
  }
}

async function writeMemory(dataDir: string, memory: Memory): Promise<void> {
  const file = fileIn(dataDir);
  const temporary = `${file}.${randomUUID()}`;
  try {
    await mkdir(dataDir, { recursive: true });
    await writeFile(temporary, `${JSON.stringify(memory, null, 2)}\n`);
    await rename(temporary, file);
  } catch (cause) {
    throw fault('storage_unwritable', { detail: `${file} cannot be written.`, cause });
  }
}
