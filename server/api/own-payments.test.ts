import { afterAll, beforeAll, expect, test } from 'vitest';
import { derivedId, newId } from '../../domain/ids.ts';
import { money } from '../../domain/money.ts';
import { ownPaymentsOf } from '../../tools/mmo/mpesa/c2b.ts';
import { accountReferenceOf } from '../../tools/mmo/mpesa/fields.ts';
import type { MpesaProfile } from '../../tools/mmo/mpesa/profile.ts';
import { bodyOf, intentOf, startTestApi, type TestApi, testKeyring } from './testing.ts';

const TOKEN = 'a1'.repeat(32);
const AMOUNT = money(150_000n, 'KES');
const ACCEPTED = '{"ResultCode":0,"ResultDesc":"Accepted"}';
const desk = {
  railId: 'mpesa-ke',
  payments: ownPaymentsOf({ stk: { shortCode: '174379', till: '555111' } } as MpesaProfile),
  thanks: { status: 200, body: ACCEPTED, contentType: 'application/json' },
};

let api: TestApi;
let isAllowed = true;
beforeAll(async () => {
  api = await startTestApi({
    ownPayments: { at: (token) => (token === TOKEN ? desk : null), railId: 'mpesa-ke' },
    callbackTerms: () => ({ applicationToken: null, allows: () => isAllowed }),
  });
});
afterAll(() => api.stop());

/** A collection in a state; gives its attempt and what a customer has to enter. */
async function collection(name: string, state: string): Promise<{ attemptId: string; account: string }> {
  const { id } = await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`own-${name}`) }));
  const [attemptId, requestId] = [newId(), derivedId('own', name)];
  await api.pool.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, callback_token_hash, state, sent_at)
     values ($1, $2, $3, 'collection', 1, 'mpesa-ke', $4, $5, 'KES', $6, $7, now())`,
    [attemptId, api.clients.acme, id, requestId, AMOUNT.minor, Buffer.from(requestId), state],
  );
  return { attemptId, account: accountReferenceOf(requestId) };
}

const messageOf = (account: string, over: Readonly<Record<string, unknown>> = {}): string =>
  JSON.stringify({
    TransactionType: 'Pay Bill',
    TransID: 'RKL51ZDR4F',
    TransAmount: '1500.00',
    BusinessShortCode: '174379',
    BillRefNumber: account,
    MSISDN: '2547 ***** 126',
    FirstName: 'WANJIRU',
    ...over,
  });
const post = (what: string, body: string, token = TOKEN) =>
  api.call('POST', `/v1/c2b/${token}/${what}`, { key: null, body, type: 'application/json' });
const ask = async (body: string): Promise<string> => (await bodyOf(await post('validation', body))).ResultCode;
/** The last message as it was kept. */
async function kept() {
  const { rows } = await api.pool.query('select * from operator_callbacks order by id desc limit 1');
  return rows[0];
}

test('a validation accepts what a collection waits for, to the last shilling, and stores it before', async () => {
  const { attemptId, account } = await collection('awaited', 'pending');
  const body = messageOf(account.toLowerCase());
  expect(await ask(body)).toBe('0');
  const row = await kept();
  expect(row).toMatchObject({ attempt_id: attemptId, verdict: 'matched', reason_code: null, rail_id: 'mpesa-ke' });
  expect(testKeyring.decrypt(row.body, 'operator_callbacks.body')).toBe(body);
  expect(row.body.toString('latin1')).not.toContain('WANJIRU');
  const { rows } = await api.pool.query('select state, operator_handle from attempts where id = $1', [attemptId]);
  expect(rows).toEqual([{ state: 'pending', operator_handle: null }]);
});

test.each([
  ['an account that nothing waits for', messageOf('SCHOOL FEES'), 'C2B00012', 'account_unknown'],
  ['an account in the right form that is none', messageOf('0123456789AB'), 'C2B00012', 'account_unknown'],
  ['another short code', messageOf('0123456789AB', { BusinessShortCode: '600000' }), 'C2B00015', 'receiver_differs'],
  ['what is no payment', '{"TransID":"R1"}', 'C2B00016', 'unreadable'],
  ['an amount of another type', messageOf('0123456789AB', { TransAmount: { minor: 1 } }), 'C2B00016', 'unreadable'],
  ['what is no JSON', '<html>', 'C2B00016', 'unreadable'],
  ['nothing', '', 'C2B00016', 'unreadable'],
])('a validation refuses %s with the code of the operator', async (_what, body, code, reason) => {
  expect(await ask(body)).toBe(code);
  expect(await kept()).toMatchObject({ verdict: 'quarantined', reason_code: reason, attempt_id: null });
});

test('a validation refuses another amount, and a collection that has ended or has not begun', async () => {
  const { account } = await collection('amount', 'sent');
  expect(await ask(messageOf(account, { TransAmount: '1500.50' }))).toBe('C2B00013');
  for (const state of ['created', 'succeeded', 'failed']) {
    expect(await ask(messageOf((await collection(`ended-${state}`, state)).account))).toBe('C2B00012');
  }
});

test('a confirmation goes to whoever reads callbacks, and is answered in the operator’s words', async () => {
  const { attemptId, account } = await collection('confirmed', 'failed');
  api.hints.length = 0;
  const response = await post('confirmation', messageOf(account, { OrgAccountBalance: '25.00' }));
  expect([response.status, await response.text()]).toEqual([200, ACCEPTED]);
  expect(await kept()).toMatchObject({ attempt_id: attemptId, verdict: null, processed_at: null });
  expect(api.hints).toEqual(['callbacks']);
});

test('a confirmation that names no collection, or another amount, is set aside and changes nothing', async () => {
  const { account } = await collection('mismatch', 'unknown');
  api.hints.length = 0;
  for (const [body, reason] of [
    [messageOf('0123456789AB'), 'account_unknown'],
    [messageOf(account, { TransAmount: '15.00' }), 'amount_differs'],
    [messageOf(account, { BusinessShortCode: '1' }), 'receiver_differs'],
    ['[1', 'malformed_body'],
  ] as const) {
    expect((await post('confirmation', body)).status).toBe(200);
    expect(await kept()).toMatchObject({ verdict: 'quarantined', reason_code: reason });
  }
  expect(api.hints).toEqual([]);
});

test('404: another path, and a message from elsewhere, are kept and not answered for; what is no path leaves no row', async () => {
  const { account } = await collection('elsewhere', 'pending');
  const codeOf = async (response: Response) => [response.status, (await bodyOf(response)).code];
  expect(await codeOf(await post('validation', messageOf(account), 'b2'.repeat(32)))).toEqual([404, 'callback_unknown']);
  expect(await kept()).toMatchObject({ verdict: 'quarantined', reason_code: 'callback_unknown', attempt_id: null });
  isAllowed = false;
  expect(await codeOf(await post('confirmation', messageOf(account)))).toEqual([404, 'callback_unknown']);
  isAllowed = true;
  const row = await kept();
  expect(row).toMatchObject({ verdict: 'quarantined', reason_code: 'source_refused' });
  expect(await codeOf(await post('confirmation', messageOf(account), 'short'))).toEqual([404, 'callback_unknown']);
  expect((await kept()).id).toBe(row.id);
});

test('413: a body over 64 KiB', async () => {
  expect((await post('confirmation', 'x'.repeat(64 * 1024 + 1))).status).toBe(413);
  expect(await kept()).toMatchObject({ verdict: 'quarantined', reason_code: 'body_too_large' });
});
