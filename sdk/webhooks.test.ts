import { describe, expect, test } from 'vitest';
import { newSecret, signedHeaders } from '../tools/notify/webhooks/signature.ts';
import { CappError, createCapp, verifyWebhook, webhookTestHeaders } from './index.ts';

const BODY = '{"type":"payment.paid","timestamp":"2026-11-02T09:00:00.000Z","data":{"paymentId":"p-1"}}';
const EVENT = { id: 'e-1', type: 'payment.paid', timestamp: '2026-11-02T09:00:00.000Z', data: { paymentId: 'p-1' } };
const codeOf = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return error instanceof CappError ? error.code : 'not of ours';
  }
  return 'nothing thrown';
};

describe('a webhook', () => {
  const secret = newSecret();

  test('that CAPP signed is its event, whatever shape the headers have', () => {
    const headers = signedHeaders([secret], { id: 'e-1', atMs: Date.now(), body: BODY });
    expect(verifyWebhook(BODY, { ...headers }, secret)).toEqual(EVENT);
    expect(verifyWebhook(BODY, new Headers({ ...headers }), secret)).toEqual(EVENT);
    const upper = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), [value]]));
    expect(verifyWebhook(BODY, upper, secret)).toEqual(EVENT);
  });

  test('verifies with either secret while one is being replaced', () => {
    const next = newSecret();
    const both = signedHeaders([next, secret], { id: 'e-1', atMs: Date.now(), body: BODY });
    expect(verifyWebhook(BODY, { ...both }, secret)).toEqual(EVENT);
    expect(verifyWebhook(BODY, { ...both }, next)).toEqual(EVENT);
    const old = webhookTestHeaders({ secret, body: BODY, id: 'e-1' });
    expect(verifyWebhook(BODY, old, [next, secret])).toEqual(EVENT);
  });

  test('that is altered, of another secret, old, early or unsigned is refused', () => {
    const good = webhookTestHeaders({ secret, body: BODY });
    const at = (ms: number) => webhookTestHeaders({ secret, body: BODY, at: new Date(Date.now() + ms) });
    expect(codeOf(() => verifyWebhook(`${BODY} `, good, secret))).toBe('webhook_invalid');
    expect(codeOf(() => verifyWebhook(BODY, { ...good, 'webhook-id': 'other' }, secret))).toBe('webhook_invalid');
    expect(codeOf(() => verifyWebhook(BODY, good, newSecret()))).toBe('webhook_invalid');
    expect(codeOf(() => verifyWebhook(BODY, at(-6 * 60_000), secret))).toBe('webhook_invalid');
    expect(codeOf(() => verifyWebhook(BODY, at(6 * 60_000), secret))).toBe('webhook_invalid');
    expect(codeOf(() => verifyWebhook(BODY, {}, secret))).toBe('webhook_invalid');
    expect(codeOf(() => verifyWebhook(BODY, good, []))).toBe('webhook_invalid');
  });
});

describe('the client', () => {
  test('speaks every route of webhooks', async () => {
    const asked: string[] = [];
    const capp = createCapp({
      baseUrl: 'http://capp.test',
      apiKey: 'key',
      fetch: async (input, init) => {
        const { pathname, search } = new URL(String(input));
        asked.push(`${init?.method} ${pathname}${search} ${String(init?.body ?? '')}`.trim());
        return Response.json({ items: [], nextCursor: null });
      },
    });
    const { webhooks } = capp;
    await webhooks.create({ url: 'https://example.com/' });
    await webhooks.list();
    await webhooks.get('w 1');
    await webhooks.update('w', { url: 'https://example.com/', topics: [], status: 'disabled' });
    await webhooks.delete('w');
    await webhooks.rotateSecret('w');
    await webhooks.test('w');
    await webhooks.deliveries('w', { state: 'given_up' });
    await webhooks.delivery('d');
    await webhooks.replayDelivery('d');
    await webhooks.replay('w', { which: 'failed' });
    expect(asked).toEqual([
      'POST /v1/webhook-endpoints {"url":"https://example.com/"}',
      'GET /v1/webhook-endpoints',
      'GET /v1/webhook-endpoints/w%201',
      'PUT /v1/webhook-endpoints/w {"url":"https://example.com/","topics":[],"status":"disabled"}',
      'DELETE /v1/webhook-endpoints/w',
      'POST /v1/webhook-endpoints/w/rotate-secret {}',
      'POST /v1/webhook-endpoints/w/test',
      'GET /v1/webhook-endpoints/w/deliveries?state=given_up',
      'GET /v1/webhook-deliveries/d',
      'POST /v1/webhook-deliveries/d/replay',
      'POST /v1/webhook-endpoints/w/replay {"which":"failed"}',
    ]);
  });
});
