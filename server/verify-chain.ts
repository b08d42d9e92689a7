/** Holds the books against the settlement chain: every batch that one of them has settled, the other has settled alike. */
import type { Pool } from '../db/connect.ts';
import { isFault } from '../domain/errors.ts';
import type { ChainReader } from '../tools/aptos/reader.ts';
import type { ChainState } from '../tools/aptos/settlement-chain.ts';
import type { Violation } from '../tools/ledger/index.ts';

interface BatchRow {
  id: string;
  status: string;
  currency: string;
  due: bigint;
  root: string;
  booked: bigint | null;
  isMoving: boolean;
}

export interface ChainComparison {
  /** `none`: no chain is configured · `unreachable`: nothing could be compared. */
  readonly state: 'none' | 'unreachable' | 'compared';
  readonly batches: number;
  readonly violations: readonly Violation[];
}

const AT_ONCE = 8;

/** Compares every batch that was meant for the chain. */
export async function compareChain(pool: Pool, reader: ChainReader | null): Promise<ChainComparison> {
  if (reader === null) return { state: 'none', batches: 0, violations: [] };
  const { rows } = await pool.query<BatchRow>(
    `select b.id, b.status, b.currency, b.due_amount as due, b.merkle_root as root,
       (select sum(case when debit.kind = 'chain' then t.amount else -t.amount end)::bigint from transfers t
         join accounts debit on debit.id = t.debit_account_id where t.link_id = b.id and t.reason in ('settlement', 'settlement_reversal')) as booked,
       exists (select 1 from settlement_steps s where s.batch_id = b.id and s.state in ('sent', 'unknown')) as "isMoving"
     from settlement_batches b where b.method = 'chain' order by b.id`,
  );
  const violations: Violation[] = [];
  try {
    for (let from = 0; from < rows.length; from += AT_ONCE) {
      const found = await Promise.all(rows.slice(from, from + AT_ONCE).map((row) => compareBatch(row, reader)));
      violations.push(...found.flat());
    }
  } catch (error) {
    if (isFault(error, 'chain_unavailable')) return { state: 'unreachable', batches: 0, violations: [] };
    throw error;
  }
  return { state: 'compared', batches: rows.length, violations };
}

async function compareBatch(row: BatchRow, reader: ChainReader): Promise<Violation[]> {
  const tell = (detail: string): Violation => ({
    invariant: 2,
    subject: `settlement_batch ${row.id}`,
    detail: `ledger = chain: ${detail}`,
  });
  const { state, merkleRoot, dueMinor, currency, reversedMinor } = await reader.status(row.id);
  // What is on its way right now is for whoever looks next.
  if (row.status !== 'settled') return row.isMoving ? [] : beforeTheEnd(row.status, state).map(tell);
  if (state !== 'settled') return [tell(`settled here, ${state} on chain`)];
  const faults: Violation[] = [];
  if (merkleRoot !== row.root) faults.push(tell('another Merkle root on chain'));
  if (dueMinor !== row.due || currency !== row.currency)
    faults.push(tell(`${dueMinor} ${currency} on chain, ${row.due} ${row.currency} here`));
  const paid = row.due < 0n ? row.due + reversedMinor : row.due - reversedMinor;
  if (row.booked !== paid) faults.push(tell(`${row.booked ?? 'nothing'} in the books, ${paid} on chain`));
  return faults;
}

const BINDING: readonly ChainState[] = ['executed', 'disputed', 'resolved', 'settled'];

/** What is wrong between our status of a batch that is not settled and the chain's. */
function beforeTheEnd(status: string, state: ChainState): string[] {
  if (status === 'expired' && state !== 'absent' && state !== 'refunded') return [`expired here, ${state} on chain`];
  return BINDING.includes(state) && status !== 'executed' && status !== 'disputed' ? [`${state} on chain, ${status} here`] : [];
}
