/**
 * Batches on Aptos, step by step: everything that `capp::settlement` lets settlement do, each step once however often it is
 * asked for. settlement-chain.ts is the narrower contract that the settlement agent works with.
 */
import type { ApprovalRequest } from './approval-request.ts';
import type { BatchTerms } from './functions.ts';
import type { BatchProposal, ChainState, DisputeVote, SignedApproval, StepReference } from './settlement-chain.ts';

/**
 * The contract's own words where they are finer: what has `expired` may have been refunded or not (`isOver` tells), and what
 * settlement took back is `cancelled`.
 */
export type BatchState = Exclude<ChainState, 'refunded'> | 'cancelled';

/** A transaction of ours on the chain. */
export interface ChainReference extends StepReference {
  /** Units of gas, and octas for each. */
  readonly gasUsed: bigint;
  readonly gasUnitPrice: bigint;
}

export interface BatchStatus {
  readonly state: BatchState;
  /** Accounts whose approvals count: those that are approvers still. */
  readonly countedBy: readonly string[];
  /** Accounts that have approved. */
  readonly approvedBy: readonly string[];
  /** Whether the payer has put the whole sum in. */
  readonly isFunded: boolean;
  /** Whether anything of it is still to be paid, returned or refunded. */
  readonly isOver: boolean;
  /**
   * The transaction of ours that brought the batch to this state; null while there is none, and for a step that somebody
   * else took.
   */
  readonly reference: ChainReference | null;
  /** Every step of ours that the chain has executed, by name: `propose`, `fund`, `approve:ADDRESS`, `execute`, `vote:ADDRESS:1`, … */
  readonly steps: Readonly<Record<string, ChainReference>>;
  /** The terms and their digest as the chain holds them; differing from ours only if something is wrong, which becomes a case. */
  readonly terms: BatchTerms | null;
  readonly proposalDigest: string | null;
  /** When an executed or disputed batch can be paid if nothing else happens; null for any other. */
  readonly payableAtMs: number | null;
  /** Whether it can be paid now, by the chain's clock. */
  readonly isPayable: boolean;
  /** Minor units reversed by arbiters. */
  readonly reversedMinor: bigint;
  /** Hash of the evidence that a dispute was opened with; null while there was none. */
  readonly evidenceHash: string | null;
}

export interface AptosBatches {
  /**
   * Puts a batch before its signers. Repeating it with the same content is harmless, with other content refused.
   * `disputeWindowSecs`: how long after execution the payout may be disputed; 0 pays at once.
   */
  propose(proposal: BatchProposal, disputeWindowSecs: number): Promise<BatchStatus>;
  /** Puts in what we owe. For a batch that the partner pays it only looks. */
  fund(batchId: string): Promise<BatchStatus>;
  /** Approves with a key of ours, which must be among the chain's approvers. The same signer counts once. */
  approveAs(batchId: string, signer: string, proposalDigest: string): Promise<BatchStatus>;
  /** What somebody with a key elsewhere must sign. */
  approvalRequest(batchId: string, signer: string): Promise<ApprovalRequest>;
  /** Adds such a signer's approval. Throws what `readApproval` throws. */
  approveSigned(approval: Omit<SignedApproval, 'proposalDigest'>): Promise<BatchStatus>;
  /** Executes an approved and funded batch, once; without a dispute window it is paid in the same transaction. */
  execute(batchId: string): Promise<BatchStatus>;
  /** Pays an executed batch whose time to be disputed is over, and returns what was reversed. */
  pay(batchId: string): Promise<BatchStatus>;
  /** Takes a proposal back; what was funded returns to its payer. */
  cancel(batchId: string): Promise<BatchStatus>;
  /** Ends a proposal whose deadline has passed; what was funded returns to its payer. */
  refund(batchId: string): Promise<BatchStatus>;
  /** Freezes an executed batch within its window; only the hash of the evidence goes on chain. */
  dispute(batchId: string, evidenceHash: string): Promise<BatchStatus>;
  /** Judges a dispute with the key of an arbiter that is kept here. Each vote counts once; a later one takes its place. */
  vote(vote: DisputeVote): Promise<BatchStatus>;
  /** The proposal as the chain has it, or null. */
  proposal(batchId: string): Promise<BatchProposal | null>;
  /** What the chain knows of the batch; changes nothing on it. */
  status(batchId: string): Promise<BatchStatus>;
  /** Accounts of ours that can approve here, with policy keys. */
  readonly signers: readonly string[];
}
