/**
 * What accounts sign with, in every scheme of Ed25519 that Aptos has: one key, a single key, k of n keys as a multi-key, and k of n
 * as the older multi-Ed25519 (https://aptos.dev/build/sdks/ts-sdk/account). Others, such as keyless ones, only the chain can judge.
 */
import {
  AccountAuthenticator,
  AccountAuthenticatorEd25519,
  AccountAuthenticatorMultiEd25519,
  AccountAuthenticatorMultiKey,
  AccountAuthenticatorSingleKey,
  type AnyPublicKey,
  type AnySignature,
  Deserializer,
  Ed25519PublicKey,
  Ed25519Signature,
  type MultiEd25519PublicKey,
  type MultiKey,
  type PublicKey,
  type Signature,
} from '@aptos-labs/ts-sdk';
import { fault } from '../../domain/errors.ts';

/** An authenticator whose signatures can be verified here. */
export type Ed25519Authenticator =
  | AccountAuthenticatorEd25519
  | AccountAuthenticatorSingleKey
  | AccountAuthenticatorMultiKey
  | AccountAuthenticatorMultiEd25519;

/** The keys of an account in any of these schemes. */
export type AccountKeys = Ed25519PublicKey | AnyPublicKey | MultiKey | MultiEd25519PublicKey;

/** BCS of an authenticator, hex: how a signature travels. */
export function authenticatorHex(authenticator: AccountAuthenticator): string {
  return Buffer.from(authenticator.bcsToBytes()).toString('hex');
}

/**
 * Reads an authenticator in BCS, hex. Throws `settlement_approval_malformed` for what is none, has more bytes than one, or is of a
 * scheme that cannot be verified here.
 */
export function readAuthenticator(hex: string): Ed25519Authenticator {
  const read = readBcs(hex, (bytes) => AccountAuthenticator.deserialize(bytes), 'authenticator');
  if (isVerifiable(read)) return read;
  throw fault('settlement_approval_malformed', { field: 'authenticator', detail: 'Only schemes of Ed25519 keys are taken.' });
}

/** Reads one value in BCS, hex, that takes up all of its bytes. Throws `settlement_approval_malformed` naming the field. */
export function readBcs<T extends { bcsToBytes(): Uint8Array }>(hex: string, read: (bytes: Deserializer) => T, field: string): T {
  const bytes = Buffer.from(hex, 'hex');
  let value: T | null = null;
  try {
    value = read(new Deserializer(bytes));
  } catch (cause) {
    throw fault('settlement_approval_malformed', { field, cause });
  }
  // What is written back tells of trailing bytes, and of any other spelling of the same value.
  if (Buffer.from(value.bcsToBytes()).equals(bytes) && bytes.length * 2 === hex.length) return value;
  throw fault('settlement_approval_malformed', { field });
}

function isVerifiable(authenticator: AccountAuthenticator): authenticator is Ed25519Authenticator {
  if (authenticator instanceof AccountAuthenticatorSingleKey) return areEd25519([authenticator.public_key], [authenticator.signature]);
  if (authenticator instanceof AccountAuthenticatorMultiKey)
    return areEd25519(authenticator.public_keys.publicKeys, authenticator.signatures.signatures);
  return authenticator instanceof AccountAuthenticatorEd25519 || authenticator instanceof AccountAuthenticatorMultiEd25519;
}

function areEd25519(keys: readonly AnyPublicKey[], signatures: readonly AnySignature[]): boolean {
  return (
    keys.every(({ publicKey }) => publicKey instanceof Ed25519PublicKey) &&
    signatures.every(({ signature }) => signature instanceof Ed25519Signature)
  );
}

/** The keys that an authenticator shows; the account's own only if their authentication key is the account's. */
export function keysOf(authenticator: Ed25519Authenticator): AccountKeys {
  return authenticator instanceof AccountAuthenticatorMultiKey ? authenticator.public_keys : authenticator.public_key;
}

/** Whether as many of the keys shown as must have signed this message, and no signature with it is wrong. */
export function isSignedBy(authenticator: Ed25519Authenticator, message: Uint8Array): boolean {
  if (authenticator instanceof AccountAuthenticatorMultiKey) {
    const { public_keys: keys, signatures } = authenticator;
    const signed = { signatures: signatures.signatures.map(({ signature }) => signature), places: signatures.bitMapToSignerIndices() };
    return areSigned(
      keys.publicKeys.map(({ publicKey }) => publicKey),
      keys.signaturesRequired,
      signed,
      message,
    );
  }
  if (authenticator instanceof AccountAuthenticatorMultiEd25519) {
    const { public_key: keys, signature } = authenticator;
    const signed = { signatures: signature.signatures, places: placesOf(signature.bitmap) };
    return areSigned(keys.publicKeys, keys.threshold, signed, message);
  }
  if (authenticator instanceof AccountAuthenticatorSingleKey) {
    const { public_key: key, signature } = authenticator;
    return key.verifySignature({ message, signature });
  }
  const { public_key: key, signature } = authenticator;
  return key.verifySignature({ message, signature });
}

interface PlacedSignatures {
  readonly signatures: readonly Signature[];
  /** Of whose key each signature is. */
  readonly places: readonly number[];
}

function areSigned(keys: readonly PublicKey[], required: number, { signatures, places }: PlacedSignatures, message: Uint8Array): boolean {
  if (signatures.length < required || signatures.length !== places.length) return false;
  return signatures.every((signature, index) => keys[places[index] ?? -1]?.verifySignature({ message, signature }) === true);
}

/** Bits that are set, from the left of the first byte on. */
function placesOf(bitmap: Uint8Array): number[] {
  return [...bitmap].flatMap((byte, index) =>
    [0, 1, 2, 3, 4, 5, 6, 7].filter((bit) => (byte & (128 >> bit)) !== 0).map((bit) => index * 8 + bit),
  );
}
