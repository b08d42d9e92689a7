/**
 * Walks published messages of messaging gateways and checks what each comes to. The folder lies beside the project on
 * machines that have it; the gateways' own tests cover the same ground.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { manualClock } from '../../domain/clock.ts';
import type { HttpAnswer } from '../mmo/http.ts';
import { africasTalking, readInbox } from './gateways/africastalking.ts';
import type { GatewayProtocol, MessageKind, SmsSender } from './gateways/gateway.ts';
import { mtnMessaging } from './gateways/mtn.ts';
import { africasTalkingOutcome, africasTalkingSms } from './sms/africastalking.ts';
import { mtnOutcome, mtnSms } from './sms/mtn.ts';

const SAMPLES = join(import.meta.dirname, '../../../shared/reference/mmo/samples/africastalking');

/** A form as the samples write it: its pairs, or the body as it came. */
function bodyOf(text: string): string {
  const sample = JSON.parse(text) as { contentType?: string; fields?: Record<string, string>; raw?: string };
  if (sample.contentType === undefined) return text;
  return sample.raw ?? new URLSearchParams(sample.fields).toString();
}

const read = (protocol: GatewayProtocol, kind: MessageKind) => (text: string) => protocol.read(kind, bodyOf(text));
const answered = (text: string, status: number): HttpAnswer => ({ kind: 'answered', status, headers: new Headers(), body: text });

/** What a sender of ours posts for the message of a sample, beside what the sample posts. */
async function posted(make: (fetch: (url: string, init: RequestInit) => Promise<Response>) => SmsSender, to: string, text: string) {
  const bodies: string[] = [];
  const fetch = (url: string, init: RequestInit) => {
    if (url.includes('access_token')) return Promise.resolve(Response.json({ access_token: 'token', expires_in: '3599' }));
    bodies.push(String(init.body));
    return Promise.resolve(new Response('{}'));
  };
  await make(fetch).send({ to, text, correlator: '5f0c2f0e-0001' });
  return bodies[0] ?? '';
}

const clock = manualClock(0);
const TEST_CALLER = { sessionId: 'ATUid_7c898d72eb11f723ed8ea05ef232f279', caller: '+254000000001', serviceCode: '*384*44135#' };
const talkingTurn = (text: string) => ({ kind: 'ussd', request: { ...TEST_CALLER, kind: 'turn', input: { form: 'history', text } } });

/** Per file: how it is read, and what must come out. */
const EXPECTED: Readonly<Record<string, readonly [(text: string) => unknown, unknown]>> = {
  'at.ussd.begin.form.json': [read(africasTalking, 'ussd'), talkingTurn('')],
  'at.ussd.continue.form.json': [read(africasTalking, 'ussd'), talkingTurn('1')],
  'at.ussd.nested.form.json': [read(africasTalking, 'ussd'), talkingTurn('1*2*500')],
  'at.ussd.end-event.form.json': [
    read(africasTalking, 'ussd-events'),
    {
      kind: 'ussd-events',
      request: { kind: 'over', sessionId: 'ATUid_5d3b4c2bc589f4811820a7184eed4df5', caller: '+254711000111', serviceCode: '*123#' },
    },
  ],
  'at.delivery-report.success.form.json': [
    read(africasTalking, 'sms-reports'),
    {
      report: {
        key: { by: 'gateway', id: 'ATXid_c4bdd23b12ad66c9a48cc1ed783da85f' },
        receiver: '+254711000111',
        state: 'delivered',
        reasonCode: null,
      },
    },
  ],
  'at.delivery-report.failed.form.json': [
    read(africasTalking, 'sms-reports'),
    { report: { receiver: '+256772000111', state: 'failed', reasonCode: 'opted_out', optedOut: true } },
  ],
  'at.sms-send.response.success.json': [
    (text) => africasTalkingOutcome(answered(text, 201), 0),
    { state: 'accepted', gatewayId: 'ATPid_SampleTxnId123' },
  ],
  'at.sms-fetch.response.json': [readInbox, [{ id: 15_071, sender: '+254711000111', text: 'Hello' }]],
  'at.sms-send.form.json': [
    async (text) => {
      const theirs = new URLSearchParams(bodyOf(text));
      const settings = {
        baseUrl: 'https://at.invalid',
        username: 'MyAppUsername',
        apiKey: 'key',
        senderId: 'myShortCode',
        timeoutMs: 1_000,
      };
      const ours = await posted((fetch) => africasTalkingSms({ fetch, clock }, settings), '+254711000111', theirs.get('message') ?? '');
      return [...theirs.keys()]
        .filter((name) => name !== 'to')
        .map((name) => [name, new URLSearchParams(ours).get(name) === theirs.get(name)]);
    },
    [
      ['username', true],
      ['message', true],
      ['from', true],
    ],
  ],
  // The bulk form names its receivers as a list; one receiver a request is all that we send.
  'at.sms-bulk.request.json': [(text) => Object.keys(JSON.parse(text) as object), ['username', 'message', 'senderId', 'phoneNumbers']],
  'mtn.ussd.inbound.request.json': [
    read(mtnMessaging, 'ussd'),
    { request: { kind: 'turn', sessionId: '01235', caller: '+2252312345', serviceCode: '321123', input: { form: 'begin' } } },
  ],
  'mtn.ussd.inbound.response.json': [
    (text) => {
      const theirs = JSON.parse(text) as { transactionId: string; data: { inboundResponse: string } };
      const request = { kind: 'over', sessionId: '01235', caller: '+2252312345', serviceCode: '9000' } as const;
      const ours = mtnMessaging.answer(request, { text: theirs.data.inboundResponse, ends: false }, theirs.transactionId);
      return { ...(JSON.parse(ours.body) as object), statusMessage: '' };
    },
    'itself',
  ],
  'mtn.sms-v3.delivery-notification.json': [
    read(mtnMessaging, 'sms-reports'),
    { report: { key: { by: 'correlator', id: '09273682261681' }, receiver: '+23423456789', state: 'delivered', reasonCode: null } },
  ],
  'mtn.sms-v3.outbound.request.json': [
    async (text) => {
      const { message } = JSON.parse(text) as { message: string };
      const settings = { baseUrl: 'https://mtn.invalid', clientId: 'id', clientSecret: 'secret', serviceCode: '131', timeoutMs: 1_000 };
      const ours = await posted((fetch) => mtnSms({ fetch, clock }, settings), '+23423456789', message);
      return { ...(JSON.parse(ours) as object), senderAddress: 'MTN', receiverAddress: ['23423456789', '23423456790'] };
    },
    'itself',
  ],
  'mtn.sms-v3.outbound.response.json': [(text) => mtnOutcome(answered(text, 200)), { state: 'accepted', gatewayId: null }],
};

/** Requests to MTN's USSD gateway that a menu which only answers never makes. */
const NOT_OURS = ['mtn.ussd.outbound.request.json', 'mtn.ussd.subscription.request.json'];

describe.skipIf(!existsSync(SAMPLES))('published messages of messaging gateways', () => {
  it.each(Object.entries(EXPECTED))('%s', async (file, [read, expected]) => {
    const text = readFileSync(join(SAMPLES, file), 'utf8');
    const wanted = expected === 'itself' ? (JSON.parse(text) as unknown) : expected;
    const result = await read(text);
    if (Array.isArray(wanted)) expect(result).toEqual(wanted);
    else expect(result).toMatchObject(wanted as object);
  });

  it('has an expectation for every file', () => {
    const files = readdirSync(SAMPLES).filter((name) => name.endsWith('.json'));
    expect(files.filter((name) => !Object.hasOwn(EXPECTED, name) && !NOT_OURS.includes(name))).toEqual([]);
  });

  it('refuses each of them cut short, and read as what it is not, with a code', () => {
    for (const file of readdirSync(SAMPLES).filter((name) => name.endsWith('.json'))) {
      const body = bodyOf(readFileSync(join(SAMPLES, file), 'utf8'));
      for (const protocol of [africasTalking, mtnMessaging]) {
        for (const kind of ['ussd', 'ussd-events', 'sms-reports', 'sms-inbound', 'sms-opt-outs'] as const) {
          for (let length = 0; length <= body.length; length += 7) {
            try {
              protocol.read(kind, body.slice(0, length));
            } catch (error) {
              expect(error, `${file} ${kind} ${length}`).toMatchObject({
                code: expect.stringMatching(/^(malformed_body|validation_failed|not_found)$/),
              });
            }
          }
        }
      }
    }
  });
});
