/**
 * A data key per person. What is known of somebody is sealed under a key of their own, and that key is kept beside
 * them, wrapped by a key of the keyring: whoever destroys the wrapped key destroys everything sealed under it, in the
 * ledger's rows and in every backup, and nothing of anybody else.
 *
 * A wrapped key is one byte that names the wrapping key, one that numbers the data key of its person, a nonce, the key, the
 * tag. `users.data_key` holds one, or two while a person's data goes over to a new one, the newer first. What is sealed begins
 * with 0, which is no key of the keyring, so that it is told from what the keyring itself encrypted before people had keys.
 */
import { createSecretKey, type KeyObject, randomFillSync } from 'node:crypto';
import { createCache } from '../domain/cache.ts';
import { fault } from '../domain/errors.ts';
import type { PartyDetails } from '../domain/party.ts';
import { NONCE_BYTES, openGcm, sealGcm, TAG_BYTES } from './gcm.ts';

const KEY_BYTES = 32;
const WRAPPED_BYTES = 2 + NONCE_BYTES + KEY_BYTES + TAG_BYTES;
const SEALED_MARK = 0;
const SEALED_BYTES_MIN = 2 + NONCE_BYTES + TAG_BYTES;
const VERSION_MAX = 255;
const WRAP_CONTEXT = Buffer.from('users.data_key');
const PERSON_CONTEXT = Buffer.from('users.person');
const PARTIES_CONTEXT = 'payments.parties';
/** Unwrapped keys that are kept. */
const KEPT_MAX = 20_000;

/** A data key, unwrapped. */
export interface PersonKey {
  readonly version: number;
  readonly key: KeyObject;
}

/** A name, an E.164 number, and what else was given. Name and number are empty for somebody whose data was erased. */
export interface Person {
  readonly name: string;
  readonly phone: string;
  readonly details?: PartyDetails;
}

export interface Parties {
  readonly sender: Person;
  readonly receiver: Person;
}

/** The parties of a payment as they are read: the ciphertext, and the wrapped keys of both, null for whom was erased. */
export interface SealedParties {
  readonly parties: Buffer;
  readonly senderKey: Buffer | null;
  readonly receiverKey: Buffer | null;
}

/** A person as they are read: `person` under their own key, or `name` and `phone` as they were kept before people had keys. */
export interface SealedPerson {
  readonly person: Buffer | null;
  readonly dataKey: Buffer | null;
  readonly name: Buffer | null;
  readonly phone: Buffer | null;
}

export interface PersonKeys {
  /** A new data key, and its wrapped form to be stored. `after` is what is stored now: the new key takes the next number. */
  create(after?: Buffer | null): { readonly key: PersonKey; readonly wrapped: Buffer };
  /** The key under which a person's data is sealed now, from `users.data_key`. Throws `internal` for what the keyring did not wrap. */
  current(dataKey: Buffer): PersonKey;
  /** The same data keys, wrapped by the keyring's first key; the very buffer when they are already. */
  rewrap(dataKey: Buffer): Buffer;
  /** Seals what was given of somebody, for `users.person` and as one party of a payment: under a key that is theirs alone it says the same in both. */
  seal(key: PersonKey, person: Person): Buffer;
  /** Opens both parties of a payment. Throws `internal` for what does not open. */
  openParties(row: SealedParties): Parties;
  /** Opens one party alone; a key that is not needed need not be read. */
  openParty(row: SealedParties, role: keyof Parties): Person;
  /** Opens a person. Throws `internal` for what does not open. */
  openPerson(row: SealedPerson): Person;
}

export interface PersonKeysDeps {
  /** The id of the key that wraps, and every key that unwraps. */
  readonly currentId: number;
  readonly wrappingKeys: ReadonlyMap<number, KeyObject>;
  readonly nextNonce: () => Buffer;
  /** Opens what was encrypted before people had keys. */
  readonly decrypt: (ciphertext: Uint8Array, context: string) => string;
}

export const ERASED: Person = { name: '', phone: '' };

/** Joins two sealed parties into the bytes of `payments.parties`. */
export function joinParties(sender: Buffer, receiver: Buffer): Buffer {
  const joined = Buffer.allocUnsafe(3 + sender.length + receiver.length);
  joined[0] = SEALED_MARK;
  joined.writeUInt16BE(sender.length, 1);
  joined.set(sender, 3);
  joined.set(receiver, 3 + sender.length);
  return joined;
}

/** Takes `payments.parties` apart again; null for what was encrypted before people had keys. Throws `internal` when it is neither. */
export function splitParties(parties: Buffer): { readonly sender: Buffer; readonly receiver: Buffer } | null {
  if (parties[0] !== SEALED_MARK) return null;
  if (parties.length < 3) throw unopened(PARTIES_CONTEXT);
  const end = 3 + parties.readUInt16BE(1);
  return { sender: parties.subarray(3, end), receiver: parties.subarray(end) };
}

/** The number of the data key under which something is sealed, or null when it is not sealed under one. */
export function sealedVersion(sealed: Buffer): number | null {
  return sealed[0] === SEALED_MARK ? (sealed[1] ?? null) : null;
}

/** The wrapped keys of `users.data_key`, the newest first. */
export function wrappedKeys(dataKey: Buffer): Buffer[] {
  if (dataKey.length === 0 || dataKey.length % WRAPPED_BYTES !== 0) throw unopened('users.data_key');
  return Array.from({ length: dataKey.length / WRAPPED_BYTES }, (_, at) => dataKey.subarray(at * WRAPPED_BYTES, (at + 1) * WRAPPED_BYTES));
}

function unopened(context: string): Error {
  return fault('internal', { internal: `a ciphertext of ${context} does not open` });
}

/** Makes the data keys of people over a keyring. Unwrapped keys are kept, so that a person who is met again costs no unwrapping. */
export function createPersonKeys(deps: PersonKeysDeps): PersonKeys {
  const kept = createCache<string, KeyObject>('person_keys', KEPT_MAX);
  const nextKey = freshKeys();
  const wrappingKey = deps.wrappingKeys.get(deps.currentId) as KeyObject;

  const encrypted = (key: KeyObject, mark: number, version: number, plain: string | Buffer, context: Buffer): Buffer =>
    sealGcm(key, [mark, version], deps.nextNonce(), plain, context);

  function decrypted(key: KeyObject, bytes: Buffer, context: Buffer): Buffer {
    const plain = openGcm(key, 2, bytes, context);
    if (plain === null) throw unopened(context.toString());
    return plain;
  }

  function rawKey(wrapped: Buffer): Buffer {
    const wrapping = deps.wrappingKeys.get(wrapped[0] ?? 0);
    if (wrapping === undefined) throw fault('internal', { internal: 'a data key is wrapped by no key of the keyring' });
    return decrypted(wrapping, wrapped, WRAP_CONTEXT);
  }

  function unwrap(wrapped: Buffer): KeyObject {
    const name = wrapped.toString('latin1');
    const known = kept.get(name);
    if (known !== undefined) return known;
    const raw = rawKey(wrapped);
    const key = createSecretKey(raw);
    raw.fill(0);
    kept.set(name, key);
    return key;
  }

  function create(after: Buffer | null = null): { readonly key: PersonKey; readonly wrapped: Buffer } {
    const raw = nextKey();
    const version = after === null ? 1 : ((wrappedKeys(after)[0]?.[1] ?? 0) % VERSION_MAX) + 1;
    const wrapped = encrypted(wrappingKey, deps.currentId, version, raw, WRAP_CONTEXT);
    const key = createSecretKey(raw);
    raw.fill(0);
    return { key: { version, key }, wrapped };
  }

  function current(dataKey: Buffer): PersonKey {
    const wrapped = wrappedKeys(dataKey)[0] as Buffer;
    return { version: wrapped[1] ?? 0, key: unwrap(wrapped) };
  }

  function rewrap(dataKey: Buffer): Buffer {
    const wrapped = wrappedKeys(dataKey);
    if (wrapped.every((each) => each[0] === deps.currentId)) return dataKey;
    return Buffer.concat(wrapped.map((each) => encrypted(wrappingKey, deps.currentId, each[1] ?? 0, rawKey(each), WRAP_CONTEXT)));
  }

  function seal(key: PersonKey, person: Person): Buffer {
    const text = JSON.stringify({ name: person.name, phone: person.phone, details: person.details });
    return encrypted(key.key, SEALED_MARK, key.version, text, PERSON_CONTEXT);
  }

  function open(sealed: Buffer, dataKey: Buffer | null): Person {
    if (dataKey === null) return ERASED;
    if (sealed[0] !== SEALED_MARK || sealed.length < SEALED_BYTES_MIN) throw unopened('users.person');
    // Nearly everybody has one key.
    const wrapped =
      dataKey.length === WRAPPED_BYTES && dataKey[1] === sealed[1] ? dataKey : wrappedKeys(dataKey).find((each) => each[1] === sealed[1]);
    if (wrapped === undefined) throw unopened('users.person');
    return JSON.parse(decrypted(unwrap(wrapped), sealed, PERSON_CONTEXT).toString('utf8')) as Person;
  }

  const legacyParties = (parties: Buffer): Parties => JSON.parse(deps.decrypt(parties, PARTIES_CONTEXT)) as Parties;

  return {
    create,
    current,
    rewrap,
    seal,
    openParties: ({ parties, senderKey, receiverKey }) => {
      const split = splitParties(parties);
      if (split === null) return legacyParties(parties);
      return { sender: open(split.sender, senderKey), receiver: open(split.receiver, receiverKey) };
    },
    openParty: ({ parties, senderKey, receiverKey }, role) => {
      const split = splitParties(parties);
      if (split === null) return legacyParties(parties)[role];
      return open(split[role], role === 'sender' ? senderKey : receiverKey);
    },
    openPerson: ({ person, dataKey, name, phone }) => {
      if (person !== null) return open(person, dataKey);
      if (name === null || phone === null) return ERASED;
      return { name: deps.decrypt(name, 'users.name'), phone: deps.decrypt(phone, 'users.phone') };
    },
  };
}

/** Keys from a block of randomness, drawn anew when it is used up; the caller wipes what it gets. */
function freshKeys(): () => Buffer {
  const pool = Buffer.allocUnsafeSlow(KEY_BYTES * 64);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += KEY_BYTES;
    return pool.subarray(at - KEY_BYTES, at);
  };
}
