import { afterAll, beforeAll, expect, test } from 'vitest';
import { newId } from '../../domain/ids.ts';
import { keepCases } from '../../graph/case/keep.ts';
import type { GraphDeps } from '../../graph/types.ts';
import { bodyOf, intentOf, listenTo, startTestApi, type StreamedEvent, type TestApi } from './testing.ts';

let api: TestApi;
let keys: Record<'amina' | 'other', string>;
beforeAll(async () => {
  api = await startTestApi();
  keys = {
    amina: await api.makeKey(api.clients.acme, 'officer:amina', ['cases:read', 'cases:decide']),
    other: await api.makeKey(api.clients.zawadi, 'officer:sefu', ['cases:read', 'cases:decide']),
  };
});
afterAll(() => api.stop());

const DIGEST = 'a'.repeat(64);
const HOUR_MS = 3_600_000;
let count = 0;

async function openCase(owner: 'acme' | 'zawadi' = 'acme'): Promise<string> {
  const { id } = await bodyOf(await api.call('POST', '/v1/payments', { key: api.keys[owner], json: intentOf(`stream-${count++}`) }));
  const caseId = newId();
  await api.pool.query(
    `with made as (
       insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at, created_at, interrupt_id)
       values ($1, $2, $3, 50, '[]', '{}', $4, $5, $6, 'interrupt') returning id, client_id, payment_id)
     insert into audit_events (client_id, actor, action, subject, payment_id, created_at)
     select client_id, 'system', 'case.opened', 'case:' || id, payment_id, $6 from made`,
    [caseId, api.clients[owner], id, DIGEST, new Date(api.clock.now() + HOUR_MS), new Date(api.clock.now())],
  );
  return caseId;
}

const post = async (path: string, json?: unknown): Promise<number> =>
  (await api.call('POST', path, { key: keys.amina, ...(json === undefined ? {} : { json }) })).status;

/** The id behind which only new events come. */
async function lastId(): Promise<string> {
  const { rows } = await api.pool.query('select tx_id::text as tx, id from audit_events order by tx_id desc, id desc limit 1');
  return `${rows[0].tx}-${rows[0].id}`;
}

const typesOf = (events: readonly StreamedEvent[]): string[] => events.map(({ data }) => data.type);

test('an officer hears what happens to cases in its order, and after a break nothing is missing or twice', async () => {
  const caseId = await openCase();
  const from = await lastId();
  expect(await post(`/v1/cases/${caseId}/claim`)).toBe(200);
  expect(await post(`/v1/cases/${caseId}/release-claim`)).toBe(200);
  // Looking at names is for the audit log, and not told to others.
  expect((await api.call('GET', `/v1/cases/${caseId}`, { key: keys.amina })).status).toBe(200);
  const until = new Date(api.clock.now() + HOUR_MS).toISOString();
  expect(await post(`/v1/cases/${caseId}/snooze`, { until })).toBe(200);
  const first = await listenTo(api, '/v1/cases/stream', 3, { lastEventId: from, key: keys.amina });
  expect(typesOf(first)).toEqual(['claimed', 'claim_released', 'snoozed']);
  expect(first[2]?.data).toMatchObject({ caseId, actor: 'officer:amina', until });
  expect(first.every(({ event }) => event === 'case')).toBe(true);

  await post(`/v1/cases/${caseId}/claim`);
  const decision = { verdict: 'release', reasonCode: 'false_positive', evidenceDigest: DIGEST };
  expect(await post(`/v1/cases/${caseId}/decisions`, decision)).toBe(202);
  const escalated = await openCase();
  await post(`/v1/cases/${escalated}/claim`);
  await post(`/v1/cases/${escalated}/decisions`, { ...decision, verdict: 'escalate', reasonCode: 'second_opinion' });
  const rest = await listenTo(api, '/v1/cases/stream', 6, { lastEventId: first[1]?.id ?? '', key: keys.amina });
  expect(typesOf(rest)).toEqual(['snoozed', 'claimed', 'decided', 'opened', 'claimed', 'escalated']);
  expect(rest[2]?.data).toMatchObject({ caseId, verdict: 'release', reasonCode: 'false_positive', round: 1, until: expect.any(String) });
  expect(rest[5]?.data).toMatchObject({ caseId: escalated, verdict: 'escalate', until: null });
});

test('who listens live hears of a case that is overdue', async () => {
  const caseId = await openCase();
  let opened = false;
  const listening = listenTo(api, '/v1/cases/stream?type=overdue', 1, { key: keys.amina, ready: () => void (opened = true) });
  await expect.poll(() => opened).toBe(true);
  api.clock.advance(2 * HOUR_MS);
  await keepCases({ pool: api.pool, clock: api.clock, log: api.deps.log, notify: () => undefined } as unknown as GraphDeps);
  const [event] = await listening;
  expect(event?.data).toMatchObject({ type: 'overdue', actor: 'system', dueAt: expect.any(String) });
  const named = await listenTo(api, `/v1/cases/stream?caseId=${caseId}`, 2, { lastEventId: '0-0', key: keys.amina });
  expect(typesOf(named)).toEqual(['opened', 'overdue']);
});

test('nobody hears of the cases of another client', async () => {
  const from = await lastId();
  await openCase();
  const own = await openCase('zawadi');
  const seen = await listenTo(api, '/v1/cases/stream', 1, { lastEventId: from, key: keys.other });
  expect(seen.map(({ data }) => data.caseId)).toEqual([own]);
});

test('400, 401, 403: a place that is none, no key, and a key that may not read cases', async () => {
  const refusals = [
    await api.call('GET', '/v1/cases/stream', { key: keys.amina, headers: { 'last-event-id': 'x' } }),
    await api.call('GET', '/v1/cases/stream?type=names_shown', { key: keys.amina }),
    await api.call('GET', '/v1/cases/stream', { key: null }),
    await api.call('GET', '/v1/cases/stream', {
      key: await api.makeKey(api.clients.acme, 'client:shop', ['payments:read', 'activity:read']),
    }),
  ];
  const codes = await Promise.all(refusals.map(async (each) => [each.status, (await bodyOf(each)).code]));
  expect(codes).toEqual([
    [400, 'invalid_cursor'],
    [422, 'validation_failed'],
    [401, 'unauthenticated'],
    [403, 'forbidden'],
  ]);
});
