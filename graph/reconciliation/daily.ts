/**
 * The daily look: every rail's yesterday is reconciled once its statement can be there, by the statement or else by
 * the balance. Several workers may look at once; a rail and day is worked on by one of them.
 */
import { keepReconciliation, railsWithAttempts, reconciledRails } from '../../db/queries/reconciliation.ts';
import { withTransaction } from '../../db/connect.ts';
import { dayIn } from '../../domain/days.ts';
import { type ErrorCode, type Fault, isFault } from '../../domain/errors.ts';
import { RAILS } from '../../domain/network.ts';
import type { Rail } from '../../domain/rail.ts';
import type { StatementFile } from '../../tools/reconciliation/file.ts';
import type { GraphDeps } from '../types.ts';
import { reconcileDay } from './run.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Operators give a day's statement some hours after its end. */
const STATEMENT_AFTER_MS = 2 * HOUR_MS;
const LOOK_EVERY_MS = 10 * 60_000;

/** Makes the look of one process; calling it more often than every ten minutes does nothing. Resolves with how many rails were reconciled. */
export function dailyReconciliation(deps: GraphDeps): () => Promise<number> {
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const nowMs = deps.clock.now();
    if (deps.statements === undefined || nowMs - lookedAtMs < LOOK_EVERY_MS) return 0;
    lookedAtMs = nowMs;
    const busy = await railsWithAttempts(deps.pool, nowMs - 3 * DAY_MS, nowMs);
    let done = 0;
    for (const rail of RAILS) if (await reconcileYesterday(deps, rail, nowMs, busy.has(rail.id))) done += 1;
    return done;
  };
}

async function reconcileYesterday(deps: GraphDeps, rail: Rail, nowMs: number, isBusy: boolean): Promise<boolean> {
  const day = dayIn(rail.country, nowMs - STATEMENT_AFTER_MS - DAY_MS);
  const file = await statementOf(deps, rail, day);
  // Nothing was asked of the operator, and it says nothing: there is nothing to compare.
  if (file === null && !isBusy) return false;
  return alone(deps, `reconcile ${rail.id} ${day}`, async () => {
    // Another process may have done it between our look and our turn.
    const known = await basesOf(deps, rail, day);
    if (known.includes('statement') || (file === null && known.length > 0)) return false;
    const refusal = isFault(file) ? file.code : await reconcile(deps, rail, day, file);
    // It shows as a day that was not reconciled, and asks people to bring the statement.
    if (refusal !== null && !known.includes('none')) await noteRefusal(deps, rail, day, refusal);
    return true;
  });
}

async function basesOf(deps: GraphDeps, rail: Rail, day: string): Promise<readonly string[]> {
  return (await reconciledRails(deps.pool, day)).get(rail.id) ?? [];
}

/** The statement of a day that is not reconciled by one yet, null for none, or why it cannot be had. One rail's trouble is no other's. */
async function statementOf(deps: GraphDeps, rail: Rail, day: string): Promise<StatementFile | null | Fault> {
  if ((await basesOf(deps, rail, day)).includes('statement')) return null;
  try {
    return (await deps.statements?.(rail, day)) ?? null;
  } catch (error) {
    if (isFault(error)) return error;
    throw error;
  }
}

/** Reconciles, or gives the code of why it cannot be. */
async function reconcile(deps: GraphDeps, rail: Rail, day: string, file: StatementFile | null): Promise<ErrorCode | null> {
  try {
    await reconcileDay(deps, { rail, day, file, by: 'system' });
    return null;
  } catch (error) {
    if (isFault(error, 'statement_missing') || isFault(error, 'statement_malformed')) return error.code;
    throw error;
  }
}

async function noteRefusal(deps: GraphDeps, rail: Rail, day: string, code: ErrorCode): Promise<void> {
  deps.log.warn({ railId: rail.id, day, code }, 'a day could not be reconciled');
  const run = { railId: rail.id, day, basis: 'none' as const, statementId: null, summary: { code }, startedBy: 'system' };
  await withTransaction(deps.pool, (tx) => keepReconciliation(tx, run, deps.clock.now()));
}

/** Does the work unless another process is at it: false when it is, else what the work comes to. */
async function alone(deps: GraphDeps, name: string, work: () => Promise<boolean>): Promise<boolean> {
  const client = await deps.pool.connect();
  try {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [name]);
    if (rows[0]?.locked !== true) return false;
    try {
      return await work();
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
    }
  } finally {
    client.release();
  }
}
