import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { recordDecisions } from '../../db/queries/decisions.ts';
import { newId } from '../../domain/ids.ts';
import { bodyOf, intentOf, listenTo, startTestApi, TEST_START_MS, type TestApi } from './testing.ts';

let api: TestApi;
let client: string;
let officer: string;
let paymentId: string;

beforeAll(async () => {
  api = await startTestApi();
  client = await api.makeKey(api.clients.acme, 'client:shop', ['payments:write', 'payments:read', 'activity:read']);
  officer = await api.makeKey(api.clients.acme, 'officer:amina', ['payments:read', 'activity:read', 'cases:read']);
  paymentId = (await bodyOf(await api.call('POST', '/v1/payments', { key: client, json: intentOf('told-1') }))).id;
  await api.pool.query(`update payments set status = 'rejected', reason_code = 'sanctions_match' where id = $1`, [paymentId]);
  await api.pool.query(
    `insert into payment_events (client_id, payment_id, from_status, to_status, reason_code, cause)
     values ($1, $2, 'accepted', 'rejected', 'sanctions_match', 'cohort:1')`,
    [api.clients.acme, paymentId],
  );
  await api.pool.query(
    `insert into cases (id, client_id, payment_id, priority, reasons, evidence, evidence_digest, due_at)
     values ($1, $2, $3, 90, '[{"code":"sanctions_near","text":"Close to a listed name."}]', '{}', 'digest', now())`,
    [newId(), api.clients.acme, paymentId],
  );
  const decision = (agent: 'compliance' | 'investigator' | 'liquidity', outcome: string) => ({
    id: newId(),
    clientId: api.clients.acme,
    paymentId,
    cohortId: newId(),
    agent,
    policyVersion: '1',
    factsDigest: 'digest',
    facts: { hits: ['QDi.001'] },
    outcome,
    reasons: [{ code: `${agent}_reason`, text: 'Stands on the list QDi.001.' }],
    confidence: 0.87,
    durationUs: 10,
    modelId: null,
    promptHash: null,
  });
  const tx = await api.pool.connect();
  await recordDecisions(
    tx,
    [decision('compliance', 'block'), decision('investigator', 'reject'), decision('liquidity', 'reserve')],
    TEST_START_MS,
  );
  tx.release();
});
afterAll(() => api.stop());

const read = async (path: string, key: string) => bodyOf(await api.call('GET', path, { key }));
const TELLING = /sanctions|QDi|investigator|block|0\.87/;

describe('a client', () => {
  test('learns from the explanation that compliance looked, and nothing of what it knows', async () => {
    const story = await read(`/v1/payments/${paymentId}/explanation`, client);
    expect(story).toMatchObject({
      payment: { reasonCode: 'compliance_refused', reason: 'The payment cannot be made.' },
      cases: [],
      decisions: [
        { agent: 'compliance', outcome: 'reviewed', facts: {}, factsDigest: '', confidence: 1, reasons: [{ code: 'compliance_review' }] },
        { agent: 'liquidity', outcome: 'reserve', reasons: [{ code: 'liquidity_reason' }] },
      ],
    });
    expect(story.timeline.at(-1)).toMatchObject({ to: 'rejected', reasonCode: 'compliance_refused' });
    const { decisions, ...rest } = story;
    expect(JSON.stringify([decisions[0], rest])).not.toMatch(TELLING);
  });

  test('learns no more from the payment, the list and the activity, nor by asking for an outcome', async () => {
    for (const path of [`/v1/payments/${paymentId}`, '/v1/payments?limit=5']) {
      expect(JSON.stringify(await read(path, client))).not.toMatch(TELLING);
    }
    const outcomesOf = async (query: string) =>
      (await read(`/v1/activity${query}`, client)).items.map((each: { agent: string; outcome: string }) => [each.agent, each.outcome]);
    expect(await outcomesOf('')).toEqual([
      ['liquidity', 'reserve'],
      ['compliance', 'reviewed'],
    ]);
    expect(await outcomesOf('?outcome=block')).toEqual([]);
    expect(await outcomesOf('?outcome=reject')).toEqual([]);
    expect(await outcomesOf('?agent=investigator')).toEqual([]);
    expect(await outcomesOf('?outcome=reserve')).toEqual([['liquidity', 'reserve']]);
    expect(await outcomesOf('?outcome=reviewed')).toEqual([['compliance', 'reviewed']]);
    expect(await outcomesOf('?outcome=reviewed&agent=liquidity')).toEqual([]);
  });

  test('learns no more from the live stream', async () => {
    const seen = await listenTo(api, '/v1/activity/stream', 2, { lastEventId: '0-0', key: client });
    expect(seen.map(({ data }) => [data.agent, data.outcome])).toEqual([
      ['compliance', 'reviewed'],
      ['liquidity', 'reserve'],
    ]);
    expect(JSON.stringify(seen[0])).not.toMatch(TELLING);
    const reviewed = await listenTo(api, '/v1/activity/stream?outcome=reviewed', 1, { lastEventId: '0-0', key: client });
    expect(reviewed.map(({ data }) => data.agent)).toEqual(['compliance']);
  });
});

test('whoever may read cases sees all of it', async () => {
  const story = await read(`/v1/payments/${paymentId}/explanation`, officer);
  expect(story).toMatchObject({
    payment: { reasonCode: 'sanctions_match' },
    cases: [{ reasons: [{ code: 'sanctions_near' }] }],
    decisions: [
      { agent: 'compliance', outcome: 'block', facts: { hits: ['QDi.001'] }, confidence: 0.87, reasons: [{ code: 'compliance_reason' }] },
      { agent: 'investigator', outcome: 'reject' },
      { agent: 'liquidity', outcome: 'reserve' },
    ],
  });
  expect(story.timeline.at(-1)).toMatchObject({ reasonCode: 'sanctions_match' });
  const activity = await read('/v1/activity?outcome=block', officer);
  expect(activity.items).toMatchObject([{ agent: 'compliance', outcome: 'block' }]);
  const seen = await listenTo(api, '/v1/activity/stream?outcome=block', 1, { lastEventId: '0-0', key: officer });
  expect(seen.map(({ data }) => data.agent)).toEqual(['compliance']);
});
