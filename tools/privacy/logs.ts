/**
 * Ageing of log files: once a night what was written goes into a file of that day, and those that are too old are deleted. Whoever writes
 * a log appends to it and goes on: a file is copied and emptied, never moved away. A line that comes between the two is lost.
 */
import { appendFile, open, readdir, stat, truncate, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../domain/clock.ts';
import { RETENTION } from './policy.ts';

const DAY_MS = 86_400_000;
const LOOK_MS = 600_000;
const CHUNK_BYTES = 1024 * 1024;
const LOG = /^[a-z0-9-]+\.log$/;
const AGED = /^[a-z0-9-]+\.log\.(\d{4}-\d{2}-\d{2})$/;

export interface LogAgeing {
  /** Files that were deleted. */
  readonly deleted: number;
  /** Files that could be neither put aside nor deleted, and the folder when it cannot be read, each with what the system said. */
  readonly failures: readonly string[];
}

/** Ages the logs of a folder; one that is not there has none. A file that cannot be aged keeps no other from it. */
export async function ageLogs(folder: string, daysMax: number, nowMs: number): Promise<LogAgeing> {
  const failures: string[] = [];
  const tell = (path: string) => (error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') failures.push(`${path}: ${error.code ?? error.message}`);
    return null;
  };
  const oldest = dayAt(nowMs - daysMax * DAY_MS);
  let deleted = 0;
  for (const name of (await readdir(folder).catch(tell(folder))) ?? []) {
    const path = join(folder, name);
    const day = AGED.exec(name)?.[1];
    if (day !== undefined && day < oldest) deleted += (await unlink(path).then(() => 1, tell(path))) ?? 0;
    else if (LOG.test(name)) await putAside(path, `${path}.${dayAt(nowMs)}`).catch(tell(path));
  }
  return { deleted, failures };
}

export interface KeepLogsOptions {
  readonly folder: string;
  readonly clock: Clock;
  /** Hears of what could not be aged; it is tried again the next day. */
  readonly onFailure: (failure: string) => void;
  /** Days after which a file is deleted; those of the policy unless told. */
  readonly daysMax?: number;
  /** Repeats a task until it is told to stop; by the system's timers unless given. */
  readonly every?: (ms: number, task: () => void) => () => void;
}

/**
 * Ages the logs of a folder once a day, until it is told to stop. For the one process of a machine that starts those which write them:
 * each machine has its own, whichever of them the nightly run of the database is on.
 */
export function keepLogs({ folder, clock, onFailure, daysMax = RETENTION.days.logs.days, every = byTimer }: KeepLogsOptions): () => void {
  let lastDay = '';
  const look = async (): Promise<void> => {
    const nowMs = clock.now();
    const today = dayAt(nowMs);
    if (today === lastDay) return;
    lastDay = today;
    for (const failure of (await ageLogs(folder, daysMax, nowMs)).failures) onFailure(failure);
  };
  void look();
  return every(LOOK_MS, () => void look());
}

function byTimer(ms: number, task: () => void): () => void {
  const timer = setInterval(task, ms);
  timer.unref();
  return () => clearInterval(timer);
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
