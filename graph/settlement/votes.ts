/**
 * Votes of arbiters that are written down here and not on the chain yet. An arbiter may judge anew; only the last word of each
 * is sent.
 */
import type { Pool } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import { type DisputeVote, voteSigner } from '../../tools/aptos/settlement-chain.ts';
import { findTries, type Tries } from './tries.ts';
import type { DrivenBatch, DriverDeps } from './types.ts';

interface VoteRow {
  arbiter: string;
  keyName: string;
  number: number;
  reversed: bigint;
}

/**
 * The next vote to send, or null. A vote that the chain refused goes behind those it has not seen, so that one arbiter whom
 * the chain does not know holds up nobody else; after `setbacksMax` refusals it is given up. What was lost or not sent is no refusal.
 */
export async function nextVote(deps: DriverDeps, batch: DrivenBatch): Promise<DisputeVote | null> {
  const [votes, tried] = await Promise.all([findLastVotes(deps.pool, batch.id), findTries(deps.pool, batch.id, 'vote')]);
  const waiting: { readonly vote: DisputeVote; readonly failures: number }[] = [];
  for (const { arbiter, keyName, number, reversed } of votes) {
    const key = deps.arbiters.find((each) => each.arbiter === arbiter && each.keyName === keyName);
    if (key === undefined) {
      deps.log.warn({ batchId: batch.id, arbiter }, 'the key of an arbiter is not here');
      continue;
    }
    const vote = { batchId: batch.id, signer: key.signer, number, reversedMinor: reversed };
    const before = tried.get(voteSigner(vote));
    if (before?.isDone !== true && !isGivenUp(deps, before)) waiting.push({ vote, failures: before?.failures ?? 0 });
  }
  return waiting.toSorted((a, b) => a.failures - b.failures)[0]?.vote ?? null;
}

/** The last vote of each arbiter, in the order they were given. */
async function findLastVotes(pool: Pool, batchId: string): Promise<VoteRow[]> {
  const { rows } = await pool.query<VoteRow>({
    name: 'find_last_settlement_votes',
    text: `select arbiter, key_name as "keyName", number::int as number, reversed_amount as reversed from (
        select distinct on (arbiter) arbiter, key_name, number, reversed_amount, created_at from settlement_votes
        where batch_id = $1 order by arbiter, number desc
      ) as last order by created_at, arbiter`,
    values: [batchId],
  });
  return rows;
}

/** Whether the chain has refused a vote so often that it is not sent any more; `signer` as steps name it. */
export async function isVoteGivenUp(deps: Pick<DriverDeps, 'settings'>, db: Queryable, batchId: string, signer: string): Promise<boolean> {
  return isGivenUp(deps, (await findTries(db, batchId, 'vote')).get(signer));
}

function isGivenUp({ settings }: Pick<DriverDeps, 'settings'>, tries: Tries | undefined): boolean {
  return tries !== undefined && tries.refusals >= settings.setbacksMax;
}
