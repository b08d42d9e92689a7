/** Every transaction that the sandbox chain has committed with success, read through the node as anybody could. */
import type { Sandbox } from '../sandbox/sandbox.ts';
import type { ChainProfile } from '../tools/aptos/profile.ts';

/** A sandbox chain, and who is who on it. */
export interface SandboxChain {
  readonly sandbox: Sandbox;
  readonly profile: ChainProfile;
}

export interface LedgerTransaction {
  /** The function that was called: module and name. */
  readonly fn: string;
  readonly events: readonly { readonly type: string; readonly data: Readonly<Record<string, unknown>> }[];
  /** The time of its block, seconds. */
  readonly atSecs: bigint;
}

type CommittedJson = Pick<LedgerTransaction, 'events'> & {
  readonly version: string;
  readonly success: boolean;
  readonly timestamp: string;
  readonly payload: { readonly function: string };
};

const PAGE = 100;

/** In the order of the ledger. */
export async function ledgerTransactions({ sandbox, profile }: SandboxChain): Promise<readonly LedgerTransaction[]> {
  const all: LedgerTransaction[] = [];
  for (let start = 0n; ; ) {
    const answer = await sandbox.fetch(`${profile.nodeUrl}/transactions?start=${start}&limit=${PAGE}`, { method: 'GET' });
    const page = (await answer.json()) as CommittedJson[];
    for (const { success, events, timestamp, payload } of page)
      if (success) all.push({ fn: payload.function.replace(/^0x[0-9a-f]+::/, ''), events, atSecs: BigInt(timestamp) / 1_000_000n });
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return all;
    start = BigInt(last.version) + 1n;
  }
}
