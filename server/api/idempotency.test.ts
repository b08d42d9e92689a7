import { afterAll, beforeAll, expect, test } from 'vitest';
import { fault } from '../../domain/errors.ts';
import { claimIdempotencyKeys } from '../../db/queries/idempotency.ts';
import { bodyOf, intentOf, startTestApi, type TestApi } from './testing.ts';

let api: TestApi;
let quotesMade = 0;
let quoteAnswer: () => Promise<{ id: string }>;
beforeAll(async () => {
  api = await startTestApi({ createQuote: () => quoteAnswer() });
});
afterAll(() => api.stop());

const submit = (key: string, json: unknown, apiKey = api.keys.acme) =>
  api.call('POST', '/v1/payments', { json, key: apiKey, headers: { 'idempotency-key': key } });
const askQuote = (key: string) =>
  api.call('POST', '/v1/quotes', {
    json: { amount: '100', fromCurrency: 'KES', toCurrency: 'UGX', fromCountry: 'KE', toCountry: 'UG' },
    headers: { 'idempotency-key': key },
  });

test('the same request with the same key gets the first answer, status and body', async () => {
  const first = await submit('k-1', intentOf('idem-1'));
  const again = await submit('k-1', intentOf('idem-1'));
  expect([first.status, again.status]).toEqual([202, 202]);
  expect(await again.text()).toBe(await first.text());
  expect([first.headers.get('idempotent-replayed'), again.headers.get('idempotent-replayed')]).toEqual([null, 'true']);
});

test('a refusal is kept as well', async () => {
  await submit('k-2', intentOf('idem-2'));
  const refused = await submit('k-3', intentOf('idem-2', { amount: '7' }));
  const again = await submit('k-3', intentOf('idem-2', { amount: '7' }));
  expect([refused.status, again.status]).toEqual([409, 409]);
  expect(again.headers.get('content-type')).toBe('application/problem+json');
  expect(await again.text()).toBe(await refused.text());
});

test('422: another body, or another route, under the same key', async () => {
  const { id } = await bodyOf(await submit('k-4', intentOf('idem-4')));
  const body = await submit('k-4', intentOf('idem-5'));
  expect([body.status, (await bodyOf(body)).code]).toEqual([422, 'idempotency_key_reused']);
  const route = await api.call('POST', `/v1/payments/${id}/cancel`, { headers: { 'idempotency-key': 'k-4' } });
  expect([route.status, (await bodyOf(route)).code]).toEqual([422, 'idempotency_key_reused']);
  const malformed = await submit('ü', intentOf('idem-6'));
  expect([malformed.status, (await bodyOf(malformed)).code]).toEqual([422, 'validation_failed']);
});

test('keys of different clients have nothing to do with each other', async () => {
  expect((await submit('k-7', intentOf('idem-7'))).status).toBe(202);
  expect((await submit('k-7', intentOf('idem-7b'), api.keys.zawadi)).status).toBe(202);
});

test('many at once with one key: one is done, the others are told to wait or get its answer', async () => {
  const responses = await Promise.all(Array.from({ length: 20 }, () => submit('k-8', intentOf('idem-8'))));
  const statuses = responses.map((response) => response.status);
  expect(statuses.filter((status) => status === 202).length).toBeGreaterThan(0);
  expect(statuses.every((status) => status === 202 || status === 409)).toBe(true);
  for (const response of responses.filter((each) => each.status === 409)) {
    expect(response.headers.get('retry-after')).toBe('1');
    expect((await bodyOf(response)).code).toBe('idempotency_in_progress');
  }
  const { rows } = await api.pool.query(`select count(*)::int as count from payments where reference_id = 'idem-8'`);
  expect(rows[0].count).toBe(1);
});

test('another process works on the key: wait; it died: take over once its lock has run out', async () => {
  const json = intentOf('idem-9');
  const fingerprint = api.deps.keyring.blindIndex(`POST\n/v1/payments\n${JSON.stringify(json)}`, `idempotency:${api.clients.acme}`);
  await claimIdempotencyKeys(api.pool, [{ clientId: api.clients.acme, key: 'k-9', fingerprint }], api.clock.now(), 60_000);
  const waiting = await submit('k-9', json);
  expect([waiting.status, (await bodyOf(waiting)).code]).toEqual([409, 'idempotency_in_progress']);
  api.clock.advance(60_001);
  expect((await submit('k-9', json)).status).toBe(202);
});

test('what failed on our side can be tried again with the same key', async () => {
  quoteAnswer = () => {
    quotesMade++;
    return Promise.reject(fault('rate_unavailable'));
  };
  expect((await askQuote('k-10')).status).toBe(503);
  expect((await askQuote('k-10')).status).toBe(503);
  expect(quotesMade).toBe(2);
});

test('keys are forgotten after a day', async () => {
  await submit('k-11', intentOf('idem-11'));
  api.clock.advance(25 * 3_600_000);
  await submit('k-12', intentOf('idem-12'));
  await expect
    .poll(async () => (await api.pool.query(`select key from idempotency_keys where key in ('k-11', 'k-12')`)).rows)
    .toEqual([{ key: 'k-12' }]);
});
