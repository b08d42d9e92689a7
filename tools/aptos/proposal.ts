/** What an approval is for: one digest over everything a proposal binds. */
import { canonicalJson } from '../../domain/canonical.ts';
import { digestOf } from '../../domain/ids.ts';
import type { BatchProposal } from './settlement-chain.ts';

/** SHA-256 of the canonical JSON (RFC 8785) of all fields of a proposal, hex. */
export function proposalDigest(proposal: BatchProposal): string {
  const { batchId, obligation, merkleRoot, itemCount, approvalsNeeded, deadlineMs } = proposal;
  const { partner, currency, netMinor } = obligation;
  return digestOf(
    canonicalJson({ batchId, partner, currency, netMinor: netMinor.toString(), merkleRoot, itemCount, approvalsNeeded, deadlineMs }),
  );
}
