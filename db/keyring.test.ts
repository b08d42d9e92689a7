import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeyring, hmacSha256, readKeys } from './keyring.ts';

const master = (id: number) => ({ id, master: randomBytes(32) });
const hexKey = () => randomBytes(32).toString('hex');

describe('keyring', () => {
  const keyring = createKeyring([master(1)]);

  test('opens what it encrypted, and never encrypts the same way twice', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const ciphertext = keyring.encrypt(text, 'users.name');
        expect(keyring.decrypt(ciphertext, 'users.name')).toBe(text);
        expect(keyring.encrypt(text, 'users.name').equals(ciphertext)).toBe(false);
        expect(ciphertext.length).toBe(29 + Buffer.byteLength(text));
      }),
    );
  });

  test('opens in the place it was made for only', () => {
    const ciphertext = keyring.encrypt('Amina', 'users.name');
    expect(() => keyring.decrypt(ciphertext, 'users.phone')).toThrow('internal');
  });

  test('refuses ciphertext with any bit changed', () => {
    const ciphertext = keyring.encrypt('+254712345678', 'users.phone');
    for (let at = 0; at < ciphertext.length; at++) {
      const altered = Buffer.from(ciphertext);
      altered[at] = (altered[at] as number) ^ 0x01;
      expect(() => keyring.decrypt(altered, 'users.phone')).toThrow('internal');
    }
    expect(() => keyring.decrypt(ciphertext.subarray(0, 20), 'users.phone')).toThrow('internal');
  });

  test('errors show nothing of the text', () => {
    const ciphertext = keyring.encrypt('Wanjiru', 'users.name');
    expect(() => createKeyring([master(1)]).decrypt(ciphertext, 'users.name')).toThrow(/^(?!.*Wanjiru)/);
  });

  test('a new key encrypts, the old one still opens, blind indexes stay', () => {
    const old = master(1);
    const before = createKeyring([old]);
    const after = createKeyring([master(2), old]);
    expect(after.decrypt(before.encrypt('Kofi', 'users.name'), 'users.name')).toBe('Kofi');
    expect(after.encrypt('Kofi', 'users.name')[0]).toBe(2);
    expect(after.blindIndex('+233241234567', 'users.phone')).toEqual(before.blindIndex('+233241234567', 'users.phone'));
  });

  test('blind indexes differ by text, by scope and by key', () => {
    const one = keyring.blindIndex('+254712345678', 'users.phone');
    expect(one).toHaveLength(16);
    expect(keyring.blindIndex('+254712345678', 'users.phone')).toEqual(one);
    expect(keyring.blindIndex('+254712345679', 'users.phone')).not.toEqual(one);
    expect(keyring.blindIndex('+254712345678', 'users.name')).not.toEqual(one);
    expect(createKeyring([master(1)]).blindIndex('+254712345678', 'users.phone')).not.toEqual(one);
  });

  test('HMAC agrees with the one of Node for every length of key and message', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 200 }), (key, message) => {
        expect(hmacSha256(key)(message)).toEqual(createHmac('sha256', key).update(message).digest());
      }),
    );
  });
});

describe('loading keys', () => {
  let dataDir: string;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'capp-keys-'));
  });
  afterEach(() => rm(dataDir, { recursive: true }));

  test('makes them once, for their owner only, and finds them again', async () => {
    const [one, two] = await Promise.all([readKeys({}, dataDir), readKeys({}, dataDir)]);
    const again = await readKeys({}, dataDir);
    for (const keys of [two, again]) {
      expect(keys.quoteKey).toEqual(one.quoteKey);
      expect(keys.keyring.decrypt(one.keyring.encrypt('x', 'a.b'), 'a.b')).toBe('x');
    }
    expect((await stat(join(dataDir, 'keys.json'))).mode & 0o777).toBe(0o600);
    expect(new Set(Object.values(JSON.parse(await readFile(join(dataDir, 'keys.json'), 'utf8')))).size).toBe(4);
  });

  test('the environment goes before the file', async () => {
    const quoteKey = hexKey();
    expect((await readKeys({ CAPP_QUOTE_KEY: quoteKey }, dataDir)).quoteKey.toString('hex')).toBe(quoteKey);
  });

  test('production takes them from the environment only', async () => {
    const names = ['CAPP_FIELD_KEY', 'CAPP_INDEX_KEY', 'CAPP_QUOTE_KEY', 'CAPP_KEY_PEPPER', 'CAPP_CALLBACK_KEY'];
    const env = Object.fromEntries(names.map((name) => [name, hexKey()]));
    await expect(readKeys({ ...env, CAPP_ENV: 'production', CAPP_KEY_PEPPER: '' }, dataDir)).rejects.toThrow(
      /config_invalid.*CAPP_KEY_PEPPER/,
    );
    await expect(readKeys({ ...env, CAPP_ENV: 'production', CAPP_INDEX_KEY: '' }, dataDir)).rejects.toThrow(
      /config_invalid.*CAPP_INDEX_KEY/,
    );
    await readKeys({ ...env, CAPP_ENV: 'production' }, dataDir);
    await expect(stat(join(dataDir, 'keys.json'))).rejects.toThrow('ENOENT');
  });

  test.each([
    ['too short', 'abcd'],
    ['not hex', 'z'.repeat(64)],
    ['one digit over and over', '0'.repeat(64)],
    ['a pattern', '0123456789abcdef'.repeat(4)],
  ])('refuses a key that is %s, and does not show it', async (_how, key) => {
    const failure = await readKeys({ CAPP_FIELD_KEY: key }, dataDir).catch((error: Error) => error);
    expect(String(failure)).toContain('config_invalid');
    expect(String(failure)).not.toContain(key);
  });

  test('refuses one key for two uses, and two keys of one number', async () => {
    const key = hexKey();
    await expect(readKeys({ CAPP_QUOTE_KEY: key, CAPP_KEY_PEPPER: key }, dataDir)).rejects.toThrow('config_invalid');
    await expect(readKeys({ CAPP_FIELD_KEY: `1:${key},1:${hexKey()}` }, dataDir)).rejects.toThrow('config_invalid');
  });

  test.each([
    ['a key twice', (key: string) => `${key},${key}`],
    ['a first key that is retired', (key: string) => `${key}@2026-11-20T09:00Z`],
    ['a moment that is none', (key: string) => `${hexKey()},${key}@yesterday`],
  ])('refuses %s among the index keys, and shows none', async (_what, setting) => {
    const key = hexKey();
    const failure = await readKeys({ CAPP_INDEX_KEY: setting(key) }, dataDir).catch((error: Error) => error);
    expect(String(failure)).toMatch(/config_invalid.*CAPP_INDEX_KEY/);
    expect(String(failure)).not.toContain(key);
  });

  test('an index key spelt out makes the indexes that its field key made while none was named', async () => {
    const [first, second] = [hexKey(), hexKey()];
    const before = (await readKeys({ CAPP_FIELD_KEY: `1:${first}` }, dataDir)).keyring;
    for (const CAPP_FIELD_KEY of [`2:${second},1:${first}`, `2:${second}`]) {
      const { keyring } = await readKeys({ CAPP_FIELD_KEY, CAPP_INDEX_KEY: first }, dataDir);
      expect(keyring.blindIndex('+254700000001', 'users.phone')).toEqual(before.blindIndex('+254700000001', 'users.phone'));
      expect(keyring.indexKeys).toEqual(before.indexKeys);
    }
  });

  test('a retired key finds what it indexed, and seals only what is older', async () => {
    const [first, second] = [hexKey(), hexKey()];
    const { keyring } = await readKeys({ CAPP_INDEX_KEY: `${first},${second}@2026-11-20T09:00Z` }, dataDir);
    const retiredAtMs = Date.UTC(2026, 10, 20, 9);
    const [newer, older] = keyring.blindIndexes('x', 'a.b');
    expect(keyring.indexKeys.map((key) => key.retiredAtMs)).toEqual([null, retiredAtMs]);
    expect(keyring.seals('x', 'a.b', retiredAtMs - 1)).toEqual([newer, older]);
    expect(keyring.seals('x', 'a.b', retiredAtMs)).toEqual([newer]);
    expect(keyring.seals('x', 'a.b', null)).toEqual([newer]);
  });

  test('says that the file is damaged', async () => {
    await writeFile(join(dataDir, 'keys.json'), '{');
    await expect(readKeys({}, dataDir)).rejects.toThrow(/config_invalid.*damaged/);
  });
});
