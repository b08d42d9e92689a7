/**
 * The settlement agent's chain, on Aptos. Its three steps are more than three transactions: what we owe is put into the batch
 * with its proposal, or at the latest with its execution, and execution pays.
 */
import { Ed25519PublicKey, Ed25519Signature } from '@aptos-labs/ts-sdk';
import { fault } from '../../domain/errors.ts';
import type { AptosBatches, BatchState, BatchStatus } from './batches.ts';
import { createAptosBatches, type SettlementDeps } from './create-batches.ts';
import { proposalDigest } from './proposal.ts';
import type { BatchApproval, ChainState, ChainStatus, SettlementChain } from './settlement-chain.ts';
import { unknownIfUnseen } from './settlement-status.ts';
import type { ChainAccount, KeySigner } from './signer.ts';

export interface SettlementOptions {
  /** How long after its execution a payout may be disputed before it is made; 0, which is the default, pays at once. */
  readonly disputeWindowSecs?: number;
}

/** Settlement through the contracts. Throws `config_invalid` as `createAptosBatches` does. */
export function createAptosSettlement(deps: SettlementDeps, options: SettlementOptions = {}): SettlementChain {
  const batches = createAptosBatches(deps);
  const { disputeWindowSecs = 0 } = options;
  return {
    async propose(proposal) {
      const proposed = await batches.propose(proposal, disputeWindowSecs);
      const isOpen = proposed.state === 'proposed' || proposed.state === 'approved';
      return shown(isOpen ? await unknownIfUnseen(() => batches.fund(proposal.batchId)) : proposed);
    },
    async approve(approval) {
      await assertConsent(batches, deps.approvers, approval);
      const { proposalDigest: onChain, state } = await batches.status(approval.batchId);
      if (onChain === null) throw fault(state === 'unknown' ? 'chain_outcome_unknown' : 'not_found');
      return shown(await batches.approveAs(approval.batchId, approval.signer, onChain));
    },
    async execute(batchId) {
      const standing = await batches.status(batchId);
      const isReady = standing.isFunded || standing.state !== 'approved';
      const funded = isReady ? standing : await batches.fund(batchId);
      return shown(funded.state === 'unknown' ? funded : await batches.execute(batchId));
    },
    pay: async (batchId) => shown(await batches.pay(batchId)),
    refund: async (batchId) => shown(await batches.refund(batchId)),
    dispute: async (batchId, evidenceHash) => shown(await batches.dispute(batchId, evidenceHash)),
    vote: async (vote) => shown(await batches.vote(vote)),
    status: async (batchId) => shown(await batches.status(batchId)),
  };
}

/** What a key of ours gives as consent to a proposal: its signature over the digest. */
export function consentOf(account: ChainAccount, key: KeySigner): { signer: string; sign: (proposalDigest: string) => Promise<string> } {
  return {
    signer: account.address,
    sign: async (digest) => Buffer.from(await key.sign(Buffer.from(digest, 'hex'))).toString('hex'),
  };
}

/**
 * An approval must be of a key of ours, signed by it, and for the proposal that is on the chain. Throws `chain_signer_refused`
 * and `settlement_batch_altered`.
 */
async function assertConsent(batches: AptosBatches, approvers: readonly ChainAccount[], approval: BatchApproval): Promise<void> {
  const account = approvers.find(({ address }) => address === approval.signer);
  if (account === undefined || !isSigned(account, approval)) throw fault('chain_signer_refused');
  const proposal = await batches.proposal(approval.batchId);
  if (proposal !== null && proposalDigest(proposal) !== approval.proposalDigest) throw fault('settlement_batch_altered');
}

function isSigned({ publicKey }: ChainAccount, { proposalDigest: digest, signature }: BatchApproval): boolean {
  if (!(publicKey instanceof Ed25519PublicKey) || !/^[0-9a-f]{128}$/.test(signature)) return false;
  return publicKey.verifySignature({ message: Buffer.from(digest, 'hex'), signature: new Ed25519Signature(signature) });
}

/** Batch states as the agent knows them: what was taken back is over like what was refunded. */
const STATES: Readonly<Record<Exclude<BatchState, 'expired'>, ChainState>> = {
  absent: 'absent',
  proposed: 'proposed',
  approved: 'approved',
  executed: 'executed',
  disputed: 'disputed',
  resolved: 'resolved',
  settled: 'settled',
  cancelled: 'refunded',
  unknown: 'unknown',
};

/** The agent's word for a batch that is in a state; one that has expired is over once it was refunded. */
export function chainStateOf({ state, isOver }: { readonly state: BatchState; readonly isOver: boolean }): ChainState {
  if (state === 'expired') return isOver ? 'refunded' : 'expired';
  return STATES[state];
}

function shown(status: BatchStatus): ChainStatus {
  const { approvals, merkleRoot, payableAtMs, isPayable, reversedMinor, evidenceHash, steps } = status;
  const reference = status.steps['execute'] ?? status.reference;
  return {
    state: chainStateOf(status),
    approvals,
    transactionHash: reference?.transactionHash ?? null,
    ledgerVersion: reference?.ledgerVersion ?? null,
    merkleRoot,
    payableAtMs,
    isPayable,
    reversedMinor,
    evidenceHash,
    steps,
  };
}
