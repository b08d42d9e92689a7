/** Holds the books against the settlement chain, every batch that was meant for it. */
import type { Pool } from '../db/connect.ts';
import { isFault } from '../domain/errors.ts';
import { type BookedBatch, mismatchesOf, readBooked } from '../graph/settlement/comparison.ts';
import type { ChainReader } from '../tools/aptos/reader.ts';
import type { Violation } from '../tools/ledger/index.ts';

export interface ChainComparison {
  /** `none`: no chain is configured · `unreachable`: nothing could be compared. */
  readonly state: 'none' | 'unreachable' | 'compared';
  readonly batches: number;
  readonly violations: readonly Violation[];
}

const AT_ONCE = 8;

/** Compares every batch that was meant for the chain, as the books have it at `nowMs`. */
export async function compareChain(pool: Pool, reader: ChainReader | null, nowMs = Date.now()): Promise<ChainComparison> {
  if (reader === null) return { state: 'none', batches: 0, violations: [] };
  const rows = await readBooked(pool, nowMs);
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

async function compareBatch(row: BookedBatch, reader: ChainReader): Promise<Violation[]> {
  const differs = mismatchesOf(row, await reader.status(row.id));
  return differs.map(({ detail }) => ({ invariant: 2, subject: `settlement_batch ${row.id}`, detail: `ledger = chain: ${detail}` }));
}
