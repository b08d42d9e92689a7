/** Looking at the chain without any key: what it holds of a batch, as anybody with a node can see. */
import { type Currency, isCurrency } from '../../domain/currency.ts';
import { batchBytes, uuidOf } from './batch-terms.ts';
import type { BatchTerms } from './functions.ts';
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
  /** The rail whose account it pays, or is paid by; null for an account that the profile does not name. */
  readonly partner: string | null;
  readonly itemCount: number | null;
}

/** What a transaction has executed. */
export interface ChainExecution {
  readonly batchId: string;
  readonly merkleRoot: string;
  readonly ledgerVersion: bigint;
}

export interface ChainReader {
  /** Throws faults of the chain when the node cannot be asked. Names no transaction: nothing is remembered of any. */
  status(batchId: string): Promise<ChainBatch>;
  /** The batches that a transaction has executed; none for one that the node does not know, or that did nothing. */
  executions(transactionHash: string): Promise<readonly ChainExecution[]>;
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
  partner: null,
  itemCount: null,
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
        partner: partnerOf(profile, terms),
        itemCount: Number(terms.itemCount),
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

/** Who is on the other side of our treasury; null unless exactly one partner is. */
function partnerOf({ treasury, partners }: ChainProfile, { payer, recipients }: BatchTerms): string | null {
  const others = [payer, ...recipients].filter((account) => account !== treasury);
  const [found] = Object.entries(partners).filter(([, account]) => account === others[0]);
  return others.length === 1 && found !== undefined ? found[0] : null;
}
