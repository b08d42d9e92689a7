import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { bodyOf, intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const BODY = '{"Body":{"stkCallback":{"ResultCode":0,"PhoneNumber":254712345678}}}';
const callBack = (path: string, body = BODY, method = 'POST') =>
  api.call(method, `/v1/callbacks/${path}`, { key: null, body, type: 'application/json' });

async function attemptWith(token: string, railId = 'mpesa-ke'): Promise<string> {
  const { id } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`callback-${token.slice(0, 20)}`) }));
  const attemptId = newId();
  await api.pool.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, callback_token_hash)
     values ($1, $2, $3, 'collection', 1, $4, $5, 100, 'KES', $6)`,
    [attemptId, api.clients.acme, id, railId, newId(), createHash('sha256').update(token).digest()],
  );
  return attemptId;
}

test('stored encrypted, matched by its token, answered in the operator’s words, without any key', async () => {
  const token = 'token-known-0123456789';
  const attemptId = await attemptWith(token);
  api.hints.length = 0;
  api.logLines.length = 0;
  for (const method of ['POST', 'PUT']) {
    const response = await callBack(`mpesa-ke/${token}`, BODY, method);
    expect([response.status, await response.text()]).toEqual([200, '{"ResultCode":0}']);
  }
  expect(api.hints).toEqual(['callbacks', 'callbacks']);
  const { rows } = await api.pool.query('select * from operator_callbacks where attempt_id = $1', [attemptId]);
  expect(rows).toHaveLength(2);
  expect(rows[0]).toMatchObject({ rail_id: 'mpesa-ke', processed_at: null, verdict: null, source_address: 'in-process' });
  expect(rows[0].body_digest).toEqual(rows[1].body_digest);
  expect(rows[0].body.toString('latin1')).not.toContain('2547');
  expect(testKeyring.decrypt(rows[0].body, 'operator_callbacks.body')).toBe(BODY);
  // Whoever reads the log must not be able to answer for the operator.
  expect(api.logLines.join('')).not.toContain(token);
});

test('404: an unknown token, or one of another rail, is quarantined; what is no token leaves no row', async () => {
  await attemptWith('token-of-mtn-0123456789', 'mtn-ug');
  for (const path of ['mpesa-ke/token-unknown-0123456789', 'mpesa-ke/token-of-mtn-0123456789']) {
    const response = await callBack(path);
    expect([response.status, (await bodyOf(response)).code]).toEqual([404, 'callback_unknown']);
  }
  const { rows } = await api.pool.query('select attempt_id, verdict, reason_code from operator_callbacks where attempt_id is null');
  expect(rows).toEqual(Array.from({ length: 2 }, () => ({ attempt_id: null, verdict: 'quarantined', reason_code: 'callback_unknown' })));
  for (const path of ['mpesa-ke/short', 'MPESA/token-unknown-0123456789']) expect((await callBack(path)).status).toBe(404);
  expect((await api.pool.query('select 1 from operator_callbacks where attempt_id is null')).rowCount).toBe(2);
});

test('413: a body over 64 KiB is refused, and as much of it as a callback can have is kept', async () => {
  const attemptId = await attemptWith('token-large-0123456789');
  expect((await callBack('mpesa-ke/token-large-0123456789', 'x'.repeat(64 * 1024 + 1))).status).toBe(413);
  const { rows } = await api.pool.query('select verdict, reason_code, body from operator_callbacks where attempt_id = $1', [attemptId]);
  expect(rows).toMatchObject([{ verdict: 'quarantined', reason_code: 'body_too_large' }]);
  expect(testKeyring.decrypt(rows[0].body, 'operator_callbacks.body')).toHaveLength(64 * 1024);
});

test('what is no text is kept as it came, and left to its reader', async () => {
  const attemptId = await attemptWith('token-bytes-0123456789');
  const bytes = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(Uint8Array.of(0xff, 0x00, 0xfe));
      controller.close();
    },
  });
  const response = await api.call('POST', '/v1/callbacks/mpesa-ke/token-bytes-0123456789', {
    key: null,
    body: bytes,
    type: 'application/json',
  });
  expect(response.status).toBe(200);
  const { rows } = await api.pool.query('select body from operator_callbacks where attempt_id = $1', [attemptId]);
  expect(testKeyring.decrypt(rows[0].body, 'operator_callbacks.body')).toBe('base64:/wD+');
});

test('many at once share statements, and each gets its own answer', async () => {
  const known = await attemptWith('token-many-0123456789');
  const statuses = await Promise.all(
    Array.from(
      { length: 40 },
      async (_, index) => (await callBack(`mpesa-ke/${index % 2 ? 'token-many-0123456789' : `token-nobody-${index}-0123456`}`)).status,
    ),
  );
  expect(statuses).toEqual(Array.from({ length: 40 }, (_, index) => (index % 2 ? 200 : 404)));
  expect((await api.pool.query('select 1 from operator_callbacks where attempt_id = $1', [known])).rowCount).toBe(20);
});

test('an address that all attempts share: secret, only where the operator knows no other, and from its own networks', async () => {
  const token = 'a'.repeat(64);
  const terms = (railId: string) => ({
    applicationToken: railId === 'airtel-ug' ? token : null,
    allows: (source: string) => railId !== 'mpesa-ke' && source === 'in-process',
  });
  const own = await startTestApi({ callbackTerms: terms, callbackAnswer: () => ({ status: 200, body: '', contentType: 'text/plain' }) });
  const post = (path: string) => own.call('POST', `/v1/callbacks/${path}`, { key: null, body: BODY, type: 'application/json' });
  try {
    expect((await post(`airtel-ug/${token}`)).status).toBe(200);
    expect(own.hints).toEqual(['callbacks']);
    for (const path of ['airtel-ug', 'mtn-ug', 'nobody', 'mpesa-ke/token-unknown-0123456789', `airtel-ug/${'b'.repeat(64)}`])
      expect((await post(path)).status).toBe(404);
    const items = (await bodyOf(await own.call('GET', '/v1/callbacks'))).items;
    expect(items).toMatchObject([
      { railId: 'airtel-ug', verdict: 'quarantined', reasonCode: 'callback_unknown', attemptId: null },
      { railId: 'mpesa-ke', verdict: 'quarantined', reasonCode: 'source_refused', attemptId: null, sourceAddress: 'in-process' },
      { railId: 'airtel-ug', verdict: null, reasonCode: null },
    ]);
    const aside = (await bodyOf(await own.call('GET', '/v1/callbacks?verdict=quarantined&limit=1'))).items;
    expect(aside).toHaveLength(1);
    expect(JSON.stringify(items)).not.toContain('2547');
    expect((await own.call('GET', '/v1/callbacks', { key: await own.makeKey(own.clients.acme, 'reader', ['payments:read']) })).status).toBe(
      403,
    );
    expect(await (await own.call('GET', '/metrics', { key: null })).text()).toContain(
      'capp_callbacks_quarantined{rail="mpesa-ke",reason="source_refused"} 1',
    );
  } finally {
    await own.stop();
  }
});
