/** Looking at the chain without any key: what it holds of a batch, as anybody with a node can see. */
import { type Currency, isCurrency } from '../../domain/currency.ts';
import { batchBytes } from './batch-terms.ts';
import type { AptosNode } from './node.ts';
import { batchAddress } from './objects.ts';
import type { ChainProfile } from './profile.ts';
import type { ChainStatus } from './settlement-chain.ts';
import { readBatch } from './settlement-status.ts';

/** What the chain settled, or is about to, by a batch. */
export interface ChainBatch extends ChainStatus {
  /** Paid to the partner below zero, by it above; minor units. Null while the chain does not know the batch. */
  readonly dueMinor: bigint | null;
  readonly currency: Currency | null;
  /** What arbiters gave back to the payer. */
  readonly reversedMinor: bigint;
}

export interface ChainReader {
  /** Throws faults of the chain when the node cannot be asked. Names no transaction: nothing is remembered of any. */
  status(batchId: string): Promise<ChainBatch>;
}

const NONE = { approvals: 0, transactionHash: null, ledgerVersion: null, merkleRoot: null } as const;

/** Reads batches of the profile's contract. */
export function createChainReader(node: AptosNode, profile: ChainProfile): ChainReader {
  return {
    async status(batchId) {
      const bytes = batchBytes(batchId);
      const view = await readBatch(node, bytes, batchAddress(profile.contract, bytes));
      if (view === null) return { ...NONE, state: 'absent', dueMinor: null, currency: null, reversedMinor: 0n };
      const { terms, state, merkleRoot, approvals, reversedMinor } = view;
      const total = terms.amounts.reduce((sum, amount) => sum + amount, 0n);
      const found = Object.entries(profile.assets).find(([, asset]) => asset === terms.asset)?.[0];
      return {
        ...NONE,
        state: state === 'settled' ? 'executed' : state === 'resolved' ? 'disputed' : state === 'cancelled' ? 'expired' : state,
        approvals,
        merkleRoot,
        dueMinor: terms.payer === profile.treasury ? -total : total,
        currency: found !== undefined && isCurrency(found) ? found : null,
        reversedMinor,
      };
    },
  };
}
