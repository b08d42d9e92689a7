/** The RSA key under which clients send passwords and PINs. Made once per data folder, like everything an operator keeps. */
import { constants, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface OperatorKey {
  readonly publicPem: string;
  /** The same as base64 of its DER form. */
  readonly publicDer: string;
  /** The text under a ciphertext in base64 (PKCS #1 v1.5 unless told); null when it was not made with our key. */
  decrypt(ciphertext: string, scheme?: 'pkcs1' | 'oaep_sha256'): string | null;
}

let keyOfProcess: KeyObject | undefined;

function newKey(): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
}

/** Reads the key of a data folder, making it the first time; without a folder the process has one. */
export function openOperatorKey(dir: string | null): OperatorKey {
  const key = dir === null ? (keyOfProcess ??= newKey()) : storedKey(dir);
  return {
    publicPem: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
    publicDer: createPublicKey(key).export({ type: 'spki', format: 'der' }).toString('base64'),
    decrypt(ciphertext, scheme = 'pkcs1') {
      const padding =
        scheme === 'pkcs1' ? { padding: constants.RSA_PKCS1_PADDING } : { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' };
      try {
        return privateDecrypt({ key, ...padding }, Buffer.from(ciphertext, 'base64')).toString('utf8');
      } catch {
        return null;
      }
    },
  };
}

function storedKey(dir: string): KeyObject {
  const path = join(dir, 'initiator-key.pem');
  if (existsSync(path)) return createPrivateKey(readFileSync(path));
  mkdirSync(dir, { recursive: true });
  const key = newKey();
  writeFileSync(path, key.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  return key;
}
