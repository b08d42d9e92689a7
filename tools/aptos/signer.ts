/**
 * Accounts that sign. The key is behind an interface shaped like that of a key management service: it shows its public key
 * and signs bytes, and never leaves. Keys of our own process come first; a service is one more implementation.
 */
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import {
  type AccountAuthenticator,
  AccountAuthenticatorEd25519,
  AccountAuthenticatorMultiEd25519,
  AccountAuthenticatorMultiKey,
  type AccountPublicKey,
  Ed25519PublicKey,
  Ed25519Signature,
  MultiEd25519PublicKey,
  MultiEd25519Signature,
  MultiKey,
  MultiKeySignature,
} from '@aptos-labs/ts-sdk';
import { fault } from '../../domain/errors.ts';

/** One Ed25519 key, wherever it is kept. */
export interface KeySigner {
  /** 32 bytes, hex. */
  readonly publicKey: string;
  /** The 64 bytes of a signature over the message. May throw what a service throws, and may never come: accounts wait 10 s for it. */
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

/** How long an account waits for a key, milliseconds; well below the time for which a worker holds a batch. */
const SIGN_MS_MAX = 10_000;

/** The signature of a key. Throws what the key throws, and an Error when it does not answer in time. */
async function signatureBy(signer: KeySigner, message: Uint8Array): Promise<Uint8Array> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the key did not sign in time')), SIGN_MS_MAX);
  });
  try {
    return await Promise.race([signer.sign(message), tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** The account of one key; `address` only for an account whose key was rotated. */
export function ed25519Account(signer: KeySigner, address?: string): ChainAccount {
  const publicKey = new Ed25519PublicKey(signer.publicKey);
  return {
    address: address ?? publicKey.authKey().derivedAddress().toStringLong(),
    publicKey,
    authenticate: async (message) => new AccountAuthenticatorEd25519(publicKey, new Ed25519Signature(await signatureBy(signer, message))),
  };
}

/** Several keys of which so many must sign. */
export interface MultiKeyTerms {
  /** 32 bytes each, hex, in the order by which the account was made. */
  readonly publicKeys: readonly string[];
  readonly required: number;
  /** `multi_key` unless given; `multi_ed25519` is the older scheme, under which the same keys make another account. */
  readonly scheme?: 'multi_key' | 'multi_ed25519';
  /** Only for an account whose keys were rotated. */
  readonly address?: string;
}

/** The account of several keys, and how it signs once enough of them have. */
export interface MultiKeyScheme {
  readonly address: string;
  readonly publicKey: AccountPublicKey;
  /** The authenticator of these signatures (64 bytes each, hex, by public key). Throws RangeError when they are too few, or of other keys. */
  join(signatures: ReadonlyMap<string, string>): AccountAuthenticator;
}

/** Throws RangeError for keys that are none or stand twice, and for a number that they cannot come to. */
export function multiKeyScheme({ publicKeys, required, scheme = 'multi_key', address }: MultiKeyTerms): MultiKeyScheme {
  const isSound = publicKeys.every((key) => /^[0-9a-f]{64}$/.test(key)) && new Set(publicKeys).size === publicKeys.length;
  const isPossible = Number.isInteger(required) && required >= 1 && required <= publicKeys.length && publicKeys.length <= KEYS_MAX;
  if (!isSound || !isPossible) throw new RangeError(`${required} of ${publicKeys.length} keys make no account`);
  const keys = publicKeys.map((key) => new Ed25519PublicKey(key));
  const made = scheme === 'multi_key' ? multiKeyOf(keys, required) : multiEd25519Of(keys, required);
  return {
    address: address ?? made.publicKey.authKey().derivedAddress().toStringLong(),
    publicKey: made.publicKey,
    join(signatures) {
      const used = publicKeys.flatMap((key, place) => (signatures.has(key) ? [{ place, signature: signatures.get(key) ?? '' }] : []));
      if (used.length !== signatures.size || used.length < required) throw new RangeError('too few signatures of this account');
      const taken = used.slice(0, required);
      return made.join(
        taken.map(({ signature }) => new Ed25519Signature(signature)),
        taken.map(({ place }) => place),
      );
    },
  };
}

/** As many as a bitmap of four bytes has places for. */
const KEYS_MAX = 32;

interface Joined {
  readonly publicKey: AccountPublicKey;
  join(signatures: Ed25519Signature[], places: number[]): AccountAuthenticator;
}

function multiKeyOf(publicKeys: Ed25519PublicKey[], signaturesRequired: number): Joined {
  const publicKey = new MultiKey({ publicKeys, signaturesRequired });
  return {
    publicKey,
    join: (signatures, bits) => {
      const bitmap = publicKey.createBitmap({ bits });
      return new AccountAuthenticatorMultiKey(publicKey, new MultiKeySignature({ signatures, bitmap }));
    },
  };
}

function multiEd25519Of(publicKeys: Ed25519PublicKey[], threshold: number): Joined {
  const publicKey = new MultiEd25519PublicKey({ publicKeys, threshold });
  return {
    publicKey,
    join: (signatures, bitmap) => new AccountAuthenticatorMultiEd25519(publicKey, new MultiEd25519Signature({ signatures, bitmap })),
  };
}

/**
 * The account of several keys, with those of them that can sign here; the first of these, as many as are required, do. Throws
 * RangeError as `multiKeyScheme` does, and when too few can, or one that is not among the keys.
 */
export function multiKeyAccount(terms: MultiKeyTerms, signers: readonly KeySigner[]): ChainAccount {
  const scheme = multiKeyScheme(terms);
  const used = terms.publicKeys.flatMap((key) => signers.find(({ publicKey }) => publicKey === key) ?? []);
  if (used.length !== signers.length || used.length < terms.required) throw new RangeError('too few signers of this account');
  return {
    address: scheme.address,
    publicKey: scheme.publicKey,
    authenticate: async (message) => {
      const signed = used.slice(0, terms.required).map(async (signer): Promise<[string, string]> => {
        return [signer.publicKey, Buffer.from(await signatureBy(signer, message)).toString('hex')];
      });
      return scheme.join(new Map(await Promise.all(signed)));
    },
  };
}
