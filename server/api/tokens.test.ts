/** Tokens of programs do not outlive what they were got with. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { revokeApiKey, rotateApiKey } from '../../db/queries/api-keys.ts';
import { revokeToken } from '../../db/queries/logins.ts';
import { bodyOf, startTestApi, type TestApi } from './testing.ts';

/** Longer than an API process remembers a token. */
const REMEMBERED_MS = 30_001;
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const statusAs = async (key: string) => (await api.call('GET', '/v1/cases', { key })).status;

describe('a token of a key', () => {
  const tokenOf = async (key: string) => {
    const at = key.lastIndexOf('_');
    const body = new URLSearchParams({ grant_type: 'client_credentials', client_id: key.slice(0, at), client_secret: key.slice(at + 1) });
    const response = await api.call('POST', '/oauth/token', {
      key: null,
      type: 'application/x-www-form-urlencoded',
      body: body.toString(),
    });
    return (await bodyOf(response)).access_token as string;
  };
  const idOf = async (principal: string): Promise<string> =>
    (await api.pool.query('select id from api_keys where principal = $1', [principal])).rows[0].id;

  test('goes with it when it is revoked, and when its last hour is over after a rotation', async () => {
    const token = await tokenOf(await api.makeKey(api.clients.acme, 'client:lost', ['cases:read']));
    const other = await tokenOf(await api.makeKey(api.clients.acme, 'client:turned', ['cases:read']));
    expect([await statusAs(token), await statusAs(other)]).toEqual([200, 200]);
    await revokeApiKey(api.pool, await idOf('client:lost'), api.clock.now());
    const nowMs = api.clock.now();
    const rotation = { id: await idOf('client:turned'), oldUntilMs: nowMs + 2 * REMEMBERED_MS, nowMs, actor: 'test' };
    expect(await rotateApiKey(api.pool as never, Buffer.alloc(32, 7), rotation)).not.toBeNull();
    api.clock.advance(REMEMBERED_MS);
    expect([await statusAs(token), await statusAs(other)]).toEqual([401, 200]);
    api.clock.advance(REMEMBERED_MS);
    expect(await statusAs(other)).toBe(401);
  });

  test('is taken back by its name, once, by somebody who does not hold it, and the audit log says so', async () => {
    const token = await tokenOf(await api.makeKey(api.clients.acme, 'client:strayed', ['cases:read']));
    const { jti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(await statusAs(token)).toBe(200);
    const taken = { jti, expiresAtMs: api.clock.now() + 600_000, clientId: null, actor: 'operator:test' };
    expect(await revokeToken(api.pool, taken, api.clock.now())).toBe(true);
    expect(await revokeToken(api.pool, taken, api.clock.now())).toBe(false);
    api.clock.advance(REMEMBERED_MS);
    expect(await statusAs(token)).toBe(401);
    const { rows } = await api.pool.query(`select actor, subject from audit_events where action = 'token.revoked' and subject = $1`, [
      `token:${jti}`,
    ]);
    expect(rows).toEqual([{ actor: 'operator:test', subject: `token:${jti}` }]);
  });
});
