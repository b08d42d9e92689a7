import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { parseCbor } from './cbor.ts';
import { type AuthenticatorOver, softwareAuthenticator, writeCbor } from './testing.ts';
import { challengeOf, type Passkey, readAssertion, readRegistration } from './webauthn.ts';

const party = { id: 'capp.test', origin: 'https://capp.test' };

describe.each(['P-256', 'Ed25519'] as const)('a passkey over %s', (kind) => {
  const challenge = randomBytes(32);
  const authenticator = softwareAuthenticator(party, kind);
  const register = (over?: AuthenticatorOver) => readRegistration(party, { ...authenticator.register(challenge, over), challenge });
  const passkey = register({ signCount: 5 }) as Passkey;
  const answer = (over?: AuthenticatorOver) => readAssertion(party, passkey, { ...authenticator.answer(challenge, over), challenge });

  test('is made, and known by what it signs', () => {
    expect(passkey.credentialId).toEqual(authenticator.credentialId);
    expect(answer({ signCount: 6 })).toBe(6);
    expect(challengeOf(authenticator.answer(challenge).clientData)).toEqual(challenge);
  });

  test.each<[string, AuthenticatorOver]>([
    ['another page', { origin: 'https://capp.test.example' }],
    ['another host', { rpId: 'example' }],
    ['a frame of another page', { crossOrigin: true }],
    ['nobody present', { flags: 64 | 4 }],
    ['nobody verified', { flags: 64 | 1 }],
  ])('is not taken from %s', (_name, over) => {
    expect(register(over)).toBeNull();
    expect(answer({ signCount: 9, ...over, ...(over.flags === undefined ? {} : { flags: over.flags & ~64 }) })).toBeNull();
  });

  test('is not made by what was said for using one, nor used by what was said for making one', () => {
    expect(register({ type: 'webauthn.get' })).toBeNull();
    expect(answer({ signCount: 9, type: 'webauthn.create' })).toBeNull();
  });

  test('answers its own challenge only', () => {
    const other = randomBytes(32);
    expect(readRegistration(party, { ...authenticator.register(challenge), challenge: other })).toBeNull();
    expect(readAssertion(party, passkey, { ...authenticator.answer(challenge, { signCount: 9 }), challenge: other })).toBeNull();
  });

  test('is refused when another key signed, or anything that was signed is other', () => {
    const signedBy = (kind === 'P-256' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')).privateKey;
    expect(answer({ signCount: 9, signedBy })).toBeNull();
    const said = authenticator.answer(challenge, { signCount: 9 });
    for (const name of ['authenticatorData', 'signature'] as const) {
      const bytes = Buffer.from(said[name]);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      expect(readAssertion(party, passkey, { ...said, challenge, [name]: bytes })).toBeNull();
    }
  });

  test('whose count does not go on was copied; one that never counts is taken', () => {
    expect(answer({ signCount: 5 })).toBeNull();
    expect(answer({ signCount: 0 })).toBeNull();
    const uncounted = { ...passkey, signCount: 0 };
    expect(readAssertion(party, uncounted, { ...authenticator.answer(challenge, { signCount: 0 }), challenge })).toBe(0);
  });

  test('with anything behind it, or cut short anywhere, is none', () => {
    expect(register({ trailing: Buffer.from([1]) })).toBeNull();
    expect(register({ flags: 5 })).toBeNull();
    const made = authenticator.register(challenge);
    for (let length = 0; length < made.attestation.length; length += 1)
      expect(readRegistration(party, { ...made, challenge, attestation: made.attestation.subarray(0, length) })).toBeNull();
  });
});

describe('CBOR', () => {
  // RFC 8949, appendix A.
  test.each([
    ['00', 0],
    ['17', 23],
    ['1818', 24],
    ['1903e8', 1_000],
    ['1a000f4240', 1_000_000],
    ['20', -1],
    ['3903e7', -1_000],
    ['f4', false],
    ['f5', true],
    ['f6', null],
    ['6449455446', 'IETF'],
    ['83010203', [1, 2, 3]],
  ])('%s is %j', (hex, value) => {
    expect(parseCbor(Buffer.from(hex, 'hex'))).toEqual(value);
  });

  test('maps and bytes are read as they were written', () => {
    const map = new Map<number | string, string | Uint8Array>([
      [1, Buffer.alloc(300, 7)],
      ['two', 'three'],
    ]);
    expect(parseCbor(writeCbor(map))).toEqual(map);
  });

  test.each([
    '',
    '18',
    '1b000000e8d4a51000',
    '5f42010243030405ff',
    'c074323031332d30332d3231',
    'f97e00',
    '9f',
    'a201020103',
    '0000',
    `${'81'.repeat(20)}00`,
    '9affffffff',
  ])('%j is refused', (hex) => {
    expect(() => parseCbor(Buffer.from(hex, 'hex'))).toThrow(RangeError);
  });
});
