/** Tokens, one-time passwords and passwords by themselves, against the vectors of their standards. */
import { createPublicKey } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { lockedUntilMs } from './access.ts';
import { checkToken, type Claims, keyNameOf, newSigningKey, signToken } from './jwt.ts';
import { hashPassword, inTurn, isPassword, NOBODYS_PASSWORD } from './passwords.ts';
import { base32, matchTotp, stepOf, totpCode, totpUri } from './totp.ts';

const NOW_MS = 1_800_000_000_000;
const NOW_S = NOW_MS / 1000;

describe('an access token', () => {
  const { privateKey, jwk } = newSigningKey();
  const publicKey = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  const claims: Claims = {
    iss: 'https://capp.test',
    aud: 'https://capp.test',
    sub: 'officer:amina',
    jti: newId(),
    iat: NOW_S,
    exp: NOW_S + 600,
    client_id: newId(),
    scope: 'cases:read',
    kind: 'person',
  };
  const expected = { issuer: 'https://capp.test', audience: 'https://capp.test', nowMs: NOW_MS };
  const signed = (over: Partial<Claims> = {}) => signToken({ ...claims, ...over }, { kid: jwk.kid, privateKey });
  const check = (token: string) => checkToken(token, publicKey, expected);

  test('says what was signed', () => {
    expect(keyNameOf(signed())).toBe(jwk.kid);
    expect(check(signed())).toEqual(claims);
  });

  test.each([
    ['for another audience', { aud: 'https://other.test' }],
    ['from another issuer', { iss: 'https://other.test' }],
    ['that has expired', { exp: NOW_S }],
    ['from the future', { iat: NOW_S + 60 }],
  ])('%s is refused', (_name, over) => {
    expect(check(signed(over))).toBeNull();
  });

  test('is refused when any character of it is another', () => {
    const token = signed();
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === 'A' ? 'B' : 'A';
      expect(check(`${token.slice(0, at)}${other}${token.slice(at + 1)}`)).toBeNull();
    }
  });

  const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
  test.each([
    ['no algorithm', { alg: 'none', typ: 'at+jwt', kid: jwk.kid }],
    ['a symmetric one', { alg: 'HS256', typ: 'at+jwt', kid: jwk.kid }],
    ['another type', { alg: 'EdDSA', typ: 'JWT', kid: jwk.kid }],
  ])('with %s in its head is no token', (_name, header) => {
    const [, payload, signature] = signed().split('.');
    expect(keyNameOf(`${part(header)}.${payload}.${signature}`)).toBeNull();
    expect(check(`${part(header)}.${payload}.${signature}`)).toBeNull();
    expect(check(`${part(header)}.${payload}.`)).toBeNull();
  });

  test.each(['', '.', '..', 'a.b.c', 'e30.e30.e30', 'x'.repeat(3_000)])('%j is none', (text) => {
    expect(check(text)).toBeNull();
  });

  test('by another key is refused', () => {
    const other = newSigningKey();
    expect(check(signToken(claims, { kid: jwk.kid, privateKey: other.privateKey }))).toBeNull();
  });
});

describe('one-time passwords', () => {
  const ascii = '12345678901234567890';
  // RFC 6238, appendix B.
  test.each([
    [59, '94287082', '46119246', '90693936'],
    [1_111_111_109, '07081804', '68084774', '25091201'],
    [1_111_111_111, '14050471', '67062674', '99943326'],
    [1_234_567_890, '89005924', '91819424', '93441116'],
    [2_000_000_000, '69279037', '90698825', '38618901'],
    [20_000_000_000, '65353130', '77737706', '47863826'],
  ])('at %i s are those of RFC 6238', (seconds, sha1, sha256, sha512) => {
    const step = stepOf(seconds * 1000);
    const secret = (bytes: number) => Buffer.from(ascii.repeat(4).slice(0, bytes));
    expect(totpCode(secret(20), step, { digits: 8 })).toBe(sha1);
    expect(totpCode(secret(32), step, { digits: 8, algorithm: 'sha256' })).toBe(sha256);
    expect(totpCode(secret(64), step, { digits: 8, algorithm: 'sha512' })).toBe(sha512);
  });

  test('count once, and for a step before and after now', () => {
    const secret = Buffer.from(ascii);
    const now = stepOf(NOW_MS);
    for (const step of [now - 1n, now, now + 1n]) expect(matchTotp(secret, totpCode(secret, step), NOW_MS, 0n)).toBe(step);
    expect(matchTotp(secret, totpCode(secret, now), NOW_MS, now)).toBeNull();
    expect(matchTotp(secret, totpCode(secret, now - 1n), NOW_MS, now)).toBeNull();
    expect(matchTotp(secret, totpCode(secret, now + 2n), NOW_MS, 0n)).toBeNull();
    for (const wrong of ['', '12345', '1234567', '１２３４５６']) expect(matchTotp(secret, wrong, NOW_MS, 0n)).toBeNull();
  });

  // RFC 4648, section 10.
  test.each([
    ['', ''],
    ['f', 'MY'],
    ['fo', 'MZXQ'],
    ['foo', 'MZXW6'],
    ['foob', 'MZXW6YQ'],
    ['fooba', 'MZXW6YTB'],
    ['foobar', 'MZXW6YTBOI'],
  ])('base 32 of %j is %j', (text, expected) => {
    expect(base32(Buffer.from(text))).toBe(expected);
  });

  test('are handed to an app as a URI', () => {
    const uri = new URL(totpUri(Buffer.from(ascii), 'CAPP', 'officer:amina'));
    expect([uri.protocol, uri.host, uri.searchParams.get('secret')]).toEqual(['otpauth:', 'totp', 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ']);
  });
});

describe('a password', () => {
  test('is known by its hash, under a salt of its own, and no other is', async () => {
    const [one, two] = await Promise.all([hashPassword('correct horse battery'), hashPassword('correct horse battery')]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(two);
    expect(await isPassword('correct horse battery', one)).toBe(true);
    expect(await isPassword('correct horse batterz', one)).toBe(false);
    expect(await isPassword('', one)).toBe(false);
    expect(await isPassword('', NOBODYS_PASSWORD)).toBe(false);
    expect(await isPassword('x', 'plain')).toBe(false);
  });

  // Made by the reference program: `echo -n password | argon2 somesalt -id -t 2 -k 65536 -p 1`, from its own test suite.
  test('of the reference implementation is known too', async () => {
    const kept = '$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc';
    expect(await isPassword('password', kept)).toBe(true);
    expect(await isPassword('passwore', kept)).toBe(false);
  });

  test.each(['short', 'x'.repeat(257)])('that is too short or too long is refused', async (password) => {
    await expect(hashPassword(password)).rejects.toMatchObject({ code: 'validation_failed' });
  });
});

test('passwords are worked out two at a time, first come first served, and no more wait than will be answered', async () => {
  const [begun, ends]: [number[], (() => void)[]] = [[], []];
  const work = (n: number) =>
    inTurn(() => {
      begun.push(n);
      return new Promise<number>((resolve, reject) => ends.push(() => (n === 0 ? reject(new Error('no')) : resolve(n))));
    });
  const all = Array.from({ length: 130 }, (_, n) => work(n).catch((error: Error) => error.message));
  expect(begun).toEqual([0, 1]);
  await expect(work(131)).rejects.toMatchObject({ code: 'overloaded' });
  // One that fails gives its turn away as well.
  for (let n = 0; n < 130; n += 1) {
    await expect.poll(() => ends.length).toBeGreaterThan(n);
    expect(begun.length - n).toBeLessThanOrEqual(2);
    ends[n]?.();
  }
  expect(await Promise.all(all)).toEqual(['no', ...Array.from({ length: 129 }, (_, n) => n + 1)]);
  expect(begun).toEqual(Array.from({ length: 130 }, (_, n) => n));
  expect(await inTurn(() => Promise.resolve('free'))).toBe('free');
});

test('failures lock a login for longer and longer, up to an hour', () => {
  const waits = Array.from({ length: 30 }, (_, index) => (lockedUntilMs(index + 1, NOW_MS) ?? NOW_MS) - NOW_MS);
  expect(waits.slice(0, 8)).toEqual([0, 0, 0, 0, 30_000, 60_000, 120_000, 240_000]);
  expect(waits.at(-1)).toBe(3_600_000);
});
