/**
 * Approvals by people whose keys are elsewhere: we build the transaction and pay for its gas, they sign it, and it comes back.
 * It goes by the signer's sequence number, not by a nonce, so that there is time to look before signing.
 */
import {
  AccountAddress,
  AccountAuthenticatorEd25519,
  Deserializer,
  Ed25519PublicKey,
  Ed25519Signature,
  type EntryFunction,
  RawTransaction,
  SimpleTransaction,
  TransactionPayloadEntryFunction,
} from '@aptos-labs/ts-sdk';
import { fault } from '../../domain/errors.ts';
import { batchBytes } from './batch-terms.ts';
import { entryCall } from './functions.ts';
import { batchAddress } from './objects.ts';
import type { SendDeps } from './send.ts';
import type { ApprovalRequest, SignedApproval } from './batches.ts';
import type { ChainAccount } from './signer.ts';
import { buildTransaction, signingMessage } from './transaction.ts';

/** How long somebody may think before signing. */
const REQUEST_SECS = 900n;
const APPROVAL_GAS = 5_000n;

export interface Wanted {
  readonly batchId: string;
  readonly signer: string;
  readonly digest: string;
  readonly call: EntryFunction;
}

/** A signed approval as `send` takes it. */
export interface Presigned {
  readonly account: ChainAccount;
  readonly call: EntryFunction;
  readonly transaction: SimpleTransaction;
}

/** The transaction that an approver signs. */
export async function requestApproval(deps: SendDeps, { batchId, signer, digest, call }: Wanted): Promise<ApprovalRequest> {
  const [ledger, gasUnitPrice, sequenceNumber] = await Promise.all([
    deps.node.ledger(),
    deps.node.gasPrice(),
    deps.node.sequenceNumber(signer),
  ]);
  const expiresAtSecs = ledger.timestampUs / 1_000_000n + REQUEST_SECS;
  const transaction = buildTransaction({
    sender: signer,
    call,
    replay: { sequenceNumber },
    expiresAtSecs,
    maxGas: APPROVAL_GAS,
    gasUnitPrice,
    chainId: deps.profile.chainId,
    feePayer: deps.feePayer?.address ?? null,
  });
  return {
    batchId,
    signer,
    proposalDigest: digest,
    transaction: Buffer.from(transaction.rawTransaction.bcsToBytes()).toString('hex'),
    message: Buffer.from(signingMessage(transaction)).toString('hex'),
    expiresAtMs: Number(expiresAtSecs) * 1000,
  };
}

/**
 * Reads an approval that came back. Throws `chain_signer_refused` for a signature that does not hold, and `settlement_batch_altered`
 * when the transaction is not the approval of this batch by this signer and nothing else.
 */
export async function readApproval(deps: SendDeps, approval: SignedApproval): Promise<Presigned> {
  const raw = readRaw(approval.transaction);
  const { payload } = raw;
  const at = batchAddress(deps.profile.contract, batchBytes(approval.batchId));
  const wanted = entryCall(deps.profile.contract, 'settlement::approve', [at, approval.proposalDigest]);
  const expected = new TransactionPayloadEntryFunction(wanted).bcsToBytes();
  const isSame = Buffer.from(payload.bcsToBytes()).equals(expected) && raw.sender.toStringLong() === approval.signer;
  if (!isSame) throw fault('settlement_batch_altered');
  if (raw.chain_id.chainId !== deps.profile.chainId) throw fault('chain_mismatch');
  if (raw.max_gas_amount > APPROVAL_GAS) throw fault('settlement_batch_altered', { internal: 'another gas limit' });
  const transaction = new SimpleTransaction(raw, deps.feePayer === null ? undefined : AccountAddress.fromString(deps.feePayer.address));
  const { publicKey, signature } = readSignature(approval);
  if (!publicKey.verifySignature({ message: signingMessage(transaction), signature })) throw fault('chain_signer_refused');
  const account: ChainAccount = {
    address: approval.signer,
    publicKey,
    authenticate: async () => new AccountAuthenticatorEd25519(publicKey, signature),
  };
  return { account, call: wanted, transaction };
}

function readRaw(hex: string): RawTransaction {
  try {
    return RawTransaction.deserialize(new Deserializer(Buffer.from(hex, 'hex')));
  } catch {
    throw fault('settlement_batch_altered', { internal: 'no transaction' });
  }
}

function readSignature({ publicKey, signature }: SignedApproval): { publicKey: Ed25519PublicKey; signature: Ed25519Signature } {
  try {
    return { publicKey: new Ed25519PublicKey(publicKey), signature: new Ed25519Signature(signature) };
  } catch {
    throw fault('chain_signer_refused', { internal: 'no key or no signature' });
  }
}
