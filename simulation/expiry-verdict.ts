/**
 * A batch may miss its deadline only for what the simulation itself did: its partner, who owes, did not pay, or somebody who had to approve
 * it never did so rightly. Whatever else could have been executed must have been, or a driver that does nothing would pass. What such a
 * batch had left goes into the partner's next batch, and so does what stays on the books.
 */
import type { Pool } from 'pg';
import type { Chance } from '../sandbox/random.ts';
import { PARTNERS } from './chain.ts';
import type { BatchHistory } from './chain-history.ts';
import { APPROVERS, approvesRightly } from './settlement-people.ts';

/** Longer than any transaction is open here: a window that was begun before a batch ended need not have seen it. */
const SEEN_AFTER_MS = 120_000;

interface ChainBatch {
  readonly id: string;
  readonly status: string;
  readonly due: bigint;
  readonly approvalBy: 'policy' | 'people';
}

/** Everything that is wrong, a sentence each. */
export async function wrongExpiries(pool: Pool, chance: Chance, histories: ReadonlyMap<string, BatchHistory>): Promise<string[]> {
  const { rows } = await pool.query<ChainBatch>(
    `select id, status, due_amount as due, approval_by as "approvalBy" from settlement_batches where method = 'chain' order by id`,
  );
  const expired = rows.filter(({ status }) => status === 'expired');
  const unexcused = expired.filter((batch) => !isUnpaid(batch, histories) && !isUnapproved(batch, chance, histories));
  const owed = rows.filter(({ due }) => due > 0n);
  const unpaid = owed.filter((batch) => batch.status === 'expired' && isUnpaid(batch, histories)).length;
  const unpaidMax = likelyMax(owed.length, PARTNERS.unfunded);
  return [
    ...unexcused.map(({ id }) => `batch ${id} expired, though it was paid into and those who had to approve it would have`),
    ...(unpaid > unpaidMax ? [`${unpaid} of ${owed.length} batches expired unpaid by their partners, where at most ${unpaidMax} do`] : []),
    ...(await forgotten(pool)),
  ];
}

/** The partner owes, was asked, and has put nothing in. */
function isUnpaid({ id, due }: ChainBatch, histories: ReadonlyMap<string, BatchHistory>): boolean {
  return due > 0n && histories.get(id)?.fundedMinor === 0n;
}

/** It was put before people, too few of whom have approved, for one of them takes another digest for it and does not come back. */
function isUnapproved({ id, approvalBy }: ChainBatch, chance: Chance, histories: ReadonlyMap<string, BatchHistory>): boolean {
  const history = histories.get(id);
  if (approvalBy !== 'people' || history === undefined || history.approvedBy.size >= history.approvalsNeeded) return false;
  return APPROVERS.some((name) => !approvesRightly(chance, name, id));
}

/** So many of `count` at most, where each is hit with a probability: the mean and four deviations, and two more where they are few. */
export function likelyMax(count: number, probability: number): number {
  return Math.ceil(count * probability + 4 * Math.sqrt(count * probability * (1 - probability)) + 2);
}

/** What waited for the partner's next batch, and was not taken over by it. */
async function forgotten(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; next: string }>(
    `select waiting.id, next.id as next from (
         select b.id, b.partner, b.currency, case when b.method = 'books' then b.created_at
           else (select max(c.created_at) from settlement_cases c where c.batch_id = b.id and c.kind = 'expired') end as since
         from settlement_batches b
         where b.carried_to is null and b.due_amount <> 0 and b.partner <> 'on_us' and (b.method = 'books' or b.status = 'expired')
       ) as waiting
       cross join lateral (select n.id from settlement_batches n where n.id <> waiting.id and n.partner = waiting.partner and n.currency = waiting.currency
         and n.created_at > waiting.since + make_interval(secs => $1) order by n.created_at, n.id limit 1) as next order by waiting.id`,
    [SEEN_AFTER_MS / 1_000],
  );
  return rows.map(({ id, next }) => `what batch ${id} left is in no later batch of its partner, though there is ${next}`);
}
