/**
 * Where approvals by keys that are elsewhere are asked for and looked at, by a process that holds no key itself: it reads the chain,
 * and sends nothing.
 */
import { fault } from '../../domain/errors.ts';
import { type ApprovalDeps, readApproval, requestApproval } from './approval.ts';
import type { ApprovalRequest } from './approval-request.ts';
import { batchBytes, proposalOfTerms } from './batch-terms.ts';
import { batchAddress } from './objects.ts';
import { proposalDigest } from './proposal.ts';
import type { SignedApproval } from './settlement-chain.ts';
import { type BatchView, readBatch } from './settlement-status.ts';

export interface ApprovalDesk {
  /** What the account must sign to approve the batch. Throws what `openBatch` throws. */
  request(batchId: string, signer: string): Promise<ApprovalRequest>;
  /**
   * Looks at an approval before it is written down; resolves with when its transaction expires, Unix milliseconds. Throws what
   * `readApproval` throws and what `openBatch` throws, `settlement_batch_altered` where the chain has another proposal than was read.
   */
  check(approval: SignedApproval): Promise<number>;
}

/** A desk of the profile's contract. */
export function createApprovalDesk(deps: ApprovalDeps): ApprovalDesk {
  return {
    async request(batchId, signer) {
      const { terms } = await openBatch(deps, batchId, signer);
      return requestApproval(deps, signer, terms);
    },
    async check({ proposalDigest: read, ...approval }) {
      const { digest, terms } = await openBatch(deps, approval.batchId, approval.signer);
      const proposal = proposalOfTerms(deps.profile, terms);
      if (proposal === null || proposalDigest(proposal) !== read) throw fault('settlement_batch_altered');
      const { transaction } = await readApproval(deps, approval, { digest, isFresh: true });
      return Number(transaction.rawTransaction.expiration_timestamp_secs) * 1_000;
    },
  };
}

/**
 * The batch as the chain has it, if an approval by this signer can still count. Throws `chain_behind` while the node does not know it,
 * `settlement_approval_replayed`, `settlement_batch_expired`, `settlement_batch_closed`.
 */
async function openBatch({ node, profile }: ApprovalDeps, batchId: string, signer: string): Promise<BatchView> {
  const bytes = batchBytes(batchId);
  const batch = await readBatch(node, bytes, batchAddress(profile.contract, bytes));
  if (batch === null) throw fault('chain_behind', { internal: `the node does not know batch ${batchId}` });
  if (batch.approvedBy.includes(signer)) throw fault('settlement_approval_replayed');
  if (batch.state === 'expired') throw fault('settlement_batch_expired');
  if (batch.state !== 'proposed' && batch.state !== 'approved') throw fault('settlement_batch_closed');
  return batch;
}
