/**
 * Votes of arbiters that are written down here and not on the chain yet. An arbiter may judge anew; only the last word of each
 * is sent.
 */
import type { Pool } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import { type ErrorCode, ERRORS } from '../../domain/errors.ts';
import { type DisputeVote, voteSigner } from '../../tools/aptos/settlement-chain.ts';
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
  const [votes, tried] = await Promise.all([findLastVotes(deps.pool, batch.id), findTries(deps.pool, batch.id)]);
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
  return isGivenUp(deps, (await findTries(db, batchId)).get(signer));
}

function isGivenUp({ settings }: Pick<DriverDeps, 'settings'>, tries: Tries | undefined): boolean {
  return tries !== undefined && tries.refusals >= settings.setbacksMax;
}

interface Tries {
  readonly failures: number;
  /** Those after which the same vote will fail again. */
  readonly refusals: number;
  readonly isDone: boolean;
}

/** What the chain says of a vote that it will not take later either. */
const REFUSALS = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code].retry !== 'later');

/** What became of the votes that were sent, by the signer that steps name. */
async function findTries(db: Queryable, batchId: string): Promise<ReadonlyMap<string, Tries>> {
  const { rows } = await db.query<Tries & { readonly signer: string }>({
    name: 'find_settlement_vote_tries',
    text: `select signer, count(*) filter (where state = 'failed')::int as failures,
        count(*) filter (where state = 'failed' and reason_code = any($2::text[]))::int as refusals, bool_or(state = 'succeeded') as "isDone"
      from settlement_steps where batch_id = $1 and kind = 'vote' group by signer`,
    values: [batchId, REFUSALS],
  });
  return new Map(rows.map(({ signer, ...tries }) => [signer, tries]));
}
