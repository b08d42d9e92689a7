/**
 * The keys CAPP works with, and the encryption of personal data in the database.
 *
 * A field is AES-256-GCM ciphertext: one byte that names the key, a random 96-bit nonce, the ciphertext,
 * the 128-bit tag (NIST SP 800-38D). The context, `table.column`, is authenticated with it, so that
 * ciphertext moved to another column does not open. Random nonces are safe for 2^32 fields per key.
 */
import { createSecretKey, hash, hkdfSync, type KeyObject, randomBytes, randomFillSync } from 'node:crypto';
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fault } from '../domain/errors.ts';
import { sha256 } from '../domain/ids.ts';
import { makeFolder, storageFault } from './folders.ts';
import { NONCE_BYTES, openGcm, sealGcm, TAG_BYTES } from './gcm.ts';
import { createPersonKeys, type PersonKeys } from './person-keys.ts';
import { createTextKeys, type TextKeys } from './text-keys.ts';

const INDEX_BYTES = 16;
const KEY_BYTES = 32;
/** Of SHA-256 (FIPS 180-4). */
const BLOCK_BYTES = 64;
const DIGEST_BYTES = 32;

export interface Keyring {
  /** Encrypts a text for one place, named `table.column`. */
  encrypt(plaintext: string, context: string): Buffer;
  /** Opens what `encrypt` made for the same place. Throws `internal` for anything else, without saying what it saw. */
  decrypt(ciphertext: Uint8Array, context: string): string;
  /** A keyed hash of 16 bytes, for look-up by equality within one scope, `table.column`, by the first index key. */
  blindIndex(text: string, scope: string): Buffer;
  /** The same under every index key that is still in use, that of `blindIndex` first: what was written under an older one is found too. */
  blindIndexes(text: string, scope: string): readonly [Buffer, ...Buffer[]];
  /** Those of them alone that an older key makes; there are none but while an index key goes out of use. */
  olderIndexes(text: string, scope: string): readonly Buffer[];
  /**
   * The keyed hashes that count as a seal: by every index key that was not retired when the text was sealed, in milliseconds since
   * 1970. Null where nothing vouches for that moment: a key that is retired then seals nothing.
   */
  seals(text: string, scope: string, sealedAtMs: number | null): readonly Buffer[];
  /** The index keys, the one in use first. */
  readonly indexKeys: readonly NamedIndexKey[];
  /** The key that encrypts and wraps now. */
  readonly currentId: number;
  /** Data keys of people. */
  readonly people: PersonKeys;
  /** Data keys of texts that may name people. */
  readonly texts: TextKeys;
}

export interface Keys {
  readonly keyring: Keyring;
  /** Signs quotes. */
  readonly quoteKey: Buffer;
  /** Goes into the hash of API key secrets. */
  readonly pepper: Buffer;
  /** Makes callback tokens. */
  readonly callbackKey: Buffer;
}

export interface FieldKey {
  /** 1 to 255; written in front of every ciphertext. */
  readonly id: number;
  readonly master: Buffer;
}

/** A key of blind indexes and seals. */
export interface IndexKey {
  readonly master: Buffer;
  /** When it was retired, in milliseconds since 1970: what bears its seal must be older. Null while it is in force. */
  readonly retiredAtMs: number | null;
}

/** An index key by what can be told of it. */
export interface NamedIndexKey {
  /** A keyed digest of a constant, by which the key is known again; the key cannot be found from it. */
  readonly check: Buffer;
  readonly retiredAtMs: number | null;
}

const CHECK_SCOPE = 'index_keys.key_check';

type KeyedHash = (message: string | Uint8Array) => Buffer;

const KEYED_HASHES = new WeakMap<Uint8Array, KeyedHash>();

/**
 * The function that computes HMAC-SHA256 (RFC 2104) under one key, from one-shot hashes: a tenth of the cost of `createHmac` under load.
 * It is made once for a key, whose bytes must stay as they are: making it costs more than using it.
 */
export function hmacSha256(key: Uint8Array): KeyedHash {
  const known = KEYED_HASHES.get(key);
  if (known !== undefined) return known;
  const made = keyedHash(key);
  KEYED_HASHES.set(key, made);
  return made;
}

function keyedHash(key: Uint8Array): KeyedHash {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.set(key.length > BLOCK_BYTES ? sha256(key) : key);
  const inner = Buffer.from(block.map((byte) => byte ^ 0x36));
  const outer = Buffer.alloc(BLOCK_BYTES + DIGEST_BYTES);
  outer.set(block.map((byte) => byte ^ 0x5c));
  return (message) => {
    const bytes = typeof message === 'string' ? Buffer.from(message, 'utf8') : message;
    outer.write(hash('sha256', Buffer.concat([inner, bytes]), 'hex'), BLOCK_BYTES, 'hex');
    return sha256(outer);
  };
}

/**
 * Makes a keyring. The first key encrypts and wraps, all of them open. Blind indexes are made by the first of `indexKeys`; the
 * others are those that older rows were written under. Without any the field key with the lowest id makes them.
 * Each use has a key of its own, derived by HKDF-SHA256 (RFC 5869).
 */
export function createKeyring(keys: readonly FieldKey[], indexKeys: readonly IndexKey[] | null = null): Keyring {
  const current = keys[0];
  if (current === undefined) throw fault('config_invalid', { internal: 'a keyring without keys' });
  const derive = (master: Buffer, use: string) => Buffer.from(hkdfSync('sha256', master, '', `capp ${use} v1`, KEY_BYTES));
  // As key objects: a cipher made from raw bytes turns them into one each time, which costs three times the cipher.
  const fieldKeys = new Map(keys.map(({ id, master }) => [id, createSecretKey(derive(master, 'field'))]));
  const currentKey = fieldKeys.get(current.id) as KeyObject;
  const indexes = (indexKeys ?? [inForce(oldestOf(keys))]).map(({ master, retiredAtMs }) => {
    const hashOf = hmacSha256(derive(master, 'index'));
    return { retiredAtMs, index: (text: string, scope: string) => hashOf(scoped(text, scope)).subarray(0, INDEX_BYTES) };
  });
  const [newest, ...older] = indexes;
  if (newest === undefined) throw fault('config_invalid', { internal: 'a keyring without index keys' });
  const wrappingKeys = new Map(keys.map(({ id, master }) => [id, createSecretKey(derive(master, 'wrap'))]));
  const nextNonce = nonces();

  const keyring: Omit<Keyring, 'people' | 'texts'> = {
    currentId: current.id,
    encrypt: (plaintext, context) => sealGcm(currentKey, [current.id], nextNonce(), plaintext, Buffer.from(context)),
    decrypt: (ciphertext, context) => {
      const key = fieldKeys.get(ciphertext[0] ?? 0);
      if (key === undefined || ciphertext.length < 1 + NONCE_BYTES + TAG_BYTES) {
        throw fault('internal', { internal: `a ciphertext of ${context} names no key of the keyring` });
      }
      const plain = openGcm(key, 1, Buffer.from(ciphertext.buffer, ciphertext.byteOffset, ciphertext.length), Buffer.from(context));
      if (plain === null) throw fault('internal', { internal: `a ciphertext of ${context} does not open` });
      return plain.toString('utf8');
    },
    blindIndex: newest.index,
    blindIndexes: (text, scope) => [keyring.blindIndex(text, scope), ...keyring.olderIndexes(text, scope)],
    olderIndexes: (text, scope) => older.map(({ index }) => index(text, scope)),
    seals: (text, scope, sealedAtMs) =>
      indexes
        .filter(({ retiredAtMs }) => retiredAtMs === null || (sealedAtMs !== null && sealedAtMs < retiredAtMs))
        .map(({ index }) => index(text, scope)),
    indexKeys: indexes.map(({ index, retiredAtMs }) => ({ check: index('', CHECK_SCOPE), retiredAtMs })),
  };
  const deps = { currentId: current.id, wrappingKeys, nextNonce, decrypt: keyring.decrypt };
  return { ...keyring, people: createPersonKeys(deps), texts: createTextKeys(deps) };
}

/** An index key that is not retired. */
export function inForce(master: Buffer): IndexKey {
  return { master, retiredAtMs: null };
}

/** The length in front keeps scope and text apart. */
function scoped(text: string, scope: string): string {
  return `${scope.length}:${scope}${text}`;
}

function oldestOf(keys: readonly FieldKey[]): Buffer {
  return keys.reduce((lowest, key) => (key.id < lowest.id ? key : lowest)).master;
}

/** Nonces from a block of randomness, drawn anew when it is used up. */
function nonces(): () => Buffer {
  const pool = Buffer.alloc(NONCE_BYTES * 512);
  let at = pool.length;
  return () => {
    if (at === pool.length) {
      randomFillSync(pool);
      at = 0;
    }
    at += NONCE_BYTES;
    return Buffer.from(pool.subarray(at - NONCE_BYTES, at));
  };
}

const INDEX_SETTING = 'CAPP_INDEX_KEY';
/** In CAPP_INDEX_KEY: the key that makes indexes while the setting is empty. */
const INDEX_OF_FIELD = 'field';
const SETTINGS = { field: 'CAPP_FIELD_KEY', quote: 'CAPP_QUOTE_KEY', pepper: 'CAPP_KEY_PEPPER', callback: 'CAPP_CALLBACK_KEY' } as const;
type Use = keyof typeof SETTINGS;
const USES = Object.keys(SETTINGS) as Use[];

/**
 * Reads the keys from settings as they stand there, neither in files nor wrapped (see `server/secrets.ts`), and outside production those
 * that are missing from `<dataDir>/keys.json`, made at the first start and readable by its owner only.
 *
 * Each is 32 random bytes as 64 hex digits. CAPP_FIELD_KEY may name several as `2:hex,1:hex`, the first of
 * which encrypts. CAPP_INDEX_KEY names the keys of blind indexes in the same way, without numbers, the one in use first; `field`
 * among them stands for the one that is used while the setting is empty, which it may not be in production, and `@` and a moment behind a
 * key say since when it is retired. Throws `config_invalid` for a missing, malformed, weak or repeated key, without showing it.
 */
export async function readKeys(env: Readonly<Record<string, string | undefined>>, dataDir: string): Promise<Keys> {
  const isUnset = (setting: string): boolean => (env[setting] ?? '').trim() === '';
  const missing = USES.filter((use) => isUnset(SETTINGS[use]));
  const unset = [...Object.values(SETTINGS), INDEX_SETTING].filter(isUnset);
  if (unset.length > 0 && env.CAPP_ENV === 'production')
    throw fault('config_invalid', { detail: `In production ${unset.join(', ')} must be set.` });
  const kept = missing.length > 0 ? await keptKeys(dataDir) : {};
  const text = (use: Use) => (missing.includes(use) ? kept[use] : env[SETTINGS[use]]) ?? '';
  const single = (use: Use) => parseKey(text(use), SETTINGS[use]);
  const fields = parseFieldKeys(text('field'));
  const keys = {
    fields,
    index: parseIndexKeys(env[INDEX_SETTING] ?? '', fields),
    quoteKey: single('quote'),
    pepper: single('pepper'),
    callbackKey: single('callback'),
  };
  const all = [
    ...keys.fields.map(({ master }) => master),
    // What `field` stands for, spelt out: so that it stays when its field key goes.
    ...(keys.index ?? []).map(({ master }) => master).filter((key) => !key.equals(oldestOf(fields))),
    keys.quoteKey,
    keys.pepper,
    keys.callbackKey,
  ].map((key) => key.toString('hex'));
  if (new Set(all).size !== all.length)
    throw fault('config_invalid', { detail: 'Two settings hold the same key; each needs one of its own.' });
  return { keyring: createKeyring(keys.fields, keys.index), quoteKey: keys.quoteKey, pepper: keys.pepper, callbackKey: keys.callbackKey };
}

function parseFieldKeys(text: string): FieldKey[] {
  const keys = text.split(',').map((part) => {
    const match = /^(?:(\d{1,3}):)?(.*)$/s.exec(part.trim());
    const id = Number(match?.[1] ?? '1');
    if (id < 1 || id > 255) throw fault('config_invalid', { detail: `${SETTINGS.field} numbers its keys from 1 to 255.` });
    return { id, master: parseKey(match?.[2] ?? '', SETTINGS.field) };
  });
  if (new Set(keys.map(({ id }) => id)).size !== keys.length)
    throw fault('config_invalid', { detail: `${SETTINGS.field} uses a number twice.` });
  return keys;
}

function parseIndexKeys(text: string, fields: readonly FieldKey[]): IndexKey[] | null {
  if (text.trim() === '') return null;
  const keys = text.split(',').map((part): IndexKey => {
    const [name = '', retired] = part.split('@').map((word) => word.trim());
    const master = name === INDEX_OF_FIELD ? oldestOf(fields) : parseKey(name, INDEX_SETTING);
    return { master, retiredAtMs: retired === undefined ? null : parseRetirement(retired) };
  });
  if (new Set(keys.map(({ master }) => master.toString('hex'))).size !== keys.length)
    throw fault('config_invalid', { detail: `${INDEX_SETTING} names a key twice.` });
  if (keys[0]?.retiredAtMs !== null)
    throw fault('config_invalid', { detail: `The first key of ${INDEX_SETTING} is in use and cannot be retired.` });
  return keys;
}

function parseRetirement(text: string): number {
  const atMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(atMs))
    throw fault('config_invalid', { detail: `${INDEX_SETTING} retires a key at a moment such as 2026-11-20T09:00Z.` });
  return atMs;
}

function parseKey(text: string, setting: string): Buffer {
  if (!/^[0-9a-f]{64}$/i.test(text)) throw fault('config_invalid', { detail: `${setting} must be 32 random bytes as 64 hex digits.` });
  const key = Buffer.from(text, 'hex');
  // 32 random bytes with fewer than 16 different values happen once in 10^14; patterns typed by hand happen daily.
  if (new Set(key).size < 16) throw fault('config_invalid', { detail: `${setting} is not random; make one with: openssl rand -hex 32` });
  return key;
}

async function keptKeys(dataDir: string): Promise<Partial<Record<Use, string>>> {
  const file = join(dataDir, 'keys.json');
  const draft = `${file}.${process.pid}`;
  try {
    await makeFolder(dataDir);
    const made = Object.fromEntries(USES.map((use) => [use, randomBytes(KEY_BYTES).toString('hex')]));
    await writeFile(draft, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600 });
    // A link is made whole or not at all, and never over a file that is there.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await chmod(file, 0o600);
    return JSON.parse(await readFile(file, 'utf8')) as Partial<Record<Use, string>>;
  } catch (error) {
    if (error instanceof SyntaxError) throw fault('config_invalid', { detail: `${file} is damaged.` });
    throw storageFault(error, dataDir);
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}
