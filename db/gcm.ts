/**
 * AES-256-GCM (NIST SP 800-38D) as everything is encrypted with it here: some bytes in clear that say under which key, a
 * 96-bit nonce, the ciphertext, the 128-bit tag. The context is authenticated with it, so that what was made for one place
 * opens in no other.
 */
import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

export const NONCE_BYTES = 12;
export const TAG_BYTES = 16;

/**
 * Encrypts a text (as UTF-8) or bytes. `head` goes in front in clear; `nonce` must be one that the key has not seen. One buffer is
 * made for all of it: joining small ones cost more than the cipher.
 */
export function sealGcm(key: KeyObject, head: readonly number[], nonce: Buffer, plain: string | Buffer, context: Buffer): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(context);
  const body = typeof plain === 'string' ? cipher.update(plain, 'utf8') : cipher.update(plain);
  cipher.final();
  const start = head.length + NONCE_BYTES;
  const bytes = Buffer.allocUnsafe(start + body.length + TAG_BYTES);
  bytes.set(head);
  bytes.set(nonce, head.length);
  bytes.set(body, start);
  bytes.set(cipher.getAuthTag(), start + body.length);
  return bytes;
}

/** Opens what `sealGcm` made with a head of so many bytes for the same context; null for anything else. */
export function openGcm(key: KeyObject, headBytes: number, bytes: Buffer, context: Buffer): Buffer | null {
  const start = headBytes + NONCE_BYTES;
  if (bytes.length < start + TAG_BYTES) return null;
  const opener = createDecipheriv('aes-256-gcm', key, bytes.subarray(headBytes, start), { authTagLength: TAG_BYTES })
    .setAAD(context)
    .setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const plain = opener.update(bytes.subarray(start, -TAG_BYTES));
    // Holds the tag against what was read, and has nothing more to say: GCM fills no blocks up.
    opener.final();
    return plain;
  } catch {
    return null;
  }
}
