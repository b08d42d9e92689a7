import { sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiKey } from '../../db/queries/api-keys.ts';
import { newSigningKey } from '../auth/jwt.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
let jane: string;
let buyer: string;
let other: string;
const LATER = '2026-04-30T00:00:00.000Z';

beforeAll(async () => {
  api = await startTestApi();
  jane = await api.makeKey(api.clients.acme, 'person:jane', ['mandates:read', 'mandates:write', 'payments:write']);
  buyer = await api.makeKey(api.clients.acme, 'agent:buyer', ['mandates:read', 'mandates:write', 'payments:write']);
  other = await api.makeKey(api.clients.zawadi, 'person:zola', ['mandates:read', 'mandates:write']);
});
afterAll(() => api.stop());

const issue = (json: object, key = jane) =>
  api.call('POST', '/v1/mandates', { key, json: { holder: 'agent:buyer', expiresAt: LATER, ...json } });
const pay = (reference: string, key: string, over: object = {}) =>
  api.call('POST', '/v1/payments', { key, json: { ...intentOf(reference), ...over } });

describe('a mandate', () => {
  test('binds its holder, is counted, handed on, and taken back', async () => {
    expect((await pay('free-1', buyer)).status).toBe(202);
    const response = await issue({ policy: { perPayment: { KES: '200000' }, usesMax: 2, payees: ['+256772123456', '+256772345678'] } });
    expect(response.status).toBe(201);
    const mandate = await bodyOf(response);
    expect(mandate).toMatchObject({
      kind: 'intent',
      holder: 'agent:buyer',
      issuer: 'person:jane',
      state: 'in_force',
      policy: { usesMax: 2, payees: 2 },
    });
    // The process may take so long to hear of it.
    api.clock.advance(10_000);
    const allowed = { receiver: { name: 'Grace Nakato', phone: '+256772345678', country: 'UG' } };
    expect((await pay('bound-1', buyer, allowed)).status).toBe(202);
    expect((await pay('bound-1', buyer, allowed)).status).toBe(200);
    const stranger = await pay('bound-2', buyer, { receiver: { name: 'Grace Nakato', phone: '+256772345679', country: 'UG' } });
    expect(stranger.status).toBe(422);
    expect(await bodyOf(stranger)).toMatchObject({ code: 'mandate_exceeded', detail: 'The mandate does not allow this payee.' });
    const intents = [
      { ...intentOf('bound-3'), receiver: { ...allowed.receiver, phone: '+256772345679' } },
      { ...intentOf('bound-5'), ...allowed },
      { ...intentOf('bound-6'), ...allowed },
    ];
    const batch = await bodyOf(await api.call('POST', '/v1/payments/batches', { key: buyer, json: { intents } }));
    expect(batch).toMatchObject({ accepted: 1, rejected: 2 });
    expect(batch.rows.map((row: { errors?: { code: string }[] }) => row.errors?.[0]?.code)).toEqual([
      'mandate_exceeded',
      undefined,
      'mandate_exceeded',
    ]);
    const again = await bodyOf(await api.call('POST', '/v1/payments/batches', { key: buyer, json: { intents: intents.slice(1, 2) } }));
    expect(again).toMatchObject({ accepted: 0, replayed: 1, rejected: 0 });
    expect((await pay('jane-1', jane)).status).toBe(202);

    const wider = await issue({ holder: 'agent:clerk', parentId: mandate.id, policy: { usesMax: 1 } }, buyer);
    expect(await bodyOf(wider)).toMatchObject({ code: 'mandate_wider', errors: [{ field: 'perPayment', code: 'mandate_wider' }] });
    const policy = { perPayment: { KES: '1' }, usesMax: 1, payees: ['+256772345678'] };
    expect(await bodyOf(await issue({ holder: 'agent:clerk', parentId: mandate.id, policy }, buyer))).toMatchObject({
      kind: 'payment',
      parentId: mandate.id,
    });
    expect((await bodyOf(await issue({ holder: 'agent:clerk', policy: {} }, buyer))).code).toBe('mandate_missing');

    expect((await bodyOf(await api.call('POST', `/v1/mandates/${mandate.id}/revoke`, { key: buyer }))).code).toBe('forbidden');
    expect(await bodyOf(await api.call('POST', `/v1/mandates/${mandate.id}/revoke`, { key: jane }))).toMatchObject({
      state: 'revoked',
      revokedBy: 'person:jane',
    });
    expect((await bodyOf(await pay('bound-4', buyer, allowed))).code).toBe('mandate_missing');
    const acts = await api.pool.query<{ act: string }>(
      `select actor || ' ' || action as act from audit_events where subject = $1 order by id`,
      [`mandate:${mandate.id}`],
    );
    expect(acts.rows.map(({ act }) => act)).toEqual([
      'person:jane mandate.issued',
      'agent:buyer mandate.spent',
      'agent:buyer mandate.spent',
      'person:jane mandate.revoked',
    ]);
  });

  test('is signed by whoever has a key, and shows by whom', async () => {
    const { privateKey, jwk } = newSigningKey();
    const wanted = { clientId: api.clients.acme, principal: 'agent:signer', scopes: ['payments:write'] };
    await createApiKey(api.pool, Buffer.alloc(32, 7), { ...wanted, requestKey: { id: jwk.kid, publicJwk: { ...jwk } } });
    const mandate = await bodyOf(await issue({ holder: 'agent:signer', policy: {} }));
    expect(mandate.signatures).toEqual([]);
    const signed = (as: string) => sign(null, Buffer.from(`capp mandate ${as} ${mandate.digest}`), privateKey).toString('base64');
    const bring = (as: string, signature: string, key = buyer) =>
      api.call('POST', `/v1/mandates/${mandate.id}/signatures`, { key, json: { as, keyId: jwk.kid, signature } });
    const refused = await bring('holder', signed('issuer'));
    expect([refused.status, (await bodyOf(refused)).errors[0]]).toMatchObject([422, { field: 'signature' }]);
    expect((await bring('issuer', signed('issuer'))).status).toBe(422);
    expect((await bring('holder', signed('holder'), other)).status).toBe(403);
    const response = await bring('holder', signed('holder'));
    expect(response.status).toBe(201);
    const [signature] = (await bodyOf(response)).signatures;
    expect(signature).toMatchObject({ as: 'holder', principal: 'agent:signer', keyId: jwk.kid, signature: signed('holder') });
    expect((await bodyOf(await bring('holder', signed('holder')))).code).toBe('switch_unchanged');
    for (const path of [`/v1/mandates/${mandate.id}`, '/v1/mandates?limit=1']) {
      const read = await bodyOf(await api.call('GET', path, { key: jane }));
      expect((read.items?.[0] ?? read).signatures).toEqual([signature]);
    }
  });

  test('is of one client, and shows no number to anybody', async () => {
    const mandate = await bodyOf(await issue({ holder: 'agent:reader', policy: { payees: ['+256772345678'] } }));
    expect(JSON.stringify(mandate)).not.toContain('256772345678');
    expect(await bodyOf(await api.call('GET', `/v1/mandates/${mandate.id}`, { key: jane }))).toEqual(mandate);
    expect((await api.call('GET', `/v1/mandates/${mandate.id}`, { key: other })).status).toBe(404);
    expect((await api.call('POST', `/v1/mandates/${mandate.id}/revoke`, { key: other })).status).toBe(404);
    expect((await bodyOf(await issue({ parentId: mandate.id, policy: {} }, other))).code).toBe('not_found');
    expect((await bodyOf(await api.call('GET', '/v1/mandates', { key: other }))).items).toEqual([]);
    const page = await bodyOf(await api.call('GET', '/v1/mandates?limit=1', { key: jane }));
    expect(page.items).toHaveLength(1);
    expect((await bodyOf(await api.call('GET', `/v1/mandates?limit=1&cursor=${page.nextCursor}`, { key: jane }))).items[0].id).not.toBe(
      page.items[0].id,
    );
  });

  test.each([
    ['a number that is none', { policy: { payees: ['0772345678'] } }],
    ['a keyed hash in place of a number', { policy: { payees: ['a'.repeat(32)] } }],
    ['a currency nobody moves', { policy: { perPayment: { XXX: '1' } } }],
    ['an end in the past', { policy: {}, expiresAt: '2026-01-01T00:00:00.000Z' }],
    ['an end too far away', { policy: {}, expiresAt: '2028-01-01T00:00:00.000Z' }],
    ['a rule that is none', { policy: { budget: 1 } }],
    ['no policy', {}],
  ])('is refused for %s', async (_name, json) => {
    expect((await issue(json)).status).toBe(422);
  });

  test('needs its scope', async () => {
    const reader = await api.makeKey(api.clients.acme, 'auditor:ben', ['mandates:read']);
    expect((await issue({ policy: {} }, reader)).status).toBe(403);
    expect((await api.call('GET', '/v1/mandates', { key: null })).status).toBe(401);
  });
});
