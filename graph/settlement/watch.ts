/**
 * Holds the books against the chain by itself, some batches at a time: what differs becomes a case once, and the case is closed when it
 * is gone. A batch that is open is looked at every hour; one that is over after as long again as it has stood, for what is done there
 * cannot be undone.
 *
 * A case that a person has closed is not raised anew by the very same mismatch. One by which the driver stopped a batch stays with
 * people: closing it lets the batch go on.
 */
import { type Pool, type Queryable, withTransaction } from '../../db/connect.ts';
import type { Clock } from '../../domain/clock.ts';
import type { Facts } from '../../domain/decision.ts';
import { isFault } from '../../domain/errors.ts';
import { COMPARISON_MS } from '../../domain/settlement.ts';
import type { ChainStatus, SettlementChain } from '../../tools/aptos/settlement-chain.ts';
import type { Log } from '../types.ts';
import { type BookedBatch, type Mismatch, mismatchesOf, readBooked } from './comparison.ts';
import { closeCases, raiseCaseAnew } from './steps.ts';
import { shownTerms } from './terms.ts';

export interface WatchDeps {
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log: Log;
  readonly chain: Pick<SettlementChain, 'status'>;
}

export interface Watched {
  /** Batches that were held against the chain. */
  readonly compared: number;
  /** Cases that were raised, and that were closed because what they told of is gone. */
  readonly raised: number;
  readonly closed: number;
}

/** Batches of one look, and of them asked about at once. */
const BATCHES_MAX = 40;
const AT_ONCE = 8;

/**
 * Compares the batches whose time has come. Several processes may do so. A chain that cannot be asked ends the look: what is left of it
 * stays due.
 */
export async function watchChain(deps: WatchDeps): Promise<Watched> {
  const nowMs = deps.clock.now();
  const due = await readBooked(deps.pool, nowMs, await findDue(deps.pool, nowMs));
  const outcomes: Outcome[] = [];
  for (let from = 0; from < due.length; from += AT_ONCE) {
    const statuses = await Promise.all(due.slice(from, from + AT_ONCE).map(async (batch) => [batch, await ask(deps, batch.id)] as const));
    for (const [batch, status] of statuses) if (status !== null) outcomes.push(await judge(deps, batch, status));
    if (statuses.some(([, status]) => status === null)) break;
  }
  const count = (outcome: Outcome): number => outcomes.filter((each) => each === outcome).length;
  return { compared: outcomes.length - count('moving'), raised: count('raised'), closed: count('closed') };
}

async function findDue(db: Queryable, nowMs: number): Promise<string[]> {
  const { rows } = await db.query<{ id: string }>({
    name: 'find_settlement_batches_to_compare',
    text: `select id from settlement_batches where method = 'chain' and compare_at <= $1 order by compare_at limit $2`,
    values: [new Date(nowMs), BATCHES_MAX],
  });
  return rows.map(({ id }) => id);
}

async function ask({ chain }: WatchDeps, batchId: string): Promise<ChainStatus | null> {
  try {
    return await chain.status(batchId);
  } catch (error) {
    if (!isFault(error) || error.code === 'internal') throw error;
    return null;
  }
}

/** `moving`: something was under way, or has changed since the chain was asked; looked at again later. */
type Outcome = 'agrees' | 'raised' | 'known' | 'closed' | 'moving';

/** The books as they are now must be those that the chain was held against: otherwise one of the two had simply gone on. */
async function judge({ pool, clock, log }: WatchDeps, asked: BookedBatch, status: ChainStatus): Promise<Outcome> {
  const nowMs = clock.now();
  return withTransaction(pool, async (tx) => {
    await tx.query({
      name: 'lock_compared_settlement_batch',
      text: 'select 1 from settlement_batches where id = $1 for no key update',
      values: [asked.id],
    });
    const [batch] = await readBooked(tx, nowMs, [asked.id]);
    const isMoving = batch === undefined || batch.isMoving || asked.isMoving || status.state === 'unknown' || batch.status !== asked.status;
    if (isMoving) {
      await compareAgain(tx, asked.id, nowMs + COMPARISON_MS);
      return 'moving';
    }
    const differs = mismatchesOf(batch, status);
    const isOver = differs.length === 0 && (batch.status === 'settled' || batch.status === 'expired');
    await compareAgain(tx, batch.id, nowMs + Math.max(COMPARISON_MS, isOver ? nowMs - batch.createdAtMs : 0));
    if (differs.length === 0) {
      const closed = batch.status === 'mismatched' ? 0 : await closeCases(tx, batch.id, ['mismatched'], nowMs);
      return closed > 0 ? 'closed' : 'agrees';
    }
    const isRaised = await raiseCaseAnew(tx, batch.id, 'mismatched', evidenceOf(batch, status, differs), nowMs);
    if (isRaised) log.error({ batchId: batch.id, codes: differs.map(({ code }) => code) }, 'books and settlement chain differ');
    return isRaised ? 'raised' : 'known';
  });
}

async function compareAgain(db: Queryable, batchId: string, atMs: number): Promise<void> {
  await db.query({
    name: 'compare_settlement_batch_again',
    text: 'update settlement_batches set compare_at = $2 where id = $1',
    values: [batchId, new Date(atMs)],
  });
}

/** Nothing that changes while the mismatch does not: by its digest it is known again. */
function evidenceOf(batch: BookedBatch, status: ChainStatus, differs: readonly Mismatch[]): Facts {
  return {
    reason: 'comparison',
    batchId: batch.id,
    ourStatus: batch.status,
    chainState: status.state,
    chainTerms: status.terms === null ? null : shownTerms(status.terms),
    differs: differs.map(({ code }) => code),
    details: differs.map(({ detail }) => detail),
  };
}
