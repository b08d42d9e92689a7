import { afterAll, beforeAll, expect, test } from 'vitest';
import { postgresAnswerKeeper } from '../../tools/mmo/vault/answers.ts';
import { bodyOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

test('answers of operators that could not be used are listed without what they say, and counted', async () => {
  const { pool, clock } = api;
  const keep = postgresAnswerKeeper({
    pool,
    keyring: testKeyring,
    clock,
    onError: (error) => {
      throw error;
    },
  });
  for (const railId of ['mpesa-ke', 'mtn-ug', 'mtn-ug'])
    await keep({
      railId,
      product: 'token',
      requestId: null,
      status: 200,
      reasonCode: 'token_unreadable',
      body: '{"msisdn":"254712345678"}',
    });
  const first = await bodyOf(await api.call('GET', '/v1/operator-answers?limit=1'));
  expect(first.items).toMatchObject([
    { railId: 'mtn-ug', product: 'token', attemptId: null, status: 200, reasonCode: 'token_unreadable', times: 2 },
  ]);
  const next = await bodyOf(await api.call('GET', `/v1/operator-answers?limit=1&cursor=${first.nextCursor}`));
  expect(next.items).toMatchObject([{ railId: 'mpesa-ke', times: 1 }]);
  expect((await bodyOf(await api.call('GET', '/v1/operator-answers?railId=mpesa-ke'))).items).toHaveLength(1);
  expect(JSON.stringify([first, next])).not.toContain('2547');
  expect(await (await api.call('GET', '/metrics', { key: null })).text()).toContain(
    'capp_operator_answers_unusable{rail="mtn-ug",reason="token_unreadable"} 2',
  );
});

test.each([
  ['/v1/operator-answers?attemptId=none', 422, 'validation_failed'],
  ['/v1/operator-answers?cursor=none', 400, 'invalid_cursor'],
])('%s', async (path, status, code) => {
  const response = await api.call('GET', path);
  expect([response.status, (await bodyOf(response)).code]).toEqual([status, code]);
});

test('403 and 401: for whoever may read callbacks', async () => {
  const key = await api.makeKey(api.clients.acme, 'reader', ['payments:read']);
  expect((await api.call('GET', '/v1/operator-answers', { key })).status).toBe(403);
  expect((await api.call('GET', '/v1/operator-answers', { key: null })).status).toBe(401);
});
