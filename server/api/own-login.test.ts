/** What people change of their own login, and what is done when they lost it. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createLogin, resetLogin } from '../../db/queries/logins.ts';
import { TOTP_CONTEXT } from '../auth/access.ts';
import { hashPassword } from '../auth/passwords.ts';
import { softwareAuthenticator } from '../auth/testing.ts';
import { newTotpSecret, stepOf, totpCode } from '../auth/totp.ts';
import { bodyOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

const [PASSWORD, ANOTHER] = ['correct horse battery staple', 'another horse battery staple'];
/** Longer than an API process remembers a token. */
const REMEMBERED_MS = 30_001;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());
// Every code is taken once; a new step for each test.
beforeEach(() => api.clock.advance(60_000));

let count = 0;
async function person() {
  const [principal, secret] = [`officer:own-${(count += 1)}`, newTotpSecret()];
  const totpSecret = testKeyring.encrypt(secret.toString('base64'), TOTP_CONTEXT);
  const wanted = {
    clientId: api.clients.acme,
    principal,
    passwordHash: await hashPassword(PASSWORD),
    roles: ['auditor'] as const,
    totpSecret,
  };
  await createLogin(api.pool, { ...wanted, actor: 'test' }, api.clock.now());
  const logIn = (password = PASSWORD, by = secret) => {
    const code = totpCode(by, stepOf(api.clock.now()));
    return api.call('POST', '/v1/session', { key: null, json: { principal, password, code } });
  };
  const tokenOf = async (): Promise<string> => {
    api.clock.advance(30_000);
    return (await bodyOf(await logIn())).access_token;
  };
  return { principal, logIn, tokenOf };
}

const statusAs = async (key: string) => (await api.call('GET', '/v1/cases', { key })).status;
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64url');

/** Makes a passkey for whoever is in; gives its id, and logging in with it. */
async function makePasskey(key: string) {
  const authenticator = softwareAuthenticator({ id: 'capp.test', origin: 'https://capp.test' });
  const challengeFor = async (path: string, by: string | null) =>
    Buffer.from((await bodyOf(await api.call('POST', path, { key: by }))).challenge as string, 'base64url');
  const { clientData, attestation } = authenticator.register(await challengeFor('/v1/session/passkeys/challenge', key));
  const made = { clientDataJSON: text(clientData), attestationObject: text(attestation) };
  expect((await api.call('POST', '/v1/session/passkeys', { key, json: made })).status).toBe(201);
  const id = text(authenticator.credentialId);
  const logIn = async (spoil = (challenge: Buffer) => challenge) => {
    const said = authenticator.answer(spoil(await challengeFor('/v1/session/challenge', null)));
    const { clientData: clientDataJSON, authenticatorData, signature } = said;
    const json = { id, clientDataJSON: text(clientDataJSON), authenticatorData: text(authenticatorData), signature: text(signature) };
    return api.call('POST', '/v1/session/passkey', { key: null, json });
  };
  return { id, logIn };
}

async function actsOn(principal: string): Promise<string[]> {
  const { rows } = await api.pool.query(`select action from audit_events where subject = $1 order by id`, [`login:${principal}`]);
  return rows.map(({ action }) => action);
}

test('a password is changed by whoever knows the old one; other sessions end, and the old one lets nobody in', async () => {
  const amina = await person();
  const [elsewhere, key] = [await amina.tokenOf(), await amina.tokenOf()];
  const change = (password: string, newPassword: string, by = key) =>
    api.call('PUT', '/v1/session/password', { key: by, json: { password, newPassword } });
  expect((await change('a wrong password', ANOTHER)).status).toBe(401);
  expect((await change(PASSWORD, 'short')).status).toBe(422);
  expect((await change(PASSWORD, ANOTHER, api.keys.acme)).status).toBe(404);
  expect([await statusAs(elsewhere), await statusAs(key)]).toEqual([200, 200]);
  expect((await change(PASSWORD, ANOTHER)).status).toBe(200);
  api.clock.advance(REMEMBERED_MS);
  expect([await statusAs(elsewhere), await statusAs(key)]).toEqual([401, 200]);
  expect((await amina.logIn()).status).toBe(401);
  expect((await amina.logIn(ANOTHER)).status).toBe(200);
  expect(await actsOn(amina.principal)).toEqual(['login.created', 'login.refused', 'login.password_changed', 'login.refused']);
  // Not by somebody who found the session open after a while.
  api.clock.advance(301_000);
  expect((await change(ANOTHER, PASSWORD)).status).toBe(401);
});

test('a password is not guessed at by somebody with a session either', async () => {
  const amina = await person();
  const key = await amina.tokenOf();
  const json = { password: 'a wrong password', newPassword: ANOTHER };
  await Promise.all(Array.from({ length: 20 }, () => api.call('PUT', '/v1/session/password', { key, json })));
  const { rows } = await api.pool.query('select failures, locked_until from logins where principal = $1', [amina.principal]);
  expect(rows).toEqual([{ failures: 5, locked_until: new Date(api.clock.now() + 30_000) }]);
});

test('passkeys are listed and taken away by their person; whoever came in by one is out', async () => {
  const [amina, other] = [await person(), await person()];
  const [key, others] = [await amina.tokenOf(), await other.tokenOf()];
  const [kept, lost] = [await makePasskey(key), await makePasskey(key)];
  const { access_token: byLost } = await bodyOf(await lost.logIn());
  const list = async (by: string) => (await bodyOf(await api.call('GET', '/v1/session/passkeys', { key: by }))).items;
  expect((await list(key)).map(({ id }: { id: string }) => id).sort()).toEqual([kept.id, lost.id].sort());
  expect(await list(others)).toEqual([]);
  const remove = async (by: string, id = lost.id) => (await api.call('DELETE', `/v1/session/passkeys/${id}`, { key: by })).status;
  expect([await remove(others), await remove(api.keys.acme), await remove(key, '%20')]).toEqual([404, 404, 404]);
  expect([await statusAs(byLost), await remove(key), await remove(key)]).toEqual([200, 200, 404]);
  api.clock.advance(REMEMBERED_MS);
  expect([await statusAs(byLost), await statusAs(key)]).toEqual([401, 200]);
  expect((await lost.logIn()).status).toBe(401);
  expect((await kept.logIn()).status).toBe(200);
  expect(await actsOn(amina.principal)).toEqual(['login.created', 'passkey.made', 'passkey.made', 'passkey.deleted']);
  const begun = `select details ->> 'by' as by from audit_events where action = 'session.begun' and actor = $1 order by id`;
  expect((await api.pool.query(begun, [amina.principal])).rows.map(({ by }) => by)).toEqual(['password', 'passkey', 'passkey']);
});

test('asking for something to sign leaves nothing behind, and what we did not seal lets nobody in', async () => {
  const amina = await person();
  const passkey = await makePasskey(await amina.tokenOf());
  const rows = async () => (await api.pool.query('select 1 from passkey_challenges')).rowCount;
  const before = await rows();
  for (let n = 0; n < 20; n += 1) expect((await api.call('POST', '/v1/session/challenge', { key: null })).status).toBe(200);
  expect(await rows()).toBe(before);
  for (const at of [0, 7, 8, 30, 55])
    expect((await passkey.logIn((challenge) => challenge.fill((challenge[at] ?? 0) ^ 1, at, at + 1))).status).toBe(401);
  expect((await passkey.logIn((challenge) => challenge.subarray(0, 24))).status).toBe(401);
  expect(await rows()).toBe(before);
  expect((await passkey.logIn()).status).toBe(200);
  expect(await rows()).toBe((before ?? 0) + 1);
});

test('a login that was lost is reset: nothing of before lets anybody in, and what was locked is open', async () => {
  const amina = await person();
  const key = await amina.tokenOf();
  const passkey = await makePasskey(key);
  for (let n = 0; n < 6; n += 1) await amina.logIn('wrong');
  const secret = newTotpSecret();
  const totpSecret = testKeyring.encrypt(secret.toString('base64'), TOTP_CONTEXT);
  const reset = { principal: amina.principal, passwordHash: await hashPassword(ANOTHER), totpSecret, actor: 'operator:test' };
  expect(await resetLogin(api.pool as never, { ...reset, principal: 'officer:nobody' }, api.clock.now())).toBe(false);
  expect(await resetLogin(api.pool as never, reset, api.clock.now())).toBe(true);
  api.clock.advance(REMEMBERED_MS);
  expect(await statusAs(key)).toBe(401);
  expect([(await passkey.logIn()).status, (await amina.logIn()).status, (await amina.logIn(ANOTHER)).status]).toEqual([401, 401, 401]);
  expect((await amina.logIn(ANOTHER, secret)).status).toBe(200);
  const { rows } = await api.pool.query(`select actor, details from audit_events where action = 'login.reset'`);
  expect(rows).toEqual([{ actor: 'operator:test', details: { passkeys: 1 } }]);
});
