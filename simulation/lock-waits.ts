/**
 * Statements that wait for a lock. The end of one transaction can let several of them go, and PostgreSQL then runs
 * them side by side: which of two takes the next lock that both want would hang on the machine. So whoever waits is
 * stopped as a process (SIGSTOP); the server hands locks to it all the same, and it goes on when it is its turn.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg';

/** A statement that is under way. */
export interface Waiting {
  /** Of the server's process that runs it. */
  readonly pid: number;
  /** Resolves once it has its answer, and the server has let go of what it gave up with it. */
  readonly settled: Promise<void>;
  isSettled: boolean;
}

/**
 * Sends a statement. What it is answered with, or fails with, comes when it is settled: PostgreSQL tells of an error before it lets go of
 * the locks, and who is still found waiting for them would hang on the machine.
 */
export function send(client: PoolClient, statement: QueryConfig): { readonly waiting: Waiting; readonly answer: Promise<QueryResult> } {
  // The server takes the next statement once it has let go; one that is empty is no error in a transaction that failed either.
  const answer = client.query(statement).catch(async (error: unknown) => {
    await client.query('').catch(() => undefined);
    throw error;
  });
  const end = (): void => void (waiting.isSettled = true);
  const waiting: Waiting = {
    pid: (client as unknown as { processID: number }).processID,
    isSettled: false,
    settled: answer.then(end, end),
  };
  return { waiting, answer };
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
      const blockers = await blockersOf(monitor, [statement, ...stopped]);
      const isBlocked = blockers.has(statement.pid);
      seen = isBlocked ? seen + 1 : 0;
      lookAfterMs = isBlocked ? LOOK_AFTER_MS : Math.min(LOOK_AFTER_MS_MAX, 2 * lookAfterMs);
      // Whoever closes a circle is ended by the server, which has to get round to it: one that is stopped would stay in it for ever.
      if (seen >= 2 && !isInCircle(statement.pid, blockers) && (await stop(statement))) return;
    }
  }

  return {
    settle,
    release: async () => {
      for (;;) {
        const blocked = await blockersOf(monitor, [...stopped]);
        const next = [...stopped].find(({ pid }) => !blocked.has(pid));
        if (next === undefined) return;
        wake(next);
        await settle(next);
      }
    },
    wake,
  };
}

/** For those of some statements that wait for a lock, the processes that they wait for. */
async function blockersOf(monitor: Pool, statements: readonly Waiting[]): Promise<ReadonlyMap<number, readonly number[]>> {
  if (statements.length === 0) return new Map();
  const { rows } = await monitor.query<{ pid: number; blockers: number[] }>({
    name: 'who_is_blocked',
    text: `select pid, blockers from unnest($1::int[]) as asked(pid), pg_blocking_pids(pid) as blockers where cardinality(blockers) > 0`,
    values: [statements.map(({ pid }) => pid)],
  });
  return new Map(rows.map(({ pid, blockers }) => [pid, blockers]));
}

/** Whether a process waits, over others, for itself. */
function isInCircle(pid: number, blockers: ReadonlyMap<number, readonly number[]>): boolean {
  const reached = new Set(blockers.get(pid));
  for (const other of reached) for (const next of blockers.get(other) ?? []) reached.add(next);
  return reached.has(pid);
}

async function isInLockWait(monitor: Pool, pid: number): Promise<boolean> {
  const { rows } = await monitor.query<{ waits: boolean }>({
    name: 'who_is_in_lock_wait',
    text: "select wait_event_type = 'Lock' as waits from pg_stat_activity where pid = $1",
    values: [pid],
  });
  return rows[0]?.waits === true;
}
