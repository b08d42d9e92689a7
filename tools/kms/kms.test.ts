/** The three key services, each against a stand-in that checks what the real one checks. */
import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from '../../domain/clock.ts';
import { signed } from './aws.ts';
import { crc32c } from './crc32c.ts';
import { openKeyProvider } from './index.ts';
import type { Fetch } from './provider.ts';

const NOW_MS = Date.UTC(2026, 10, 26, 4, 0, 0);
const clock = manualClock(NOW_MS);
const SECRET = 'not-a-real-secret-of-anybody';

interface Call {
  readonly url: string;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
  readonly text: string;
}

/** A service behind a fetch: what `answer` gives, and what it was asked. */
function service(answer: (call: Call) => { status?: number; body?: unknown }): { readonly dial: Fetch; readonly calls: Call[] } {
  const calls: Call[] = [];
  const dial: Fetch = async (url, init) => {
    const text = typeof init.body === 'string' ? init.body : '';
    const call = { url, headers: new Headers(init.headers), body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>), text };
    calls.push(call);
    const { status = 200, body = {} } = answer(call);
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
  };
  return { dial, calls };
}

const root = randomBytes(32);

/** What a service does inside: encryption with authenticated data. */
function locked(plain: Buffer, data: string): string {
  const nonce = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', root, nonce).setAAD(Buffer.from(data));
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64');
}

function unlocked(text: string, data: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  const opener = createDecipheriv('aes-256-gcm', root, bytes.subarray(0, 12)).setAAD(Buffer.from(data)).setAuthTag(bytes.subarray(-16));
  try {
    return Buffer.concat([opener.update(bytes.subarray(12, -16)), opener.final()]);
  } catch {
    return null;
  }
}

/** AWS: checks the signature by its own reading of the headers, and the encryption context. */
const aws = () =>
  service(({ url, headers, body, text }) => {
    const [, day = '', region = '', names = '', signature = ''] =
      /Credential=AKID\/(\d{8})\/([a-z0-9-]+)\/kms\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/.exec(
        headers.get('authorization') ?? '',
      ) ?? [];
    const valueOf = (name: string): string => (name === 'host' ? new URL(url).host : (headers.get(name) ?? ''));
    const digest = (what: string): string => createHash('sha256').update(what).digest('hex');
    const lines = names.split(';').map((name) => `${name}:${valueOf(name)}\n`);
    const request = `POST\n/\n\n${lines.join('')}\n${names}\n${digest(text)}`;
    const toSign = `AWS4-HMAC-SHA256\n${headers.get('x-amz-date')}\n${day}/${region}/kms/aws4_request\n${digest(request)}`;
    const key = [day, region, 'kms', 'aws4_request'].reduce(
      (each: Buffer | string, part) => createHmac('sha256', each).update(part).digest(),
      `AWS4${SECRET}`,
    );
    if (createHmac('sha256', key).update(toSign).digest('hex') !== signature)
      return { status: 400, body: { __type: 'InvalidSignatureException' } };
    const context = JSON.stringify(body['EncryptionContext']);
    if (headers.get('x-amz-target') === 'TrentService.Encrypt')
      return { body: { KeyId: body['KeyId'], CiphertextBlob: locked(Buffer.from(String(body['Plaintext']), 'base64'), context) } };
    const plain = unlocked(String(body['CiphertextBlob']), context);
    return plain === null
      ? { status: 400, body: { __type: 'InvalidCiphertextException' } }
      : { body: { Plaintext: plain.toString('base64') } };
  });

/** Google Cloud: checks both checksums of what comes in, gives those of what goes out. */
const gcp = () =>
  service(({ url, headers, body }) => {
    if (url.includes('metadata.google.internal')) {
      return headers.get('metadata-flavor') === 'Google' ? { body: { access_token: 'from-metadata', expires_in: 3599 } } : { status: 403 };
    }
    if (!/^Bearer (given|from-metadata)$/.test(headers.get('authorization') ?? '')) return { status: 401 };
    const bytesOf = (name: string): Buffer => Buffer.from(String(body[name]), 'base64');
    const isIntact = (name: string): boolean => crc32c(bytesOf(name)) === body[`${name}Crc32c`];
    const data = bytesOf('additionalAuthenticatedData').toString();
    if (!isIntact('additionalAuthenticatedData')) return { status: 400 };
    if (url.endsWith('/cryptoKeys/capp:encrypt')) {
      const ciphertext = locked(bytesOf('plaintext'), data);
      return {
        body: { ciphertext, ciphertextCrc32c: crc32c(Buffer.from(ciphertext, 'base64')), verifiedPlaintextCrc32c: isIntact('plaintext') },
      };
    }
    const plain = isIntact('ciphertext') ? unlocked(String(body['ciphertext']), data) : null;
    return plain === null ? { status: 400 } : { body: { plaintext: plain.toString('base64'), plaintextCrc32c: crc32c(plain) } };
  });

/** Vault: the token, the marker that keeps forged requests out, the version of the key in the ciphertext. */
const vault = () =>
  service(({ url, headers, body }) => {
    if (headers.get('x-vault-token') !== 'token' || headers.get('x-vault-request') !== 'true')
      return { status: 403, body: { errors: ['permission denied'] } };
    const data = String(body['associated_data']);
    if (url === 'https://vault.example/v1/transit/encrypt/capp')
      return {
        body: { data: { ciphertext: `vault:v3:${locked(Buffer.from(String(body['plaintext']), 'base64'), data)}`, key_version: 3 } },
      };
    const plain = unlocked(String(body['ciphertext']).replace(/^vault:v3:/, ''), data);
    return plain === null
      ? { status: 400, body: { errors: ['invalid ciphertext'] } }
      : { body: { data: { plaintext: plain.toString('base64') } } };
  });

const AWS_ENV = { CAPP_KMS_KEY: 'alias/capp', AWS_REGION: 'af-south-1', AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: SECRET };
const CASES = [
  ['aws-kms', aws, { ...AWS_ENV, AWS_SESSION_TOKEN: 'session' }],
  ['gcp-kms', gcp, { CAPP_KMS_KEY: 'projects/p/locations/l/keyRings/r/cryptoKeys/capp', CAPP_KMS_TOKEN: 'given' }],
  ['gcp-kms', gcp, { CAPP_KMS_KEY: 'projects/p/locations/l/keyRings/r/cryptoKeys/capp' }],
  ['vault', vault, { CAPP_KMS_KEY: 'capp', VAULT_ADDR: 'https://vault.example', VAULT_TOKEN: 'token' }],
] as const;

describe.each(CASES)('%s', (name, stand, env) => {
  let key: Buffer;
  beforeEach(() => {
    key = randomBytes(32);
  });

  test('gives back what it wrapped, and nothing in clear stands in the setting', async () => {
    const { dial } = stand();
    const provider = openKeyProvider(name, env, { fetch: dial, clock });
    const wrapped = await provider.wrap(key);
    expect(wrapped).toMatch(/^[A-Za-z0-9+/=:]+$/);
    expect(Buffer.from(wrapped, 'base64').includes(key)).toBe(false);
    expect((await provider.unwrap(wrapped)).equals(key)).toBe(true);
  });

  test('refuses what it did not wrap, and says nothing of it', async () => {
    const { dial } = stand();
    const provider = openKeyProvider(name, env, { fetch: dial, clock });
    const wrapped = await provider.wrap(key);
    const altered = `${wrapped.slice(0, -8)}${wrapped.slice(-8, -4) === 'AAAA' ? 'BBBB' : 'AAAA'}${wrapped.slice(-4)}`;
    await expect(provider.unwrap(altered)).rejects.toMatchObject({
      code: 'config_invalid',
      detail: expect.not.stringContaining(wrapped.slice(8, 20)),
    });
  });

  test.each([
    ['answers with an error of its own', () => ({ status: 503 })],
    ['answers with something else', () => ({ body: { hello: 'world' } })],
  ])('that %s is away, and asking again may help', async (_what, answer) => {
    const provider = openKeyProvider(name, env, { fetch: service(answer).dial, clock });
    await expect(provider.wrap(key)).rejects.toMatchObject({ code: 'key_provider_unavailable' });
  });

  test('a setting that is missing is named', () => {
    expect(() => openKeyProvider(name, {}, { fetch: stand().dial, clock })).toThrow(expect.objectContaining({ code: 'config_invalid' }));
  });
});

test('AWS does not take a request signed with another secret', async () => {
  const provider = openKeyProvider('aws-kms', { ...AWS_ENV, AWS_SECRET_ACCESS_KEY: 'another' }, { fetch: aws().dial, clock });
  await expect(provider.wrap(randomBytes(32))).rejects.toMatchObject({ code: 'config_invalid' });
});

test('a signature covers the body, the target and the moment', () => {
  const settings = { region: 'af-south-1', accessKeyId: 'AKID', secretAccessKey: SECRET, sessionToken: null };
  const one = { host: 'kms.af-south-1.amazonaws.com', target: 'TrentService.Encrypt', body: '{}', atMs: NOW_MS };
  const all = [
    one,
    { ...one, body: '{"a":1}' },
    { ...one, target: 'TrentService.Decrypt' },
    { ...one, atMs: NOW_MS + 1_000 },
    { ...one, host: 'other' },
  ];
  expect(new Set(all.map((each) => signed(settings, each)['authorization'])).size).toBe(all.length);
  expect(signed(settings, one)['x-amz-date']).toBe('20261126T040000Z');
});

test('the checksum is that of RFC 3720', () => {
  expect(crc32c(Buffer.from('123456789'))).toBe(String(0xe3069283));
  expect(crc32c(Buffer.alloc(32))).toBe(String(0x8a9136aa));
});
