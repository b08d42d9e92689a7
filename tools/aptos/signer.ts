/**
 * Accounts that sign. The key is behind an interface shaped like that of a key management service: it shows its public key
 * and signs bytes, and never leaves. Keys of our own process come first; a service is one more implementation.
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import {
  type AccountAuthenticator,
  AccountAuthenticatorEd25519,
  AccountAuthenticatorMultiKey,
  type AccountPublicKey,
  Ed25519PublicKey,
  Ed25519Signature,
  MultiKey,
  MultiKeySignature,
} from '@aptos-labs/ts-sdk';
import { fault } from '../../domain/errors.ts';

/** One Ed25519 key, wherever it is kept. */
export interface KeySigner {
  /** 32 bytes, hex. */
  readonly publicKey: string;
  /** The 64 bytes of a signature over the message. May take as long as a service takes, and may throw what it throws. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** An account on the chain, by whatever keys it is controlled. */
export interface ChainAccount {
  /** `0x` and 64 digits. */
  readonly address: string;
  /** What a simulation shows in place of a signature. */
  readonly publicKey: AccountPublicKey;
  authenticate(message: Uint8Array): Promise<AccountAuthenticator>;
}

/** DER around the bytes of an Ed25519 private key (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const PRIVATE_KEY = /^(?:ed25519-priv-)?(?:0x)?([0-9a-fA-F]{64})$/;

/**
 * A key kept in this process, from 64 hex digits or the AIP-80 form `ed25519-priv-0x…`. Throws `config_invalid` for anything
 * else; the text is in no error.
 */
export function localSigner(privateKey: string, setting = 'key'): KeySigner {
  const digits = PRIVATE_KEY.exec(privateKey.trim())?.[1];
  if (digits === undefined) throw fault('config_invalid', { field: setting, detail: `${setting} is not an Ed25519 private key.` });
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, Buffer.from(digits, 'hex')]), format: 'der', type: 'pkcs8' });
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex');
  return { publicKey, sign: async (message) => sign(null, message, key) };
}

/** The account of one key; `address` only for an account whose key was rotated. */
export function ed25519Account(signer: KeySigner, address?: string): ChainAccount {
  const publicKey = new Ed25519PublicKey(signer.publicKey);
  return {
    address: address ?? publicKey.authKey().derivedAddress().toStringLong(),
    publicKey,
    authenticate: async (message) => new AccountAuthenticatorEd25519(publicKey, new Ed25519Signature(await signer.sign(message))),
  };
}

/**
 * The account of several keys of which `required` must sign; those that can sign here are given as signers. Throws
 * RangeError when fewer are given, or one that is not among the keys.
 */
export function multiKeyAccount(
  publicKeys: readonly string[],
  required: number,
  signers: readonly KeySigner[],
  address?: string,
): ChainAccount {
  const keys = new MultiKey({ publicKeys: publicKeys.map((key) => new Ed25519PublicKey(key)), signaturesRequired: required });
  const placed = signers
    .map((signer) => ({ signer, place: publicKeys.indexOf(signer.publicKey) }))
    .toSorted((left, right) => left.place - right.place);
  if (signers.length < required || placed.some(({ place }) => place < 0)) throw new RangeError('too few signers of this account');
  const used = placed.slice(0, required);
  return {
    address: address ?? keys.authKey().derivedAddress().toStringLong(),
    publicKey: keys,
    authenticate: async (message) => {
      const signatures = await Promise.all(used.map(async ({ signer }) => new Ed25519Signature(await signer.sign(message))));
      const bitmap = keys.createBitmap({ bits: used.map(({ place }) => place) });
      return new AccountAuthenticatorMultiKey(keys, new MultiKeySignature({ signatures, bitmap }));
    },
  };
}
