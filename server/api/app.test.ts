import { Writable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ERRORS } from '../../domain/errors.ts';
import { insertAttempt, insertPayment } from '../../db/fixtures.ts';
import { newId } from '../../domain/ids.ts';
import type { QuoteRequest } from './deps.ts';
import { serveApi } from './serve.ts';
import { bodyOf, intentOf, startTestApi, TEST_START_MS, type TestApi } from './testing.ts';

let api: TestApi;
let asked: QuoteRequest | null = null;
let queueState: 'up' | 'down' = 'up';
beforeAll(async () => {
  api = await startTestApi({
    createQuote: async (request) => {
      asked = request;
      return { id: await insertQuote() };
    },
    dependencies: {
      queue: { required: true, check: async () => ({ state: queueState }) },
      sanctions: { required: false, check: async () => ({ state: 'degraded', detail: 'The sample list is in force.' }) },
      sandbox: { required: false, check: () => Promise.reject(new Error('http://10.0.0.1 refused')) },
    },
  });
});
afterAll(() => api.stop());

async function insertQuote(over: { clientId?: string; expiresAtMs?: number; amount?: number } = {}): Promise<string> {
  const id = newId();
  await api.pool.query(
    `insert into quotes (id, client_id, from_currency, to_currency, from_country, to_country, amount, fee_amount, target_amount, rate, mid_rate,
       spread_bps, policy_version, signature, created_at, expires_at)
     values ($1, $2, 'KES', 'UGX', 'KE', 'UG', $3, 1500, 35000, 28412000000000, 28500000000000, 30, '1', '\\x0a0b', $4, $5)`,
    [
      id,
      over.clientId ?? api.clients.acme,
      over.amount ?? 125_050,
      new Date(TEST_START_MS),
      new Date(over.expiresAtMs ?? TEST_START_MS + 60_000),
    ],
  );
  return id;
}

const QUOTE = { amount: '1250.50', fromCurrency: 'KES', toCurrency: 'UGX', fromCountry: 'KE', toCountry: 'UG' };

test('quotes: made for the caller, read by the caller only', async () => {
  const response = await api.call('POST', '/v1/quotes', { json: QUOTE });
  expect(response.status).toBe(201);
  expect(asked).toEqual({
    clientId: api.clients.acme,
    amount: { minor: 125_050n, currency: 'KES' },
    toCurrency: 'UGX',
    fromCountry: 'KE',
    toCountry: 'UG',
  });
  const quote = await bodyOf(response);
  expect(quote).toMatchObject({ amount: '1250.50', feeAmount: '15.00', targetAmount: '35000', rate: '28.412', signature: '0a0b' });
  expect((await api.call('GET', `/v1/quotes/${quote.id}`)).status).toBe(200);
  expect((await api.call('GET', `/v1/quotes/${quote.id}`, { key: api.keys.zawadi })).status).toBe(404);
});

test('quotes: what cannot be quoted is refused before anybody is asked', async () => {
  const outcomes = [
    [{ toCountry: 'KE', toCurrency: 'KES' }, 422, 'corridor_unavailable'],
    [{ toCurrency: 'TZS' }, 422, 'currency_mismatch'],
    [{ amount: '1.005' }, 422, 'amount_too_precise'],
    [{ amount: '0' }, 422, 'amount_not_positive'],
    [{ fromCountry: 'FR' }, 422, 'validation_failed'],
  ] as const;
  for (const [over, status, code] of outcomes) {
    const response = await api.call('POST', '/v1/quotes', { json: { ...QUOTE, ...over } });
    expect([response.status, (await bodyOf(response)).code]).toEqual([status, code]);
  }
});

test('a payment names its quote: missing, another client’s, other terms, expired', async () => {
  const outcomes = [
    [newId(), 404, 'quote_not_found'],
    [await insertQuote({ clientId: api.clients.zawadi }), 404, 'quote_not_found'],
    [await insertQuote({ amount: 2_000 }), 422, 'quote_mismatch'],
    [await insertQuote({ expiresAtMs: TEST_START_MS }), 409, 'quote_expired'],
  ] as const;
  for (const [quoteId, status, code] of outcomes) {
    const response = await api.call('POST', '/v1/payments', { json: intentOf(`quoted-${code}`, { quoteId }) });
    expect([response.status, (await bodyOf(response)).code]).toEqual([status, code]);
  }
  const quoteId = await insertQuote();
  expect((await api.call('POST', '/v1/payments', { json: intentOf('quoted', { quoteId }) })).status).toBe(202);
});

test('a payment that is asked for again once its quote has expired is the one that was made, not a refusal', async () => {
  const quoteId = await insertQuote({ expiresAtMs: api.clock.now() + 1_000 });
  const asked = intentOf('asked-again', { quoteId });
  const { id } = await bodyOf(await api.call('POST', '/v1/payments', { json: asked }));
  api.clock.advance(60_000);
  const again = await api.call('POST', '/v1/payments', { json: asked });
  expect([again.status, (await bodyOf(again)).id]).toEqual([200, id]);
  const other = await api.call('POST', '/v1/payments', { json: { ...asked, referenceId: 'asked-first' } });
  expect([other.status, (await bodyOf(other)).code]).toEqual([409, 'quote_expired']);
});

test('treasury: corridors, pools, rates and their history', async () => {
  const corridors = await bodyOf(await api.call('GET', '/v1/corridors'));
  expect(corridors.items).toContainEqual(
    expect.objectContaining({ id: 'KE-UG', fromCurrency: 'KES', fee: expect.objectContaining({ fixed: '5.00' }) }),
  );
  const account = await api.pool.query(
    `insert into accounts (code, kind, currency, normal_side, debits_posted) values ('float:mtn-ug', 'float', 'UGX', 'debit', 5000) returning id`,
  );
  await api.pool.query(`insert into liquidity_pools (id, account_id, currency, country) values ('mtn-ug', $1, 'UGX', 'UG')`, [
    account.rows[0].id,
  ]);
  expect((await bodyOf(await api.call('GET', '/v1/pools'))).items).toMatchObject([{ id: 'mtn-ug', balance: '5000', available: '5000' }]);
  for (const [source, rate, minute] of [
    ['a', 129, 1],
    ['a', 130, 2],
    ['b', 131, 3],
  ] as const) {
    await api.pool.query(`insert into exchange_rates (source, currency, rate, as_of, created_at) values ($1, 'KES', $2, $3, $3)`, [
      source,
      `${rate}000000000000`,
      new Date(TEST_START_MS + minute * 60_000),
    ]);
  }
  const rates = await bodyOf(await api.call('GET', '/v1/rates'));
  expect(rates.items.map((item: { source: string; rate: string }) => [item.source, item.rate])).toEqual([
    ['a', '130'],
    ['b', '131'],
  ]);
  const first = await bodyOf(await api.call('GET', '/v1/rates/KES/history?limit=2'));
  const rest = await bodyOf(await api.call('GET', `/v1/rates/KES/history?limit=2&cursor=${first.nextCursor}`));
  expect([...first.items, ...rest.items].map((item) => item.rate)).toEqual(['131', '130', '129']);
  expect((await api.call('GET', '/v1/rates/XXX/history')).status).toBe(404);
  const key = await api.makeKey(api.clients.acme, 'client:plain', ['payments:read']);
  for (const path of ['/v1/corridors', '/v1/pools', '/v1/rates']) expect((await api.call('GET', path, { key })).status).toBe(403);
});

test('health: live always, ready says what is degraded, unavailable when something required is down', async () => {
  expect((await api.call('GET', '/health/live', { key: null })).status).toBe(200);
  const ready = await api.call('GET', '/health/ready', { key: null });
  const body = await bodyOf(ready);
  expect([ready.status, body.status]).toEqual([200, 'degraded']);
  expect(body.dependencies).toMatchObject({
    database: { state: 'up' },
    queue: { state: 'up' },
    sanctions: { state: 'degraded' },
    sandbox: { state: 'down' },
  });
  expect(JSON.stringify(body)).not.toContain('10.0.0.1');
  queueState = 'down';
  expect((await api.call('GET', '/health/ready', { key: null })).status).toBe(503);
  queueState = 'up';
});

test('metrics: requests by route, payments by status, queues, without an id or a token in a label', async () => {
  await api.call('GET', `/v1/payments/${newId()}`);
  const paymentId = await insertPayment(api.pool, { clientId: api.clients.acme, status: 'disbursing' });
  const attemptId = await insertAttempt(api.pool, { clientId: api.clients.acme, paymentId, leg: 'payout', state: 'unknown' });
  await api.pool.query('update attempts set sent_at = $2 where id = $1', [attemptId, new Date(api.clock.now() - 45_000)]);
  await api.pool.query("insert into payment_events (client_id, payment_id, to_status, cause) values ($1, $2, 'paid', 'client')", [
    api.clients.acme,
    await insertPayment(api.pool, { clientId: api.clients.acme, status: 'paid' }),
  ]);
  api.clock.advance(15_000);
  const response = await api.call('GET', '/metrics', { key: null });
  const text = await response.text();
  expect(text).toContain('capp_http_request_duration_seconds_count{method="GET",route="/v1/payments/{id}",status="404"} 1');
  expect(text).toMatch(/capp_payments\{status="accepted"\} [1-9]/);
  expect(text).toContain('capp_payments{status="paid"} 1');
  expect(text).toContain('capp_queue_jobs{queue="cohorts"} 3');
  expect(text).toContain('capp_intake_waiting 0');
  expect(text).toContain('capp_attempts_open{rail="mtn-ug",state="unknown"} 1');
  expect(text).toContain('capp_attempts_open_oldest_seconds{rail="mtn-ug",state="unknown"} 60');
  expect(text).toContain('capp_webhook_deliveries_waiting 0');
  // One key was looked up in this file, and known each time after.
  expect(text).toMatch(/capp_cache_lookups_total\{cache="callers",result="hit"\} [1-9]/);
  expect(text).toMatch(/capp_cache_lookups_total\{cache="callers",result="miss"\} [1-9]/);
  expect(text).toMatch(/capp_cache_entries\{cache="callers"\} [1-9]/);
  expect(text).not.toMatch(/[0-9a-f]{8}-[0-9a-f]{4}-/);
});

test('the OpenAPI document is whole: every route, unique names, references that resolve, declared parameters', async () => {
  const document = await bodyOf(await api.call('GET', '/openapi.json', { key: null }));
  expect(document.openapi).toBe('3.1.0');
  const documented = Object.entries<Record<string, unknown>>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  expect(documented.sort()).toEqual(api.api.routes.map((route) => `${route.method} ${route.path}`).sort());
  const handled = api.api.app.routes
    .filter((route) => route.method !== 'ALL' && !/^\/(docs.*)?$/.test(route.path))
    .map((route) => `${route.method.toLowerCase()} ${route.path.replace(/:(\w+)/g, '{$1}')}`);
  expect([...new Set(handled)].sort()).toEqual(documented.sort());
  const operations = Object.entries<Record<string, never>>(document.paths).flatMap(([path, methods]) =>
    Object.values<{
      operationId: string;
      parameters?: { name: string; in: string }[];
      requestBody?: unknown;
      responses: Record<string, { description: string; content?: Record<string, unknown> }>;
      security: unknown[];
    }>(methods).map((operation) => ({ path, ...operation })),
  );
  expect(new Set(operations.map((operation) => operation.operationId)).size).toBe(operations.length);
  for (const operation of operations) {
    const inPath = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const declared = (operation.parameters ?? []).filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name);
    expect([operation.path, declared.sort()]).toEqual([operation.path, inPath.map(String).sort()]);
    // Codes of one status stand beside each other: what follows from how a route is asked is told where it has more of its own.
    const told = Object.values(operation.responses).map(({ description }) => description);
    const takes = (name: string) => operation.parameters?.some((parameter) => parameter.name === name) === true;
    const common = [
      'rate_limited',
      ...(operation.security.length === 0 ? [] : ['unauthenticated', 'forbidden']),
      ...(takes('Idempotency-Key') ? ['validation_failed', 'idempotency_key_reused', 'idempotency_in_progress'] : []),
      ...(takes('cursor') || takes('Last-Event-ID') ? ['invalid_cursor'] : []),
      ...(operation.requestBody === undefined || !('422' in operation.responses) ? [] : ['validation_failed', 'malformed_body']),
    ];
    const missing = common.filter((code) => !told.some((description) => description.includes(`\`${code}\``)));
    expect([operation.operationId, missing]).toEqual([operation.operationId, []]);
    expect(Object.keys(operation.responses).every((status) => /^[2-5]\d\d$/.test(status))).toBe(true);
    // Whoever logs in or asks for a token has none yet, and is refused for what the body says.
    const entry = /^\/(oauth\/|v1\/session(\/passkey)?$)/.test(operation.path);
    const isOpen = entry || operation.path === '/v1/session/challenge';
    const keyed = operation.path.startsWith('/v1/') && !isOpen && !/^\/v1\/(callbacks|c2b|gateways|balances)\//.test(operation.path);
    expect([operation.path, operation.security.length, '401' in operation.responses]).toEqual([
      operation.path,
      keyed ? 1 : 0,
      keyed || entry,
    ]);
  }
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] as string);
  expect(references.length).toBeGreaterThan(20);
  for (const reference of references)
    expect([reference, reference.split('/').reduce((at, key) => at?.[key], document)]).not.toEqual([reference, undefined]);
  expect(Object.keys(document.components.schemas)).toEqual(
    expect.arrayContaining(['Payment', 'PaymentIntent', 'Problem', 'Case', 'Quote']),
  );
});

test('every code of the catalogue has a status that a problem document may carry', () => {
  for (const [code, entry] of Object.entries(ERRORS)) expect([code, entry.status >= 400 && entry.status < 600]).toEqual([code, true]);
});

test('the type of a problem leads to its line on the page of errors', async () => {
  const problem = await bodyOf(await api.call('GET', '/v1/payments', { key: null }));
  const [path = '', anchor] = String(problem.type).split('#');
  const html = await (await api.call('GET', path, { key: null })).text();
  expect(html).toContain(`<tr id="${anchor}">`);
  for (const code of Object.keys(ERRORS)) expect(html).toContain(`<tr id="${code}">`);
});

test('whoever opens the address of the API finds the documentation', async () => {
  const page = await api.call('GET', '/', { key: null });
  expect([page.status, page.headers.get('location')]).toEqual([302, '/docs']);
});

test.each(['/docs', '/docs/errors'])('the page %s loads its own files and may load nothing else', async (path) => {
  const page = await api.call('GET', path, { key: null });
  expect(page.status).toBe(200);
  const policy = page.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("style-src 'self'");
  expect(policy).not.toMatch(/unsafe|https?:|\*/);
  const html = await page.text();
  const sources = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1] as string);
  expect(sources.length).toBeGreaterThan(1);
  for (const source of sources) {
    expect(source).toMatch(/^\/docs\//);
    expect((await api.call('GET', source, { key: null })).status).toBe(200);
  }
  expect(html).not.toMatch(/<script>|style=|onload/);
  for (const other of ['/docs/package.json', '/docs/..%2f..%2fpackage.json', '/docs/constructor'])
    expect((await api.call('GET', other, { key: null })).status).toBe(404);
});

test('every answer, errors included, carries its request id and the headers that guard browsers', async () => {
  for (const response of [
    await api.call('GET', '/v1/payments'),
    await api.call('POST', '/v1/payments', { json: {} }),
    await api.call('GET', '/nowhere'),
    await api.call('GET', '/v1/payments', { key: null }),
    await api.call('GET', '/docs', { key: null }),
    await api.call('GET', '/openapi.json', { key: null }),
    await api.call('GET', '/health/live', { key: null }),
  ]) {
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    expect(response.headers.get('x-content-type-options')).toBe('nosniff');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(response.headers.get('cache-control')).toBe(response.headers.has('etag') ? 'private, no-cache' : 'no-store');
  }
  const own = await api.call('GET', '/v1/payments', { headers: { 'x-request-id': 'mine-12345678' } });
  expect(own.headers.get('x-request-id')).toBe('mine-12345678');
  const forged = await api.call('GET', '/v1/payments', { headers: { 'x-request-id': 'a b<script>' } });
  expect(forged.headers.get('x-request-id')).not.toContain('script');
});

test('U+0000, which no text of the database may have, is refused wherever it stands', async () => {
  expect((await api.call('GET', '/v1/rules/a%00b')).status).toBe(404);
  const query = await api.call('GET', '/v1/payments?status=%00');
  expect([query.status, (await bodyOf(query)).errors[0]]).toMatchObject([422, { field: 'status', detail: 'must not have U+0000 in it' }]);
  const refused = await api.call('POST', '/v1/quotes', { json: { ...QUOTE, amount: '1\0' } });
  expect([refused.status, (await bodyOf(refused)).code]).toEqual([400, 'malformed_body']);
  // A backslash before the same four digits is text like any other, and refused for being no amount.
  const text = await api.call('POST', '/v1/quotes', { json: { ...QUOTE, amount: '1\\u0000' } });
  expect([text.status, (await bodyOf(text)).code]).toEqual([422, 'amount_malformed']);
});

test('on a socket: streams, refuses a taken port, and closes without cutting anybody off', async () => {
  const own = await startTestApi();
  const served = await serveApi(own.api, { port: 0, host: '127.0.0.1' });
  const headers = { authorization: `Bearer ${own.keys.acme}` };
  await expect(serveApi(own.api, { port: Number(new URL(served.url).port), host: '127.0.0.1' })).rejects.toMatchObject({
    code: 'port_in_use',
  });
  await expect(serveApi(own.api, { port: 0, host: '192.0.2.1' })).rejects.toMatchObject({ code: 'config_invalid', field: 'HOST' });
  const stream = await fetch(`${served.url}/v1/activity/stream`, { headers });
  expect(stream.status).toBe(200);
  const batch = fetch(`${served.url}/v1/payments/batches`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/x-ndjson' },
    body: Array.from({ length: 300 }, (_, index) => JSON.stringify(intentOf(`socket-${index}`))).join('\n'),
  });
  await expect.poll(async () => (await own.pool.query('select 1 from payments limit 1')).rowCount, { timeout: 10_000 }).toBe(1);
  const ended = stream.body?.pipeTo(Writable.toWeb(new Writable({ write: (_chunk, _encoding, done) => done() })));
  await served.close();
  await ended;
  expect((await bodyOf(await batch)).accepted).toBe(300);
  await expect(fetch(`${served.url}/health/live`)).rejects.toThrow();
  await own.close();
});
