/**
 * Who goes first on the processor. Work that can wait gives way to whoever waits for an answer: that holds for
 * the sessions that a process has in a database on the same machine as much as for the process itself.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setPriority } from 'node:os';
import type { Pool } from 'pg';

/** By how much work that can wait gives way to others, 0 to 19. */
export const BACKGROUND_NICENESS = 15;
/**
 * The same for the sessions of work that can wait. Less, because a session holds locks that all others need, that of the
 * write-ahead log first: one that is hardly let run keeps everybody waiting while it has one.
 */
export const SESSION_NICENESS = 5;

/** Sets the place of a process in the order. A process that is gone already, or belongs to somebody else, stays where it is. */
export function giveWay(pid: number, niceness: number): void {
  try {
    setPriority(pid, niceness);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SYSTEM_ERROR') throw error;
  }
}

/** Lets every session of a pool give way, where the database runs on this machine; anywhere else nothing happens. */
export function yieldSessions(pool: Pool): void {
  pool.on('connect', (client) => {
    const { processID, connection } = client as unknown as { processID: number | null; connection: { stream: Socket } };
    const { localPort } = connection.stream;
    if (processID === null || localPort === undefined || !isOurSession(processID, localPort)) return;
    giveWay(processID, SESSION_NICENESS);
    groupGivesWay(processID, SESSION_NICENESS, GROUP_TRIES);
  });
}

const GROUP_TRIES = 20;
const GROUP_AGAIN_MS = 120;

/**
 * Sets the place of a process's scheduling group. Linux divides the processor between sessions first (autogroups, sched(7)),
 * and every server process of PostgreSQL leads a session of its own, in which its own niceness has nobody to give way to.
 * Does nothing where there are no such groups. Who is not root may set one in 100 ms, so a refusal is tried again.
 */
function groupGivesWay(pid: number, niceness: number, tries: number): void {
  try {
    writeFileSync(`/proc/${pid}/autogroup`, String(niceness));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || tries <= 1) return;
    setTimeout(() => groupGivesWay(pid, niceness, tries - 1), GROUP_AGAIN_MS).unref();
  }
}

/** PostgreSQL names in the title of each of its processes whom it serves: it is ours only when that is our own socket. */
function isOurSession(pid: number, localPort: number): boolean {
  try {
    const title = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
    return title.startsWith('postgres') && title.includes(`(${localPort})`);
  } catch {
    return false;
  }
}
