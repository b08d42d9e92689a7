import { afterEach, describe, expect, test } from 'vitest';
import { manualClock } from '../../domain/clock.ts';
import { createLimiter } from '../limits/limiter.ts';
import { readLimits } from '../limits/policy.ts';
import { memoryStore } from '../limits/store.ts';
import type { ApiDeps } from './deps.ts';
import { bodyOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
afterEach(() => api.stop());

/** An API with limits, whose callers stand behind one proxy. */
async function start(limits: string, over: Partial<ApiDeps> = {}): Promise<void> {
  const clock = manualClock(Date.now());
  const limiter = createLimiter({ store: memoryStore(), clock, keyOf: (who) => who, onStoreError: () => undefined });
  api = await startTestApi({ ...over, limits: { limiter, policies: readLimits(limits), trustedProxies: 1 } });
}

const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });

describe('limits', () => {
  test('are told with every answer', async () => {
    await start('read=5/60');
    const response = await api.call('GET', '/v1/payments');
    expect(response.status).toBe(200);
    expect(response.headers.get('ratelimit-policy')).toBe('"read";q=5;w=60');
    expect(response.headers.get('ratelimit')).toBe('"read";r=4;t=60');
  });

  test('refuse what is too much with a problem, and say when to ask again', async () => {
    await start('read=2/60');
    for (let n = 0; n < 2; n++) expect((await api.call('GET', '/v1/payments')).status).toBe(200);
    const refused = await api.call('GET', '/v1/payments');
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect(refused.headers.get('ratelimit')).toMatch(/^"read";r=0;t=(60|5\d)$/);
    expect(refused.headers.get('content-type')).toBe('application/problem+json');
    expect(await bodyOf(refused)).toMatchObject({ code: 'rate_limited', status: 429 });
  });

  test('count each client and each principal by itself', async () => {
    await start('read=1/60');
    const second = await api.makeKey(api.clients.acme, 'client:acme-two');
    for (const key of [api.keys.acme, api.keys.zawadi, second]) expect((await api.call('GET', '/v1/payments', { key })).status).toBe(200);
    expect((await api.call('GET', '/v1/payments')).status).toBe(429);
  });

  const list = async (key: string) => (await api.call('GET', '/v1/payments', { key })).status;

  test('count two keys of one principal apart, and a token as the key that it was got with', async () => {
    await start('read=1/60');
    const second = await api.makeKey(api.clients.acme, 'client:acme');
    const token = (await api.deps.access?.ofKey(api.keys.acme, null))?.accessToken ?? '';
    expect([await list(api.keys.acme), await list(token), await list(second)]).toEqual([200, 429, 200]);
  });

  test('leave the keys of a client theirs when one of them is used up, and stop all of them together where the client ends', async () => {
    await start('read=2/60,client_read=5/60');
    const [second, third] = [await api.makeKey(api.clients.acme, 'client:two'), await api.makeKey(api.clients.acme, 'client:three')];
    const wild: number[] = [];
    for (let n = 0; n < 20; n++) wild.push(await list(api.keys.acme));
    expect(wild.filter((status) => status === 200)).toHaveLength(2);
    expect([await list(second), await list(second), await list(third)]).toEqual([200, 200, 200]);
    const refused = await api.call('GET', '/v1/payments', { key: third });
    expect(refused.status).toBe(429);
    expect(refused.headers.get('ratelimit-policy')).toBe('"client_read";q=5;w=60');
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50);
    expect((await bodyOf(refused)).detail).toContain('by all keys of the client');
    expect(await list(api.keys.zawadi)).toBe(200);
  });

  test('do not count a client by its addresses: what comes without a key from one of them costs the client nothing', async () => {
    await start('public=1/60');
    for (let n = 0; n < 5; n++) await api.call('GET', '/health/live', { key: null, ...from('192.0.2.1') });
    expect((await api.call('GET', '/health/live', { key: null, ...from('192.0.2.1') })).status).toBe(429);
    expect((await api.call('GET', '/v1/payments', from('192.0.2.1'))).status).toBe(200);
  });

  test('count reading and writing apart', async () => {
    await start('read=1/60,write=1/60');
    expect((await api.call('GET', '/v1/payments')).status).toBe(200);
    expect((await api.call('POST', '/v1/payments', { json: {} })).status).toBe(422);
    expect((await api.call('POST', '/v1/payments', { json: {} })).status).toBe(429);
  });

  test('count routes without a key, and paths that are none, by address', async () => {
    await start('public=2/60,callback=1/60');
    expect((await api.call('GET', '/health/live', { key: null, ...from('192.0.2.1') })).status).toBe(200);
    expect((await api.call('GET', '/nowhere', { key: null, ...from('192.0.2.1') })).status).toBe(404);
    expect((await api.call('GET', '/v1/payments', { key: null, ...from('192.0.2.1') })).status).toBe(429);
    expect((await api.call('GET', '/health/live', { key: null, ...from('192.0.2.2') })).status).toBe(200);
    const callback = () => api.call('POST', '/v1/callbacks/mpesa-ke/aaaaaaaaaaaaaaaaaaaa', { key: null, json: {}, ...from('192.0.2.1') });
    expect((await callback()).status).toBe(404);
    expect((await callback()).status).toBe(429);
  });

  test('are documented with every route', async () => {
    await start('');
    const document = await bodyOf(await api.call('GET', '/openapi.json', { key: null }));
    for (const operations of Object.values<Record<string, { responses: object }>>(document.paths))
      for (const operation of Object.values(operations)) expect(Object.keys(operation.responses)).toContain('429');
  });
});

describe('keys that are none', () => {
  const wrongKey = (n: number) => `capp_test_${n.toString(16).padStart(12, '0')}_${'0'.repeat(48)}`;

  test('are counted by address; then no more are looked up from there', async () => {
    let lookedUp = 0;
    const findCaller = async () => {
      lookedUp += 1;
      return null;
    };
    await start('failed_auth=3/60', { findCaller });
    const attempt = (n: number, address = '192.0.2.1') => api.call('GET', '/v1/payments', { key: wrongKey(n), ...from(address) });
    for (let n = 0; n < 3; n++) expect((await attempt(n)).status).toBe(401);
    const refused = await attempt(3);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    const before = lookedUp;
    for (let n = 4; n < 20; n++) expect((await attempt(n)).status).toBe(429);
    expect(lookedUp).toBe(before);
    expect((await attempt(20, '192.0.2.2')).status).toBe(401);
  });

  test('do not lock out a key from there that is known to be good', async () => {
    await start('failed_auth=1/60');
    expect((await api.call('GET', '/v1/payments', from('192.0.2.1'))).status).toBe(200);
    for (let n = 0; n < 5; n++) await api.call('GET', '/v1/payments', { key: wrongKey(n), ...from('192.0.2.1') });
    expect((await api.call('GET', '/v1/payments', { key: wrongKey(9), ...from('192.0.2.1') })).status).toBe(429);
    expect((await api.call('GET', '/v1/payments', from('192.0.2.1'))).status).toBe(200);
    // Also once it is to be looked up anew, and not once it was taken back.
    for (let minute = 0; minute < 3; minute++) {
      api.clock.advance(60_000);
      expect((await api.call('GET', '/v1/payments', from('192.0.2.1'))).status).toBe(200);
    }
    await api.pool.query('update api_keys set revoked_at = now() where principal = $1', ['client:acme']);
    api.clock.advance(60_000);
    expect((await api.call('GET', '/v1/payments', from('192.0.2.1'))).status).toBe(429);
  });

  test('do not lock it out either once it could not be looked up', async () => {
    let isAway = false;
    const findCaller = async (presented: string) => {
      if (isAway) throw new Error('no database');
      return (await api.deps.access?.findCaller(presented)) ?? null;
    };
    await start('failed_auth=1/600', { findCaller });
    const list = async () => (await api.call('GET', '/v1/payments', from('192.0.2.1'))).status;
    expect(await list()).toBe(200);
    for (let n = 0; n < 5; n++) await api.call('GET', '/v1/payments', { key: wrongKey(n), ...from('192.0.2.1') });
    api.clock.advance(60_000);
    isAway = true;
    expect(await list()).toBe(500);
    isAway = false;
    expect(await list()).toBe(200);
  });
});

describe('guesses at a login', () => {
  const json = { principal: 'officer:nobody', password: 'guess', code: '000000' };
  const guess = (address: string) => api.call('POST', '/v1/session', { key: null, json, ...from(address) });

  test('are counted by address before they are looked at: no more at the same moment than one after the other', async () => {
    await start('failed_auth=3/60');
    const answers = await Promise.all(Array.from({ length: 30 }, () => guess('192.0.2.1')));
    expect(answers.filter(({ status }) => status === 401)).toHaveLength(3);
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused).toHaveLength(27);
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await guess('192.0.2.2')).status).toBe(401);
  });

  test('are not what is right, or fails for another reason', async () => {
    await start('failed_auth=2/60');
    const at = api.keys.acme.lastIndexOf('_');
    const token = (secret: string, scope = 'payments:read') =>
      api.call('POST', '/oauth/token', {
        key: null,
        type: 'application/x-www-form-urlencoded',
        body: new URLSearchParams({
          grant_type: 'client_credentials',
          client_id: api.keys.acme.slice(0, at),
          client_secret: secret,
          scope,
        }).toString(),
        ...from('192.0.2.1'),
      });
    const secret = api.keys.acme.slice(at + 1);
    for (let n = 0; n < 5; n++) expect((await token(secret)).status).toBe(200);
    for (let n = 0; n < 5; n++) expect((await token(secret, 'no:scope')).status).toBe(403);
    for (let n = 0; n < 2; n++) expect((await token('f'.repeat(48))).status).toBe(401);
    expect((await token(secret)).status).toBe(429);
  });
});
