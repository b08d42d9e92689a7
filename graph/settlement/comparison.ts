/**
 * Holds the books against the settlement chain: every batch that one of them has settled, the other has settled alike, and what the
 * chain holds of a batch is what was put before its approvers.
 */
import type { Queryable } from '../../db/connect.ts';
import type { BatchStatus } from '../../domain/settlement.ts';
import { type ChainState, type ChainStatus, TERM_CODES, type TermCode, type TermName } from '../../tools/aptos/settlement-chain.ts';
import { alteredTerms, type ProposedBatch } from './terms.ts';

/** A batch that was meant for the chain, as the books have it. */
export interface BookedBatch extends ProposedBatch {
  readonly status: BatchStatus;
  /** What arbiters gave back, without a sign. */
  readonly reversedMinor: bigint;
  /** What is posted for it, signed as what is due; null while nothing is. */
  readonly bookedMinor: bigint | null;
  readonly createdAtMs: number;
  /** A step of it is under way, or a worker holds it: what differs now is for whoever looks next. */
  readonly isMoving: boolean;
}

/** Something that the chain holds otherwise than the books. */
export interface Mismatch {
  readonly code: 'status_differs' | TermCode | 'reversal_differs' | 'books_differ';
  readonly detail: string;
}

/** Which batches to read: named ones, or all. */
export async function readBooked(db: Queryable, nowMs: number, ids: readonly string[] | null = null): Promise<BookedBatch[]> {
  const { rows } = await db.query<
    Omit<BookedBatch, 'deadlineMs' | 'createdAtMs'> & { readonly deadlineAt: Date | null; readonly createdAt: Date }
  >({
    name: 'read_booked_settlement_batches',
    text: `select b.id, b.partner, b.currency, b.due_amount as "dueMinor", b.merkle_root as "merkleRoot", b.item_count as "itemCount",
        b.approvals_needed as "approvalsNeeded", b.deadline_at as "deadlineAt", b.status, b.reversed_amount as "reversedMinor",
        b.created_at as "createdAt",
        (select sum(case when debit.kind = 'chain' then t.amount else -t.amount end)::bigint from transfers t
          join accounts debit on debit.id = t.debit_account_id
          where t.link_id = b.id and t.reason in ('settlement', 'settlement_reversal')) as "bookedMinor",
        coalesce(b.lease_until > $2, false)
          or exists (select 1 from settlement_steps s where s.batch_id = b.id and s.state in ('sent', 'unknown')) as "isMoving"
      from settlement_batches b where b.method = 'chain' and ($1::uuid[] is null or b.id = any($1)) order by b.id`,
    values: [ids, new Date(nowMs)],
  });
  return rows.map(({ deadlineAt, createdAt, ...row }) => ({
    ...row,
    deadlineMs: deadlineAt?.getTime() ?? null,
    createdAtMs: createdAt.getTime(),
  }));
}

/** What differs between the books and the chain, each with what it is on either side. Pure. */
export function mismatchesOf(batch: BookedBatch, chain: ChainStatus): Mismatch[] {
  const { status, dueMinor } = batch;
  if (chain.state === 'unknown' || (status !== 'settled' && batch.isMoving)) return [];
  // What ended without execution has moved nothing, whatever was bound to it.
  if (status === 'expired') return chain.state === 'absent' || chain.state === 'refunded' ? [] : [statusDiffers(status, chain.state)];
  const terms = alteredTerms(batch, chain.terms).map((name): Mismatch => ({ code: TERM_CODES[name], detail: termOf(name, batch, chain) }));
  if (status !== 'settled') return [...(isElsewhere(status, chain.state) ? [statusDiffers(status, chain.state)] : []), ...terms];
  if (chain.state !== 'settled') return [statusDiffers(status, chain.state), ...terms];
  const { reversedMinor } = chain;
  const paid = dueMinor < 0n ? dueMinor + reversedMinor : dueMinor - reversedMinor;
  const reversal: Mismatch = { code: 'reversal_differs', detail: `${reversedMinor} given back on chain, ${batch.reversedMinor} here` };
  const books: Mismatch = { code: 'books_differ', detail: `${batch.bookedMinor ?? 'nothing'} in the books, ${paid} on chain` };
  return [...terms, ...(reversedMinor === batch.reversedMinor ? [] : [reversal]), ...(batch.bookedMinor === paid ? [] : [books])];
}

function statusDiffers(status: BatchStatus, state: ChainState): Mismatch {
  return { code: 'status_differs', detail: `${status} here, ${state} on chain` };
}

const BINDING: readonly ChainState[] = ['executed', 'disputed', 'resolved', 'settled'];

/** Whether one of the two has executed what the other has not. */
function isElsewhere(status: BatchStatus, state: ChainState): boolean {
  return BINDING.includes(state) !== (status === 'executed' || status === 'disputed');
}

function termOf(name: TermName, batch: BookedBatch, { terms }: ChainStatus): string {
  const both = (chain: unknown, ours: unknown): string => `${name} ${String(chain)} on chain, ${String(ours)} here`;
  switch (name) {
    case 'partner':
      return both(terms?.partner ?? 'nobody of ours', batch.partner);
    case 'currency':
      return both(terms?.currency ?? 'an asset of none', batch.currency);
    case 'amount':
      return both(terms?.netMinor, batch.dueMinor);
    case 'root':
      return both(terms?.merkleRoot, batch.merkleRoot);
    case 'count':
      return both(terms?.itemCount, batch.itemCount);
    case 'quorum':
      return both(terms?.approvalsNeeded, batch.approvalsNeeded);
    case 'deadline':
      return both(terms?.deadlineMs, batch.deadlineMs);
    case 'digest':
      return 'the digest on chain is not that of its terms';
  }
}
