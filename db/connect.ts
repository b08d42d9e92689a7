/**
 * Connections to PostgreSQL, and the one place where a transaction is begun, committed and tried again.
 *
 * 64-bit integers come back as `bigint`. What the database refuses is put into the words of the error
 * catalogue; nothing of a row's content reaches an error message.
 */
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type ErrorCode, type Fault, fault, isFault } from '../domain/errors.ts';

export type { Pool, PoolClient } from 'pg';

export interface ConnectOptions {
  readonly url: string;
  /** Shown in `pg_stat_activity`: `capp api`, `capp worker`. */
  readonly applicationName: string;
  /** Most connections at once; 8 unless told. */
  readonly max?: number;
  /** A statement that runs longer is cancelled; 30 seconds unless told, 0 for no limit. */
  readonly statementTimeoutMs?: number;
  /** A transaction that stands idle longer is ended; 15 seconds unless told. */
  readonly idleInTransactionTimeoutMs?: number;
  /** A connection that nobody has used for longer is closed; 10 seconds unless told, 0 for never. */
  readonly idleTimeoutMs?: number;
  /** How long a connection may take to open, and an answer to come, milliseconds; 10 seconds, and for ever, unless told. */
  readonly connectMs?: number;
  readonly answerMs?: number;
  /** A role that every session takes on at its start; that of the user in `url` unless told. */
  readonly role?: string;
  /** Hears of connections that broke; the pool replaces them by itself. */
  readonly onError?: (error: Error) => void;
}

/** Either can run a query: a pool, or a client inside a transaction. */
export type Queryable = Pick<pg.PoolClient, 'query'>;

const INT8 = 20;
const INT8_ARRAY = 1016;
const parseInt8Array = pg.types.getTypeParser(INT8_ARRAY as number as 20, 'text') as unknown as (text: string) => (string | null)[];

/** Parsers of this pool only: other users of `pg` in the process (the queue, the checkpointer) keep theirs. */
const types: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (oid === INT8 && format !== 'binary') return BigInt;
    if (oid === INT8_ARRAY && format !== 'binary') {
      return (text: string) => parseInt8Array(text).map((item) => (item === null ? null : BigInt(item)));
    }
    return pg.types.getTypeParser(oid, format as 'text');
  }) as pg.CustomTypesConfig['getTypeParser'],
};

/** Makes a pool of connections. None is opened before the first query. */
export function connect(options: ConnectOptions): pg.Pool {
  const onError = options.onError ?? (() => undefined);
  const pool = new pg.Pool({
    ...sessionOf(options.url, options.role),
    application_name: options.applicationName,
    max: options.max ?? 8,
    statement_timeout: options.statementTimeoutMs ?? 30_000,
    idle_in_transaction_session_timeout: options.idleInTransactionTimeoutMs ?? 15_000,
    connectionTimeoutMillis: options.connectMs ?? 10_000,
    ...(options.answerMs === undefined ? {} : { query_timeout: options.answerMs }),
    idleTimeoutMillis: options.idleTimeoutMs ?? 10_000,
    keepAlive: true,
    types,
  });
  pool.on('error', onError);
  // A connection that breaks while it is lent out tells its borrower through the query; without a listener it would end the process.
  pool.on('connect', (client) => void client.on('error', onError));
  return pool;
}

/**
 * Where to connect and as whom, for `pg` and those who use it. What stands as `options` in an address would replace the role without a
 * word, so both are put together. `settings` are further ones of the session, each `name=value`.
 */
export function sessionOf(
  url: string,
  role: string | undefined,
  settings: readonly string[] = [],
): { readonly connectionString: string; readonly options?: string } {
  const all = [...(role === undefined ? [] : [`role=${role}`]), ...settings];
  if (all.length === 0 || !URL.canParse(url)) return { connectionString: url };
  const address = new URL(url);
  const own = address.searchParams.get('options');
  address.searchParams.delete('options');
  return { connectionString: address.href, options: [...(own === null ? [] : [own]), ...all.map((each) => `-c ${each}`)].join(' ') };
}

/**
 * A row for the `from` of a statement that is a transaction of its own: its commit does not wait for the disk. The log is one sequence, so
 * the next commit that waits makes it durable too; until then a crash may undo it. For leases, and for what later commits are built upon.
 */
export const WITHOUT_DISK = `(select set_config('synchronous_commit', 'off', true)) without_disk`;

/** SQLSTATE or system error code of an error or of what caused it; undefined for any other. */
export function databaseCodeOf(error: unknown): string | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    const code = (at as { code?: unknown }).code;
    if (!isFault(at) && typeof code === 'string') return code;
  }
  return undefined;
}

/** Serialisation failure and deadlock: the transaction did nothing, and may simply be run again. */
export function isRetryable(error: unknown): boolean {
  const code = databaseCodeOf(error);
  return code === '40001' || code === '40P01';
}

/** Constraints that mean something to whoever asked. */
const CONSTRAINT_CODES: Readonly<Record<string, ErrorCode>> = {
  accounts_floor: 'floor_passed',
  // Somebody else has made the try, or the money went the other way.
  attempts_one_alive: 'lease_lost',
  attempts_out_or_back: 'lease_lost',
  attempts_taken_back_once: 'lease_lost',
  attempts_transition: 'illegal_transition',
  case_decisions_closed: 'case_not_open',
  case_decisions_of_case: 'evidence_stale',
  case_decisions_officer: 'maker_is_checker',
  case_decisions_waiting: 'case_not_open',
  liquidity_pools_reserved: 'floor_passed',
  payments_lease: 'lease_lost',
  payments_reference: 'duplicate_reference',
  payments_transition: 'illegal_transition',
  quotes_fixed: 'quote_used',
  transfers_pending_once: 'transfer_not_pending',
};

const UNAVAILABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'ETIMEDOUT',
  'EPIPE',
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08006',
  '08001',
]);

/** Puts what the database said into a fault of the catalogue; anything else is given back as it came. */
export function databaseFault(error: unknown): unknown {
  if (!(error instanceof Error) || isFault(error)) return error;
  const { constraint, code } = error as { constraint?: string; code?: string };
  const known = constraint === undefined ? undefined : CONSTRAINT_CODES[constraint];
  if (known !== undefined) return fault(known, { internal: `constraint ${constraint}`, cause: error });
  if (code !== undefined && UNAVAILABLE.has(code)) return unavailable(error);
  // Errors of the driver itself carry no code.
  if (/^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(error.message)) {
    return unavailable(error);
  }
  return error;
}

function unavailable(cause: Error): Fault {
  return fault('database_unavailable', { internal: (cause as { code?: string }).code ?? 'connection lost', cause });
}

/** A pool whose transactions wait by another clock before they are run again: one of a simulation. */
export interface PacedPool extends pg.Pool {
  readonly beforeRetry?: (tries: number) => Promise<void>;
}

export interface TransactionOptions {
  /** How often the transaction is run at most when the database asks to run it again; 6 unless told. */
  readonly tries?: number;
  readonly isolation?: 'read committed' | 'repeatable read' | 'serializable';
}

/**
 * Runs `fn` inside a transaction and commits, or rolls back and throws what `fn` threw.
 *
 * `fn` runs again from its start after a serialisation failure or a deadlock, so it must do nothing
 * outside the database. Throws faults of the catalogue for known constraints, `database_unavailable`
 * when there is no connection.
 */
export async function withTransaction<T>(
  pool: pg.Pool,
  fn: (tx: pg.PoolClient) => Promise<T>,
  options: TransactionOptions = {},
): Promise<T> {
  const triesMax = options.tries ?? 6;
  for (let tries = 1; ; tries++) {
    try {
      return await runOnce(pool, fn, options.isolation ?? 'read committed');
    } catch (error) {
      if (tries >= triesMax || !isRetryable(error)) throw databaseFault(error);
    }
    // Those that collided must not meet again: wait a random while that grows.
    await ((pool as PacedPool).beforeRetry?.(tries) ?? delay(Math.random() * 5 * 2 ** tries));
  }
}

async function runOnce<T>(pool: pg.Pool, fn: (tx: pg.PoolClient) => Promise<T>, isolation: string): Promise<T> {
  const tx = await pool.connect();
  let broken: Error | undefined;
  try {
    await tx.query(`begin isolation level ${isolation}`);
    const result = await fn(tx);
    const end = await tx.query('commit');
    // PostgreSQL answers COMMIT of a failed transaction with ROLLBACK and no error.
    if (end.command !== 'COMMIT') throw fault('internal', { internal: 'a failed statement was swallowed inside a transaction' });
    return result;
  } catch (error) {
    await tx.query('rollback').catch((failure: Error) => {
      broken = failure;
    });
    throw error;
  } finally {
    tx.release(broken);
  }
}
