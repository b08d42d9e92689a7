/**
 * Approvals by people whose keys are elsewhere: we say what is to be signed, they sign it, and it comes back. The transaction goes
 * by the signer's sequence number, not by a nonce, so that there is time to look before signing. What comes back may be anything:
 * it is the approval of one batch, within these bounds, or it is refused.
 */
import {
  AccountAddress,
  type Deserializer,
  type EntryFunction,
  RawTransaction,
  SimpleTransaction,
  TransactionPayloadEntryFunction,
} from '@aptos-labs/ts-sdk';
import { fault } from '../../domain/errors.ts';
import type { ApprovalRequest } from './approval-request.ts';
import { isSignedBy, keysOf, readAuthenticator, readBcs } from './authenticator.ts';
import { batchBytes, digestOfTerms, proposalOfTerms } from './batch-terms.ts';
import { type BatchTerms, entryCall } from './functions.ts';
import type { AptosNode } from './node.ts';
import { batchAddress } from './objects.ts';
import type { ChainProfile } from './profile.ts';
import { proposalDigest } from './proposal.ts';
import type { SignedApproval } from './settlement-chain.ts';
import type { ChainAccount } from './signer.ts';
import { buildTransaction, GAS_UNIT_PRICE_MAX, signingMessage } from './transaction.ts';

/** How long somebody may think before signing. */
const REQUEST_SECS = 900n;
/** How far apart two nodes' clocks may be. */
const CLOCK_SECS_MAX = 60n;
/** Several times what an approval uses. */
const APPROVAL_GAS = 5_000n;

export interface ApprovalDeps {
  readonly node: AptosNode;
  readonly profile: ChainProfile;
}

/** A signed approval as `send` takes it. */
export interface Presigned {
  readonly account: ChainAccount;
  readonly call: EntryFunction;
  readonly transaction: SimpleTransaction;
}

/**
 * The transaction that an approver signs, for a batch as the chain has it. Throws `settlement_batch_altered` when its terms are none
 * that this platform could have proposed, and the faults of the node.
 */
export async function requestApproval({ node, profile }: ApprovalDeps, signer: string, terms: BatchTerms): Promise<ApprovalRequest> {
  const proposal = proposalOfTerms(profile, terms);
  if (proposal === null) throw fault('settlement_batch_altered');
  const [ledger, gasPrice, { sequenceNumber }] = await Promise.all([node.ledger(), node.gasPrice(), node.account(signer)]);
  const words = {
    kind: 'capp-approval-request' as const,
    network: profile.network,
    chainId: profile.chainId,
    contract: profile.contract,
    function: 'settlement::approve' as const,
    batch: {
      ...shownTerms(terms),
      id: proposal.batchId,
      partner: proposal.obligation.partner,
      currency: proposal.obligation.currency,
      address: batchAddress(profile.contract, terms.batchId),
      digest: digestOfTerms(profile.contract, terms),
    },
    transaction: {
      sender: signer,
      sequenceNumber: sequenceNumber.toString(),
      maxGasUnits: APPROVAL_GAS.toString(),
      gasUnitPriceOctas: (gasPrice > GAS_UNIT_PRICE_MAX ? GAS_UNIT_PRICE_MAX : gasPrice).toString(),
      feePayer: profile.feePayer ?? null,
      expiresAt: shownMoment(ledger.timestampUs / 1_000_000n + REQUEST_SECS),
    },
    proposalDigest: proposalDigest(proposal),
  };
  return { ...words, ...bytesOf(words) };
}

const shownMoment = (secs: bigint): string => new Date(Number(secs) * 1_000).toISOString();
const secsOf = (moment: string): bigint => BigInt(Date.parse(moment) / 1_000);

function shownTerms(terms: BatchTerms) {
  return {
    asset: terms.asset,
    proposer: terms.proposer,
    payer: terms.payer,
    payouts: terms.recipients.map((recipient, index) => ({ recipient, amountMinor: (terms.amounts[index] ?? 0n).toString() })),
    merkleRoot: terms.merkleRoot,
    itemCount: terms.itemCount.toString(),
    approvalsNeeded: terms.approvalsNeeded.toString(),
    deadlineAt: shownMoment(terms.deadlineSecs),
    disputeWindowSecs: terms.disputeWindowSecs.toString(),
  };
}

/** The terms that a request shows. */
function termsShown({ batch }: Pick<ApprovalRequest, 'batch'>): BatchTerms {
  return {
    batchId: batchBytes(batch.id),
    asset: batch.asset,
    proposer: batch.proposer,
    payer: batch.payer,
    recipients: batch.payouts.map(({ recipient }) => recipient),
    amounts: batch.payouts.map(({ amountMinor }) => BigInt(amountMinor)),
    merkleRoot: batch.merkleRoot,
    itemCount: BigInt(batch.itemCount),
    approvalsNeeded: BigInt(batch.approvalsNeeded),
    deadlineSecs: secsOf(batch.deadlineAt),
    disputeWindowSecs: BigInt(batch.disputeWindowSecs),
  };
}

type Words = Pick<ApprovalRequest, 'contract' | 'chainId' | 'batch' | 'transaction'>;

/** The bytes that follow from what a request says. */
function bytesOf({ contract, chainId, batch, transaction: words }: Words): Pick<ApprovalRequest, 'bytes' | 'message'> {
  const transaction = buildTransaction({
    sender: words.sender,
    call: entryCall(contract, 'settlement::approve', [batch.address, batch.digest]),
    replay: { sequenceNumber: BigInt(words.sequenceNumber) },
    expiresAtSecs: secsOf(words.expiresAt),
    maxGas: BigInt(words.maxGasUnits),
    gasUnitPrice: BigInt(words.gasUnitPriceOctas),
    chainId,
    feePayer: words.feePayer,
  });
  return {
    bytes: Buffer.from(transaction.rawTransaction.bcsToBytes()).toString('hex'),
    message: Buffer.from(signingMessage(transaction)).toString('hex'),
  };
}

/**
 * Checks, with nothing but the request, that its bytes are those of its words, its digest and address those of the batch that it
 * shows, and its gas within what an approval may offer. With a profile of one's own also that network, contract, chain, partner and asset
 * are what they are called there. Throws `settlement_approval_differs` and `settlement_approval_gas` naming the field.
 */
export function checkRequest(request: ApprovalRequest, profile: ChainProfile | null): void {
  const { contract, chainId, network, batch, transaction } = request;
  const terms = termsShown(request);
  const { bytes, message } = bytesOf(request);
  const proposal = profile === null ? null : proposalOfTerms(profile, terms);
  const isNamed = proposal?.obligation.partner === batch.partner && proposal.obligation.currency === batch.currency;
  const held: readonly (readonly [field: string, holds: boolean])[] = [
    ['batch.address', batch.address === batchAddress(contract, terms.batchId)],
    ['batch.digest', batch.digest === digestOfTerms(contract, terms)],
    ['bytes', request.bytes === bytes],
    ['message', request.message === message],
    ['network', profile === null || network === profile.network],
    ['contract', profile === null || contract === profile.contract],
    ['chainId', profile === null || chainId === profile.chainId],
    ['batch.partner', profile === null || isNamed],
    ['proposalDigest', proposal === null || request.proposalDigest === proposalDigest(proposal)],
  ];
  const wrong = held.find(([, holds]) => !holds);
  if (wrong !== undefined) throw fault('settlement_approval_differs', { field: wrong[0] });
  assertGas(BigInt(transaction.maxGasUnits), BigInt(transaction.gasUnitPriceOctas));
}

/** Throws `settlement_approval_gas` beyond what is paid for an approval. */
function assertGas(maxGasUnits: bigint, gasUnitPriceOctas: bigint): void {
  if (maxGasUnits > APPROVAL_GAS) throw fault('settlement_approval_gas', { field: 'maxGasUnits' });
  if (gasUnitPriceOctas > GAS_UNIT_PRICE_MAX) throw fault('settlement_approval_gas', { field: 'gasUnitPriceOctas' });
}

/** What an approval that comes back must be for. */
export interface Expected {
  /** Of the batch on the chain. */
  readonly digest: string;
  /** Whether the chain must still have to take it in: one that was sent before may have used up its sequence number. */
  readonly isFresh: boolean;
}

/**
 * Reads an approval that came back. Whatever is not the approval of this batch by its signer, or goes beyond what is paid for one, is
 * refused, naming the field: `settlement_approval_malformed`, `settlement_approval_differs` (chain, sender, function, arguments),
 * `settlement_approval_gas`, `settlement_approval_expiry`, `settlement_approval_sequence`, and `chain_signer_refused` where the
 * signature does not hold, or is not by the keys of the account.
 */
export async function readApproval(
  { node, profile }: ApprovalDeps,
  approval: Omit<SignedApproval, 'proposalDigest'>,
  { digest, isFresh }: Expected,
): Promise<Presigned> {
  const raw = readBcs(approval.transaction, (bytes: Deserializer) => RawTransaction.deserialize(bytes), 'transaction');
  const authenticator = readAuthenticator(approval.authenticator);
  const at = batchAddress(profile.contract, batchBytes(approval.batchId));
  const call = entryCall(profile.contract, 'settlement::approve', [at, digest]);
  assertCall(raw, call, { sender: approval.signer, chainId: profile.chainId });
  assertGas(raw.max_gas_amount, raw.gas_unit_price);
  const transaction = new SimpleTransaction(raw, profile.feePayer === undefined ? undefined : AccountAddress.fromString(profile.feePayer));
  if (!isSignedBy(authenticator, signingMessage(transaction))) throw fault('chain_signer_refused', { field: 'authenticator' });
  const [ledger, account] = await Promise.all([node.ledger(), node.account(approval.signer)]);
  const publicKey = keysOf(authenticator);
  if (publicKey.authKey().toString() !== account.authenticationKey) throw fault('chain_signer_refused', { field: 'authenticator' });
  if (isFresh) assertTakeable(raw, ledger.timestampUs / 1_000_000n, account.sequenceNumber);
  return { account: { address: approval.signer, publicKey, authenticate: async () => authenticator }, call, transaction };
}

function assertCall(
  raw: RawTransaction,
  call: EntryFunction,
  { sender, chainId }: { readonly sender: string; readonly chainId: number },
): void {
  const differs = (field: string): Error => fault('settlement_approval_differs', { field });
  const { payload } = raw;
  if (raw.chain_id.chainId !== chainId) throw differs('chainId');
  if (raw.sender.toStringLong() !== sender) throw differs('sender');
  // Anything else, such as a script or a call that goes by a nonce, is no approval.
  if (!(payload instanceof TransactionPayloadEntryFunction)) throw differs('function');
  const given = payload.entryFunction;
  const isNamed = given.module_name.bcsToHex().toString() === call.module_name.bcsToHex().toString();
  if (!isNamed || given.function_name.identifier !== call.function_name.identifier) throw differs('function');
  const expected = new TransactionPayloadEntryFunction(call).bcsToBytes();
  if (!Buffer.from(payload.bcsToBytes()).equals(expected)) throw differs('arguments');
}

function assertTakeable(raw: RawTransaction, nowSecs: bigint, sequenceNumber: bigint): void {
  const expiresAtSecs = raw.expiration_timestamp_secs;
  const isInTime = expiresAtSecs > nowSecs && expiresAtSecs <= nowSecs + REQUEST_SECS + CLOCK_SECS_MAX;
  if (!isInTime) throw fault('settlement_approval_expiry', { field: 'expiresAt' });
  if (raw.sequence_number !== sequenceNumber) throw fault('settlement_approval_sequence', { field: 'sequenceNumber' });
}
