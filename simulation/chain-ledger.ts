/** Every transaction that the sandbox chain has committed with success, read through the node as anybody could. */
import type { ChainEvidence } from './chain-verdict.ts';

export interface LedgerTransaction {
  readonly events: readonly { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[];
  /** The time of its block, seconds. */
  readonly atSecs: bigint;
}

const PAGE = 100;

/** In the order of the ledger. */
export async function ledgerTransactions({
  sandbox,
  profile,
}: Pick<ChainEvidence, 'sandbox' | 'profile'>): Promise<readonly LedgerTransaction[]> {
  const all: LedgerTransaction[] = [];
  for (let start = 0n; ; ) {
    const answer = await sandbox.fetch(`${profile.nodeUrl}/transactions?start=${start}&limit=${PAGE}`, { method: 'GET' });
    const page = (await answer.json()) as (Omit<LedgerTransaction, 'atSecs'> & { version: string; success: boolean; timestamp: string })[];
    for (const { success, events, timestamp } of page) if (success) all.push({ events, atSecs: BigInt(timestamp) / 1_000_000n });
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return all;
    start = BigInt(last.version) + 1n;
  }
}
