/** Looking at the chain without any key: what it holds of a batch, as anybody with a node can see. */
import { type Currency, isCurrency } from '../../domain/currency.ts';
import { batchBytes } from './batch-terms.ts';
import type { AptosNode } from './node.ts';
import { batchAddress } from './objects.ts';
import type { ChainProfile } from './profile.ts';
import { chainStateOf } from './settlement.ts';
import type { ChainStatus } from './settlement-chain.ts';
import { readBatch } from './settlement-status.ts';

/** What the chain settled, or is about to, by a batch. */
export interface ChainBatch extends ChainStatus {
  /** Paid to the partner below zero, by it above; minor units. Null while the chain does not know the batch. */
  readonly dueMinor: bigint | null;
  readonly currency: Currency | null;
}

export interface ChainReader {
  /** Throws faults of the chain when the node cannot be asked. Names no transaction: nothing is remembered of any. */
  status(batchId: string): Promise<ChainBatch>;
}

const NONE = { transactionHash: null, ledgerVersion: null } as const;
const ABSENT = {
  ...NONE,
  state: 'absent',
  approvals: 0,
  merkleRoot: null,
  payableAtMs: null,
  isPayable: false,
  dueMinor: null,
  currency: null,
  reversedMinor: 0n,
  evidenceHash: null,
  steps: {},
} as const;

/** Reads batches of the profile's contract. */
export function createChainReader(node: AptosNode, profile: ChainProfile): ChainReader {
  return {
    async status(batchId) {
      const bytes = batchBytes(batchId);
      const view = await readBatch(node, bytes, batchAddress(profile.contract, bytes));
      if (view === null) return ABSENT;
      const { terms, merkleRoot, approvals, reversedMinor, payableAtMs, isPayable, evidenceHash } = view;
      const total = terms.amounts.reduce((sum, amount) => sum + amount, 0n);
      const found = Object.entries(profile.assets).find(([, asset]) => asset === terms.asset)?.[0];
      return {
        ...NONE,
        state: chainStateOf(view),
        approvals,
        merkleRoot,
        dueMinor: terms.payer === profile.treasury ? -total : total,
        currency: found !== undefined && isCurrency(found) ? found : null,
        payableAtMs,
        isPayable,
        reversedMinor,
        evidenceHash,
        steps: {},
      };
    },
  };
}
