import { createHash, sign } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createApiKey } from '../../db/queries/api-keys.ts';
import { changeLogin, createLogin } from '../../db/queries/logins.ts';
import { newId } from '../../domain/ids.ts';
import type { Role } from '../../domain/roles.ts';
import { TOTP_CONTEXT } from '../auth/access.ts';
import { signatureBase } from '../auth/http-signatures.ts';
import { newSigningKey } from '../auth/jwt.ts';
import { hashPassword } from '../auth/passwords.ts';
import { type AuthenticatorOver, softwareAuthenticator } from '../auth/testing.ts';
import { makeSigningKey } from '../auth/token-signer.ts';
import { newTotpSecret, stepOf, totpCode } from '../auth/totp.ts';
import { bodyOf, intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

const PASSWORD = 'correct horse battery staple';
/** Longer than an API process remembers a token. */
const REMEMBERED_MS = 30_001;
let api: TestApi;
let passwordHash: string;
beforeAll(async () => {
  api = await startTestApi();
  passwordHash = await hashPassword(PASSWORD);
});
afterAll(() => api.stop());
// Every code is taken once; a new step for each test.
beforeEach(() => api.clock.advance(60_000));

let count = 0;
async function person(roles: readonly Role[] = ['compliance_officer']) {
  const [principal, secret] = [`officer:${(count += 1)}`, newTotpSecret()];
  const totpSecret = testKeyring.encrypt(secret.toString('base64'), TOTP_CONTEXT);
  await createLogin(api.pool, { clientId: api.clients.acme, principal, passwordHash, roles, totpSecret, actor: 'test' }, api.clock.now());
  const code = () => totpCode(secret, stepOf(api.clock.now()));
  const logIn = (over: { password?: string; code?: string } = {}) =>
    api.call('POST', '/v1/session', { key: null, json: { principal, password: PASSWORD, code: code(), ...over } });
  return { principal, code, logIn };
}

const form = (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
  api.call('POST', path, { key: null, type: 'application/x-www-form-urlencoded', body: new URLSearchParams(fields).toString(), headers });
const refresh = (token: string) => form('/oauth/token', { grant_type: 'refresh_token', refresh_token: token });
const statusAs = async (key: string, path = '/v1/cases') => (await api.call('GET', path, { key })).status;
const codeOf = async (response: Response) => [response.status, (await bodyOf(response)).code];

describe('a program', () => {
  const halves = (key: string): [string, string] => [key.slice(0, key.lastIndexOf('_')), key.slice(key.lastIndexOf('_') + 1)];

  test('gets a token for its key, with the scopes it asks for, and acts by it', async () => {
    const [id, secret] = halves(await api.makeKey(api.clients.acme, 'client:shop', ['payments:read', 'cases:read']));
    const response = await form('/oauth/token', {
      grant_type: 'client_credentials',
      client_id: id,
      client_secret: secret,
      scope: 'cases:read',
    });
    const grant = await bodyOf(response);
    expect(grant).toMatchObject({ token_type: 'Bearer', expires_in: 600, scope: 'cases:read' });
    expect(grant.refresh_token).toBeUndefined();
    expect(await statusAs(grant.access_token)).toBe(200);
    expect(await statusAs(grant.access_token, '/v1/payments')).toBe(403);
    api.clock.advance(600_000);
    expect(await statusAs(grant.access_token)).toBe(401);
  });

  test('may present its key as HTTP Basic, and gets nothing for a wrong one, or for more than the key carries', async () => {
    const key = await api.makeKey(api.clients.acme, 'client:basic', ['cases:read']);
    const [id, secret] = halves(key);
    const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` });
    const ask = (headers: Record<string, string>, more = {}) =>
      form('/oauth/token', { grant_type: 'client_credentials', ...more }, headers);
    expect((await ask(basic(id, secret))).status).toBe(200);
    expect(
      await codeOf(
        await ask(
          basic(
            id,
            secret.replace(/^./, (first) => (first === '0' ? '1' : '0')),
          ),
        ),
      ),
    ).toEqual([401, 'unauthenticated']);
    expect(await codeOf(await ask(basic(id, secret), { scope: 'cases:decide' }))).toEqual([403, 'forbidden']);
    expect(await codeOf(await form('/oauth/token', { grant_type: 'password' }))).toEqual([422, 'validation_failed']);
  });

  test('takes its token back: it is refused as soon as it is no longer remembered', async () => {
    const [id, secret] = halves(await api.makeKey(api.clients.acme, 'client:gone', ['cases:read']));
    const grant = await bodyOf(await form('/oauth/token', { grant_type: 'client_credentials', client_id: id, client_secret: secret }));
    expect(await statusAs(grant.access_token)).toBe(200);
    expect(await bodyOf(await form('/oauth/revoke', { token: grant.access_token }))).toEqual({ revoked: true });
    api.clock.advance(REMEMBERED_MS);
    expect(await statusAs(grant.access_token)).toBe(401);
    expect((await form('/oauth/revoke', { token: 'none.of.ours' })).status).toBe(200);
  });
});

describe('a person', () => {
  test('logs in with password and code, as what the roles say', async () => {
    const amina = await person();
    const grant = await bodyOf(await amina.logIn());
    expect(grant.scope).toContain('cases:decide');
    expect(await statusAs(grant.access_token)).toBe(200);
    expect(await statusAs(grant.access_token, '/v1/pools')).toBe(403);
    const { rows } = await api.pool.query('select password_hash, totp_secret from logins where principal = $1', [amina.principal]);
    expect(JSON.stringify(rows)).not.toContain(PASSWORD);
  });

  test('is refused in the same words for a wrong name, password or code, and for a code that was used', async () => {
    const amina = await person();
    const nobody = { principal: 'officer:nobody', password: PASSWORD, code: '123456' };
    const answers = [
      await amina.logIn({ password: 'wrong' }),
      await amina.logIn({ code: '000000' }),
      await api.call('POST', '/v1/session', { key: null, json: nobody }),
    ];
    const bodies = await Promise.all(answers.map(async (each) => ({ ...(await bodyOf(each)), requestId: '' })));
    expect(new Set(bodies.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401]);
    expect((await amina.logIn()).status).toBe(200);
    expect((await amina.logIn()).status).toBe(401);
  });

  test('gets in once with one code, however many ask at the same moment', async () => {
    const amina = await person();
    const code = amina.code();
    const answers = await Promise.all(Array.from({ length: 5 }, () => amina.logIn({ code })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  });

  test('is locked out by guesses for a while, the right password included', async () => {
    const amina = await person();
    for (let tries = 0; tries < 5; tries += 1) expect((await amina.logIn({ password: `guess ${tries}` })).status).toBe(401);
    expect((await amina.logIn()).status).toBe(401);
    api.clock.advance(30_000);
    expect((await amina.logIn()).status).toBe(200);
  });

  test('is guessed at no more often by those who ask at the same moment, and stays locked after them', async () => {
    const amina = await person();
    const guess = (n: number) => amina.logIn({ password: `guess ${n}` });
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => guess(n)));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401]));
    const standing = async () =>
      (await api.pool.query('select failures, locked_until from logins where principal = $1', [amina.principal])).rows[0];
    expect(await standing()).toEqual({ failures: 5, locked_until: new Date(api.clock.now() + 30_000) });
    expect((await amina.logIn()).status).toBe(401);
    expect((await standing()).failures).toBe(5);
    api.clock.advance(30_000);
    await Promise.all(Array.from({ length: 10 }, (_, n) => guess(n)));
    expect(await standing()).toEqual({ failures: 6, locked_until: new Date(api.clock.now() + 60_000) });
    api.clock.advance(60_000);
    expect((await amina.logIn()).status).toBe(200);
    expect(await standing()).toEqual({ failures: 0, locked_until: null });
  });

  test('is not guessed at by codes of the second factor either, by somebody with a token', async () => {
    const amina = await person();
    const { access_token: key } = await bodyOf(await amina.logIn());
    await Promise.all(
      Array.from({ length: 60 }, (_, n) => api.call('POST', '/v1/session/second-factor', { key, json: { code: `00000${n % 10}` } })),
    );
    const { rows } = await api.pool.query('select failures, locked_until from logins where principal = $1', [amina.principal]);
    expect(rows).toEqual([{ failures: 5, locked_until: new Date(api.clock.now() + 30_000) }]);
  });

  test('goes on by refresh tokens; one that comes twice ends the login, and the access token with it', async () => {
    const first = await bodyOf(await (await person()).logIn());
    const second = await bodyOf(await refresh(first.refresh_token));
    expect(await statusAs(second.access_token)).toBe(200);
    expect(second.refresh_token).not.toBe(first.refresh_token);
    expect(await codeOf(await refresh(first.refresh_token))).toEqual([401, 'unauthenticated']);
    expect(await codeOf(await refresh(second.refresh_token))).toEqual([401, 'unauthenticated']);
    api.clock.advance(REMEMBERED_MS);
    expect(await statusAs(second.access_token)).toBe(401);
    const { rows } = await api.pool.query(`select details from audit_events where action = 'session.ended'`);
    expect(rows.map(({ details }) => details.by)).toContain('reused');
  });

  test('is out at once for good when the login is disabled or gets other roles', async () => {
    for (const change of [{ disabled: true }, { roles: ['auditor' as const] }]) {
      const amina = await person();
      const grant = await bodyOf(await amina.logIn());
      expect(await statusAs(grant.access_token)).toBe(200);
      await changeLogin(api.pool, amina.principal, change, { actor: 'test', nowMs: api.clock.now() });
      api.clock.advance(REMEMBERED_MS);
      expect(await statusAs(grant.access_token)).toBe(401);
      expect((await refresh(grant.refresh_token)).status).toBe(401);
    }
  });
});

describe('a decision', () => {
  const decide = (key: string) =>
    api.call('POST', `/v1/cases/${newId()}/decisions`, {
      key,
      json: { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: 'a'.repeat(64) },
    });

  test('asks a person for a second factor that was shown within five minutes', async () => {
    const amina = await person();
    const { access_token: early, refresh_token } = await bodyOf(await amina.logIn());
    expect((await decide(early)).status).toBe(404);
    api.clock.advance(301_000);
    const refused = await decide(early);
    expect(refused.headers.get('www-authenticate')).toContain('insufficient_user_authentication');
    expect(await codeOf(refused)).toEqual([401, 'step_up_needed']);
    const { access_token: refreshed } = await bodyOf(await refresh(refresh_token));
    expect(await codeOf(await decide(refreshed))).toEqual([401, 'step_up_needed']);
    const step = (code: string) => api.call('POST', '/v1/session/second-factor', { key: refreshed, json: { code } });
    expect(await codeOf(await step('000000'))).toEqual([401, 'unauthenticated']);
    const { access_token: late } = await bodyOf(await step(amina.code()));
    expect((await decide(late)).status).toBe(404);
    expect((await step(amina.code())).status).toBe(401);
  });

  test('is not for keys where only people decide', async () => {
    const strict = await startTestApi({ programsDecide: false });
    try {
      const key = await strict.makeKey(strict.clients.acme, 'officer:key', ['cases:decide', 'cases:read']);
      const path = `/v1/cases/${newId()}/decisions`;
      const json = { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: 'a'.repeat(64) };
      expect(await codeOf(await strict.call('POST', path, { key, json }))).toEqual([403, 'forbidden']);
      expect((await strict.call('GET', '/v1/cases', { key })).status).toBe(200);
    } finally {
      await strict.stop();
    }
  });
});

test('keys that sign are rotated without anybody noticing: tokens of the one before are good until they expire', async () => {
  const amina = await person();
  const old = await bodyOf(await amina.logIn());
  const kids = async () =>
    (await bodyOf(await api.call('GET', '/.well-known/jwks.json', { key: null }))).keys.map((each: { kid: string }) => each.kid);
  const [before] = await kids();
  const made = await makeSigningKey({ pool: api.pool, keyring: testKeyring, clock: api.clock }, { only: 'always', actor: 'test' });
  api.clock.advance(REMEMBERED_MS);
  expect(await kids()).toEqual([made, before]);
  expect(await statusAs(old.access_token)).toBe(200);
  const fresh = await bodyOf(await amina.logIn());
  expect(JSON.parse(Buffer.from(fresh.access_token.split('.')[0], 'base64url').toString()).kid).toBe(made);
  api.clock.advance(700_000);
  expect(await kids()).toEqual([made]);
  const { rows } = await api.pool.query('select private_key from signing_keys');
  expect(rows.map(({ private_key: key }) => key.toString('latin1')).join('')).not.toContain('PRIVATE KEY');
});

describe('a key that is bound to a signing key', () => {
  const { privateKey, jwk } = newSigningKey();
  let key: string;
  beforeAll(async () => {
    const wanted = { clientId: api.clients.acme, principal: 'client:signing', scopes: ['payments:read', 'payments:write'] };
    key = (await createApiKey(api.pool, Buffer.alloc(32, 7), { ...wanted, requestKey: { id: jwk.kid, publicJwk: { ...jwk } } })).key;
  });

  /** The fields that sign a request as it stands. */
  function fieldsOf(method: string, path: string, body = '', nonce = `nonce-${newId()}`): Record<string, string> {
    const nowS = Math.floor(api.clock.now() / 1000);
    const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
    const components = ['@method', '@target-uri', ...(body === '' ? [] : ['content-digest'])];
    const parameters = `;created=${nowS};expires=${nowS + 60};nonce="${nonce}";keyid="${jwk.kid}"`;
    const text = `(${components.map((name) => `"${name}"`).join(' ')})${parameters}`;
    const header = (name: string) => (name === 'content-digest' ? digest : undefined);
    const base = signatureBase({ method, url: `https://capp.test${path}`, header, body: Buffer.from(body) }, { components, text }) ?? '';
    const signature = `sig=:${sign(null, Buffer.from(base), privateKey).toString('base64')}:`;
    return { 'signature-input': `sig=${text}`, signature, ...(body === '' ? {} : { 'content-digest': digest }) };
  }

  test('acts by signed requests alone, and by each of them once', async () => {
    const headers = fieldsOf('GET', '/v1/payments?limit=1');
    expect((await api.call('GET', '/v1/payments?limit=1', { key, headers })).status).toBe(200);
    expect(await codeOf(await api.call('GET', '/v1/payments?limit=1', { key, headers }))).toEqual([401, 'signature_invalid']);
    expect(await codeOf(await api.call('GET', '/v1/payments?limit=1', { key }))).toEqual([401, 'signature_invalid']);
    const other = fieldsOf('GET', '/v1/payments?limit=1');
    expect(await codeOf(await api.call('GET', '/v1/payments?limit=2', { key, headers: other }))).toEqual([401, 'signature_invalid']);
  });

  test('submits a payment whose body is what was signed, and no other', async () => {
    const body = JSON.stringify(intentOf('signed-1'));
    const send = (sent: string) =>
      api.call('POST', '/v1/payments', { key, body: sent, type: 'application/json', headers: fieldsOf('POST', '/v1/payments', body) });
    expect(await codeOf(await send(body.replace('1250.50', '9250.50')))).toEqual([401, 'signature_invalid']);
    expect((await send(body)).status).toBe(202);
  });

  test('gets no token', async () => {
    const at = key.lastIndexOf('_');
    const asked = { grant_type: 'client_credentials', client_id: key.slice(0, at), client_secret: key.slice(at + 1) };
    expect(await codeOf(await form('/oauth/token', asked))).toEqual([401, 'unauthenticated']);
  });

  test('submits a batch once all of it is here and is what was signed', async () => {
    const path = '/v1/payments/batches';
    const body = JSON.stringify({ intents: [intentOf('signed-2'), intentOf('signed-3')] });
    const send = (sent: string) =>
      api.call('POST', path, { key, body: sent, type: 'application/json', headers: fieldsOf('POST', path, body) });
    expect(await codeOf(await send(body.replace('signed-3', 'signed-4')))).toEqual([401, 'signature_invalid']);
    const sent = await send(body);
    expect([sent.status, await bodyOf(sent)]).toMatchObject([202, { accepted: 2, replayed: 0, rejected: 0 }]);
    const long = `${body}${' '.repeat(4 * 1024 * 1024)}`;
    const refused = await api.call('POST', path, { key, body: long, type: 'application/json', headers: fieldsOf('POST', path, long) });
    expect(await codeOf(refused)).toEqual([413, 'body_too_large']);
  });
});

describe('a passkey', () => {
  const party = { id: 'capp.test', origin: 'https://capp.test' };
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64url');
  const challengeFor = async (path: string, key: string | null) =>
    Buffer.from((await bodyOf(await api.call('POST', path, { key }))).challenge, 'base64url');

  /** A person with a passkey, and what logging in with it comes to. */
  async function withPasskey() {
    const amina = await person();
    const { access_token: key } = await bodyOf(await amina.logIn());
    const authenticator = softwareAuthenticator(party);
    const { clientData, attestation } = authenticator.register(await challengeFor('/v1/session/passkeys/challenge', key));
    const json = { clientDataJSON: text(clientData), attestationObject: text(attestation) };
    const make = () => api.call('POST', '/v1/session/passkeys', { key, json });
    expect((await make()).status).toBe(201);
    const send = (challenge: Uint8Array, over: AuthenticatorOver = {}) => {
      const said = authenticator.answer(challenge, over);
      const parts = {
        clientDataJSON: text(said.clientData),
        authenticatorData: text(said.authenticatorData),
        signature: text(said.signature),
      };
      return api.call('POST', '/v1/session/passkey', { key: null, json: { id: text(authenticator.credentialId), ...parts } });
    };
    const logIn = async (over?: AuthenticatorOver) => send(await challengeFor('/v1/session/challenge', null), over);
    return { ...amina, make, send, logInByPasskey: logIn };
  }

  test('lets its person in, as both factors at once', async () => {
    const amina = await withPasskey();
    const grant = await bodyOf(await amina.logInByPasskey());
    expect(grant.scope).toContain('cases:decide');
    expect(await statusAs(grant.access_token)).toBe(200);
    expect((await refresh(grant.refresh_token)).status).toBe(200);
    expect(await codeOf(await amina.make())).toEqual([401, 'unauthenticated']);
  });

  test('answers a challenge once, of ours, in time', async () => {
    const amina = await withPasskey();
    const challenge = await challengeFor('/v1/session/challenge', null);
    expect((await amina.send(challenge)).status).toBe(200);
    expect((await amina.send(challenge)).status).toBe(401);
    expect((await amina.send(Buffer.alloc(32, 1))).status).toBe(401);
    const late = await challengeFor('/v1/session/challenge', null);
    api.clock.advance(120_000);
    expect((await amina.send(late)).status).toBe(401);
  });

  test('of another page, or of somebody who is disabled, lets nobody in', async () => {
    const amina = await withPasskey();
    expect((await amina.logInByPasskey({ origin: 'https://evil.test' })).status).toBe(401);
    expect((await amina.logInByPasskey({ signCount: 0 })).status).toBe(401);
    await changeLogin(api.pool, amina.principal, { disabled: true }, { actor: 'test', nowMs: api.clock.now() });
    expect((await amina.logInByPasskey()).status).toBe(401);
  });

  test('is not made for an API key', async () => {
    expect((await api.call('POST', '/v1/session/passkeys/challenge')).status).toBe(404);
  });
});
