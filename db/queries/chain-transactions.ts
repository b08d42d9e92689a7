/** The memory of what was sent to the settlement chain. */
import type { Pool } from 'pg';

export interface ChainTransactionRow {
  readonly subject: string;
  readonly step: string;
  readonly attempt: number;
  readonly expiresAtSecs: bigint;
  readonly editions: readonly { readonly hash: string; readonly bytes: string; readonly gasUnitPrice: bigint }[];
  readonly state: 'open' | 'executed' | 'failed' | 'refused' | 'absent';
  readonly hash: string | null;
  readonly version: bigint | null;
  readonly gasUsed: bigint | null;
  readonly gasUnitPrice: bigint | null;
  readonly vmStatus: string | null;
}

type Stored = Omit<ChainTransactionRow, 'editions'> & {
  readonly editions: readonly { hash: string; bytes: string; gasUnitPrice: string }[];
};

const COLUMNS = `subject, step, attempt, expires_at_secs as "expiresAtSecs", editions, state, hash, ledger_version as version,
  gas_used as "gasUsed", gas_unit_price as "gasUnitPrice", vm_status as "vmStatus"`;

function rowOf(stored: Stored): ChainTransactionRow {
  return { ...stored, editions: stored.editions.map((edition) => ({ ...edition, gasUnitPrice: BigInt(edition.gasUnitPrice) })) };
}

function editionsJson({ editions }: ChainTransactionRow): string {
  return JSON.stringify(editions.map((edition) => ({ ...edition, gasUnitPrice: edition.gasUnitPrice.toString() })));
}

/** The latest attempt of a step, or null. */
export async function findChainTransaction(db: Pool, subject: string, step: string): Promise<ChainTransactionRow | null> {
  const found = await db.query<Stored>({
    name: 'find_chain_transaction',
    text: `select ${COLUMNS} from chain_transactions where subject = $1 and step = $2 order by attempt desc limit 1`,
    values: [subject, step],
  });
  return found.rows[0] === undefined ? null : rowOf(found.rows[0]);
}

/** The latest attempt of every step of a subject. */
export async function listChainTransactions(db: Pool, subject: string): Promise<ChainTransactionRow[]> {
  const found = await db.query<Stored>({
    name: 'list_chain_transactions',
    text: `select distinct on (step) ${COLUMNS} from chain_transactions where subject = $1 order by step, attempt desc`,
    values: [subject],
  });
  return found.rows.map(rowOf);
}

/** Stores a new attempt; false when there is one of its number, or the one before is open still. */
export async function insertChainTransaction(db: Pool, row: ChainTransactionRow): Promise<boolean> {
  const inserted = await db.query({
    name: 'insert_chain_transaction',
    text: `insert into chain_transactions (subject, step, attempt, expires_at_secs, editions, state)
      select $1, $2, $3, $4, $5, $6
      where not exists (select 1 from chain_transactions where subject = $1 and step = $2 and (state = 'open' or attempt >= $3))
      on conflict do nothing`,
    values: [row.subject, row.step, row.attempt, row.expiresAtSecs, editionsJson(row), row.state],
  });
  return inserted.rowCount === 1;
}

/** Replaces an attempt that is open still. */
export async function updateChainTransaction(db: Pool, row: ChainTransactionRow): Promise<void> {
  await db.query({
    name: 'update_chain_transaction',
    text: `update chain_transactions set editions = $4, state = $5, hash = $6, ledger_version = $7, gas_used = $8, gas_unit_price = $9,
        vm_status = $10, updated_at = now()
      where subject = $1 and step = $2 and attempt = $3 and state = 'open'`,
    values: [
      row.subject,
      row.step,
      row.attempt,
      editionsJson(row),
      row.state,
      row.hash,
      row.version,
      row.gasUsed,
      row.gasUnitPrice,
      row.vmStatus,
    ],
  });
}
