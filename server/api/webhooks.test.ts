import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertPayment } from '../../db/fixtures.ts';
import { SECRET_CONTEXT } from '../../tools/notify/webhooks/deliver.ts';
import { planDeliveries } from '../../tools/notify/webhooks/plan.ts';
import { bodyOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

// An address that needs no look-up and is never called: nothing delivers in these tests.
const URL_TAKEN = 'https://196.201.214.200/capp';
const create = (json: unknown = { url: URL_TAKEN }, key = api.keys.acme) => api.call('POST', '/v1/webhook-endpoints', { json, key });
const codeOf = async (response: Response) => [response.status, (await bodyOf(response)).code];

async function made(over: Record<string, unknown> = {}): Promise<{ id: string; secret: string }> {
  const response = await create({ url: URL_TAKEN, ...over });
  expect(response.status).toBe(201);
  return bodyOf(response);
}

async function announce(topic: string): Promise<void> {
  const paymentId = await insertPayment(api.pool, { clientId: api.clients.acme, status: 'paid' });
  await api.pool.query('insert into outbox (client_id, payment_id, topic, payload, created_at) values ($1, $2, $3, $4, $5)', [
    api.clients.acme,
    paymentId,
    topic,
    { paymentId },
    new Date(api.clock.now()),
  ]);
}

test('an endpoint is made with a secret that is shown once and stored encrypted', async () => {
  const response = await create({ url: URL_TAKEN, topics: ['payment.paid'] });
  const body = await bodyOf(response);
  expect([response.status, response.headers.get('location')]).toEqual([201, `/v1/webhook-endpoints/${body.id}`]);
  expect(body).toMatchObject({ url: URL_TAKEN, topics: ['payment.paid'], status: 'enabled', health: { failuresInRow: 0 } });
  const read = await bodyOf(await api.call('GET', `/v1/webhook-endpoints/${body.id}`));
  expect(read).not.toHaveProperty('secret');
  const { rows } = await api.pool.query('select secret from webhook_endpoints where id = $1', [body.id]);
  expect(testKeyring.decrypt(rows[0].secret, SECRET_CONTEXT)).toBe(body.secret);
  expect(rows[0].secret.toString('latin1')).not.toContain('whsec_');
  expect(api.logLines.join('')).not.toContain('whsec_');
});

test('422: addresses inside, plain, or of no form; topics that do not exist', async () => {
  for (const url of ['http://example.com/', 'https://10.0.0.1/', 'https://localhost/', 'https://u:p@example.com/', 'nonsense']) {
    expect(await codeOf(await create({ url }))).toEqual([422, 'webhook_target_refused']);
  }
  expect(await codeOf(await create({ url: URL_TAKEN, topics: ['payment.dreamt'] }))).toEqual([422, 'validation_failed']);
  expect(await codeOf(await create({ url: URL_TAKEN, secret: 'mine' }))).toEqual([422, 'validation_failed']);
});

test('private addresses pass where the platform allows them', async () => {
  const lax = await startTestApi({ webhookAllowPrivate: true });
  try {
    expect((await lax.call('POST', '/v1/webhook-endpoints', { json: { url: 'http://127.0.0.1:9999/' } })).status).toBe(201);
  } finally {
    await lax.stop();
  }
});

test('an endpoint is changed, disabled, enabled, deleted', async () => {
  const { id } = await made();
  const path = `/v1/webhook-endpoints/${id}`;
  const put = (json: unknown) => api.call('PUT', path, { json });
  const changed = await bodyOf(await put({ url: `${URL_TAKEN}/2`, topics: ['payment.failed'], status: 'disabled' }));
  expect(changed).toMatchObject({ url: `${URL_TAKEN}/2`, topics: ['payment.failed'], status: 'disabled', disabledReason: 'client' });
  expect(await codeOf(await api.call('POST', `${path}/test`))).toEqual([409, 'webhook_endpoint_disabled']);
  expect(await bodyOf(await put({ url: URL_TAKEN, topics: [], status: 'enabled' }))).toMatchObject({
    status: 'enabled',
    disabledReason: null,
  });
  expect(await codeOf(await put({ url: 'https://127.0.0.1/', topics: [], status: 'enabled' }))).toEqual([422, 'webhook_target_refused']);
  expect(await bodyOf(await api.call('DELETE', path))).toEqual({ id, deleted: true });
  for (const response of [await api.call('GET', path), await api.call('DELETE', path), await api.call('POST', `${path}/test`)]) {
    expect(await codeOf(response)).toEqual([404, 'not_found']);
  }
});

test('a rotation keeps the old secret for as long as it overlaps', async () => {
  const { id, secret } = await made();
  const rotate = (json?: unknown) => api.call('POST', `/v1/webhook-endpoints/${id}/rotate-secret`, json === undefined ? {} : { json });
  const rotated = await bodyOf(await rotate());
  expect(rotated.secret).toMatch(/^whsec_/);
  expect(rotated.secret).not.toBe(secret);
  expect(Date.parse(rotated.previousSecretUntil) - api.clock.now()).toBe(24 * 3_600_000);
  const { rows } = await api.pool.query('select secret, previous_secret from webhook_endpoints where id = $1', [id]);
  expect(testKeyring.decrypt(rows[0].secret, SECRET_CONTEXT)).toBe(rotated.secret);
  expect(testKeyring.decrypt(rows[0].previous_secret, SECRET_CONTEXT)).toBe(secret);
  expect(await bodyOf(await rotate({ overlapHours: 0 }))).toMatchObject({ previousSecretUntil: new Date(api.clock.now()).toISOString() });
  expect(await codeOf(await rotate({ overlapHours: 169 }))).toEqual([422, 'validation_failed']);
});

test('a test event is put on its way, and shows in the log', async () => {
  const { id } = await made();
  api.hints.length = 0;
  const response = await api.call('POST', `/v1/webhook-endpoints/${id}/test`);
  const delivery = await bodyOf(response);
  expect([response.status, delivery.topic, delivery.state, delivery.attempts]).toEqual([202, 'webhook.test', 'waiting', []]);
  expect(JSON.parse(delivery.body)).toMatchObject({ type: 'webhook.test', data: { endpointId: id } });
  expect(api.hints).toEqual(['webhooks']);
  expect((await bodyOf(await api.call('GET', `/v1/webhook-endpoints/${id}/deliveries?state=waiting`))).items).toMatchObject([
    { id: delivery.id },
  ]);
  expect(await codeOf(await api.call('POST', `/v1/webhook-deliveries/${delivery.id}/replay`))).toEqual([409, 'webhook_delivery_waiting']);
});

test('deliveries page, and are replayed one by one, all that failed, or a range', async () => {
  const { id } = await made({ topics: ['payment.refunded'] });
  for (let count = 0; count < 5; count += 1) await announce('payment.refunded');
  await planDeliveries(api.pool, api.clock.now());
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page: { items: { id: string }[]; nextCursor: string | null } = await bodyOf(
      await api.call('GET', `/v1/webhook-endpoints/${id}/deliveries?limit=2${cursor && `&cursor=${cursor}`}`),
    );
    seen.push(...page.items.map((item) => item.id));
    cursor = page.nextCursor;
  }
  expect(new Set(seen).size).toBe(5);
  await api.pool.query(
    `update webhook_deliveries set state = 'given_up', reason_code = 'retries_spent', next_attempt_at = null, ended_at = now(), tries = 11 where endpoint_id = $1`,
    [id],
  );
  expect((await api.call('POST', `/v1/webhook-deliveries/${seen[0]}/replay`)).status).toBe(202);
  const replay = (json: unknown) => api.call('POST', `/v1/webhook-endpoints/${id}/replay`, { json });
  expect(await bodyOf(await replay({ which: 'failed' }))).toEqual({ replayed: 4 });
  const file = await bodyOf(await api.call('GET', `/v1/webhook-deliveries/${seen[1]}`));
  expect(file).toMatchObject({ state: 'waiting', tries: 0, reasonCode: null, nextAttemptAt: new Date(api.clock.now()).toISOString() });
  const range = { which: 'range', from: new Date(api.clock.now()).toISOString(), to: new Date(api.clock.now() + 1_000).toISOString() };
  expect(await bodyOf(await replay(range))).toEqual({ replayed: 0 });
  await api.pool.query(`update webhook_deliveries set state = 'delivered', next_attempt_at = null where endpoint_id = $1`, [id]);
  expect(await bodyOf(await replay(range))).toEqual({ replayed: 5 });
  expect(await codeOf(await replay({ which: 'range' }))).toEqual([422, 'validation_failed']);
});

test('401, 403, 404: without key, without scope, for another client', async () => {
  const { id } = await made();
  const path = `/v1/webhook-endpoints/${id}`;
  expect((await api.call('GET', path, { key: null })).status).toBe(401);
  const reader = await api.makeKey(api.clients.acme, 'client:reader', ['webhooks:read']);
  expect((await api.call('GET', path, { key: reader })).status).toBe(200);
  expect((await create({ url: URL_TAKEN }, reader)).status).toBe(403);
  const delivery = await bodyOf(await api.call('POST', `${path}/test`));
  const other = { key: api.keys.zawadi };
  for (const response of [
    await api.call('GET', path, other),
    await api.call('DELETE', path, other),
    await api.call('GET', `${path}/deliveries`, other),
    await api.call('POST', `${path}/test`, other),
    await api.call('POST', `${path}/rotate-secret`, other),
    await api.call('POST', `${path}/replay`, { ...other, json: { which: 'failed' } }),
    await api.call('GET', `/v1/webhook-deliveries/${delivery.id}`, other),
    await api.call('POST', `/v1/webhook-deliveries/${delivery.id}/replay`, other),
  ]) {
    expect(await codeOf(response)).toEqual([404, 'not_found']);
  }
  expect((await bodyOf(await api.call('GET', '/v1/webhook-endpoints', other))).items).toEqual([]);
});

test('409: a client has a bounded number of endpoints', async () => {
  let last = 201;
  for (let count = 0; count < 21 && last === 201; count += 1) last = (await create({ url: URL_TAKEN }, api.keys.zawadi)).status;
  expect(last).toBe(409);
  expect((await bodyOf(await api.call('GET', '/v1/webhook-endpoints', { key: api.keys.zawadi }))).items).toHaveLength(20);
});
