/**
 * A data key for each text that may name somebody: what officers note on a case and customers answer, the file of a report, the statement
 * of an operator. Such texts are kept as they are, in a log that is sealed, for as long as the law asks; afterwards the key is destroyed
 * and they open nowhere. They are about more people than one, so their keys are those of a case, a report, a statement.
 *
 * A wrapped key is one byte that names the wrapping key, a zero, a nonce, the key, the tag. What is sealed begins with 0, which is no key of
 * the keyring, so that it is told from what the keyring itself encrypted before texts had keys.
 */
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { type Fault, fault } from '../domain/errors.ts';
import { openGcm, sealGcm } from './gcm.ts';

const KEY_BYTES = 32;
const SEALED_HEAD = [0, 1] as const;
const WRAP_CONTEXT = Buffer.from('text_keys.wrapped');

export interface TextKeys {
  /** A new key, wrapped. */
  create(): Buffer;
  /** The same key, wrapped by the keyring's first key; the very buffer when it is already. */
  rewrap(wrapped: Buffer): Buffer;
  /** Seals a text for one place, named `table.column`. Throws `internal` for a key that the keyring did not wrap. */
  seal(wrapped: Buffer, text: string, context: string): Buffer;
  /** Opens a text of the same place; null when its key was destroyed. Throws `internal` for what does not open. */
  open(wrapped: Buffer | null, sealed: Buffer, context: string): string | null;
}

export interface TextKeysDeps {
  /** The id of the key that wraps, and every key that unwraps. */
  readonly currentId: number;
  readonly wrappingKeys: ReadonlyMap<number, KeyObject>;
  readonly nextNonce: () => Buffer;
  /** Opens what was encrypted before texts had keys. */
  readonly decrypt: (ciphertext: Uint8Array, context: string) => string;
}

/** Makes the keys of texts over a keyring. */
export function createTextKeys({ currentId, wrappingKeys, nextNonce, decrypt }: TextKeysDeps): TextKeys {
  const wrap = (raw: Buffer): Buffer => sealGcm(wrappingKeys.get(currentId) as KeyObject, [currentId, 0], nextNonce(), raw, WRAP_CONTEXT);

  function rawKey(wrapped: Buffer): Buffer {
    const wrapping = wrappingKeys.get(wrapped[0] ?? 0);
    if (wrapping === undefined) throw fault('internal', { internal: 'the key of a text is wrapped by no key of the keyring' });
    const raw = openGcm(wrapping, 2, wrapped, WRAP_CONTEXT);
    if (raw === null) throw unopened(WRAP_CONTEXT.toString());
    return raw;
  }

  function keyOf(wrapped: Buffer): KeyObject {
    const raw = rawKey(wrapped);
    const key = createSecretKey(raw);
    raw.fill(0);
    return key;
  }

  return {
    create: () => wrap(randomBytes(KEY_BYTES)),
    rewrap: (wrapped) => (wrapped[0] === currentId ? wrapped : wrap(rawKey(wrapped))),
    seal: (wrapped, text, context) => sealGcm(keyOf(wrapped), SEALED_HEAD, nextNonce(), text, Buffer.from(context)),
    open: (wrapped, sealed, context) => {
      if (sealed[0] !== SEALED_HEAD[0]) return decrypt(sealed, context);
      if (wrapped === null) return null;
      const plain = openGcm(keyOf(wrapped), SEALED_HEAD.length, sealed, Buffer.from(context));
      if (plain === null) throw unopened(context);
      return plain.toString('utf8');
    },
  };
}

function unopened(context: string): Fault {
  return fault('internal', { internal: `a ciphertext of ${context} does not open` });
}
