/**
 * Batches on Aptos, kept with `capp::settlement`. Each step is one transaction that the chain carries out once; what is already
 * so on the chain is not asked for again.
 */
import { fault, isFault } from '../../domain/errors.ts';
import { readApproval, requestApproval } from './approval.ts';
import type { ApprovalRequest } from './approval-request.ts';
import type { AptosBatches, BatchStatus } from './batches.ts';
import { batchBytes, digestOfTerms, proposalOfTerms, termsOf } from './batch-terms.ts';
import { type EntryArgs, entryCall, type EntryName } from './functions.ts';
import { batchAddress } from './objects.ts';
import { follow, send, type SendDeps, type Step } from './send.ts';
import { type BatchProposal, type DisputeVote, type SignedApproval, stepName, voteSigner } from './settlement-chain.ts';
import { type BatchView, readBatch, statusFrom, unknownIfUnseen } from './settlement-status.ts';
import type { ChainAccount } from './signer.ts';

export interface SettlementDeps extends SendDeps {
  /** Holds the settlement role of the contract. */
  readonly settler: ChainAccount;
  /** Pays what we owe to partners; its address is the profile's treasury. */
  readonly treasury: ChainAccount;
  /** Policy keys that approve without people. */
  readonly approvers: readonly ChainAccount[];
  /** Keys kept for people who judge disputes. */
  readonly arbiters: readonly ChainAccount[];
}

/** Throws `config_invalid` when the keys of the treasury or the fee payer are not those of the profile's. */
export function createAptosBatches(deps: SettlementDeps): AptosBatches {
  const { treasury, feePayer } = deps.profile;
  if (deps.treasury.address !== treasury) {
    throw fault('config_invalid', { field: 'treasury', detail: 'The key of the treasury is not that of the chain profile.' });
  }
  if (feePayer !== undefined && deps.feePayer?.address !== feePayer) {
    throw fault('config_invalid', { field: 'feePayer', detail: 'The key of the fee payer is not that of the chain profile.' });
  }
  const status = (batchId: string): Promise<BatchStatus> => statusOf(deps, batchId);
  return {
    signers: deps.approvers.map(({ address }) => address),
    status,
    async proposal(batchId) {
      const batch = await viewOf(deps, batchId);
      return batch === null ? null : proposalOfTerms(deps.profile, batch.terms);
    },
    propose: (proposal, disputeWindowSecs) => propose(deps, proposal, disputeWindowSecs),
    fund: (batchId) => fund(deps, batchId),
    approveAs: (batchId, signer, digest) => approveAs(deps, batchId, signer, digest),
    approvalRequest: (batchId, signer) => approvalRequest(deps, batchId, signer),
    approveSigned: (approval) => approveSigned(deps, approval),
    execute: (batchId) => execute(deps, batchId),
    pay: (batchId) => take(deps, batchId, 'pay', 'settlement::pay_all', deps.settler, ({ isOver }) => isOver),
    cancel: (batchId) => take(deps, batchId, 'cancel', 'settlement::cancel', deps.settler, ({ state }) => state === 'cancelled'),
    refund: (batchId) => take(deps, batchId, 'refund', 'settlement::refund_expired', deps.settler, ({ isOver }) => isOver),
    dispute: (batchId, evidenceHash) => dispute(deps, batchId, evidenceHash),
    vote: (vote) => castVote(deps, vote),
  };
}

const addressOf = (deps: SettlementDeps, batchId: string): string => batchAddress(deps.profile.contract, batchBytes(batchId));

function viewOf(deps: SettlementDeps, batchId: string): Promise<BatchView | null> {
  return readBatch(deps.node, batchBytes(batchId), addressOf(deps, batchId));
}

/** The batch as it is on the chain. Throws `chain_outcome_unknown` while its proposal may still get there, `not_found` after. */
async function batchOf(deps: SettlementDeps, batchId: string): Promise<BatchView> {
  const batch = await viewOf(deps, batchId);
  if (batch !== null) return batch;
  const sent = await deps.sent.latest(batchId, 'propose');
  throw fault(sent?.state === 'open' ? 'chain_outcome_unknown' : 'not_found');
}

/** Looks after what is open, then at the chain. The order matters: what was open and is resolved must show in the views. */
async function statusOf(deps: SettlementDeps, batchId: string): Promise<BatchStatus> {
  const sent = await deps.sent.ofSubject(batchId);
  const looked = await Promise.all(sent.map((each) => follow(deps, each, false)));
  return statusFrom(await viewOf(deps, batchId), looked);
}

/** The status after a step was carried out. */
function statusAfter(deps: SettlementDeps, batchId: string): Promise<BatchStatus> {
  return unknownIfUnseen(() => statusOf(deps, batchId));
}

/** Sends one step. An unknown outcome is no fault: the status says it. */
async function carryOut(
  deps: SettlementDeps,
  batchId: string,
  name: string,
  what: Pick<Step, 'account' | 'call' | 'transaction'>,
): Promise<void> {
  const outcome = await send(deps, { subject: batchId, step: name, ...what });
  if (outcome.kind === 'refused' || outcome.kind === 'failed') throw outcome.fault;
}

function step<N extends EntryName>(
  deps: SettlementDeps,
  batchId: string,
  name: string,
  fn: N,
  account: ChainAccount,
  ...more: readonly unknown[]
): Promise<void> {
  const args = [addressOf(deps, batchId), ...more] as unknown as EntryArgs<N>;
  return carryOut(deps, batchId, name, { account, call: entryCall(deps.profile.contract, fn, args) });
}

async function propose(deps: SettlementDeps, proposal: BatchProposal, disputeWindowSecs: number): Promise<BatchStatus> {
  const { batchId } = proposal;
  const terms = termsOf(deps.profile, deps.settler.address, proposal, disputeWindowSecs);
  const digest = digestOfTerms(deps.profile.contract, terms);
  const standing = await viewOf(deps, batchId);
  if (standing === null) {
    const call = entryCall(deps.profile.contract, 'settlement::propose', [
      terms.batchId,
      terms.asset,
      terms.payer,
      terms.recipients,
      terms.amounts,
      terms.merkleRoot,
      terms.itemCount,
      terms.approvalsNeeded,
      terms.deadlineSecs,
      terms.disputeWindowSecs,
    ]);
    await unless(
      deps,
      batchId,
      ({ digest: kept }) => kept === digest,
      () => carryOut(deps, batchId, 'propose', { account: deps.settler, call }),
    );
  }
  const status = await (standing === null ? statusAfter(deps, batchId) : statusOf(deps, batchId));
  if (status.proposalDigest !== null && status.proposalDigest !== digest) throw fault('settlement_batch_altered');
  return status;
}

/** Does a step; a refusal counts for nothing when the chain shows that what was wanted is so already. */
async function unless(
  deps: SettlementDeps,
  batchId: string,
  isDone: (batch: BatchView) => boolean,
  act: () => Promise<void>,
): Promise<void> {
  try {
    await act();
  } catch (error) {
    if (!isFault(error)) throw error;
    const batch = await viewOf(deps, batchId);
    if (batch === null || !isDone(batch)) throw error;
  }
}

async function take(
  deps: SettlementDeps,
  batchId: string,
  name: string,
  fn: 'settlement::pay_all' | 'settlement::cancel' | 'settlement::refund_expired',
  account: ChainAccount,
  isDone: (batch: BatchView) => boolean,
): Promise<BatchStatus> {
  if (isDone(await batchOf(deps, batchId))) return statusOf(deps, batchId);
  await unless(deps, batchId, isDone, () => step(deps, batchId, name, fn, account));
  return statusAfter(deps, batchId);
}

async function fund(deps: SettlementDeps, batchId: string): Promise<BatchStatus> {
  const batch = await batchOf(deps, batchId);
  if (!batch.isFunded && batch.terms.payer === deps.treasury.address) {
    const isDone = ({ isFunded }: BatchView): boolean => isFunded;
    await unless(deps, batchId, isDone, () => step(deps, batchId, 'fund', 'settlement::fund', deps.treasury));
  }
  return statusOf(deps, batchId);
}

async function approveAs(deps: SettlementDeps, batchId: string, signer: string, digest: string): Promise<BatchStatus> {
  const account = deps.approvers.find(({ address }) => address === signer);
  if (account === undefined) throw fault('chain_signer_refused', { internal: 'no key of ours has this address' });
  const batch = await batchOf(deps, batchId);
  if (batch.digest !== digest) throw fault('settlement_batch_altered');
  const isDone = ({ approvedBy }: BatchView): boolean => approvedBy.includes(signer);
  if (isDone(batch)) return statusOf(deps, batchId);
  await unless(deps, batchId, isDone, () => step(deps, batchId, `approve:${signer}`, 'settlement::approve', account, digest));
  return statusAfter(deps, batchId);
}

async function approvalRequest(deps: SettlementDeps, batchId: string, signer: string): Promise<ApprovalRequest> {
  const { terms } = await batchOf(deps, batchId);
  return requestApproval(deps, signer, terms);
}

async function approveSigned(deps: SettlementDeps, approval: Omit<SignedApproval, 'proposalDigest'>): Promise<BatchStatus> {
  const { batchId, signer } = approval;
  const name = stepName('approve', signer);
  const [{ digest }, sent] = await Promise.all([batchOf(deps, batchId), deps.sent.latest(batchId, name)]);
  const isFresh = sent === null || (sent.state !== 'open' && sent.state !== 'executed');
  await carryOut(deps, batchId, name, await readApproval(deps, approval, { digest, isFresh }));
  return statusAfter(deps, batchId);
}

async function execute(deps: SettlementDeps, batchId: string): Promise<BatchStatus> {
  const batch = await batchOf(deps, batchId);
  if (['executed', 'disputed', 'resolved', 'settled'].includes(batch.state)) return statusOf(deps, batchId);
  const fn = batch.terms.disputeWindowSecs === 0n ? 'settlement::execute_and_pay' : 'settlement::execute';
  const isDone = ({ state }: BatchView): boolean => state === 'executed' || state === 'settled';
  await unless(deps, batchId, isDone, () => step(deps, batchId, 'execute', fn, deps.settler));
  return statusAfter(deps, batchId);
}

async function dispute(deps: SettlementDeps, batchId: string, evidenceHash: string): Promise<BatchStatus> {
  const batch = await batchOf(deps, batchId);
  const isDone = (seen: BatchView): boolean => seen.evidenceHash !== null;
  if (isDone(batch)) return statusOf(deps, batchId);
  if (batch.state !== 'executed') throw fault('settlement_batch_closed');
  await unless(deps, batchId, isDone, () => step(deps, batchId, 'dispute', 'settlement::open_dispute', deps.settler, evidenceHash));
  return statusAfter(deps, batchId);
}

/** The contract wants a reversal for each recipient; a batch of ours has one. */
async function castVote(deps: SettlementDeps, vote: DisputeVote): Promise<BatchStatus> {
  const { batchId, signer, reversedMinor } = vote;
  const account = deps.arbiters.find(({ address }) => address === signer);
  if (account === undefined) throw fault('chain_signer_refused', { internal: 'no key of ours has this address' });
  const batch = await batchOf(deps, batchId);
  if (batch.terms.recipients.length !== 1)
    throw fault('settlement_terms_invalid', { field: 'recipients', detail: 'A batch of ours has one.' });
  await step(deps, batchId, stepName('vote', voteSigner(vote)), 'settlement::vote', account, [reversedMinor]);
  return statusAfter(deps, batchId);
}
