/**
 * Transactions: built, signed, shown to a simulation. Replay protection is a nonce (an orderless transaction, AIP-123), so
 * that any number of them may be under way from one account at once; the chain takes each nonce once.
 */
import { createHash } from 'node:crypto';
import {
  AccountAddress,
  ChainId,
  type EntryFunction,
  FeePayerRawTransaction,
  generateSignedTransaction,
  generateSignedTransactionForSimulation,
  generateSigningMessage,
  MultiEd25519PublicKey,
  RawTransaction,
  SimpleTransaction,
  TransactionExecutableEntryFunction,
  TransactionExtraConfigV1,
  TransactionInnerPayloadV1,
  TransactionPayloadEntryFunction,
} from '@aptos-labs/ts-sdk';
import type { ChainAccount } from './signer.ts';

export interface TransactionTerms {
  readonly sender: string;
  readonly call: EntryFunction;
  /** A nonce for an orderless transaction, or the sender's sequence number. */
  readonly replay: { readonly nonce: bigint } | { readonly sequenceNumber: bigint };
  readonly expiresAtSecs: bigint;
  readonly maxGas: bigint;
  readonly gasUnitPrice: bigint;
  readonly chainId: number;
  /** Who pays for gas, if not the sender. */
  readonly feePayer: string | null;
}

/** In the place of a sequence number, where a nonce protects: its value means nothing (that of the SDK). */
const NO_SEQUENCE_NUMBER = 0xdeadbeefn;

/** The most octas that are offered for a unit of gas: a hundred times the least that Aptos takes. */
export const GAS_UNIT_PRICE_MAX = 10_000n;

export function buildTransaction(terms: TransactionTerms): SimpleTransaction {
  const { call, replay } = terms;
  const isOrderless = 'nonce' in replay;
  const payload = isOrderless
    ? new TransactionInnerPayloadV1(new TransactionExecutableEntryFunction(call), new TransactionExtraConfigV1(undefined, replay.nonce))
    : new TransactionPayloadEntryFunction(call);
  const raw = new RawTransaction(
    AccountAddress.fromString(terms.sender),
    isOrderless ? NO_SEQUENCE_NUMBER : replay.sequenceNumber,
    payload,
    terms.maxGas,
    terms.gasUnitPrice,
    terms.expiresAtSecs,
    new ChainId(terms.chainId),
  );
  return new SimpleTransaction(raw, terms.feePayer === null ? undefined : AccountAddress.fromString(terms.feePayer));
}

/** What every signer of the transaction signs. */
export function signingMessage({ rawTransaction, feePayerAddress }: SimpleTransaction): Uint8Array {
  if (feePayerAddress === undefined) return generateSigningMessage(rawTransaction.bcsToBytes(), 'APTOS::RawTransaction');
  const shared = new FeePayerRawTransaction(rawTransaction, [], feePayerAddress);
  return generateSigningMessage(shared.bcsToBytes(), 'APTOS::RawTransactionWithData');
}

export interface Signed {
  readonly bytes: Uint8Array;
  readonly hash: string;
}

/** Signs as sender, and as fee payer where the transaction names one. */
export async function signTransaction(
  transaction: SimpleTransaction,
  sender: ChainAccount,
  feePayer: ChainAccount | null,
): Promise<Signed> {
  const message = signingMessage(transaction);
  const senderAuthenticator = await sender.authenticate(message);
  const isShared = feePayer !== null && transaction.feePayerAddress !== undefined;
  const feePayerAuthenticator = isShared ? await feePayer.authenticate(message) : undefined;
  const bytes = generateSignedTransaction({
    transaction,
    senderAuthenticator,
    ...(feePayerAuthenticator === undefined ? {} : { feePayerAuthenticator }),
  });
  return { bytes, hash: hashOf(bytes) };
}

/** The transaction as a simulation takes it: with keys, without signatures. */
export function unsignedBytes(transaction: SimpleTransaction, sender: ChainAccount, feePayer: ChainAccount | null): Uint8Array {
  const signerPublicKey = shownKeys(sender);
  const feePayerPublicKey = feePayer === null ? undefined : shownKeys(feePayer);
  return generateSignedTransactionForSimulation({
    transaction,
    ...(signerPublicKey === undefined ? {} : { signerPublicKey }),
    ...(feePayerPublicKey === undefined ? {} : { feePayerPublicKey }),
  });
}

/** A simulation may leave keys out (`NoAccountAuthenticator`); those of multi-Ed25519 the SDK cannot show there. */
function shownKeys({ publicKey }: ChainAccount): ChainAccount['publicKey'] | undefined {
  return publicKey instanceof MultiEd25519PublicKey ? undefined : publicKey;
}

const HASH_PREFIX = createHash('sha3-256').update('APTOS::Transaction').digest();

/** The hash by which the chain knows a signed transaction. */
export function hashOf(bytes: Uint8Array): string {
  const digest = createHash('sha3-256').update(HASH_PREFIX).update(Buffer.of(0)).update(bytes).digest('hex');
  return `0x${digest}`;
}

/** A nonce that follows from what the transaction is for, so that even without any memory the chain takes one of them. */
export function nonceFor(...purpose: readonly (string | number)[]): bigint {
  return createHash('sha256').update(purpose.join('\u001f')).digest().readBigUInt64BE();
}
