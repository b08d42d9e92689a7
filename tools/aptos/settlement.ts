/**
 * The settlement agent's chain, on Aptos. Its three steps are more than three transactions: what we owe is put into the batch
 * with its proposal, or at the latest with its execution, and execution pays.
 */
import { fault } from '../../domain/errors.ts';
import { authenticatorHex, isSignedBy, keysOf, readAuthenticator } from './authenticator.ts';
import { chainTermsOf, proposalOfTerms } from './batch-terms.ts';
import type { BatchState, BatchStatus } from './batches.ts';
import { createAptosBatches, type SettlementDeps } from './create-batches.ts';
import type { BatchTerms } from './functions.ts';
import type { ChainProfile } from './profile.ts';
import { proposalDigest } from './proposal.ts';
import type { BatchApproval, ChainState, ChainStatus, ExecutionMandate, SettlementChain } from './settlement-chain.ts';
import { unknownIfUnseen } from './settlement-status.ts';
import type { ChainAccount } from './signer.ts';

export interface SettlementOptions {
  /** How long after its execution a payout may be disputed before it is made; 0, which is the default, pays at once. */
  readonly disputeWindowSecs?: number;
}

/** Settlement through the contracts. Throws `config_invalid` as `createAptosBatches` does. */
export function createAptosSettlement(deps: SettlementDeps, options: SettlementOptions = {}): SettlementChain {
  const batches = createAptosBatches(deps);
  const { disputeWindowSecs = 0 } = options;
  const { profile } = deps;
  return {
    async propose(proposal) {
      const proposed = await batches.propose(proposal, disputeWindowSecs);
      const isOpen = proposed.state === 'proposed' || proposed.state === 'approved';
      return shown(profile, isOpen ? await unknownIfUnseen(() => batches.fund(proposal.batchId)) : proposed);
    },
    async approve(approval) {
      assertConsent(deps.approvers, approval);
      const { proposalDigest: onChain, terms, state } = await batches.status(approval.batchId);
      if (onChain === null || terms === null) throw fault(state === 'unknown' ? 'chain_outcome_unknown' : 'not_found');
      assertProposal(profile, terms, approval.proposalDigest);
      return shown(profile, await batches.approveAs(approval.batchId, approval.signer, onChain));
    },
    async approveSigned({ proposalDigest: read, ...approval }) {
      const { terms, state } = await batches.status(approval.batchId);
      if (terms === null) throw fault(state === 'unknown' ? 'chain_outcome_unknown' : 'not_found');
      assertProposal(profile, terms, read);
      return shown(profile, await batches.approveSigned(approval));
    },
    async execute(batchId, mandate) {
      const standing = await batches.status(batchId);
      if (standing.terms !== null) assertProposal(profile, standing.terms, mandate.proposalDigest);
      if (standing.terms !== null && !EXECUTED.has(standing.state)) assertApprovers(standing.terms, standing.countedBy, mandate);
      const isReady = standing.isFunded || standing.state !== 'approved';
      const funded = isReady ? standing : await batches.fund(batchId);
      return shown(profile, funded.state === 'unknown' ? funded : await batches.execute(batchId));
    },
    pay: async (batchId) => shown(profile, await batches.pay(batchId)),
    refund: async (batchId) => shown(profile, await batches.refund(batchId)),
    dispute: async (batchId, evidenceHash) => shown(profile, await batches.dispute(batchId, evidenceHash)),
    vote: async (vote) => shown(profile, await batches.vote(vote)),
    status: async (batchId) => shown(profile, await batches.status(batchId)),
  };
}

/** What an account of ours gives as consent to a proposal: its authenticator over the digest, by whatever keys it signs. */
export function consentOf(account: ChainAccount): { signer: string; sign: (proposalDigest: string) => Promise<string> } {
  return {
    signer: account.address,
    sign: async (digest) => authenticatorHex(await account.authenticate(Buffer.from(digest, 'hex'))),
  };
}

/** An approval must be of a key of ours, and signed by it. Throws `chain_signer_refused`. */
function assertConsent(approvers: readonly ChainAccount[], approval: BatchApproval): void {
  const account = approvers.find(({ address }) => address === approval.signer);
  if (account === undefined || !isSigned(account, approval)) throw fault('chain_signer_refused');
}

/**
 * The terms on the chain must be those of the proposal that the digest is of. Terms of nobody we know are of no proposal of ours.
 * Throws `settlement_batch_altered`.
 */
function assertProposal(profile: ChainProfile, terms: BatchTerms, digest: string): void {
  const proposal = proposalOfTerms(profile, terms);
  if (proposal === null || proposalDigest(proposal) !== digest) throw fault('settlement_batch_altered');
}

const EXECUTED: ReadonlySet<BatchState> = new Set<BatchState>(['executed', 'disputed', 'resolved', 'settled']);

/** Enough of those who approved it here must have done so there. Throws `settlement_approvers_differ`. */
function assertApprovers(terms: BatchTerms, countedBy: readonly string[], { approvedBy }: ExecutionMandate): void {
  const agreed = countedBy.filter((account) => approvedBy.includes(account)).length;
  if (BigInt(agreed) < terms.approvalsNeeded) throw fault('settlement_approvers_differ');
}

function isSigned({ publicKey }: ChainAccount, { proposalDigest: digest, signature }: BatchApproval): boolean {
  const authenticator = readAuthenticator(signature);
  const isOwn = keysOf(authenticator).authKey().toString() === publicKey.authKey().toString();
  return isOwn && isSignedBy(authenticator, Buffer.from(digest, 'hex'));
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

function shown(profile: ChainProfile, status: BatchStatus): ChainStatus {
  const { countedBy, terms, proposalDigest: digest, payableAtMs, isPayable, reversedMinor, evidenceHash, steps } = status;
  const reference = status.steps['execute'] ?? status.reference;
  return {
    state: chainStateOf(status),
    approvedBy: countedBy,
    transactionHash: reference?.transactionHash ?? null,
    ledgerVersion: reference?.ledgerVersion ?? null,
    terms: terms === null || digest === null ? null : chainTermsOf(profile, terms, digest),
    payableAtMs,
    isPayable,
    reversedMinor,
    evidenceHash,
    steps,
  };
}
