import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordDecisions } from '../../db/queries/decisions.ts';
import { newId } from '../../domain/ids.ts';
import { bodyOf, intentOf, listenTo, startTestApi, TEST_START_MS, type TestApi } from './testing.ts';

let api: TestApi;
const payments: Record<string, string> = {};
beforeAll(async () => {
  api = await startTestApi({ streamListenersMax: 4 });
  for (const name of ['acme', 'zawadi'] as const) {
    payments[name] = (await bodyOf(await api.call('POST', '/v1/payments', { key: api.keys[name], json: intentOf('seen') }))).id;
  }
});
afterAll(() => api.stop());

type Owner = 'acme' | 'zawadi';

function decision(outcome: string, owner: Owner = 'acme', agent: 'compliance' | 'liquidity' = 'compliance') {
  return {
    id: newId(),
    clientId: api.clients[owner],
    paymentId: payments[owner] as string,
    cohortId: newId(),
    agent,
    policyVersion: '1',
    factsDigest: 'digest',
    facts: {},
    outcome,
    reasons: [],
    confidence: 1,
    durationUs: 10,
    modelId: null,
    promptHash: null,
  } as const;
}

async function decide(...decisions: ReturnType<typeof decision>[]): Promise<void> {
  const tx = await api.pool.connect();
  await recordDecisions(tx, decisions, TEST_START_MS);
  tx.release();
}

interface Seen {
  readonly id: string;
  readonly outcome: string;
}

/** Listens until `enough` decisions have come, then hangs up. */
async function listen(
  enough: number,
  { query = '', ...options }: { lastEventId?: string; query?: string; key?: string; ready?: () => void } = {},
): Promise<Seen[]> {
  const seen = await listenTo(api, `/v1/activity/stream${query}`, enough, options);
  return seen.filter(({ event }) => event === 'decision').map(({ id, data }) => ({ id, outcome: data.outcome }));
}

/** The id of the event behind which only new rows come. */
async function lastId(): Promise<string> {
  const { rows } = await api.pool.query(
    'select tx_id::text as tx, position from agent_activity order by tx_id desc, position desc limit 1',
  );
  return `${rows[0].tx}-${rows[0].position}`;
}

test('after a break a listener goes on where it was: nothing skipped, nothing twice', async () => {
  await decide(decision('first'));
  const from = await lastId();
  await decide(decision('a'), decision('b'));
  const before = await listen(2, { lastEventId: from });
  expect(before.map((event) => event.outcome)).toEqual(['a', 'b']);
  await decide(decision('c'));
  await decide(decision('d'), decision('e'));
  const after = await listen(3, { lastEventId: before[0]?.id as string });
  expect(after.map((event) => event.outcome)).toEqual(['b', 'c', 'd']);
  expect(new Set([...before, ...after].map((event) => event.id)).size).toBe(4);
});

test('a row written before but committed after another is not skipped', async () => {
  await decide(decision('anchor'));
  const from = await lastId();
  const slow = await api.pool.connect();
  await slow.query('begin');
  await recordDecisions(slow, [decision('slow')], TEST_START_MS);
  await decide(decision('quick'));
  let committed = false;
  const listening = listen(2, { lastEventId: from }).then((seen) => ({ seen, committed }));
  await decide(decision('third'));
  // While the slow transaction is open the others are held back; the list, read from behind, shows them already.
  expect((await bodyOf(await api.call('GET', '/v1/activity?outcome=third'))).items).toHaveLength(1);
  committed = true;
  await slow.query('commit');
  slow.release();
  const result = await listening;
  expect(result).toEqual({
    seen: [expect.objectContaining({ outcome: 'slow' }), expect.objectContaining({ outcome: 'quick' })],
    committed: true,
  });
});

/** Waits until all that was written can be told: transactions of other tests on the server hold the horizon back for a moment. */
async function nothingHeldBack(): Promise<void> {
  const query = 'select coalesce(max(tx_id) < pg_snapshot_xmin(pg_current_snapshot()), true) as told from agent_activity';
  await expect.poll(async () => (await api.pool.query(query)).rows[0].told, { timeout: 20_000 }).toBe(true);
}

test('several live listeners share what is read, each sees its own client and filter only', async () => {
  await nothingHeldBack();
  let ready = 0;
  const isReady = () => void ready++;
  const all = listen(2, { ready: isReady });
  const filtered = listen(1, { query: '?agent=liquidity', ready: isReady });
  const other = listen(1, { key: api.keys.zawadi, ready: isReady });
  await expect.poll(() => ready).toBe(3);
  await decide(decision('one'), decision('two', 'zawadi'), decision('three', 'acme', 'liquidity'));
  expect((await all).map((event) => event.outcome)).toEqual(['one', 'three']);
  expect((await filtered).map((event) => event.outcome)).toEqual(['three']);
  expect((await other).map((event) => event.outcome)).toEqual(['two']);
});

test('400, 503: a place that is none, and more listeners than there is room for', async () => {
  for (const lastEventId of ['x', '1', '-1-1', '99999999999999999999-1', '1-9223372036854775808']) {
    const response = await api.call('GET', '/v1/activity/stream', { headers: { 'last-event-id': lastEventId } });
    expect([lastEventId, response.status, (await bodyOf(response)).code]).toEqual([lastEventId, 400, 'invalid_cursor']);
  }
  const open = await Promise.all(Array.from({ length: 4 }, () => api.call('GET', '/v1/activity/stream')));
  const refused = await api.call('GET', '/v1/activity/stream');
  expect([refused.status, (await bodyOf(refused)).code]).toEqual([503, 'overloaded']);
  for (const response of open) await response.body?.cancel();
  const again = await api.call('GET', '/v1/activity/stream');
  expect(again.status).toBe(200);
  await again.body?.cancel();
});

test('401, 403: without key or scope', async () => {
  expect((await api.call('GET', '/v1/activity/stream', { key: null })).status).toBe(401);
  const key = await api.makeKey(api.clients.acme, 'client:plain', ['payments:read']);
  expect((await api.call('GET', '/v1/activity', { key })).status).toBe(403);
});

test('the list filters, pages, and shows only what is the client’s own', async () => {
  await decide(decision('listed'), decision('listed'), decision('listed', 'zawadi'));
  const first = await bodyOf(await api.call('GET', '/v1/activity?outcome=listed&limit=1'));
  const second = await bodyOf(await api.call('GET', `/v1/activity?outcome=listed&limit=1&cursor=${first.nextCursor}`));
  const third = await bodyOf(await api.call('GET', `/v1/activity?outcome=listed&limit=1&cursor=${second.nextCursor}`));
  expect([first.items.length, second.items.length, third.items.length]).toEqual([1, 1, 0]);
  expect(first.items[0].id).not.toBe(second.items[0].id);
  expect((await api.call('GET', `/v1/activity?limit=1&cursor=${first.nextCursor}`)).status).toBe(400);
});
