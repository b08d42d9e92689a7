import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openQuestion } from '../../db/queries/operator-balances.ts';
import { newId } from '../../domain/ids.ts';
import { readToldBalance } from '../../tools/mmo/mpesa/balance.ts';
import { bodyOf, startTestApi, type TestApi } from './testing.ts';

const THANKS = { status: 200, body: '{"ResultCode":0}', contentType: 'application/json' };
const DOORS = new Map([['mpesa-ke', { read: (body: string) => readToldBalance(body, ['Utility Account']), thanks: THANKS }]]);

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi({
    balanceDoors: DOORS,
    callbackTerms: () => ({ applicationToken: null, allows: () => isAllowed }),
  });
});
afterAll(() => api.stop());

let isAllowed = true;
let token: string;
beforeEach(async () => {
  isAllowed = true;
  token = createHash('sha256').update(newId()).digest('hex');
  await api.pool.query('delete from operator_callbacks');
  const tokenHash = createHash('sha256').update(token).digest();
  await openQuestion(api.pool, { id: newId(), railId: 'mpesa-ke', account: '600992', tokenHash }, api.clock.now());
});

const result = (code: string, value: string) =>
  JSON.stringify({ Result: { ResultCode: code, ResultParameters: { ResultParameter: { Key: 'AccountBalance', Value: value } } } });
const FIVE = result('0', 'Utility Account|KES|5.00|5.00|0.00|0.00');
const post = async (body: string, path = token) => {
  const response = await api.call('POST', `/v1/balances/${path}`, { key: null, body, type: 'application/json' });
  return [response.status, await response.text()];
};
const kept = async () => (await api.pool.query('select rail_id, verdict, reason_code from operator_callbacks order by id')).rows;
const question = async () => {
  const tokenHash = createHash('sha256').update(token).digest();
  const { rows } = await api.pool.query('select amount, currency, reason_code from operator_balances where token_hash = $1', [tokenHash]);
  return rows[0];
};

test('the first message that can be read answers the question, in the operator’s words; a second is a duplicate', async () => {
  expect(await post(FIVE)).toEqual([200, THANKS.body]);
  expect(await post(result('0', 'Utility Account|KES|9.00|9.00|0.00|0.00'))).toEqual([200, THANKS.body]);
  expect(await question()).toEqual({ amount: 500n, currency: 'KES', reason_code: null });
  expect(await kept()).toEqual([
    { rail_id: 'mpesa-ke', verdict: 'matched', reason_code: null },
    { rail_id: 'mpesa-ke', verdict: 'duplicate', reason_code: null },
  ]);
});

test.each([
  ['a refusal', result('2001', ''), 'rail_misconfigured', { verdict: 'matched', reason_code: 'rail_misconfigured' }],
  ['a queue that gave up', '{"ConversationID":"AG_1"}', 'queue_timeout', { verdict: 'matched', reason_code: 'queue_timeout' }],
  ['accounts that are not there', result('0', 'x'), 'unreadable_answer', { verdict: 'quarantined', reason_code: 'unreadable_answer' }],
])('%s ends the question without a balance', async (_what, body, reasonCode, message) => {
  expect((await post(body))[0]).toBe(200);
  expect(await question()).toEqual({ amount: null, currency: null, reason_code: reasonCode });
  expect(await kept()).toMatchObject([message]);
});

test('what no operator can have sent is put aside, and the question stays open', async () => {
  expect(await post('<html>')).toEqual([200, THANKS.body]);
  expect(await kept()).toMatchObject([{ verdict: 'quarantined', reason_code: 'malformed_body' }]);
  expect(await post(FIVE)).toEqual([200, THANKS.body]);
  expect(await question()).toMatchObject({ amount: 500n });
});

test('404: a path that is nobody’s, or a message from elsewhere, is kept and changes nothing; what is no path leaves no row', async () => {
  expect((await post(FIVE, 'a'.repeat(64)))[0]).toBe(404);
  isAllowed = false;
  expect((await post(FIVE))[0]).toBe(404);
  expect(await question()).toMatchObject({ amount: null, reason_code: null });
  expect((await post(FIVE, 'short'))[0]).toBe(404);
  expect(await kept()).toMatchObject([
    { verdict: 'quarantined', reason_code: 'callback_unknown' },
    { verdict: 'quarantined', reason_code: 'source_refused' },
  ]);
});

test('413: as much of a body that is too large is kept as one can have', async () => {
  const response = await api.call('POST', `/v1/balances/${token}`, {
    key: null,
    body: 'x'.repeat(64 * 1024 + 1),
    type: 'application/json',
  });
  expect([response.status, (await bodyOf(response)).code]).toEqual([413, 'body_too_large']);
  expect(await kept()).toMatchObject([{ verdict: 'quarantined', reason_code: 'body_too_large' }]);
});
