import { afterAll, beforeAll, expect, test } from 'vitest';
import { fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { bodyOf, intentOf, startTestApi, TEST_START_MS, type TestApi, testKeyring } from './testing.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

const submit = (json: unknown, headers: Record<string, string> = {}) => api.call('POST', '/v1/payments', { json, headers });
const setStatus = (id: string, ...path: string[]) =>
  path.reduce(
    (before, status) => before.then(() => api.pool.query('update payments set status = $2 where id = $1', [id, status])),
    Promise.resolve<unknown>(null),
  );

test('202: a payment is stored, encrypted, with its first event, before it is answered', async () => {
  api.hints.length = 0;
  const response = await submit(intentOf('pay-1'));
  expect(response.status).toBe(202);
  const payment = await bodyOf(response);
  expect(payment).toMatchObject({
    referenceId: 'pay-1',
    status: 'accepted',
    amount: '1250.50',
    amountMinor: '125050',
    sender: { phone: '+254••••••678', country: 'KE', walletId: 'mpesa-ke' },
    receiver: { walletId: 'mtn-ug' },
    createdAt: new Date(TEST_START_MS).toISOString(),
  });
  expect(response.headers.get('location')).toBe(`/v1/payments/${payment.id}`);
  expect(api.hints).toContain('authorize');
  const { rows } = await api.pool.query('select * from payments where id = $1', [payment.id]);
  const users = await api.pool.query('select * from users where id = any($1)', [[rows[0].sender_id, rows[0].receiver_id]]);
  const keyOf = (id: string): Buffer => users.rows.find((row) => row.id === id).data_key;
  const [senderKey, receiverKey] = [keyOf(rows[0].sender_id), keyOf(rows[0].receiver_id)];
  const sender = { name: 'Wanjiru Kamau', phone: '+254712345678' };
  expect(testKeyring.people.openParties({ parties: rows[0].parties, senderKey, receiverKey }).sender).toEqual(sender);
  const kept = users.rows.map((row) => testKeyring.people.openPerson({ ...row, dataKey: row.data_key }));
  expect(kept.map(({ name }) => name).sort()).toEqual(['Okello Obote', 'Wanjiru Kamau']);
  const events = await api.pool.query('select from_status, to_status, cause from payment_events where payment_id = $1', [payment.id]);
  expect(events.rows).toEqual([{ from_status: null, to_status: 'accepted', cause: 'principal:client:acme' }]);
  expect(api.logLines.join('')).not.toMatch(/Wanjiru|712345678|0712/);
});

test('the answer of a submission and of a reading agree', async () => {
  const submitted = await bodyOf(await submit(intentOf('pay-agree', { preference: 'fastest', purpose: 'medical' })));
  const read = await bodyOf(await api.call('GET', `/v1/payments/${submitted.id}`));
  expect(read).toMatchObject(submitted);
  expect(read.timeline).toHaveLength(1);
  expect(read.attempts).toEqual([]);
});

test('200: the same intent under the same reference gives the payment there is', async () => {
  const first = await bodyOf(await submit(intentOf('pay-twice')));
  const again = await submit(intentOf('pay-twice', { amount: '1250.5' }));
  expect(again.status).toBe(200);
  expect((await bodyOf(again)).id).toBe(first.id);
});

test('409: another intent under the same reference is refused', async () => {
  await submit(intentOf('pay-clash'));
  const response = await submit(intentOf('pay-clash', { amount: '99' }));
  expect(response.status).toBe(409);
  expect(await bodyOf(response)).toMatchObject({ code: 'duplicate_reference', errors: [{ field: 'referenceId' }] });
});

test('the same reference, many times at once: one payment, one answer that accepts it', async () => {
  const responses = await Promise.all(Array.from({ length: 25 }, () => submit(intentOf('pay-race'))));
  expect(responses.filter((response) => response.status === 202)).toHaveLength(1);
  expect(responses.filter((response) => response.status === 200)).toHaveLength(24);
  const ids = new Set(await Promise.all(responses.map(async (response) => (await bodyOf(response)).id)));
  expect(ids.size).toBe(1);
});

test('one person who sends many payments at once is stored once, per client', async () => {
  const phone = '0722 000111';
  const sender = { name: 'Amina Yusuf', phone, country: 'KE' };
  await Promise.all(Array.from({ length: 40 }, (_, index) => submit(intentOf(`pay-person-${index}`, { sender }))));
  await api.call('POST', '/v1/payments', { key: api.keys.zawadi, json: intentOf('pay-person', { sender }) });
  const index = (clientId: string) => testKeyring.blindIndex('+254722000111', clientId);
  const { rows } = await api.pool.query('select client_id from users where phone_index = any($1)', [
    [index(api.clients.acme), index(api.clients.zawadi)],
  ]);
  expect(rows).toHaveLength(2);
});

test('422: every error of an intent is named with its field, and no value is repeated', async () => {
  const response = await submit({
    ...intentOf('pay-bad'),
    amount: '-5',
    toCurrency: 'XXX',
    sender: { name: '', phone: '12345', country: 'KE' },
  });
  expect(response.status).toBe(422);
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  const problem = await bodyOf(response);
  expect(problem).toMatchObject({ code: 'validation_failed', status: 422, requestId: response.headers.get('x-request-id') });
  const codes = Object.fromEntries(problem.errors.map((error: { field: string; code: string }) => [error.field, error.code]));
  expect(codes).toMatchObject({
    amount: 'amount_not_positive',
    toCurrency: 'unknown_currency',
    'sender.name': 'name_missing',
    'sender.phone': 'phone_invalid',
  });
  expect(JSON.stringify(problem)).not.toContain('12345');
});

test('400, 413, 415: what is no JSON, too much of it, or something else', async () => {
  const broken = await api.call('POST', '/v1/payments', { body: '{"referenceId": "x', type: 'application/json' });
  expect([broken.status, (await bodyOf(broken)).code]).toEqual([400, 'malformed_body']);
  const huge = await submit(intentOf('pay-huge', { note: 'x'.repeat(20_000) }));
  expect([huge.status, (await bodyOf(huge)).code]).toEqual([413, 'body_too_large']);
  const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(Buffer.alloc(8_192, 32)) });
  expect((await api.call('POST', '/v1/payments', { body: endless, type: 'application/json' })).status).toBe(413);
  const xml = await api.call('POST', '/v1/payments', { body: '<pay/>', type: 'application/xml' });
  expect([xml.status, (await bodyOf(xml)).code]).toEqual([415, 'unsupported_media_type']);
});

test('401 and 403: without a key, with a wrong one, without the scope', async () => {
  for (const key of [null, 'capp_test_000000000000_000000000000000000000000000000000000000000000000', 'x']) {
    const response = await api.call('POST', '/v1/payments', { key, json: intentOf('pay-401') });
    expect([response.status, (await bodyOf(response)).code]).toEqual([401, 'unauthenticated']);
    expect(response.headers.get('www-authenticate')).toContain('Bearer');
  }
  const reader = await api.makeKey(api.clients.acme, 'client:reader', ['payments:read']);
  const response = await api.call('POST', '/v1/payments', { key: reader, json: intentOf('pay-403') });
  expect([response.status, (await bodyOf(response)).code]).toEqual([403, 'forbidden']);
});

test('a revoked key stops working once it is forgotten, within half a minute', async () => {
  const key = await api.makeKey(api.clients.acme, 'client:leaver');
  expect((await api.call('GET', '/v1/payments', { key })).status).toBe(200);
  await api.pool.query(`update api_keys set revoked_at = now() where principal = 'client:leaver'`);
  expect((await api.call('GET', '/v1/payments', { key })).status).toBe(200);
  api.clock.advance(30_001);
  expect((await api.call('GET', '/v1/payments', { key })).status).toBe(401);
});

test('404: what another client owns does not exist', async () => {
  const { id } = await bodyOf(await submit(intentOf('pay-mine')));
  const paths = [`/v1/payments/${id}`, `/v1/payments/${id}/explanation`, `/v1/payments/${newId()}`, '/v1/payments/none'];
  for (const path of paths) {
    const response = await api.call('GET', path, { key: api.keys.zawadi });
    expect([path, response.status, (await bodyOf(response)).code]).toEqual([path, 404, 'not_found']);
  }
  for (const verb of ['cancel', 'refund'])
    expect((await api.call('POST', `/v1/payments/${id}/${verb}`, { key: api.keys.zawadi })).status).toBe(404);
  const listed = await bodyOf(await api.call('GET', '/v1/payments?referenceId=pay-mine', { key: api.keys.zawadi }));
  expect(listed.items).toEqual([]);
  // The same reference is free for another client.
  expect((await api.call('POST', '/v1/payments', { key: api.keys.zawadi, json: intentOf('pay-mine') })).status).toBe(202);
});

test('lists filter, page by cursor, and refuse a cursor of another list', async () => {
  const key = await api.makeKey(api.clients.zawadi, 'client:lister');
  const call = (path: string) => api.call('GET', path, { key });
  for (let index = 0; index < 5; index++) await api.call('POST', '/v1/payments', { key, json: intentOf(`list-${index}`) });
  const all: string[] = [];
  for (let path: string | null = '/v1/payments?limit=2&corridor=KE-UG&createdFrom=2026-03-31T00:00:00.000Z'; path !== null; ) {
    const page: { items: { referenceId: string }[]; nextCursor: string | null } = await bodyOf(await call(path));
    all.push(...page.items.map((item) => item.referenceId));
    const base = '/v1/payments?limit=2&corridor=KE-UG&createdFrom=2026-03-31T00:00:00.000Z';
    path = page.nextCursor === null ? null : `${base}&cursor=${page.nextCursor}`;
  }
  expect(all.filter((reference) => reference.startsWith('list-'))).toEqual(['list-4', 'list-3', 'list-2', 'list-1', 'list-0']);
  expect(new Set(all).size).toBe(all.length);
  expect((await bodyOf(await call('/v1/payments?status=paid'))).items).toEqual([]);
  expect((await bodyOf(await call('/v1/payments?createdBefore=2026-03-30T00:00:00.000Z'))).items).toEqual([]);
  const { nextCursor } = await bodyOf(await call('/v1/payments?limit=1'));
  for (const cursor of ['nonsense', nextCursor.slice(0, -4), `${nextCursor}&status=paid`]) {
    expect((await call(`/v1/payments?limit=1&cursor=${cursor}`)).status).toBe(400);
  }
  expect((await call('/v1/payments?limit=0')).status).toBe(422);
  expect((await call('/v1/payments?state=paid')).status).toBe(422);
  expect(await bodyOf(await call('/v1/payments?corridor=KE-XX'))).toMatchObject({
    code: 'validation_failed',
    errors: [{ code: 'corridor_unavailable', field: 'corridor' }],
  });
});

test('cancel: before money moves, with case and reservation; twice is the same; later is refused', async () => {
  const { id } = await bodyOf(await submit(intentOf('cancel-1')));
  await setStatus(id, 'held');
  const caseId = newId();
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at) values ($1, $2, $3, 50, '[]', '{}', 'd', now())`,
    [caseId, api.clients.acme, id],
  );
  const response = await api.call('POST', `/v1/payments/${id}/cancel`);
  expect([response.status, (await bodyOf(response)).status]).toEqual([200, 'cancelled']);
  expect((await api.call('POST', `/v1/payments/${id}/cancel`)).status).toBe(200);
  expect((await api.pool.query('select status from cases where id = $1', [caseId])).rows).toEqual([{ status: 'withdrawn' }]);
  const outbox = await api.pool.query('select topic from outbox where payment_id = $1', [id]);
  expect(outbox.rows).toEqual([{ topic: 'payment.cancelled' }]);

  const collecting = (await bodyOf(await submit(intentOf('cancel-2')))).id;
  await setStatus(collecting, 'authorized', 'collecting');
  const late = await api.call('POST', `/v1/payments/${collecting}/cancel`);
  expect([late.status, (await bodyOf(late)).code]).toEqual([409, 'not_cancellable']);
});

test('cancel: a payment a worker holds is busy; a failing void leaves everything as it was', async () => {
  const { id } = await bodyOf(await submit(intentOf('cancel-3')));
  await api.pool.query('update payments_by_status set lease_until = $2 where payment_id = $1', [id, new Date(api.clock.now() + 5_000)]);
  const busy = await api.call('POST', `/v1/payments/${id}/cancel`);
  expect([busy.status, (await bodyOf(busy)).code]).toEqual([409, 'payment_busy']);
  expect((await api.call('GET', `/v1/payments/${id}`)).status).toBe(200);
});

test('cancel: the reservation is given back in the same transaction', async () => {
  const voided: string[] = [];
  const other = await startTestApi({
    voidReservation: async (_tx, { reservationId }) => {
      voided.push(reservationId);
      if (voided.length === 1) throw fault('transfer_not_pending');
    },
  });
  try {
    const { id } = await bodyOf(await other.call('POST', '/v1/payments', { json: intentOf('cancel-4') }));
    const reservationId = newId();
    await other.pool.query(`update payments set status = 'authorized', reservation_id = $2 where id = $1`, [id, reservationId]);
    expect((await other.call('POST', `/v1/payments/${id}/cancel`)).status).toBe(409);
    expect((await bodyOf(await other.call('GET', `/v1/payments/${id}`))).status).toBe('authorized');
    expect((await other.call('POST', `/v1/payments/${id}/cancel`)).status).toBe(200);
    expect(voided).toEqual([reservationId, reservationId]);
  } finally {
    await other.stop();
  }
});

test('refund: noted while the payout has not succeeded, refused before and after', async () => {
  const { id } = await bodyOf(await submit(intentOf('refund-1')));
  const early = await api.call('POST', `/v1/payments/${id}/refund`);
  expect([early.status, (await bodyOf(early)).code]).toEqual([409, 'not_refundable']);
  await setStatus(id, 'authorized', 'collecting', 'collected');
  api.hints.length = 0;
  const noted = await api.call('POST', `/v1/payments/${id}/refund`);
  expect(noted.status).toBe(202);
  const { refundRequestedAt } = await bodyOf(noted);
  expect(refundRequestedAt).not.toBeNull();
  expect(api.hints).toEqual(['resume']);
  api.clock.advance(1_000);
  expect((await bodyOf(await api.call('POST', `/v1/payments/${id}/refund`))).refundRequestedAt).toBe(refundRequestedAt);
  await setStatus(id, 'disbursing', 'paid');
  expect((await api.call('POST', `/v1/payments/${id}/refund`)).status).toBe(409);
});

test('the explanation tells decisions, attempts and transfers, and keeps handles and notes inside', async () => {
  const { id } = await bodyOf(await submit(intentOf('explain-1')));
  const { acme } = api.clients;
  await api.pool.query(
    `insert into agent_activity (id, client_id, payment_id, cohort_id, agent, policy_version, facts_digest, facts, outcome, reasons, confidence, duration_us)
     values ($1, $2, $3, $4, 'compliance', '1', 'digest', '{"count":"1"}', 'clear', '[{"code":"all_clear","text":"Nothing found."}]', 1, 12)`,
    [newId(), acme, id, newId()],
  );
  await api.pool.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, operator_handle, callback_token_hash)
     values ($1, $2, $3, 'collection', 1, 'mpesa-ke', $4, 125050, 'KES', 'unknown', 'secret', $5)`,
    [newId(), acme, id, newId(), Buffer.from(newId())],
  );
  const { rows } = await api.pool.query(
    `insert into accounts (code, kind, currency, normal_side) values ('float:mpesa-ke', 'float', 'KES', 'debit'), ('clearing:KES', 'clearing', 'KES', 'credit') returning id`,
  );
  await api.pool.query(
    `insert into transfers (id, type, debit_account_id, credit_account_id, amount, currency, reason, payment_id) values ($1, 'posted', $2, $3, 125050, 'KES', 'collection', $4)`,
    [newId(), rows[0].id, rows[1].id, id],
  );
  const response = await api.call('GET', `/v1/payments/${id}/explanation`);
  expect(response.status).toBe(200);
  expect(await bodyOf(response)).toMatchObject({
    payment: { id },
    decisions: [{ agent: 'compliance', outcome: 'clear', reasons: [{ code: 'all_clear' }] }],
    attempts: [{ leg: 'collection', state: 'unknown', amount: '1250.50', railId: 'mpesa-ke' }],
    transfers: [{ debitAccount: 'float:mpesa-ke', creditAccount: 'clearing:KES', amount: '1250.50' }],
  });
  await api.pool.query(`update attempts set sent_at = $2, next_inquiry_at = $3 where payment_id = $1`, [
    id,
    new Date(api.clock.now() - 90_000),
    new Date(api.clock.now() + 5_000),
  ]);
  const unknown = await bodyOf(await api.call('GET', '/v1/attempts'));
  expect(unknown.items).toMatchObject([{ openForMs: 90_000, nextInquiryAt: new Date(api.clock.now() + 5_000).toISOString() }]);
  expect(unknown.items).toMatchObject([{ paymentId: id }]);
  const ids = async (state: string) =>
    (await bodyOf(await api.call('GET', `/v1/attempts?state=${state}`))).items.map(({ paymentId }: { paymentId: string }) => paymentId);
  for (const state of ['pending', 'unknown']) {
    await api.pool.query('update attempts set state = $2 where payment_id = $1', [id, state]);
    expect(await ids('open')).toEqual([id]);
    expect(await ids(state)).toEqual([id]);
  }
  expect(await ids('succeeded')).toEqual([]);
  expect((await bodyOf(await api.call('GET', '/v1/attempts', { key: api.keys.zawadi }))).items).toEqual([]);
  const contradicted = async (key?: string) =>
    (await bodyOf(await api.call('GET', '/v1/attempts?contradicted=true', key === undefined ? {} : { key }))).items;
  expect(await contradicted()).toEqual([]);
  await api.pool.query(`update attempts set state = 'succeeded', contradicted_at = $2 where payment_id = $1`, [
    id,
    new Date(api.clock.now()),
  ]);
  expect(await contradicted()).toMatchObject([
    { paymentId: id, state: 'succeeded', contradictedAt: new Date(api.clock.now()).toISOString() },
  ]);
  expect(await contradicted(api.keys.zawadi)).toEqual([]);
});

test('503: a full intake turns requests away with Retry-After, and loses nothing it took', async () => {
  const full = await startTestApi({ waitingMax: 5 });
  try {
    const responses = await Promise.all(
      Array.from({ length: 30 }, (_, index) => full.call('POST', '/v1/payments', { json: intentOf(`full-${index}`) })),
    );
    const refused = responses.filter((response) => response.status === 503);
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]?.headers.get('retry-after')).toBe('1');
    expect(await bodyOf(refused[0] as Response)).toMatchObject({ code: 'overloaded' });
    const taken = responses.filter((response) => response.status === 202).length;
    expect(taken + refused.length).toBe(30);
    const { rows } = await full.pool.query('select count(*)::int as count from payments');
    expect(rows[0].count).toBe(taken);
  } finally {
    await full.stop();
  }
});

test('404 and 405: paths that do not exist, methods a path does not take', async () => {
  expect((await api.call('GET', '/v2/payments')).status).toBe(404);
  const response = await api.call('DELETE', '/v1/payments');
  expect([response.status, (await bodyOf(response)).code]).toEqual([405, 'method_not_allowed']);
});

test('500: what nobody foresaw is answered without a word about it, and logged', async () => {
  api.logLines.length = 0;
  const response = await api.call('POST', '/v1/quotes', {
    json: { amount: '100', fromCurrency: 'KES', toCurrency: 'UGX', fromCountry: 'KE', toCountry: 'UG' },
  });
  expect(response.status).toBe(500);
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ code: 'internal', detail: 'Something went wrong on our side.' });
  expect(text).not.toMatch(/no quotes|\.ts|at /);
  expect(api.logLines.join('')).toContain('request failed');
});

test('what the payer has to do is shown while the collection waits, to the client alone, and is gone after that', async () => {
  const { id } = await bodyOf(await submit(intentOf('approval-1')));
  const url = 'https://webpayment.orange-money.com/ci/mpayment/abc/pay_token/xyz';
  const attemptId = newId();
  await api.pool.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, callback_token_hash, sent_at, operator_handle)
     values ($1, $2, $3, 'collection', 1, 'orange-ci', $4, 100, 'XOF', 'pending', $5, now(), $6)`,
    [
      attemptId,
      api.clients.acme,
      id,
      newId(),
      Buffer.from(id),
      testKeyring.encrypt(JSON.stringify({ paymentUrl: url }), 'attempts.operator_handle'),
    ],
  );
  const approval = async (key = api.keys.acme) => (await bodyOf(await api.call('GET', `/v1/payments/${id}`, { key }))).approval;
  expect(await approval()).toEqual({ attemptId, kind: 'page', url, dial: null });
  expect(await approval(api.keys.zawadi)).toBeUndefined();
  expect(api.logLines.join('')).not.toContain(url);
  const seal = (handle: object) =>
    api.pool.query('update attempts set operator_handle = $2 where id = $1', [
      attemptId,
      testKeyring.encrypt(JSON.stringify(handle), 'attempts.operator_handle'),
    ]);
  // What an operator names as its page is shown only when it is one.
  await seal({ paymentUrl: 'javascript:alert(1)' });
  expect(await approval()).toMatchObject({ kind: 'prompt', url: null });
  await seal({ paymentUrl: url });
  await api.pool.query("update attempts set state = 'succeeded' where id = $1", [attemptId]);
  expect(await approval()).toBeNull();
});
