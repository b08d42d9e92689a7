/** Operators' public keys, and short secrets (PINs, keys, passwords) under them. */
import { constants, createPublicKey, type KeyObject, publicEncrypt } from 'node:crypto';

/** `pkcs1`: PKCS #1 v1.5 · `oaep_sha256`: OAEP with SHA-256 for both its hashes (RFC 8017). */
export type Encryption = 'pkcs1' | 'oaep_sha256';

/** Reads a certificate or public key: PEM, or base64 of the key's DER form. Throws when it is neither. */
export function readPublicKey(text: string): KeyObject {
  if (text.includes('-----BEGIN')) return createPublicKey(text);
  return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' });
}

/** A text under a key, as base64. Padding is random, so it comes out different each time. */
export function encryptUnder(key: KeyObject, text: string, encryption: Encryption): string {
  const padding =
    encryption === 'pkcs1' ? { padding: constants.RSA_PKCS1_PADDING } : { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
  return publicEncrypt({ key, ...padding }, Buffer.from(text)).toString('base64');
}
