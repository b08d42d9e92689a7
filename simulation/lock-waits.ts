/**
 * Statements that wait for a lock. The end of one transaction can let several of them go, and PostgreSQL then runs
 * them side by side: which of two takes the next lock that both want would hang on the machine. So whoever waits is
 * stopped as a process (SIGSTOP); the server hands locks to it all the same, and it goes on when it is its turn.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from 'pg';

/** A statement that is under way. */
export interface Waiting {
  /** Of the server's process that runs it. */
  readonly pid: number;
  readonly settled: Promise<void>;
  isSettled: boolean;
}

export interface LockWaits {
  /** Waits until a statement has its answer, or waits for a lock that nobody lets go of by himself; then it is kept, stopped. */
  settle(statement: Waiting): Promise<void>;
  /** Lets those go on whose lock is free, one after the other, in the order in which they began to wait. */
  release(): Promise<void>;
  /** Lets one go on whose wait somebody ends. */
  wake(statement: Waiting): void;
}

/** Every process that stands still because of us, over all databases of this program. */
const standing = new Set<number>();

/** Lets everybody go on who was stopped, wherever a run is: whoever stands still does not hear that the server ends. */
export function wakeAll(): void {
  for (const pid of standing) process.kill(pid, 'SIGCONT');
  standing.clear();
}

const LOOK_AFTER_MS = 4;
/** A statement that takes its time is not looked at all the time. */
const LOOK_AFTER_MS_MAX = 32;

/** Keeps the statements of one database that wait for locks; `monitor` sees who waits for whom. */
export function createLockWaits(monitor: Pool): LockWaits {
  const stopped = new Set<Waiting>();

  function wake(statement: Waiting): void {
    if (!stopped.delete(statement)) return;
    standing.delete(statement.pid);
    process.kill(statement.pid, 'SIGCONT');
  }

  /** Stops a process that waits for a lock and does nothing else; one that just went on is left alone. */
  async function stop(statement: Waiting): Promise<boolean> {
    process.kill(statement.pid, 'SIGSTOP');
    stopped.add(statement);
    standing.add(statement.pid);
    if (await isInLockWait(monitor, statement.pid)) return true;
    wake(statement);
    return false;
  }

  async function settle(statement: Waiting): Promise<void> {
    let lookAfterMs = LOOK_AFTER_MS;
    for (let seen = 0; !statement.isSettled; ) {
      await Promise.race([statement.settled, delay(lookAfterMs)]);
      if (statement.isSettled) return;
      const isBlocked = (await blockedOf(monitor, [statement.pid])).has(statement.pid);
      // A deadlock ends by itself a moment after it came about: one look is not enough.
      seen = isBlocked ? seen + 1 : 0;
      lookAfterMs = isBlocked ? LOOK_AFTER_MS : Math.min(LOOK_AFTER_MS_MAX, 2 * lookAfterMs);
      if (seen >= 2 && (await stop(statement))) return;
    }
  }

  return {
    settle,
    release: async () => {
      for (;;) {
        const blocked = await blockedOf(
          monitor,
          [...stopped].map(({ pid }) => pid),
        );
        const next = [...stopped].find(({ pid }) => !blocked.has(pid));
        if (next === undefined) return;
        wake(next);
        await settle(next);
      }
    },
    wake,
  };
}

/** Those of some processes that wait for a lock. */
async function blockedOf(monitor: Pool, pids: readonly number[]): Promise<ReadonlySet<number>> {
  if (pids.length === 0) return new Set();
  const { rows } = await monitor.query<{ pid: number }>({
    name: 'who_is_blocked',
    text: 'select pid from unnest($1::int[]) as asked(pid) where cardinality(pg_blocking_pids(pid)) > 0',
    values: [pids],
  });
  return new Set(rows.map(({ pid }) => pid));
}

async function isInLockWait(monitor: Pool, pid: number): Promise<boolean> {
  const { rows } = await monitor.query<{ waits: boolean }>({
    name: 'who_is_in_lock_wait',
    text: "select wait_event_type = 'Lock' as waits from pg_stat_activity where pid = $1",
    values: [pid],
  });
  return rows[0]?.waits === true;
}
