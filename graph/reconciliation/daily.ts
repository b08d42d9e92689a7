/**
 * The daily look: every rail's yesterday is reconciled once its statement can be there, by the statement or else by
 * the balance. Several workers may look at once; a rail and day is worked on by one of them.
 */
import { keepReconciliation, railsWithAttempts, reconciledRails } from '../../db/queries/reconciliation.ts';
import { withTransaction } from '../../db/connect.ts';
import { dayIn } from '../../domain/days.ts';
import { isFault } from '../../domain/errors.ts';
import { RAILS } from '../../domain/network.ts';
import type { Rail } from '../../domain/rail.ts';
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
  const known = (await reconciledRails(deps.pool, day)).get(rail.id) ?? [];
  if (known.includes('statement')) return false;
  const text = await deps.statements?.(rail, day);
  // Nothing was asked of the operator, and it says nothing: there is nothing to compare.
  if ((text === null || text === undefined) && (!isBusy || known.length > 0)) return false;
  return alone(deps, `reconcile ${rail.id} ${day}`, () => reconcile(deps, rail, day, text ?? null));
}

async function reconcile(deps: GraphDeps, rail: Rail, day: string, text: string | null): Promise<void> {
  try {
    await reconcileDay(deps, { rail, day, text, by: 'system' });
  } catch (error) {
    if (!isFault(error, 'statement_missing') && !isFault(error, 'statement_malformed')) throw error;
    // It shows as a day that was not reconciled, and asks people to bring the statement.
    deps.log.warn({ railId: rail.id, day, code: error.code }, 'a day could not be reconciled');
    const summary = { code: error.code };
    const run = { railId: rail.id, day, basis: 'none' as const, statementId: null, summary, startedBy: 'system' };
    await withTransaction(deps.pool, (tx) => keepReconciliation(tx, run, deps.clock.now()));
  }
}

/** Does the work unless another process is at it. False when it is. */
async function alone(deps: GraphDeps, name: string, work: () => Promise<void>): Promise<boolean> {
  const client = await deps.pool.connect();
  try {
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock(hashtextextended($1, 0)) as locked', [name]);
    if (rows[0]?.locked !== true) return false;
    try {
      await work();
      return true;
    } finally {
      await client.query('select pg_advisory_unlock(hashtextextended($1, 0))', [name]);
    }
  } finally {
    client.release();
  }
}
