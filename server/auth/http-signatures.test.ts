import { createHash, createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { checkSignature, isDigestOf, signatureBase, signerOf, type SignedRequest } from './http-signatures.ts';

const NOW_S = 1_800_000_000;
const { privateKey, publicKey } = generateKeyPairSync('ed25519');

describe('the example of RFC 9421, appendix B.2.6', () => {
  const body = Buffer.from('{"hello": "world"}');
  const fields: Record<string, string> = {
    host: 'example.com',
    date: 'Tue, 20 Apr 2021 02:07:55 GMT',
    'content-type': 'application/json',
    'content-digest': 'sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:',
    'content-length': '18',
  };
  const request: SignedRequest = {
    method: 'POST',
    url: 'https://example.com/foo?param=Value&Pet=dog',
    header: (name) => fields[name],
    body,
  };
  const components = ['date', '@method', '@path', '@authority', 'content-type', 'content-length'];
  const text = `(${components.map((name) => `"${name}"`).join(' ')});created=1618884473;keyid="test-key-ed25519"`;

  test('gives its signature base, and its signature holds', () => {
    const base = signatureBase(request, { components, text });
    expect(base).toBe(
      [
        '"date": Tue, 20 Apr 2021 02:07:55 GMT',
        '"@method": POST',
        '"@path": /foo',
        '"@authority": example.com',
        '"content-type": application/json',
        '"content-length": 18',
        `"@signature-params": ${text}`,
      ].join('\n'),
    );
    const key = createPublicKey(
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----',
    );
    const signature = 'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==';
    expect(verify(null, Buffer.from(base ?? ''), key, Buffer.from(signature, 'base64'))).toBe(true);
  });

  test('gives its digest', () => {
    expect(isDigestOf(fields['content-digest'] ?? '', body)).toBe(true);
    expect(isDigestOf(fields['content-digest'] ?? '', Buffer.from('{"hello": "World"}'))).toBe(false);
  });
});

const BODY = Buffer.from('{"amount":"1"}');
const DIGEST = `sha-256=:${createHash('sha256').update(BODY).digest('base64')}:`;

interface Over {
  readonly covered?: readonly string[];
  readonly parameters?: string;
  readonly method?: string;
  readonly url?: string;
  readonly body?: Uint8Array;
  readonly fields?: Readonly<Record<string, string>>;
}

const PARAMETERS = `;created=${NOW_S};expires=${NOW_S + 60};nonce="0123456789abcdef";keyid="shop-1"`;

/** A request that is signed as it stands, and then comes with what is given instead. */
function signed({ covered = ['@method', '@target-uri', 'content-digest'], parameters = PARAMETERS, ...over }: Over = {}): SignedRequest {
  const text = `(${covered.map((name) => `"${name}"`).join(' ')})${parameters}`;
  const fields: Record<string, string> = { 'content-digest': DIGEST, 'signature-input': `sig=${text}` };
  const whole: SignedRequest = { method: 'POST', url: 'https://capp.test/v1/payments', header: (name) => fields[name], body: BODY };
  const base = signatureBase(whole, { components: covered, text }) ?? '';
  fields.signature = `sig=:${sign(null, Buffer.from(base), privateKey).toString('base64')}:`;
  Object.assign(fields, over.fields);
  return { ...whole, method: over.method ?? whole.method, url: over.url ?? whole.url, body: over.body ?? whole.body };
}

const check = (over?: Over) => checkSignature(signed(over), publicKey, NOW_S * 1000);

test('a request that is signed in full holds', () => {
  expect(check()).toEqual({ keyId: 'shop-1', createdS: NOW_S, expiresS: NOW_S + 60, nonce: '0123456789abcdef' });
  expect(signerOf(signed())).toBe('shop-1');
});

test.each<[string, Over]>([
  ['another method', { method: 'PUT' }],
  ['another address', { url: 'https://capp.test/v1/payments?x=1' }],
  ['another body', { body: Buffer.from('{"amount":"2"}') }],
  ['a body whose digest nobody signed', { covered: ['@method', '@target-uri'] }],
  ['a method that nobody signed', { covered: ['@target-uri', 'content-digest'] }],
  ['an address that nobody signed', { covered: ['@method', '@authority', 'content-digest'] }],
  ['another digest', { fields: { 'content-digest': DIGEST.replace('sha-256', 'sha-512') } }],
  ['no digest', { fields: { 'content-digest': '' } }],
  ['another signature', { fields: { signature: `sig=:${Buffer.alloc(64).toString('base64')}:` } }],
  ['a signature under another label', { fields: { signature: signed().header('signature')?.replace('sig=', 'other=') ?? '' } }],
  ['two signatures', { fields: { 'signature-input': `${signed().header('signature-input')}, two=()` } }],
  ['no signature', { fields: { signature: '', 'signature-input': '' } }],
  ['a part that is not there', { covered: ['@method', '@target-uri', 'content-digest', 'x-missing'] }],
  ['a part that is unknown', { covered: ['@method', '@target-uri', 'content-digest', '@status'] }],
  ['a part named twice', { covered: ['@method', '@method', '@target-uri', 'content-digest'] }],
  ['a signature that has expired', { parameters: PARAMETERS.replace(`expires=${NOW_S + 60}`, `expires=${NOW_S}`) }],
  ['a signature that lasts too long', { parameters: PARAMETERS.replace(`expires=${NOW_S + 60}`, `expires=${NOW_S + 301}`) }],
  ['a signature from the future', { parameters: PARAMETERS.replace(`created=${NOW_S}`, `created=${NOW_S + 30}`) }],
  ['no moment', { parameters: PARAMETERS.replace(`;created=${NOW_S}`, '') }],
  ['no nonce', { parameters: PARAMETERS.replace(';nonce="0123456789abcdef"', '') }],
  ['a nonce that is too short', { parameters: PARAMETERS.replace('0123456789abcdef', 'short') }],
  ['another algorithm', { parameters: `${PARAMETERS};alg="hmac-sha256"` }],
])('%s is refused', (_name, over) => {
  expect(check(over)).toBeNull();
});

test('a request by another key is refused', () => {
  expect(checkSignature(signed(), generateKeyPairSync('ed25519').publicKey, NOW_S * 1000)).toBeNull();
});
