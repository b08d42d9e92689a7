/** Answers with tags: who asks again is told that nothing is new, and only whoever may see the thing. */
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { insertAttempt } from '../../db/fixtures.ts';
import { HANDLE_CONTEXT } from '../../db/queries/callbacks.ts';
import { newId } from '../../domain/ids.ts';
import { startTestApi } from './testing.ts';
import { bodyOf, intentOf } from './testing-app.ts';

let api: Awaited<ReturnType<typeof startTestApi>>;
let paymentId: string;
let references = 0;

beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

beforeEach(async () => {
  references += 1;
  paymentId = (await bodyOf(await api.call('POST', '/v1/payments', { json: intentOf(`tags-${references}`) }))).id;
});

const detail = () => `/v1/payments/${paymentId}`;
const list = () => `/v1/payments?referenceId=tags-${references}`;
const ask = (path: string, tag?: string, key?: string) =>
  api.call('GET', path, { ...(key === undefined ? {} : { key }), ...(tag === undefined ? {} : { headers: { 'if-none-match': tag } }) });

async function tagOf(path: string, key?: string): Promise<string> {
  const response = await ask(path, undefined, key);
  expect(response.status).toBe(200);
  const tag = response.headers.get('etag') ?? '';
  expect(tag).toMatch(/^W\/"[\w-]{27}"$/);
  return tag;
}

async function change(text: string, ...values: unknown[]): Promise<void> {
  await api.pool.query(text, [paymentId, ...values]);
}

test('whoever has the answer gets no body, under headers that keep it from everybody else', async () => {
  for (const path of [detail(), list(), '/v1/attempts', '/v1/corridors', '/v1/pools']) {
    const tag = await tagOf(path);
    for (const sent of [tag, tag.slice(2), `"other", ${tag}`, '*']) {
      const again = await ask(path, sent);
      expect([path, sent, again.status, await again.text()]).toEqual([path, sent, 304, '']);
      expect([again.headers.get('etag'), again.headers.get('content-type')]).toEqual([tag, null]);
      expect([again.headers.get('cache-control'), again.headers.get('vary')]).toEqual(['private, no-cache', 'Authorization']);
      expect(again.headers.get('x-content-type-options')).toBe('nosniff');
    }
    for (const sent of ['W/"other"', '', '"']) expect((await ask(path, sent)).status).toBe(200);
  }
});

test('a poll that finds nothing new opens no party and reads no timeline', async () => {
  const tags = [await tagOf(detail()), await tagOf(list())] as const;
  const open = vi.spyOn(api.deps.keyring.people, 'openParties');
  expect((await ask(detail(), tags[0])).status).toBe(304);
  expect((await ask(list(), tags[1])).status).toBe(304);
  expect(open).not.toHaveBeenCalled();
  expect((await ask(detail(), 'W/"other"')).status).toBe(200);
  expect(open).toHaveBeenCalled();
  open.mockRestore();
});

test.each([
  ['status', "update payments set status = 'held', updated_at = updated_at + interval '1 ms' where id = $1"],
  ['amounts', 'update payments set target_amount = 7 where id = $1'],
  ['reason', "update payments set reason_code = 'amount_granularity' where id = $1"],
  ['right to be forgotten', 'update users set data_key = null where id = (select sender_id from payments where id = $1)'],
  ['wish', 'update payments set refund_requested_at = now() where id = $1'],
])('another tag comes with another %s', async (_what, text) => {
  const tags = [await tagOf(detail()), await tagOf(list())];
  await change(text);
  expect(await tagOf(detail())).not.toBe(tags[0]);
  expect(await tagOf(list())).not.toBe(tags[1]);
});

test('the tag of a payment moves with each attempt and what its payer has to do, and not with the time', async () => {
  const seen = new Set<string>();
  const look = async () => {
    const [tag, before] = [await tagOf(detail()), seen.size];
    return seen.add(tag).size > before;
  };
  await look();
  await insertAttempt(api.pool, { clientId: api.clients.acme, paymentId, leg: 'collection', state: 'pending' });
  expect(await look()).toBe(true);
  const handle = api.deps.keyring.encrypt(JSON.stringify({ paymentUrl: 'https://pay.test/1' }), HANDLE_CONTEXT);
  for (const set of ['inquiries = inquiries + 1', 'next_inquiry_at = $2', "state = 'unknown'"]) {
    const attempts = await tagOf('/v1/attempts?state=open');
    await change(`update attempts set ${set} where payment_id = $1`, ...(set.includes('$2') ? [new Date(api.clock.now())] : []));
    expect(await look()).toBe(true);
    expect(await tagOf('/v1/attempts?state=open')).not.toBe(attempts);
  }
  await change('update attempts set operator_handle = $2 where payment_id = $1', handle);
  expect(await look()).toBe(true);
  api.clock.advance(1_000);
  expect(await look()).toBe(false);
});

test('what is hidden from a client does not move its tag: which list refused, leases, routes', async () => {
  const key = await api.makeKey(api.clients.acme, 'client:narrow', ['payments:read']);
  await change("update payments set reason_code = 'compliance_refused' where id = $1");
  const tags = [await tagOf(detail(), key), await tagOf(list(), key), await tagOf(detail())];
  await change("update payments set reason_code = 'sanctions_match', payout_route = '{mtn-ug}' where id = $1");
  await change('update payments_by_status set lease_until = now() where payment_id = $1');
  expect([await tagOf(detail(), key), await tagOf(list(), key)]).toEqual(tags.slice(0, 2));
  expect(await tagOf(detail())).not.toBe(tags[2]);
});

test('callers have tags of their own, and a tag opens nothing', async () => {
  const tag = await tagOf(detail());
  const narrow = await api.makeKey(api.clients.acme, 'client:narrow2', ['payments:read']);
  expect(await tagOf(detail(), narrow)).not.toBe(tag);
  for (const sent of [tag, '*']) {
    const elsewhere = [await ask(detail(), sent, api.keys.zawadi), await ask(`/v1/payments/${newId()}`, sent, api.keys.zawadi)];
    expect(elsewhere.map(({ status }) => status)).toEqual([404, 404]);
    expect(elsewhere.map(({ headers }) => headers.get('etag'))).toEqual([null, null]);
    expect((await ask(detail(), sent, 'capp_test_none_none')).status).toBe(401);
  }
});

test('another version of the program, whose answers may look otherwise, has tags of its own', async () => {
  const { version } = api.deps;
  const tags = [await tagOf(detail()), await tagOf(list())];
  Object.assign(api.deps, { version: `${version}-next` });
  try {
    expect((await ask(detail(), tags[0])).status).toBe(200);
    expect((await ask(list(), tags[1])).status).toBe(200);
  } finally {
    Object.assign(api.deps, { version });
  }
});

test('a page has another tag than the same payments asked for otherwise', async () => {
  expect(await tagOf('/v1/payments?limit=1')).not.toBe(await tagOf('/v1/payments?limit=1&corridor=KE-UG'));
});
