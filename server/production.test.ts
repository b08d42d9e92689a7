import { mkdtemp, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { productionRefusals } from './production.ts';
import { withSecretFiles } from './secrets.ts';

const KEYS = { CAPP_FIELD_KEY: 'a', CAPP_INDEX_KEY: 'e', CAPP_QUOTE_KEY: 'b', CAPP_KEY_PEPPER: 'c', CAPP_CALLBACK_KEY: 'd' };
const PUBLIC = { CAPP_PUBLIC_URL: 'https://capp.example' };
const SOUND = { CAPP_ENV: 'production', CAPP_OPERATORS_PATH: 'operators.json', CAPP_SANCTIONS_PATH: 'lists', ...PUBLIC, ...KEYS };

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-secrets-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describe('production', () => {
  test('runs on settings that are sound', () => {
    expect(productionRefusals(SOUND, true)).toEqual([]);
    expect(readConfig(SOUND).env).toBe('production');
  });

  test.each([
    ['CAPP_OPERATORS_PATH', { CAPP_OPERATORS_PATH: '' }],
    ['CAPP_SANDBOX', { CAPP_SANDBOX: '1' }],
    ['CAPP_FIELD_KEY', { CAPP_FIELD_KEY: '' }],
    ['CAPP_INDEX_KEY', { CAPP_INDEX_KEY: '' }],
    ['CAPP_CALLBACK_KEY', { CAPP_CALLBACK_KEY: '' }],
    ['LANGSMITH_TRACING', { LANGSMITH_TRACING: 'true' }],
    ['CAPP_TLS_CERT_PATH', { CAPP_TLS: '1' }],
    ['CAPP_WEBHOOK_ALLOW_PRIVATE', { CAPP_WEBHOOK_ALLOW_PRIVATE: '1' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://capp@db.internal/capp?sslmode=no-verify' }],
    ['CAPP_REPLICA_URL', { CAPP_REPLICA_URL: 'postgres://capp@standby.internal/capp' }],
    ['REDIS_URL', { REDIS_URL: 'redis://redis.internal' }],
    ['NODE_TLS_REJECT_UNAUTHORIZED', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
    ['CAPP_PUBLIC_URL', { CAPP_PUBLIC_URL: 'http://capp.example' }],
    ['CAPP_PUBLIC_URL', { CAPP_PUBLIC_URL: 'http://127.0.0.1:8080' }],
    ['CAPP_PUBLIC_URL', { CAPP_PUBLIC_URL: '' }],
    ['CAPP_PUBLIC_URL', { CAPP_PUBLIC_URL: undefined }],
    ['CAPP_URL', { CAPP_URL: 'http://capp.example' }],
    ['HOST', { HOST: '0.0.0.0' }],
    ['HOST', { HOST: '::' }],
    ['HOST', { HOST: '10.0.0.7', CAPP_TLS: '0', CAPP_TRUSTED_PROXIES: '0' }],
    ['HOST', { HOST: '127.capp.example' }],
    ['APTOS_NODE_URL', { APTOS_NODE_URL: 'http://node.example', CAPP_APTOS_PATH: 'absent.json' }],
    ['VAULT_ADDR', { VAULT_ADDR: 'http://vault.internal:8200' }],
    ['CAPP_KMS_URL', { CAPP_KMS_URL: 'http://kms.internal' }],
    ['CAPP_FX_OPEN_ER_API_URL', { CAPP_FX_OPEN_ER_API_URL: 'http://rates.example', CAPP_FX_CURRENCY_API_URL: 'https://rates.example' }],
    ['CAPP_LISTS_EU_URL', { CAPP_LISTS_EU_URL: 'http://lists.example/eu.xml' }],
  ])('refuses %s and names it', (field, change) => {
    expect(productionRefusals({ ...SOUND, ...change }, true).map((each) => each.field)).toEqual([field]);
    expect(() => readConfig({ ...SOUND, ...change })).toThrow(expect.objectContaining({ code: 'config_invalid', field }));
  });

  test('names everything at once, and shows no value', () => {
    const password = 'quite-a-password';
    const url = `postgres://capp:${password}@db.internal/capp`;
    const env = { CAPP_ENV: 'production', CAPP_DATA_DIR: folder, DATABASE_URL: url };
    const fields = productionRefusals(env, true).map((each) => each.field);
    expect(fields).toEqual(['CAPP_OPERATORS_PATH', ...Object.keys(KEYS), 'CAPP_SANCTIONS_PATH', 'CAPP_PUBLIC_URL', 'DATABASE_URL']);
    expect(() => readConfig(env)).toThrow(/CAPP_OPERATORS_PATH.*CAPP_FIELD_KEY.*sslmode=verify-full/s);
    expect(() => readConfig(env)).not.toThrow(/quite-a-password/);
  });

  test.each([
    { HOST: '127.0.0.1' },
    { HOST: '127.0.0.2' },
    { HOST: '::1' },
    { HOST: 'localhost' },
    { HOST: '0.0.0.0', CAPP_TRUSTED_PROXIES: '1' },
    { HOST: '::', CAPP_TLS: '1', CAPP_TLS_CERT_PATH: 'cert.pem', CAPP_TLS_KEY_PATH: 'key.pem' },
    { CAPP_URL: 'http://127.0.0.1:8080' },
  ])('hears nobody in clear with %o', (change) => {
    expect(productionRefusals({ ...SOUND, ...change }, true)).toEqual([]);
    expect(readConfig({ ...SOUND, ...change }).publicUrl).toBe('https://capp.example');
  });

  test('takes an encrypted connection whose end is checked, and an own one', () => {
    const remote = { DATABASE_URL: 'postgres://capp@db.internal/capp?sslmode=verify-full', REDIS_URL: 'rediss://redis.internal' };
    expect(productionRefusals({ ...SOUND, ...remote }, true)).toEqual([]);
    expect(productionRefusals({ ...SOUND, DATABASE_URL: 'postgres://capp@localhost/capp', REDIS_URL: 'redis://127.0.0.1' }, true)).toEqual(
      [],
    );
  });
});

describe('files that production is given', () => {
  const file = async (name: string, value: unknown, mode = 0o640): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, typeof value === 'string' ? value : JSON.stringify(value));
    await chmod(path, mode);
    return path;
  };
  const refused = (env: Record<string, string>) => productionRefusals({ ...SOUND, ...env }, false);
  const operators = async (profile: unknown) => refused({ CAPP_OPERATORS_PATH: await file('operators.json', { 'mpesa-ke': profile }) });

  test('may name operators of the real world', async () => {
    const path = await file('operators.json', {
      'mpesa-ke': { baseUrl: 'https://api.safaricom.co.ke', note: 'no sandbox' },
      'mtn-ug': { baseUrl: 'https://proxy.momoapi.mtn.com', targetEnvironment: 'mtnuganda' },
      'orange-ci': { collection: { baseUrl: 'https://api.orange.com', countryPath: 'ci', returnUrl: 'https://capp.example/back' } },
      'airtel-zm': { baseUrl: 'https://10.20.0.7' },
    });
    expect(refused({ CAPP_OPERATORS_PATH: path })).toEqual([]);
    expect(readConfig({ ...SOUND, CAPP_OPERATORS_PATH: path }).operatorsPath).toBe(path);
  });

  test.each([
    ['http://api.safaricom.co.ke', 'must begin with https://'],
    ['http://127.0.0.1:4000/mpesa', 'leads to this machine'],
    ['https://localhost', 'leads to this machine'],
    ['https://127.8.8.8', 'leads to this machine'],
    ['https://[::1]:4000', 'leads to this machine'],
    ['http://0.0.0.0:4000', 'leads to this machine'],
    ['https://sandbox.safaricom.co.ke', 'leads to a sandbox'],
    ['https://sandbox.momodeveloper.mtn.com', 'leads to a sandbox'],
    ['https://openapiuat.airtel.ug', 'leads to a sandbox'],
    ['https://api.sandbox.orange-sonatel.com', 'leads to a sandbox'],
    ['http://sandbox:4000', 'leads to a sandbox'],
  ])('may not name an operator at %s', async (baseUrl, why) => {
    for (const profile of [{ baseUrl }, { collection: { baseUrl } }]) {
      const [first, ...rest] = await operators({ ...profile, consumerSecret: 'quite-a-password' });
      expect(first).toMatchObject({ field: 'CAPP_OPERATORS_PATH', detail: expect.stringMatching(/mpesa-ke\.(collection\.)?baseUrl /) });
      expect(first?.detail).toContain(why);
      expect(first?.detail).not.toContain('quite-a-password');
      expect(rest).toEqual([]);
    }
  });

  test('may not say sandbox beside the address either', async () => {
    const address = { baseUrl: 'https://proxy.momoapi.mtn.com' };
    expect(await operators({ ...address, targetEnvironment: 'sandbox' })).toMatchObject([{ field: 'CAPP_OPERATORS_PATH' }]);
    expect(await operators({ collection: { ...address, countryPath: 'dev' } })).toMatchObject([{ field: 'CAPP_OPERATORS_PATH' }]);
  });

  test('may not be what the sandbox wrote, nor name gateways or a chain in clear', async () => {
    const sandbox = { 'mpesa-ke': { baseUrl: 'http://127.0.0.1:4000/mpesa-ke' }, 'mtn-ug': { baseUrl: 'http://127.0.0.1:4000/mtn-ug' } };
    expect(refused({ CAPP_OPERATORS_PATH: await file('operators.json', sandbox) })).toHaveLength(2);
    const gateways = { gateways: { africastalking: { sms: { baseUrl: 'https://api.sandbox.africastalking.com' } } } };
    expect(refused({ CAPP_MESSAGING_PATH: await file('messaging.json', gateways) })).toMatchObject([{ field: 'CAPP_MESSAGING_PATH' }]);
    const chain = await file('chain.json', { nodeUrl: 'http://node.example/v1' });
    expect(refused({ CAPP_APTOS_PATH: chain })).toMatchObject([{ field: 'CAPP_APTOS_PATH' }]);
    expect(refused({ CAPP_APTOS_PATH: await file('own.json', { nodeUrl: 'http://127.0.0.1:8080/v1' }) })).toEqual([]);
  });

  test.each(['CAPP_OPERATORS_PATH', 'CAPP_MESSAGING_PATH', 'CAPP_APTOS_KEYS_PATH', 'CAPP_TLS_KEY_PATH'])(
    'may not be open to everybody: %s',
    async (field) => {
      expect(refused({ [field]: await file('open.json', '{}', 0o644) })).toMatchObject([
        { field, detail: expect.stringContaining('everybody') },
      ]);
      expect(refused({ [field]: await file('own.json', '{}', 0o640) })).toEqual([]);
    },
  );

  test('that are not there, or are no JSON, are named by whoever opens them', async () => {
    expect(refused({ CAPP_OPERATORS_PATH: join(folder, 'absent.json') })).toEqual([]);
    expect(refused({ CAPP_OPERATORS_PATH: await file('operators.json', '{') })).toEqual([]);
    // A name longer than any may be stands for whatever the system says besides "not there".
    expect(refused({ CAPP_TLS_KEY_PATH: join(folder, 'n'.repeat(300)) })).toEqual([]);
  });
});

describe('secrets of files', () => {
  const file = async (text: string, mode = 0o600): Promise<string> => {
    const path = join(folder, 'secret');
    await writeFile(path, text);
    await chmod(path, mode);
    return path;
  };

  test('stand in for the setting, without the line break at the end', async () => {
    const env = withSecretFiles({ CAPP_LLM_KEY_FILE: await file('key-of-a-model\n'), PORT: '1' });
    expect(env).toEqual({ CAPP_LLM_KEY: 'key-of-a-model', PORT: '1' });
    const url = await file('postgres://capp@localhost/capp');
    expect(readConfig({ DATABASE_URL_FILE: url }).databaseUrl).toBe('postgres://capp@localhost/capp');
  });

  test.each([
    ['that is not there', async () => ({ CAPP_FIELD_KEY_FILE: join(folder, 'absent') }), /CAPP_FIELD_KEY_FILE.*ENOENT/],
    ['that is empty', async () => ({ CAPP_FIELD_KEY_FILE: await file('\n') }), /empty/],
    ['beside the setting itself', async () => ({ CAPP_FIELD_KEY_FILE: await file('x'), CAPP_FIELD_KEY: 'x' }), /both set/],
    [
      'that everybody may read, in production',
      async () => ({ CAPP_ENV: 'production', CAPP_FIELD_KEY_FILE: await file('x', 0o644) }),
      /everybody/,
    ],
    ['for what is no secret', async () => ({ CAPP_COHORT_MAX_FILE: await file('500') }), /no setting CAPP_COHORT_MAX_FILE/],
  ])('one %s is refused', async (_name, settings, said) => {
    const env = await settings();
    expect(() => readConfig(env)).toThrow(said);
  });
});
