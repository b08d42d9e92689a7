/** Looking at the chain without any key: what it holds of a batch, as anybody with a node can see. */
import { batchBytes, chainTermsOf, uuidOf } from './batch-terms.ts';
import type { AptosNode } from './node.ts';
import { batchAddress } from './objects.ts';
import type { ChainProfile } from './profile.ts';
import { chainStateOf } from './settlement.ts';
import type { ChainStatus } from './settlement-chain.ts';
import { readBatch } from './settlement-status.ts';

/** What a transaction has executed. */
export interface ChainExecution {
  readonly batchId: string;
  readonly merkleRoot: string;
  readonly ledgerVersion: bigint;
}

export interface ChainReader {
  /** Throws faults of the chain when the node cannot be asked. Names no transaction: nothing is remembered of any. */
  status(batchId: string): Promise<ChainStatus>;
  /** The batches that a transaction has executed; none for one that the node does not know, or that did nothing. */
  executions(transactionHash: string): Promise<readonly ChainExecution[]>;
}

const NONE = { transactionHash: null, ledgerVersion: null } as const;
const ABSENT = {
  ...NONE,
  state: 'absent',
  approvedBy: [],
  terms: null,
  payableAtMs: null,
  isPayable: false,
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
      const { terms, digest, countedBy, reversedMinor, payableAtMs, isPayable, evidenceHash } = view;
      return {
        ...NONE,
        state: chainStateOf(view),
        approvedBy: countedBy,
        terms: chainTermsOf(profile, terms, digest),
        payableAtMs,
        isPayable,
        reversedMinor,
        evidenceHash,
        steps: {},
      };
    },
    async executions(transactionHash) {
      const { found } = await node.transaction(transactionHash);
      if (found?.success !== true || found.version === undefined) return [];
      const ledgerVersion = BigInt(found.version);
      const executed = (found.events ?? []).filter(({ type }) => type === `${profile.contract}::settlement::BatchExecuted`);
      return executed.map(({ data }) => ({
        batchId: uuidOf(hexOf(data['batch_id'])),
        merkleRoot: hexOf(data['merkle_root']),
        ledgerVersion,
      }));
    },
  };
}

const hexOf = (value: unknown): string => String(value).replace(/^0x/, '');
