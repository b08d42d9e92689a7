import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { GATEWAY_TOKENS, type GatewayApi, messagingFile, startGatewayApi } from '../../tests/messaging/world.ts';
import { runCli } from './program.ts';
import { recordedTerminal } from './terminal.ts';

let api: GatewayApi;
const folder = mkdtempSync(join(tmpdir(), 'capp-messaging-'));
const path = join(folder, 'messaging.json');

beforeAll(async () => {
  api = await startGatewayApi();
  writeFileSync(path, JSON.stringify(messagingFile()));
});
afterAll(() => api.stop());

const run = (...argv: string[]) => runTyping('', ...argv);

async function runTyping(typed: string, ...argv: string[]) {
  const terminal = recordedTerminal({
    typed,
    env: { CAPP_MESSAGING_PATH: path, CAPP_DATA_DIR: folder, DATABASE_URL: api.url, CAPP_URL: 'http://capp.invalid' },
  });
  const dial = ((url: string, init: RequestInit) => {
    api.clock.advance(5_000);
    return url.startsWith('http://capp.invalid') ? api.post(new URL(url).pathname, init) : Promise.reject(new TypeError('fetch failed'));
  }) as typeof fetch;
  const code = await runCli(argv, terminal, dial);
  return { code, out: terminal.outLines.join('\n'), err: terminal.errLines.join('\n') };
}

describe('capp ussd simulate', () => {
  it.each(['africastalking', 'mtn'])('plays a session over the protocol of %s', async (gateway) => {
    const phone = gateway === 'mtn' ? '254712345671' : '+254 712 345 672';
    const typed = '1,1,256772345678,Okello Moses,Wanjiru Kamau,1250,1';
    const { code, out } = await run('ussd', 'simulate', '--phone', phone, '--gateway', gateway, '--type', typed);
    expect(code).toBe(0);
    expect(out).toContain('1. English');
    expect(out).toContain('You pay KES 1,250');
    expect(out.split('\n').at(-1)).toMatch(/^Request [0-9A-F]{8} taken/);
  });

  it.each([
    ['goes on line by line', '254712345681', '1\n2\n', 'You have sent nothing yet.'],
    ['hangs up at an empty line', '254712345682', '1\n\n2\n', '3. Language'],
    ['hangs up at its end', '254712345683', '1', '3. Language'],
  ])('reads what is piped in: it %s', async (_what, phone, typed, last) => {
    const { code, out } = await runTyping(typed, 'ussd', 'simulate', '--phone', phone);
    expect(code).toBe(0);
    expect(out).toContain('1. English');
    expect(out.split('\n').at(-1)).toBe(last);
  });

  it('says what the gateway would not show, and when there is nobody', async () => {
    expect(await run('ussd', 'simulate', '--phone', '254712345673', '--code', '*9#', '--type', '1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('validation_failed'),
    });
    expect(await run('ussd', 'simulate', '--phone', '254712345673', '--url', 'http://nobody.invalid', '--type', '1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('service_unreachable'),
    });
    expect(await run('ussd', 'simulate', '--phone', 'me', '--type', '1')).toMatchObject({
      code: 2,
      err: expect.stringContaining('phone_invalid'),
    });
  });
});

describe('capp sms', () => {
  it('notes and lists who wants no texts, without showing a number', async () => {
    expect((await run('sms', 'opt-out', '254712345678')).out).toBe('opt-out noted');
    expect((await run('sms', 'opt-out', '+254 712 345678')).out).toContain('that was known');
    const listed = (await run('sms', 'opt-outs')).out;
    expect(listed).toContain('operator');
    expect(listed).not.toContain('712345678');
    expect((await run('sms', 'opt-in', '254712345678')).out).toBe('opt-in noted');
    expect((await run('sms', 'opt-outs')).out).not.toContain('operator');
  });

  it('lists messages', async () => {
    expect((await run('sms', 'list', '--json')).out).toBe('[]');
    expect(await run('sms', 'list', '--payment', 'x')).toMatchObject({ code: 2, err: expect.stringContaining('not_found') });
  });
});

describe('capp gateways', () => {
  const file = (text: string): string => {
    const name = join(folder, 'message');
    writeFileSync(name, text);
    return name;
  };

  it('puts a message into our words', async () => {
    const { code, out } = await run(
      'gateways',
      'parse',
      'africastalking',
      'sms-reports',
      file('id=ATXid_1&status=Success&phoneNumber=%2B254712345678\n'),
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ kind: 'sms-reports', report: { state: 'delivered', receiver: '+254712345678' } });
  });

  it.each([
    ['africastalking', 'ussd', '%', 'malformed_body'],
    ['mtn', 'ussd', '<html>', 'malformed_body'],
    ['mtn', 'sms-reports', '{}', 'validation_failed'],
    ['africastalking', 'sms-inbox', '{}', 'validation_failed'],
    ['nobody', 'ussd', '', 'usage_invalid'],
    ['mtn', 'money', '', 'usage_invalid'],
  ])('%s %s %j ends with 2 and a code', async (gateway, kind, text, code) => {
    const result = await run('gateways', 'parse', gateway, kind, file(text));
    expect(result.code).toBe(2);
    expect(result.err).toMatch(new RegExp(`^capp: ${code}: `));
  });

  it('lists what was refused, without what stood in it', async () => {
    await api.post(`/v1/gateways/mtn/${GATEWAY_TOKENS.mtn}/ussd`, {
      headers: { 'content-type': 'application/json' },
      body: '{"msisdn":"254712345678"',
    });
    const { out } = await run('gateways', 'refused', '--limit', '1');
    expect(out).toMatch(/mtn +ussd +refused +malformed_body/);
    expect(out).not.toContain('712345678');
  });
});

describe('settings of messaging', () => {
  it.each<[string, unknown, string]>([
    ['a short token', { gateways: { mtn: { token: 'short' } } }, 'gateways.mtn.token'],
    ['a network that is none', { gateways: { mtn: { token: 'x'.repeat(20), addresses: ['192.0.2.0/33'] } } }, 'gateways.mtn.addresses.0'],
    ['a setting there is not', { gateways: {}, tokens: [] }, 'its top'],
    ['a country there is not', { gateways: {}, sms: { clients: ['Acme'], default: 'mtn', byCountry: { FR: 'mtn' } } }, 'sms.byCountry'],
  ])('%s is named', async (_what, value, where) => {
    writeFileSync(path, JSON.stringify(value));
    const { code, err } = await run('ussd', 'simulate', '--phone', '254712345678', '--type', '1');
    expect(code).toBe(2);
    expect(err).toMatch(/^capp: config_invalid: /);
    expect(err).toContain(where);
  });

  it.each([
    [{ gateways: {}, ussd: { client: 'nobody', sessionMs: 180_000 } }, 'which does not exist'],
    [{ gateways: {}, sms: { clients: ['Acme'], default: 'mtn', byCountry: {} } }, 'has no settings for them'],
  ])('must lead somewhere (%#)', async (file, what) => {
    await expect(startGatewayApi(file as never)).rejects.toThrow(what);
  });
});
