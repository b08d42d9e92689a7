/** What of a batch is bound on the chain, as we have it; every step and every comparison holds the chain to it. */
import type { Json } from '../../domain/decision.ts';
import { type BatchProposal, type ChainTerms, differingTerms, type TermName } from '../../tools/aptos/settlement-chain.ts';
import type { DrivenBatch } from './types.ts';

/** What of a batch its proposal is made of. */
export type ProposedBatch = Pick<
  DrivenBatch,
  'id' | 'partner' | 'currency' | 'dueMinor' | 'merkleRoot' | 'itemCount' | 'approvalsNeeded' | 'deadlineMs'
>;

/** What is put before the approvers. A batch that was never proposed has no deadline: that of 1970, which no proposal has. */
export function proposalOf(batch: ProposedBatch, deadlineMs = batch.deadlineMs ?? 0): BatchProposal {
  return {
    batchId: batch.id,
    obligation: { partner: batch.partner, currency: batch.currency, netMinor: batch.dueMinor },
    merkleRoot: batch.merkleRoot,
    itemCount: batch.itemCount,
    approvalsNeeded: batch.approvalsNeeded,
    deadlineMs,
  };
}

/** Which terms the chain holds otherwise than we proposed them; none while it does not know the batch. */
export function alteredTerms(batch: ProposedBatch, terms: ChainTerms | null): TermName[] {
  return terms === null ? [] : differingTerms(proposalOf(batch), terms);
}

/** Terms as evidence for people. */
export function shownTerms({ netMinor, ...terms }: ChainTerms): Json {
  return { ...terms, netMinor: netMinor.toString() };
}
