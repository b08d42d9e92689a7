/**
 * Messaging end to end: a phone dials, pays, and both people hear of it over gateways that speak the real protocols and
 * misbehave; what the gateways report comes back through the API.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { GraphDeps } from '../../graph/types.ts';
import { smsPump, workSms } from '../../graph/effects/sms.ts';
import { webhookDeps } from '../../graph/effects/webhooks-testing.ts';
import { createSandbox, type Sandbox } from '../../sandbox/sandbox.ts';
import { type ManualScheduler, manualScheduler } from '../../sandbox/scheduler.ts';
import type { MessagingFaults } from '../../sandbox/messaging/messaging.ts';
import { GATEWAY_TOKENS, type GatewayApi, messagingFile, startGatewayApi, typeAll } from './world.ts';
import { bodyOf, TEST_START_MS, testKeyring } from '../../server/api/testing.ts';
import { makeMessaging } from '../../server/messaging.ts';
import { planDeliveries } from '../../tools/notify/webhooks/plan.ts';

interface World {
  readonly api: GatewayApi;
  readonly sandbox: Sandbox;
  readonly scheduler: ManualScheduler;
  readonly deps: GraphDeps;
  readonly warnings: string[];
  /** Sends what is queued, then lets the gateways report. */
  work(advanceMs?: number): Promise<void>;
}

let here: World;
beforeAll(async () => {
  here = await start();
});
afterAll(() => stop(here));
afterEach(async () => {
  await here.api.pool.query('truncate sms_messages, subscribers, gateway_records, ussd_sessions');
  await here.api.pool.query('update outbox set planned_at = now() where planned_at is null');
});

async function stop({ sandbox, api }: World): Promise<void> {
  await sandbox.close();
  await api.stop();
}

async function start(faults: Partial<MessagingFaults> = {}): Promise<World> {
  const api = await startGatewayApi();
  const scheduler = manualScheduler(TEST_START_MS);
  const sandbox = await createSandbox({
    rails: [],
    scheduler,
    seed: 'messaging',
    messagingFaults: faults,
    messagingUrl: (gateway) => `http://capp.invalid/v1/gateways/${gateway}/${GATEWAY_TOKENS[gateway]}`,
    send: (url, init) => api.post(new URL(url).pathname, init),
  });
  const file = messagingFile({}, sandbox.url);
  const messaging = await makeMessaging(file, { pool: api.pool, clock: api.clock, fetch: (url, init) => sandbox.fetch(url, init) });
  const warnings: string[] = [];
  const deps: GraphDeps = { ...webhookDeps(api.pool, api.clock, testKeyring, warnings), texting: messaging.sms ?? undefined };
  return {
    api,
    sandbox,
    scheduler,
    deps,
    warnings,
    async work(advanceMs = 10_000) {
      await planDeliveries(api.pool, api.clock.now(), deps.texting?.clientIds);
      const pump = smsPump(deps);
      await workSms(deps, pump);
      await pump.idle();
      await scheduler.advance(advanceMs);
      api.clock.advance(advanceMs);
    },
  };
}

/** Pays from a Kenyan number to an Ugandan one over USSD, and lets the payment come to an end. */
async function payByPhone({ api }: World, sender: string, receiver: string, end = 'paid'): Promise<string> {
  const phone = api.phone('africastalking', sender);
  await typeAll(api.clock, phone, ['1', '1', receiver.slice(1), 'Okello Moses', 'Wanjiru Kamau', '1250', '1']);
  const { rows } = await api.pool.query<{ id: string }>('select id from payments order by created_at desc, id desc limit 1');
  const id = rows[0]?.id ?? '';
  await api.pool.query('insert into outbox (client_id, payment_id, topic, payload, created_at) values ($1, $2, $3, $4, $5)', [
    api.clients.acme,
    id,
    `payment.${end}`,
    {},
    new Date(api.clock.now()),
  ]);
  return id;
}

async function told({ api }: World, paymentId: string) {
  const { items } = await bodyOf(await api.call('GET', `/v1/sms-messages?paymentId=${paymentId}`));
  return (items as { role: string; state: string; reasonCode: string | null; gateway: string; tries: number }[])
    .map(({ role, state, reasonCode, gateway, tries }) => [role, gateway, state, reasonCode, tries] as const)
    .sort(([one], [other]) => one.localeCompare(other));
}

const SENDER = '+254712345678';
const RECEIVER = '+256772345678';

describe('a payment by phone', () => {
  it('is told to both people over the gateways of their countries, and reported back', async () => {
    const paymentId = await payByPhone(here, SENDER, RECEIVER, 'held');
    await here.work();
    expect(Object.fromEntries(here.sandbox.texts().map(({ gateway, to, from }) => [to, [gateway, from]]))).toEqual({
      [SENDER]: ['africastalking', 'CAPP'],
      [RECEIVER]: ['mtn', '131'],
    });
    expect(await told(here, paymentId)).toEqual([
      ['receiver', 'mtn', 'delivered', null, 1],
      ['sender', 'africastalking', 'delivered', null, 1],
    ]);
    expect((await bodyOf(await here.api.call('GET', '/v1/sms-messages', { key: here.api.keys.zawadi }))).items).toEqual([]);
    const { rows } = await here.api.pool.query('select *, outbox_id::text as outbox_id from sms_messages');
    expect(JSON.stringify(rows)).not.toMatch(/712345678|772345678|Okello|Wanjiru/);
  });
});

/** By the ending of the receiver's number, what becomes of the text to each gateway's user. */
describe.each([
  ['africastalking', '+25471255', 'sender'],
  ['mtn', '+25677255', 'receiver'],
] as const)('%s', (gateway, prefix, role) => {
  it.each<[string, string, string | null, number, number]>([
    ['0101', gateway === 'mtn' ? 'failed' : 'suppressed', gateway === 'mtn' ? 'gateway_refused' : 'opted_out', 1, 0],
    ['0103', 'failed', 'delivery_failed', 1, 1],
    ['0104', 'accepted', null, 1, 1],
    // The answer is lost: it is not sent again. MTN's report goes by our own id and resolves it.
    ['0105', gateway === 'mtn' ? 'delivered' : 'unknown', gateway === 'mtn' ? null : 'no_answer_connection', 1, 1],
    ['0107', 'delivered', null, 1, 1],
    // The second report comes too late and says otherwise.
    ['0108', 'delivered', null, 1, 1],
  ])('to a number ending in %s is %s', async (ending, state, reasonCode, tries, texts) => {
    const before = here.sandbox.texts().length;
    const number = prefix + ending;
    const paymentId = await payByPhone(
      here,
      role === 'sender' ? number : SENDER,
      role === 'receiver' ? number : RECEIVER,
      role === 'sender' ? 'failed' : 'held',
    );
    await here.work();
    await here.work();
    expect((await told(here, paymentId)).filter(([who]) => who === role)).toEqual([[role, gateway, state, reasonCode, tries]]);
    expect(
      here.sandbox
        .texts()
        .slice(before)
        .filter(({ to }) => to === number),
    ).toHaveLength(texts);
    const unmatched = await here.api.pool.query("select 1 from gateway_records where verdict = 'unmatched'");
    // Only a report on a message whose id was lost with the answer stays open.
    expect(unmatched.rows).toHaveLength(ending === '0105' && gateway === 'africastalking' ? 1 : 0);
  });

  it('is tried again when it has no way to the number for a while', async () => {
    const number = `${prefix}0102`;
    const paymentId = await payByPhone(
      here,
      role === 'sender' ? number : SENDER,
      role === 'receiver' ? number : RECEIVER,
      role === 'sender' ? 'failed' : 'held',
    );
    for (let turn = 0; turn < 3; turn += 1) await here.work(120_000);
    expect((await told(here, paymentId)).filter(([who]) => who === role)).toEqual([[role, gateway, 'delivered', null, 3]]);
    expect(here.sandbox.texts().filter(({ to }) => to === number)).toHaveLength(1);
  });
});

it('on a bad day nobody gets a text twice, and every message is accounted for', async () => {
  const bad = await start({
    answerLostAfter: 0.15,
    answerLostBefore: 0.1,
    htmlPage: 0.1,
    reportLost: 0.1,
    reportTwice: 0.2,
    reportEarly: 0.2,
  });
  const phones = Array.from({ length: 30 }, (_, index) => [`+25471234${5_000 + index}`, `+25677234${5_000 + index}`] as const);
  for (const [sender, receiver] of phones) await payByPhone(bad, sender, receiver, 'held');
  for (let turn = 0; turn < 6; turn += 1) await bad.work(300_000);
  const perPhone = Map.groupBy(bad.sandbox.texts(), ({ to }) => to);
  expect([...perPhone.values()].filter((texts) => texts.length > 1)).toEqual([]);
  const { rows } = await bad.api.pool.query<{ state: string; count: number }>(
    'select state, count(*)::int as count from sms_messages group by state',
  );
  const counts = Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(60);
  // The day was as bad as it was to be.
  expect(counts['unknown']).toBeGreaterThan(3);
  expect(counts['delivered']).toBeGreaterThan(30);
  expect(Object.keys(counts).filter((state) => !['delivered', 'accepted', 'unknown'].includes(state))).toEqual([]);
  // What is known to have been delivered was.
  const delivered = await bad.api.pool.query("select 1 from sms_messages where state = 'delivered'");
  expect(delivered.rows.length).toBeLessThanOrEqual(bad.sandbox.texts().length);
  expect(bad.warnings.join()).not.toMatch(/2547|2567|Wanjiru|Okello/);
  await stop(bad);
});
