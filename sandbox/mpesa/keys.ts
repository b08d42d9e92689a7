/** The RSA key under which initiators send their password. Made once per data folder, like everything an operator keeps. */
import { constants, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, privateDecrypt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface InitiatorKey {
  readonly publicPem: string;
  /** The password under a security credential; null when it was not made with our key. */
  decrypt(credential: string): string | null;
}

let keyOfProcess: KeyObject | undefined;

function newKey(): KeyObject {
  return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
}

/** Reads the key of a data folder, making it the first time; without a folder the process has one. */
export function openInitiatorKey(dir: string | null): InitiatorKey {
  const key = dir === null ? (keyOfProcess ??= newKey()) : storedKey(dir);
  return {
    publicPem: createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString(),
    decrypt(credential) {
      try {
        return privateDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(credential, 'base64')).toString('utf8');
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
