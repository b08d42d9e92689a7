import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { insertClient, insertPayment } from '../../db/fixtures.ts';
import { createKeyring, inForce } from '../../db/keyring.ts';
import { claimSms } from '../../db/queries/sms.ts';
import { optIn, optOut, rememberSubscriber, SUBSCRIBER_SCOPE } from '../../db/queries/subscribers.ts';
import { type TestDatabase, testDatabase } from '../../db/testing.ts';
import { manualClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import type { SmsMessage, SmsOutcome } from '../../tools/notify/gateways/gateway.ts';
import { segmentsOf } from '../../tools/notify/gsm7.ts';
import { LANGUAGES } from '../../tools/notify/language.ts';
import { mtnSms } from '../../tools/notify/sms/mtn.ts';
import { applyReport } from '../../tools/notify/sms/reports.ts';
import { SMS_PAIRS, smsText } from '../../tools/notify/sms/texts.ts';
import { planDeliveries } from '../../tools/notify/webhooks/plan.ts';
import { findWork } from '../sweep.ts';
import type { GraphDeps } from '../types.ts';
import { forgetSessions, RETRY_WAITS_MS, smsPump, STALE_MS, workSms } from './sms.ts';
import { webhookDeps } from './webhooks-testing.ts';

const START_MS = Date.UTC(2026, 10, 2, 9);
const keyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 3) }]);
const SENDER = '+254712345678';
const RECEIVER = '+256772345678';

let database: TestDatabase;
let clientId: string;
let clock: ReturnType<typeof manualClock>;
let deps: GraphDeps;
let sent: SmsMessage[];
/** What the gateway says next, in turn; accepted when nothing is said. */
let says: (SmsOutcome | 'crash')[];
const warnings: string[] = [];

beforeAll(async () => {
  database = await testDatabase();
  clientId = await insertClient(database.pool);
});
afterAll(() => database.close());
beforeEach(async () => {
  await database.pool.query('truncate sms_messages, subscribers, gateway_records');
  await database.pool.query('update outbox set planned_at = now() where planned_at is null');
  clock = manualClock(START_MS);
  sent = [];
  says = [];
  warnings.length = 0;
  deps = {
    ...webhookDeps(database.pool, clock, keyring, warnings),
    texting: {
      clientIds: [clientId],
      senderFor: () => ({
        gateway: 'africastalking',
        send: async (message) => {
          sent.push(message);
          const outcome = says.shift() ?? { state: 'accepted', gatewayId: `ATXid_${sent.length}` };
          if (outcome === 'crash') throw new Error('the process died');
          return outcome;
        },
      }),
    },
  };
});

/** A payment with its parties, and an event about it. */
async function announce(topic: string, over: { clientId?: string; senderName?: string } = {}): Promise<string> {
  const people = {
    sender: { name: over.senderName ?? 'Wanjiru Kamau', phone: SENDER },
    receiver: { name: 'Okello Moses', phone: RECEIVER },
  };
  const parties = keyring.encrypt(JSON.stringify(people), 'payments.parties');
  const id = await insertPayment(database.pool, { clientId: over.clientId ?? clientId, status: 'paid', targetAmount: 36_953n, parties });
  await database.pool.query('insert into outbox (client_id, payment_id, topic, payload, created_at) values ($1, $2, $3, $4, $5)', [
    over.clientId ?? clientId,
    id,
    topic,
    {},
    new Date(clock.now()),
  ]);
  return id;
}

async function work(): Promise<void> {
  await planDeliveries(database.pool, clock.now(), deps.texting?.clientIds);
  const pump = smsPump(deps);
  await workSms(deps, pump);
  await pump.idle();
}

const rows = async (): Promise<Record<string, unknown>[]> =>
  (
    await database.pool.query(
      'select role, state, reason_code, gateway_id, tries, language, segments from sms_messages order by role desc, id',
    )
  ).rows;
const states = async () => (await rows()).map((row) => [row['role'], row['state'], row['reason_code']]);

describe('text messages', () => {
  it('tell sender and receiver, each in their language and once, however often the outbox is looked at', async () => {
    await rememberSubscriber(
      database.pool,
      { phoneIndex: keyring.blindIndex(RECEIVER, SUBSCRIBER_SCOPE), language: 'fr', name: null },
      START_MS,
    );
    const paymentId = await announce('payment.paid');
    await Promise.all([work(), work()]);
    await work();
    const reference = paymentId.slice(-8).toUpperCase();
    expect(Object.fromEntries(sent.map(({ to, text }) => [to, text]))).toEqual({
      [SENDER]: `${reference} done: Okello M. has received UGX 36,953. You paid KES 1,000. Reply STOP for no more texts.`,
      [RECEIVER]: `${reference}: Wanjiru K. vous a envoyé UGX 36 953. STOP pour ne plus en recevoir.`,
    });
    expect(sent).toHaveLength(2);
    expect(await rows()).toEqual([
      { role: 'sender', state: 'accepted', reason_code: null, gateway_id: expect.any(String), tries: 1, language: 'en', segments: 1 },
      { role: 'receiver', state: 'accepted', reason_code: null, gateway_id: expect.any(String), tries: 1, language: 'fr', segments: 1 },
    ]);
    expect(new Set(sent.map(({ correlator }) => correlator)).size).toBe(2);
  });

  it.each(SMS_PAIRS.filter(([, role]) => role === 'sender').map(([topic]) => topic))('tell of %s those who wait for it', async (topic) => {
    await announce(topic);
    await work();
    expect(sent.map(({ to }) => to).sort()).toEqual(
      SMS_PAIRS.filter((pair) => pair[0] === topic)
        .map(([, role]) => (role === 'sender' ? SENDER : RECEIVER))
        .sort(),
    );
  });

  it('are written for nobody where they are off, and for no other client', async () => {
    await announce('payment.paid', { clientId: await insertClient(database.pool) });
    await announce('payment.released');
    await work();
    await announce('payment.paid');
    await planDeliveries(database.pool, clock.now());
    expect(await rows()).toEqual([]);
  });

  it('are not sent to whom wants none', async () => {
    await optOut(database.pool, keyring.blindIndex(RECEIVER, SUBSCRIBER_SCOPE), 'keyword', START_MS);
    await announce('payment.paid');
    await work();
    expect(sent.map(({ to }) => to)).toEqual([SENDER]);
    expect(await states()).toEqual([
      ['sender', 'accepted', null],
      ['receiver', 'suppressed', 'opted_out'],
    ]);
  });

  it('are known under an index key that has gone out of use', async () => {
    const [older, newer] = [Buffer.alloc(32, 3), Buffer.alloc(32, 4)];
    const renewed = createKeyring([{ id: 1, master: older }], [newer, older].map(inForce));
    await optOut(database.pool, keyring.blindIndex(RECEIVER, SUBSCRIBER_SCOPE), 'keyword', START_MS);
    await rememberSubscriber(
      database.pool,
      { phoneIndex: renewed.blindIndex(RECEIVER, SUBSCRIBER_SCOPE), language: 'fr', name: null },
      START_MS,
    );
    await announce('payment.paid');
    await planDeliveries(database.pool, clock.now(), deps.texting?.clientIds);
    const pump = smsPump({ ...deps, keyring: renewed });
    await workSms({ ...deps, keyring: renewed }, pump);
    await pump.idle();
    expect(sent.map(({ to }) => to)).toEqual([SENDER]);
    expect(await optIn(database.pool, renewed.blindIndexes(RECEIVER, SUBSCRIBER_SCOPE), START_MS)).toBe(true);
  });

  it("keep what the gateway says of somebody's wish", async () => {
    says = [{ state: 'refused', reasonCode: 'opted_out', retry: 'never', optedOut: true }];
    await announce('payment.failed');
    await work();
    expect(await states()).toEqual([['sender', 'suppressed', 'opted_out']]);
    await announce('payment.failed');
    await work();
    expect(sent).toHaveLength(1);
  });
});

describe('a try', () => {
  it('without an answer is never made again', async () => {
    says = [{ state: 'unknown', reasonCode: 'no_answer_timeout' }];
    await announce('payment.failed');
    await work();
    clock.advance(STALE_MS);
    await work();
    expect(sent).toHaveLength(1);
    expect(await states()).toEqual([['sender', 'unknown', 'no_answer_timeout']]);
  });

  it('whose worker died is never made again, and people hear of it', async () => {
    says = ['crash'];
    await announce('payment.failed');
    await work();
    expect(await states()).toEqual([['sender', 'sending', null]]);
    expect(await findWork(deps)).not.toContain('sms');
    clock.advance(60_001);
    expect(await findWork(deps)).toContain('sms');
    await work();
    expect(sent).toHaveLength(1);
    expect(await states()).toEqual([['sender', 'unknown', 'worker_lost']]);
    expect(warnings.join()).toContain('may or may not have gone out');
  });

  it('that was refused for a while is made again, later each time, and then no more', async () => {
    const refused: SmsOutcome = { state: 'refused', reasonCode: 'no_gateway_route', retry: 'later' };
    says = Array.from({ length: 10 }, () => refused);
    await announce('payment.failed');
    await work();
    for (const waitMs of RETRY_WAITS_MS) {
      expect(await states()).toEqual([['sender', 'queued', 'no_gateway_route']]);
      clock.advance(waitMs - 1);
      expect(await findWork(deps)).not.toContain('sms');
      clock.advance(1);
      expect(await findWork(deps)).toContain('sms');
      await work();
    }
    expect(sent).toHaveLength(RETRY_WAITS_MS.length + 1);
    expect(new Set(sent.map(({ correlator }) => correlator)).size).toBe(1);
    expect(await states()).toEqual([['sender', 'failed', 'no_gateway_route']]);
  });

  it('waits for the hour the gateway names, and is dropped once it is no news', async () => {
    says = [{ state: 'refused', reasonCode: 'do_not_disturb', retry: 'later', notBeforeMs: START_MS + STALE_MS + 1 }];
    await announce('payment.failed');
    await work();
    clock.advance(STALE_MS);
    await work();
    expect(await states()).toEqual([['sender', 'queued', 'do_not_disturb']]);
    clock.advance(1);
    await work();
    expect(sent).toHaveLength(1);
    expect(await states()).toEqual([['sender', 'failed', 'stale']]);
  });

  it('of a worker whose claim was taken over leaves no trace', async () => {
    await announce('payment.failed');
    await planDeliveries(database.pool, clock.now(), [clientId]);
    await claimSms(database.pool, { limit: 1, nowMs: clock.now(), leaseMs: 1, leaseToken: newId() });
    clock.advance(2);
    const pump = smsPump(deps);
    await workSms(deps, pump);
    await pump.idle();
    expect(sent).toEqual([]);
    expect(await states()).toEqual([['sender', 'unknown', 'worker_lost']]);
  });

  it('asks people for help when the account is refused', async () => {
    says = [{ state: 'refused', reasonCode: 'gateway_credit', retry: 'later', alarm: true }];
    await announce('payment.failed');
    await work();
    expect(warnings.join()).toContain('gateway_credit');
    expect(warnings.join()).not.toMatch(/712345678|Wanjiru|Okello/);
  });
});

describe('a report', () => {
  const report = (id: string, state: 'delivered' | 'failed' | 'under_way', receiver = SENDER, optedOut = false) =>
    applyReport(deps, 'africastalking', {
      key: { by: 'gateway', id },
      receiver,
      state,
      reasonCode: state === 'failed' ? 'delivery_failed' : null,
      optedOut,
    });

  beforeEach(async () => {
    await announce('payment.failed');
    await work();
  });

  it('ends a message, and no later one changes it', async () => {
    expect(await report('ATXid_1', 'under_way')).toBe('applied');
    expect(await report('ATXid_1', 'delivered')).toBe('applied');
    expect(await report('ATXid_1', 'failed')).toBe('repeated');
    expect(await report('ATXid_1', 'under_way')).toBe('repeated');
    expect(await states()).toEqual([['sender', 'delivered', null]]);
  });

  it('must name the number the message went to', async () => {
    expect(await report('ATXid_1', 'failed', RECEIVER, true)).toBe('unknown');
    expect(await report('ATXid_9', 'failed')).toBe('unknown');
    expect(await states()).toEqual([['sender', 'accepted', null]]);
    expect((await database.pool.query('select 1 from subscribers')).rows).toEqual([]);
  });

  it('says whom not to write to again', async () => {
    await report('ATXid_1', 'failed', SENDER, true);
    await announce('payment.failed');
    await work();
    expect(sent).toHaveLength(1);
  });

  it('resolves a message whose answer was lost, where it goes by our own id', async () => {
    says = [{ state: 'unknown', reasonCode: 'no_answer_timeout' }];
    await announce('payment.failed');
    await work();
    const { correlator } = sent[1] as SmsMessage;
    const key = { by: 'correlator', id: correlator } as const;
    expect(
      await applyReport(deps, 'africastalking', { key, receiver: SENDER, state: 'delivered', reasonCode: null, optedOut: false }),
    ).toBe('applied');
    expect(
      await applyReport(deps, 'africastalking', {
        key: { by: 'correlator', id: 'x' },
        receiver: SENDER,
        state: 'delivered',
        reasonCode: null,
        optedOut: false,
      }),
    ).toBe('unknown');
  });
});

describe('the texts', () => {
  const facts = {
    paymentId: '019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11',
    amount: { minor: 15_000_000n, currency: 'KES' },
    target: { minor: 5_000_000n, currency: 'UGX' },
    otherName: 'Wanjiru Kamau',
  } as const;

  it.each(LANGUAGES.flatMap((language) => SMS_PAIRS.map(([topic, role]) => [language, topic, role] as const)))(
    '%s %s to the %s is one message',
    (language, topic, role) => {
      const text = smsText(topic, role, language, facts);
      expect(text).toContain('6F0C2B11');
      expect(text).toContain('STOP');
      expect(segmentsOf(text ?? '')).toEqual({ encoding: 'gsm7', count: 1 });
    },
  );

  it('end a sentence once, whatever the name ends in', () => {
    const texts = LANGUAGES.flatMap((language) => SMS_PAIRS.map(([topic, role]) => smsText(topic, role, language, facts)));
    expect(texts.filter((text) => text?.includes('..'))).toEqual([]);
    expect(smsText('payment.paid', 'receiver', 'en', facts)).toContain('from Wanjiru K. Reply STOP');
  });

  it('keep a name in its own script, in as many messages as it takes', () => {
    expect(segmentsOf(smsText('payment.paid', 'sender', 'en', { ...facts, otherName: 'ሰላም ተስፋዬ' }) ?? '')).toEqual({
      encoding: 'ucs2',
      count: 2,
    });
  });

  it('say nothing of a topic that is not told', () => {
    expect(smsText('payment.released', 'sender', 'en', facts)).toBeNull();
    expect(smsText('payment.failed', 'receiver', 'en', facts)).toBeNull();
  });
});

it('sessions that expired long ago are forgotten', async () => {
  const insert = (sessionId: string, expiresAtMs: number) =>
    database.pool.query(
      `insert into ussd_sessions (id, gateway, session_id, client_id, phone_index, step, input_length, input_digest, reply, expires_at)
       values (gen_random_uuid(), 'mtn', $1, $2, '\\x01', 1, 0, '\\x02', '\\x03', $3)`,
      [sessionId, clientId, new Date(expiresAtMs)],
    );
  await insert('old', START_MS - 25 * 3_600_000);
  await insert('young', START_MS - 3_600_000);
  await forgetSessions(deps);
  expect((await database.pool.query('select session_id from ussd_sessions')).rows).toEqual([{ session_id: 'young' }]);
});

it('keeps what a gateway answered where nothing can be made of it, without secrets, and loses no outcome over it', async () => {
  const answers = ['<html>+256772345678</html>', '{"statusCode":"9876","msisdn":"256772345678","access_token":"s3cr3t"}'];
  const taken = '{"statusCode":"0000","data":{"status":"PENDING"}}';
  const fetch = async (url: string) =>
    url.includes('access_token')
      ? new Response('{"access_token":"s3cr3t-s3cr3t","expires_in":"3599"}')
      : new Response(answers.shift() ?? taken, { status: 200 });
  const settings = { baseUrl: 'http://gateway.test', clientId: 'x', clientSecret: 'y', serviceCode: '1', timeoutMs: 1_000 };
  deps = { ...deps, texting: { clientIds: [clientId], senderFor: () => mtnSms({ fetch, clock }, settings) } };
  for (const topic of ['payment.paid', 'payment.refunded']) await announce(topic);
  await work();
  const { rows: records } = await database.pool.query<{ kind: string; reason_code: string; body: Buffer }>(
    // Texts go out side by side: either answer may be written first.
    'select kind, reason_code, body from gateway_records order by reason_code',
  );
  expect(records.map(({ kind, reason_code }) => [kind, reason_code])).toEqual([
    ['sms-answer', 'unmapped:9876'],
    ['sms-answer', 'unreadable_answer'],
  ]);
  const kept = records.map(({ body }) => keyring.decrypt(body, 'gateway_records.body')).join('\n');
  expect(kept).toContain('<html>');
  expect(kept).not.toContain('s3cr3t');
  const told = (await states()).map(([, state]) => state);
  expect([told.length, told.filter((state) => state === 'unknown').length]).toEqual([4, 2]);
  expect(new Set(told)).toEqual(new Set(['unknown', 'accepted']));
});
