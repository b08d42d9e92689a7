/**
 * Who signed: every signature of a transaction is verified over the message that Aptos signs, and every key against the
 * account it signs for. Ed25519, single keys of Ed25519, multi-keys of these and multi-Ed25519; with secondary signers and a fee payer.
 */
import { createHash, createPublicKey, verify } from 'node:crypto';
import {
  AccountAddress,
  type AccountAuthenticator,
  AccountAuthenticatorEd25519,
  AccountAuthenticatorMultiEd25519,
  AccountAuthenticatorMultiKey,
  AccountAuthenticatorSingleKey,
  AnyPublicKey,
  type AnySignature,
  type AuthenticationKey,
  Ed25519PublicKey,
  Ed25519Signature,
  FeePayerRawTransaction,
  MultiAgentRawTransaction,
  type SignedTransaction,
  TransactionAuthenticatorEd25519,
  TransactionAuthenticatorFeePayer,
  TransactionAuthenticatorMultiAgent,
  TransactionAuthenticatorMultiEd25519,
  TransactionAuthenticatorSingleSender,
} from '@aptos-labs/ts-sdk';

export interface Signers {
  readonly sender: string;
  readonly secondary: readonly string[];
  /** Who pays for gas: the sender, unless somebody else signed for it. */
  readonly feePayer: string;
}

export type Verdict = { readonly signers: Signers; readonly fault: 'INVALID_SIGNATURE' | 'INVALID_AUTH_KEY' | null };

interface Claim {
  readonly address: string;
  readonly authenticator: AccountAuthenticator;
  /** Messages any of which may be what was signed. */
  readonly messages: readonly Uint8Array[];
}

/** DER of an Ed25519 public key, before the key itself. */
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');

function message(salt: string, bytes: Uint8Array): Uint8Array {
  return Buffer.concat([createHash('sha3-256').update(`APTOS::${salt}`).digest(), bytes]);
}

function claimsOf(signed: SignedTransaction): Claim[] {
  const { raw_txn: raw, authenticator } = signed;
  const address = raw.sender.toStringLong();
  if (authenticator instanceof TransactionAuthenticatorEd25519) {
    const single = new AccountAuthenticatorEd25519(authenticator.public_key, authenticator.signature);
    return [{ address, authenticator: single, messages: [message('RawTransaction', raw.bcsToBytes())] }];
  }
  if (authenticator instanceof TransactionAuthenticatorMultiEd25519) {
    const several = new AccountAuthenticatorMultiEd25519(authenticator.public_key, authenticator.signature);
    return [{ address, authenticator: several, messages: [message('RawTransaction', raw.bcsToBytes())] }];
  }
  if (authenticator instanceof TransactionAuthenticatorSingleSender) {
    return [{ address, authenticator: authenticator.sender, messages: [message('RawTransaction', raw.bcsToBytes())] }];
  }
  const isShared = authenticator instanceof TransactionAuthenticatorMultiAgent || authenticator instanceof TransactionAuthenticatorFeePayer;
  if (!isShared) return [];
  const others = authenticator.secondary_signer_addresses;
  const withData = (feePayer: AccountAddress | null): Uint8Array => {
    const shared = feePayer === null ? new MultiAgentRawTransaction(raw, others) : new FeePayerRawTransaction(raw, others, feePayer);
    return message('RawTransactionWithData', shared.bcsToBytes());
  };
  const feePayer = authenticator instanceof TransactionAuthenticatorFeePayer ? authenticator.fee_payer : null;
  // Whoever signs before the fee payer is known signs for the address zero.
  const messages = feePayer === null ? [withData(null)] : [withData(feePayer.address), withData(AccountAddress.ZERO)];
  const claims: Claim[] = [{ address, authenticator: authenticator.sender, messages }];
  authenticator.secondary_signers.forEach((each, index) => {
    claims.push({ address: others[index]?.toStringLong() ?? '', authenticator: each, messages });
  });
  if (feePayer !== null) {
    claims.push({ address: feePayer.address.toStringLong(), authenticator: feePayer.authenticator, messages: messages.slice(0, 1) });
  }
  return claims;
}

function verifies(key: AnyPublicKey | Ed25519PublicKey, signature: AnySignature | Ed25519Signature, bytes: Uint8Array): boolean {
  const publicKey = key instanceof AnyPublicKey ? key.publicKey : key;
  const inner = signature instanceof Ed25519Signature ? signature : signature.signature;
  if (!(publicKey instanceof Ed25519PublicKey) || !(inner instanceof Ed25519Signature)) return false;
  const spki = createPublicKey({ key: Buffer.concat([SPKI, publicKey.toUint8Array()]), format: 'der', type: 'spki' });
  return verify(null, bytes, spki, inner.toUint8Array());
}

/** The authentication key of the keys shown, and whether enough of them signed. */
function judge({ authenticator, messages }: Claim): { authKey: AuthenticationKey; holds: boolean } | null {
  if (authenticator instanceof AccountAuthenticatorEd25519) {
    const { public_key: key, signature } = authenticator;
    return { authKey: key.authKey(), holds: messages.some((bytes) => verifies(key, signature, bytes)) };
  }
  if (authenticator instanceof AccountAuthenticatorSingleKey) {
    const { public_key: key, signature } = authenticator;
    return { authKey: key.authKey(), holds: messages.some((bytes) => verifies(key, signature, bytes)) };
  }
  if (authenticator instanceof AccountAuthenticatorMultiKey) {
    const { public_keys: keys, signatures } = authenticator;
    const indices = signatures.bitMapToSignerIndices();
    const isSound = (bytes: Uint8Array): boolean =>
      signatures.signatures.every((signature, index) => {
        const key = keys.publicKeys[indices[index] ?? -1];
        return key !== undefined && verifies(key, signature, bytes);
      });
    const isEnough = signatures.signatures.length >= keys.signaturesRequired;
    return { authKey: keys.authKey(), holds: isEnough && messages.some(isSound) };
  }
  if (authenticator instanceof AccountAuthenticatorMultiEd25519) {
    const { public_key: keys, signature } = authenticator;
    // One bit for each key, from the left of the first byte on, as the chain reads it.
    const signing = keys.publicKeys.filter((_, place) => ((signature.bitmap[place >> 3] ?? 0) & (128 >> (place & 7))) !== 0);
    const isSound = (bytes: Uint8Array): boolean =>
      signature.signatures.every((each, index) => signing[index] !== undefined && verifies(signing[index], each, bytes));
    const isEnough = signing.length >= keys.threshold && signing.length === signature.signatures.length;
    return { authKey: keys.authKey(), holds: isEnough && messages.some(isSound) };
  }
  return null;
}

/** Says who signed and whether all of it is sound. `authKeyOf` is the key that the chain keeps for an account. */
export function authenticate(signed: SignedTransaction, authKeyOf: (address: string) => string, isSimulation: boolean): Verdict {
  const claims = claimsOf(signed);
  const { authenticator } = signed;
  const sender = signed.raw_txn.sender.toStringLong();
  const feePayer = authenticator instanceof TransactionAuthenticatorFeePayer ? authenticator.fee_payer.address.toStringLong() : sender;
  const isShared = authenticator instanceof TransactionAuthenticatorFeePayer || authenticator instanceof TransactionAuthenticatorMultiAgent;
  const secondary = isShared ? authenticator.secondary_signer_addresses.map((address) => address.toStringLong()) : [];
  const signers = { sender, secondary, feePayer };
  // A simulation must not carry signatures, and its keys may be missing.
  if (isSimulation) return { signers, fault: null };
  if (claims.length === 0) return { signers, fault: 'INVALID_SIGNATURE' };
  for (const claim of claims) {
    const judged = judge(claim);
    if (judged === null || !judged.holds) return { signers, fault: 'INVALID_SIGNATURE' };
    if (judged.authKey.toString() !== authKeyOf(claim.address)) return { signers, fault: 'INVALID_AUTH_KEY' };
  }
  return { signers, fault: null };
}

/** Whether any signature is sound, which a simulation must not have. */
export function carriesSignature(signed: SignedTransaction): boolean {
  return claimsOf(signed).some((claim) => judge(claim)?.holds === true);
}
