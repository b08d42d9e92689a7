/**
 * The real PostgreSQL, reached one statement at a time. Each statement of each actor is a step; one that has
 * to wait for a lock lets the others go on, and comes back when the lock is free. Connections can break before
 * a statement, or after it with its answer lost, a commit's as well.
 */
import type { Pool, PoolClient, QueryConfig, QueryResult } from 'pg';
import type { PacedPool } from '../db/connect.ts';
import type { Actor } from './actor.ts';
import type { FaultKind, Faults } from './faults.ts';
import { createLockWaits, type LockWaits, send, type Waiting } from './lock-waits.ts';
import { inOwnOrder } from './row-order.ts';
import type { Stage } from './stage.ts';

export interface Database {
  /** What an actor takes for its pool. */
  poolFor(actor: Actor, real: Pool): Pool;
  /** Cleans up behind the dead at once, whatever time it is; resolves when nobody holds a connection. */
  settle(): Promise<void>;
}

export interface DatabaseDeps {
  readonly stage: Stage;
  readonly faults: Faults;
  /** A connection of the simulation's own, to see who waits for whom. */
  readonly monitor: Pool;
  /** How many times slower than at rest statements are. */
  readonly slowness: number;
}

/** Connections one process has at most, as `db/connect.ts` has it. */
const CONNECTIONS_MAX = 10;
/** How long a statement takes in virtual time, milliseconds. */
const QUICK_MS = { min: 0.2, max: 6 };
const SLOW_MS = { min: 500, max: 40_000 };
/** How long the server takes to find out that a client is gone. */
const FOUND_DEAD_MS = { min: 1, max: 8_000 };
const CUT_MS = { min: 2_000, max: 60_000 };

const STATEMENT_FAULTS: readonly FaultKind[] = ['statement_fails', 'deadlock_told', 'statement_slow', 'answer_of_database_lost'];

interface Locks {
  readonly waits: LockWaits;
  /** A transaction has ended since the last look, so somebody may go on. */
  someEnded: boolean;
  /** Connections inside a transaction. */
  readonly holding: Set<Line>;
  /** Connections whose clients are gone, which the server has not found out. */
  readonly dead: Set<Line>;
}

/** A connection as an actor holds it. */
interface Line {
  readonly client: PoolClient;
  broken: boolean;
  waiting: Waiting | null;
}

/** Puts the stage between actors and their pools. */
export function createDatabase(deps: DatabaseDeps): Database {
  const locks: Locks = { waits: createLockWaits(deps.monitor), someEnded: false, holding: new Set(), dead: new Set() };
  deps.stage.afterEachStep(() => releaseUnblocked(locks));
  return {
    poolFor: (actor, real) => createPool(deps, locks, actor, real),
    settle: async () => {
      while (locks.dead.size > 0) await Promise.all([...locks.dead].map((line) => hangUp(deps, locks, line)));
    },
  };
}

/** Locks end with transactions: whoever waited for one that is free now has its answer before anybody goes on. */
async function releaseUnblocked(locks: Locks): Promise<void> {
  if (!locks.someEnded) return;
  locks.someEnded = false;
  await locks.waits.release();
}

function createPool(deps: DatabaseDeps, locks: Locks, actor: Actor, real: Pool): Pool {
  const { stage, faults } = deps;
  const lines = new Set<Line>();
  const queue: (() => void)[] = [];
  let taken = 0;
  let cutUntilMs = 0;

  async function seat(): Promise<void> {
    if (taken >= CONNECTIONS_MAX) await new Promise<void>((resolve) => queue.push(resolve));
    else taken += 1;
  }

  function leave(): void {
    const next = queue.shift();
    if (next === undefined) taken -= 1;
    else next();
  }

  async function open(): Promise<Line> {
    // Where the server has no room it finds out at once who is gone: waiting for it would hold up the time it takes.
    const [gone] = locks.dead;
    if (gone !== undefined && real.idleCount === 0 && real.totalCount >= (real.options.max ?? 0)) await hangUp(deps, locks, gone);
    const client = await real.connect();
    const line: Line = { client, broken: false, waiting: null };
    lines.add(line);
    return line;
  }

  function close(line: Line): void {
    lines.delete(line);
    if (!line.broken) return line.client.release();
    // The server finds out a while later, and rolls back what was open.
    locks.dead.add(line);
    stage.after(sizeOf(FOUND_DEAD_MS, actor.pointOf('found dead')), () => hangUp(deps, locks, line));
  }

  function sizeOf({ min, max }: { min: number; max: number }, point: string): number {
    return min * (max / min) ** stage.chance.draw('takes', point);
  }

  function isCut(point: string): boolean {
    if (faults.at(point, ['cut_from_database']) !== null) cutUntilMs = stage.now() + faults.sizeMs(point, CUT_MS.min, CUT_MS.max);
    return stage.now() < cutUntilMs;
  }

  /** Runs one statement on an open line, under the faults of this point. */
  async function runOn(line: Line, statement: Statement, point: string, yieldStage: () => void): Promise<QueryResult> {
    if (line.broken) throw lost();
    const fault = faults.at(point, STATEMENT_FAULTS);
    if (fault === 'statement_fails' || isCut(point)) {
      line.broken = true;
      throw lost();
    }
    if (fault === 'deadlock_told') return send(line.client, { text: DEADLOCK }).answer;
    if (fault === 'statement_slow') {
      yieldStage();
      const slowMs = faults.sizeMs(point, SLOW_MS.min, SLOW_MS.max);
      return actor.step('slow statement', slowMs, (_point, yieldAgain) => execute(deps, locks, line, statement, yieldAgain));
    }
    const result = await execute(deps, locks, line, statement, yieldStage);
    if (fault !== 'answer_of_database_lost') return result;
    line.broken = true;
    throw lost();
  }

  function latencyOf(what: string): number {
    return deps.slowness * QUICK_MS.min * (QUICK_MS.max / QUICK_MS.min) ** stage.chance.draw('latency', actor.name, what, stage.steps());
  }

  async function query(config: string | QueryConfig, values?: unknown[]): Promise<QueryResult> {
    const statement = statementOf(config, values);
    await seat();
    try {
      return await actor.step(statement.label, latencyOf(statement.label), async (point, yieldStage) => {
        const line = await open();
        try {
          return await runOn(line, statement, point, yieldStage);
        } finally {
          if (actor.isAlive()) close(line);
        }
      });
    } finally {
      leave();
    }
  }

  async function connect(): Promise<PoolClient> {
    await seat();
    const line = await actor
      .step('connect', latencyOf('connect'), async (point) => {
        if (faults.at(point, ['no_connection']) !== null || isCut(point)) throw refused();
        return open();
      })
      .catch((error: unknown) => {
        leave();
        throw error;
      });
    let released = false;
    const client = {
      query: (config: string | QueryConfig, given?: unknown[]) => {
        const statement = statementOf(config, given);
        return actor.step(statement.label, latencyOf(statement.label), (point, yieldStage) => runOn(line, statement, point, yieldStage));
      },
      release: (error?: Error | boolean) => {
        if (released) throw new Error('a client was released twice');
        released = true;
        if (error !== undefined && error !== false) line.broken = true;
        close(line);
        leave();
      },
    };
    return client as unknown as PoolClient;
  }

  actor.onEnd(() => {
    for (const line of lines) {
      line.broken = true;
      close(line);
    }
  });

  const pool: Partial<PacedPool> = {
    query: query as unknown as Pool['query'],
    connect: connect as Pool['connect'],
    beforeRetry: (tries) =>
      actor.step('before retry', 5 * 2 ** tries * stage.chance.draw('retry', actor.name, stage.steps()), () => undefined),
  };
  return pool as Pool;
}

/** Runs a statement; the stage is free once it has its answer or waits for a lock. */
async function execute(deps: DatabaseDeps, locks: Locks, line: Line, statement: Statement, yieldStage: () => void): Promise<QueryResult> {
  const { waiting, answer } = send(line.client, statement.config);
  line.waiting = waiting;
  noteTransaction(locks, line, statement);
  // Where nobody else holds anything there is nothing to wait for.
  if ([...locks.holding].some((other) => other !== line)) await locks.waits.settle(waiting);
  else await waiting.settled;
  if (!waiting.isSettled) {
    deps.stage.note(`${statement.label} waits for a lock`);
    yieldStage();
  }
  try {
    const result = inOwnOrder(statement.config.text, await answer);
    if (letsGo(locks, line, statement)) locks.someEnded = true;
    return result;
  } catch (error) {
    // What fails in a transaction ends it there and then.
    locks.someEnded = true;
    throw error;
  } finally {
    line.waiting = null;
  }
}

/** Whether a statement that is done lets go of locks: it ended its transaction, was one by itself, or unlocks. */
function letsGo(locks: Locks, line: Line, statement: Statement): boolean {
  return !locks.holding.has(line) || statement.config.text.includes('pg_advisory_unlock');
}

/** Keeps in mind who may hold locks: connections inside a transaction. */
function noteTransaction(locks: Locks, line: Line, statement: Statement): void {
  if (/^begin/i.test(statement.label)) locks.holding.add(line);
  else if (/^(commit|rollback)/i.test(statement.label)) locks.holding.delete(line);
}

/** What the server does once it knows that a client is gone. */
async function hangUp(deps: DatabaseDeps, locks: Locks, line: Line): Promise<void> {
  if (!locks.dead.delete(line)) return;
  const { waiting } = line;
  if (waiting !== null && !waiting.isSettled) {
    await deps.monitor.query('select pg_cancel_backend($1)', [waiting.pid]);
    locks.waits.wake(waiting);
    await waiting.settled;
  }
  await line.client.query('rollback; select pg_advisory_unlock_all()');
  line.client.release();
  locks.holding.delete(line);
  locks.someEnded = true;
}

interface Statement {
  readonly config: QueryConfig;
  /** Its name, or the words it begins with. */
  readonly label: string;
}

function statementOf(config: string | QueryConfig, values: unknown[] | undefined): Statement {
  const full: QueryConfig = typeof config === 'string' ? { text: config } : config;
  const label = full.name ?? full.text.trim().replaceAll(/\s+/g, ' ').slice(0, 32);
  return { label, config: values === undefined ? full : { ...full, values } };
}

const DEADLOCK = "do $$ begin raise exception 'told so by the simulation' using errcode = '40P01'; end $$";

function lost(): Error {
  return new Error('Connection terminated unexpectedly');
}

function refused(): Error {
  return Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:5432'), { code: 'ECONNREFUSED', syscall: 'connect' });
}
