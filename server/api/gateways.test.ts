import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxGateway } from '../../sandbox/messaging/messaging.ts';
import { MESSAGE_BYTES_MAX } from '../../tools/notify/gateways/form.ts';
import { TEXTS } from '../../tools/notify/ussd/texts.ts';
import { fault } from '../../domain/errors.ts';
import { createLimiter } from '../limits/limiter.ts';
import { readLimits } from '../limits/policy.ts';
import { memoryStore } from '../limits/store.ts';
import {
  GATEWAY_TOKENS,
  type GatewayApi,
  messagingFile,
  SERVICE_CODE,
  startGatewayApi,
  TO_CONFIRM,
  typeAll,
} from '../../tests/messaging/world.ts';
import { bodyOf, testKeyring } from './testing.ts';

let api: GatewayApi;
beforeAll(async () => {
  api = await startGatewayApi();
});
afterAll(() => api.stop());
afterEach(async () => {
  await api.pool.query('delete from ussd_sessions');
  await api.pool.query('delete from gateway_records');
  await api.pool.query('delete from subscribers');
});

const payments = async (): Promise<
  { reference_id: string; amount: bigint; status: string; from_currency: string; to_currency: string }[]
> => (await api.pool.query('select reference_id, amount, status, from_currency, to_currency from payments order by id')).rows;
const records = async (): Promise<{ kind: string; verdict: string; reason_code: string; body: Buffer }[]> =>
  (await api.pool.query('select kind, verdict, reason_code, body from gateway_records order by id')).rows;
const openRecord = (body: Buffer): string => testKeyring.decrypt(body, 'gateway_records.body');
const form = (fields: Record<string, string>): RequestInit => ({
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});
const pathOf = (gateway: SandboxGateway, kind: string): string => `/v1/gateways/${gateway}/${GATEWAY_TOKENS[gateway]}/${kind}`;

describe.each(['africastalking', 'mtn'] as const)('a session over %s', (gateway) => {
  it('makes one payment through the intake, and answers a repeated request as it did', async () => {
    const before = (await payments()).length;
    const phone = api.phone(gateway);
    const terms = await typeAll(api.clock, phone, TO_CONFIRM);
    expect(terms).toMatchObject({ status: 200, ends: false });
    expect(terms.text).toMatch(
      /^You pay KES 1,250, of which KES [\d.]+ is our fee\. Okello M\. 256772345678 gets UGX [\d,]+\.\n1\. Confirm/,
    );
    expect((await payments()).length).toBe(before);
    api.clock.advance(5_000);
    const done = await phone.type('1');
    expect(done).toMatchObject({ status: 200, ends: true });
    expect(done.text).toMatch(/^Request [0-9A-F]{8} taken\..* We will text you\.$/);
    // The gateway asks again at once, after a restart, and a minute later.
    expect((await phone.again()).text).toBe(done.text);
    api.restart();
    expect((await phone.again()).text).toBe(done.text);
    api.clock.advance(60_000);
    expect((await phone.again()).text).toBe(done.text);
    const made = (await payments()).slice(before);
    expect(made).toEqual([
      { reference_id: expect.stringMatching(/^ussd:/), amount: 125_000n, status: 'accepted', from_currency: 'KES', to_currency: 'UGX' },
    ]);
  });

  it('goes on after a restart at every step', async () => {
    const before = (await payments()).length;
    const phone = api.phone(gateway);
    await phone.dial();
    for (const input of [...TO_CONFIRM, '1']) {
      api.restart();
      api.clock.advance(5_000);
      expect((await phone.type(input)).status).toBe(200);
    }
    expect((await payments()).length).toBe(before + 1);
  });

  it('makes one payment when every request comes twice at once', async () => {
    const before = (await payments()).length;
    const phone = api.phone(gateway, '+254712345678', { doubled: 1 });
    const done = await typeAll(api.clock, phone, [...TO_CONFIRM, '1']);
    expect(done.text).toMatch(/^Request/);
    expect((await payments()).length).toBe(before + 1);
  });

  it('times out without an effect', async () => {
    const before = (await payments()).length;
    const phone = api.phone(gateway);
    await typeAll(api.clock, phone, TO_CONFIRM);
    api.clock.advance(180_000);
    expect(await phone.type('1')).toMatchObject({ status: 200, ends: true, text: TEXTS.en.timed_out });
    expect((await phone.again()).text).toBe(TEXTS.en.timed_out);
    expect((await payments()).length).toBe(before);
  });

  it('forgets what it was about when the person hangs up', async () => {
    const phone = api.phone(gateway);
    await typeAll(api.clock, phone, TO_CONFIRM);
    expect(await phone.hangUp()).toBe(200);
    api.clock.advance(5_000);
    expect((await phone.type('1')).status).toBe(409);
    expect((await api.pool.query('select state from ussd_sessions')).rows).toEqual([{ state: null }]);
    expect(await records()).toMatchObject([{ reason_code: 'ussd_step_stale' }]);
  });

  it('refuses a session that never began, and one of another number', async () => {
    const phone = api.phone(gateway);
    expect((await phone.type('1')).status).toBe(404);
    await phone.dial();
    const thief = api.phone(gateway, '+254700000009');
    await thief.dial();
    const body =
      gateway === 'mtn'
        ? { sessionId: phone.sessionId, messageType: '1', msisdn: '254700000009', serviceCode: SERVICE_CODE, ussdString: '1' }
        : null;
    const forged =
      body === null
        ? await api.post(
            pathOf(gateway, 'ussd'),
            form({ sessionId: phone.sessionId, phoneNumber: '+254700000009', serviceCode: SERVICE_CODE, text: '1' }),
          )
        : await api.post(pathOf(gateway, 'ussd'), { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    expect(forged.status).toBe(403);
    expect((await bodyOf(forged)).code).toBe('ussd_session_mismatch');
    expect((await records()).map((row) => row.reason_code)).toEqual(['ussd_session_unknown', 'ussd_session_mismatch']);
  });

  it('keeps the language and the name of a person, and shows the last payments', async () => {
    const number = gateway === 'mtn' ? '+254711000222' : '+254711000333';
    const first = api.phone(gateway, number);
    await typeAll(api.clock, first, ['2', '1', '256772345678', 'Okello Moses', 'Wanjiru Kamau', '1250', '1']);
    const second = api.phone(gateway, number);
    expect((await second.dial()).text).toBe(TEXTS.sw.root);
    api.clock.advance(5_000);
    expect(await second.type('2')).toMatchObject({ ends: true, text: 'KES 1,250 kwa 256772345678: njiani' });
    const { rows } = await api.pool.query('select * from subscribers');
    expect(JSON.stringify(rows)).not.toMatch(/Wanjiru|711000/);
    expect(rows).toMatchObject([{ language: 'sw' }]);
  });
});

describe("Africa's Talking's history", () => {
  it('is compared with what was answered: an earlier step, or another past, is refused and changes nothing', async () => {
    const phone = api.phone('africastalking');
    await typeAll(api.clock, phone, ['1', '1']);
    const turn = (text: string) =>
      api.post(
        pathOf('africastalking', 'ussd'),
        form({ sessionId: phone.sessionId, phoneNumber: '+254712345678', serviceCode: SERVICE_CODE, text }),
      );
    for (const text of ['1', '', '2*1', '1*', '1*11', '9*9*9']) {
      const refused = await turn(text);
      expect([text, refused.status, (await bodyOf(refused)).code]).toEqual([text, 409, 'ussd_step_stale']);
    }
    expect((await turn('1*1')).status).toBe(200);
    expect(await (await turn('1*1*256772345678')).text()).toContain("Receiver's full name");
  });

  it('cannot carry a confirmation past the terms: what is typed with stars is one entry', async () => {
    const before = (await payments()).length;
    const phone = api.phone('africastalking');
    await typeAll(api.clock, phone, ['1', '1', '256772345678', 'Okello Moses', 'Wanjiru Kamau']);
    const screen = await phone.type('1250*1');
    expect(screen.text).toContain(TEXTS.en.not_an_amount);
    expect((await payments()).length).toBe(before);
  });
});

describe("MTN's gateway", () => {
  it('may use an id again once its session has expired', async () => {
    const phone = api.phone('mtn');
    await typeAll(api.clock, phone, ['1']);
    expect((await phone.dial()).status).toBe(409);
    api.clock.advance(180_000);
    expect((await phone.dial()).status).toBe(200);
  });

  it('is believed to repeat itself when the same comes back faster than anybody types', async () => {
    const phone = api.phone('mtn');
    const first = await typeAll(api.clock, phone, ['1']);
    api.clock.advance(500);
    expect((await phone.again()).text).toBe(first.text);
    api.clock.advance(5_000);
    expect((await phone.again()).text).not.toBe(first.text);
  });
});

describe('what cannot be used', () => {
  const valid = { sessionId: 'ATUid_x', phoneNumber: '+254712345678', serviceCode: SERVICE_CODE, text: '' };
  const type = 'application/x-www-form-urlencoded';
  it.each<[string, SandboxGateway, string, string, string, number, string]>([
    ['no form at all', 'africastalking', 'ussd', type, '%%%', 400, 'malformed_body'],
    ['a truncated form', 'africastalking', 'ussd', type, 'sessionId=ATUid_x&phoneNumber=%2B2547', 422, 'validation_failed'],
    ['a wrong type', 'africastalking', 'ussd', 'application/json', '{}', 415, 'unsupported_media_type'],
    ['no type', 'africastalking', 'ussd', '', 'x', 415, 'unsupported_media_type'],
    ['an oversized form', 'africastalking', 'ussd', type, `text=${'1'.repeat(MESSAGE_BYTES_MAX)}`, 413, 'body_too_large'],
    [
      'another service code',
      'africastalking',
      'ussd',
      type,
      new URLSearchParams({ ...valid, serviceCode: '*1#' }).toString(),
      422,
      'validation_failed',
    ],
    [
      'a truncated object',
      'mtn',
      'ussd',
      'application/json',
      '{"sessionId":"1","messageType":"0","imsi":"639021234567890"',
      400,
      'malformed_body',
    ],
    [
      'numbers for texts',
      'mtn',
      'ussd',
      'application/json',
      '{"sessionId":"1","messageType":"0","msisdn":254712345678}',
      422,
      'validation_failed',
    ],
    ['a report of no state', 'mtn', 'sms-reports', 'application/json', '{"clientCorrelatorId":"1"}', 422, 'validation_failed'],
    ['a report without a number', 'africastalking', 'sms-reports', type, 'id=ATXid_1&status=Success', 422, 'validation_failed'],
    ['a text from nobody', 'africastalking', 'sms-inbound', type, 'text=STOP', 422, 'validation_failed'],
    ['a kind MTN does not send', 'mtn', 'sms-opt-outs', 'application/json', '{}', 404, 'not_found'],
  ])('%s is refused with a code and kept', async (_what, gateway, kind, contentType, body, status, code) => {
    const headers: Record<string, string> = contentType === '' ? {} : { 'content-type': contentType };
    const response = await api.post(pathOf(gateway, kind), { headers, body: contentType === '' ? Buffer.from(body) : body });
    expect([response.status, (await bodyOf(response)).code]).toEqual([status, code]);
    const [record] = await records();
    expect(record).toMatchObject({ kind, verdict: 'refused', reason_code: code });
    const kept = openRecord(record?.body ?? Buffer.alloc(0));
    expect(kept).not.toContain('639021234567890');
    expect(kept.slice(0, 10)).toBe(body.slice(0, 10));
    expect(kept.length).toBeLessThanOrEqual(MESSAGE_BYTES_MAX);
  });

  it('is kept as it came even when it is no text', async () => {
    const response = await api.post(pathOf('africastalking', 'ussd'), {
      headers: { 'content-type': type },
      body: Buffer.from([0xff, 0xfe, 0x41]),
    });
    expect(response.status).toBe(400);
    expect(openRecord((await records())[0]?.body ?? Buffer.alloc(0))).toBe('base64://5B');
  });

  it('leaves nothing behind at an address that is nobody’s', async () => {
    for (const path of [
      '/v1/gateways/africastalking/wrong-token-0123456789/ussd',
      `/v1/gateways/africastalking/${GATEWAY_TOKENS.mtn}/ussd`,
      `/v1/gateways/nobody/${GATEWAY_TOKENS.mtn}/ussd`,
      `/v1/gateways/mtn/${GATEWAY_TOKENS.mtn}/money`,
    ]) {
      const response = await api.post(path, form(valid));
      expect([path, response.status, (await bodyOf(response)).code]).toEqual([path, 404, 'gateway_unknown']);
    }
    expect(await records()).toEqual([]);
  });

  it('shows neither number, nor name, nor secret in the log', async () => {
    await typeAll(api.clock, api.phone('africastalking'), [...TO_CONFIRM, '1']);
    const log = api.logLines.join('\n');
    expect(log).toContain('"gateway":"africastalking"');
    expect(log).not.toMatch(/712345678|772345678|Wanjiru|Okello|at-token/);
  });
});

describe('who may post', () => {
  it('is held to the networks of the gateway, behind so many proxies', async () => {
    const file = messagingFile();
    const limited = {
      ...file,
      gateways: { ...file.gateways, africastalking: { ...file.gateways.africastalking, addresses: ['192.0.2.0/24', '2001:db8::1'] } },
    };
    const guarded = await startGatewayApi(limited as never, {
      limits: {
        trustedProxies: 1,
        policies: readLimits(''),
        limiter: createLimiter({ store: memoryStore(), clock: api.clock, keyOf: (who) => who, onStoreError: () => undefined }),
      },
    });
    try {
      const ask = async (from: string) =>
        (
          await guarded.post(pathOf('africastalking', 'ussd'), {
            ...form({ sessionId: `ATUid_${from.length}`, phoneNumber: '+254712345678', serviceCode: SERVICE_CODE, text: '' }),
            headers: { 'content-type': type, 'x-forwarded-for': from },
          })
        ).status;
      expect(await ask('192.0.2.77')).toBe(200);
      expect(await ask('192.0.2.77, 198.51.100.1')).toBe(404);
      expect(await ask('2001:db8::1')).toBe(200);
      expect(await ask('nonsense')).toBe(404);
      const { rows } = await guarded.pool.query('select reason_code, source_address from gateway_records order by id');
      expect(rows).toEqual([
        { reason_code: 'source_refused', source_address: '198.51.100.1' },
        { reason_code: 'source_refused', source_address: 'nonsense' },
      ]);
    } finally {
      await guarded.stop();
    }
  });
  const type = 'application/x-www-form-urlencoded';
});

describe('a payment whose taking is in doubt', () => {
  it('is told as such, and is found again by whoever goes on', async () => {
    const flaky = await startGatewayApi(messagingFile(), {
      intake: {
        submit: () => Promise.reject(fault('database_unavailable')),
        submitMany: () => Promise.resolve([]),
        depth: () => 0,
        requests: () => 0,
        drain: () => Promise.resolve(),
      },
    });
    try {
      expect(await typeAll(flaky.clock, flaky.phone('africastalking'), [...TO_CONFIRM, '1'])).toMatchObject({
        ends: true,
        text: TEXTS.en.unsure,
      });
    } finally {
      await flaky.stop();
    }
  });

  it('is made once when the process dies between the payment and the answer', async () => {
    const patient = await startGatewayApi(messagingFile({ ussd: { client: 'Acme', sessionMs: 600_000 } }));
    const phone = patient.phone('africastalking');
    await typeAll(patient.clock, phone, TO_CONFIRM);
    const { rows } = await patient.pool.query('select * from ussd_sessions');
    const [session] = rows as Record<string, unknown>[];
    const done = await phone.type('1');
    // As if the step had never been written; its quote has expired since.
    await patient.pool.query(
      'update ussd_sessions set step = $2, input_length = $3, input_digest = $4, state = $5, reply = $6, payment_id = null where id = $1',
      [session?.['id'], session?.['step'], session?.['input_length'], session?.['input_digest'], session?.['state'], session?.['reply']],
    );
    patient.clock.advance(400_000);
    expect((await phone.again()).text).toBe(done.text);
    expect((await patient.pool.query('select id from payments')).rows).toHaveLength(1);
    await patient.stop();
  });
});

describe('wishes', () => {
  const optedOut = async () => (await api.pool.query('select opt_out_source from subscribers where opted_out_at is not null')).rows;
  it.each(['STOP', ' stop. ', 'Arrêt', 'ACHA', 'unsubscribe!'])('%j ends text messages, START brings them back', async (text) => {
    const says = (words: string) =>
      api.post(pathOf('africastalking', 'sms-inbound'), form({ from: '+254712345678', text: words, to: '28901', id: '1', date: 'x' }));
    expect((await says(text)).status).toBe(200);
    expect(await optedOut()).toEqual([{ opt_out_source: 'keyword' }]);
    await says('start');
    expect(await optedOut()).toEqual([]);
  });

  it('other words change nothing', async () => {
    await api.post(pathOf('africastalking', 'sms-inbound'), form({ from: '+254712345678', text: 'please do not stop' }));
    expect(await optedOut()).toEqual([]);
  });

  it("are taken from the gateway's own list as well", async () => {
    await api.post(pathOf('africastalking', 'sms-opt-outs'), form({ senderId: 'CAPP', phoneNumber: '254712345678' }));
    expect(await optedOut()).toEqual([{ opt_out_source: 'gateway' }]);
  });
});
