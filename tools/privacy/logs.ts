/**
 * Ageing of log files: once a night what was written goes into a file of that day, and those that are too old are deleted. Whoever writes
 * a log appends to it and goes on: a file is copied and emptied, never moved away. A line that comes between the two is lost.
 */
import { appendFile, open, readdir, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';

const DAY_MS = 86_400_000;
const CHUNK_BYTES = 1024 * 1024;
const LOG = /^[a-z0-9-]+\.log$/;
const AGED = /^[a-z0-9-]+\.log\.(\d{4}-\d{2}-\d{2})$/;

/** Ages the logs of some folders; gives how many files it deleted. A folder that is not there has none. */
export async function ageLogs(folders: readonly string[], daysMax: number, nowMs: number): Promise<number> {
  let deleted = 0;
  for (const folder of folders) deleted += await ageFolder(folder, daysMax, nowMs);
  return deleted;
}

async function ageFolder(folder: string, daysMax: number, nowMs: number): Promise<number> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const today = dayAt(nowMs);
  const oldest = dayAt(nowMs - daysMax * DAY_MS);
  let deleted = 0;
  for (const name of names) {
    const path = join(folder, name);
    const day = AGED.exec(name)?.[1];
    if (day !== undefined && day < oldest) {
      await unlink(path);
      deleted += 1;
    } else if (LOG.test(name)) await putAside(path, `${path}.${today}`);
  }
  return deleted;
}

const dayAt = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** Copies a log behind what was put aside on the same day, as far as it goes at the end of copying, and empties it. */
async function putAside(path: string, aside: string): Promise<void> {
  if ((await stat(path)).size === 0) return;
  const file = await open(path, 'r');
  try {
    for (;;) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK_BYTES), 0, CHUNK_BYTES);
      if (bytesRead === 0) break;
      await appendFile(aside, buffer.subarray(0, bytesRead), { mode: 0o600 });
    }
  } finally {
    await file.close();
  }
  await truncate(path);
}
