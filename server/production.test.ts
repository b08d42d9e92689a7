import { mkdtemp, rm, writeFile, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readConfig } from './config.ts';
import { productionRefusals } from './production.ts';
import { withSecretFiles } from './secrets.ts';

const KEYS = { CAPP_FIELD_KEY: 'a', CAPP_QUOTE_KEY: 'b', CAPP_KEY_PEPPER: 'c', CAPP_CALLBACK_KEY: 'd' };
const SOUND = { CAPP_ENV: 'production', CAPP_OPERATORS_PATH: 'operators.json', CAPP_SANCTIONS_PATH: 'lists', ...KEYS };

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
    ['CAPP_CALLBACK_KEY', { CAPP_CALLBACK_KEY: '' }],
    ['LANGSMITH_TRACING', { LANGSMITH_TRACING: 'true' }],
    ['CAPP_TLS_CERT_PATH', { CAPP_TLS: '1' }],
    ['CAPP_WEBHOOK_ALLOW_PRIVATE', { CAPP_WEBHOOK_ALLOW_PRIVATE: '1' }],
    ['DATABASE_URL', { DATABASE_URL: 'postgres://capp@db.internal/capp?sslmode=no-verify' }],
    ['REDIS_URL', { REDIS_URL: 'redis://redis.internal' }],
    ['NODE_TLS_REJECT_UNAUTHORIZED', { NODE_TLS_REJECT_UNAUTHORIZED: '0' }],
  ])('refuses %s and names it', (field, change) => {
    expect(productionRefusals({ ...SOUND, ...change }, true).map((each) => each.field)).toEqual([field]);
    expect(() => readConfig({ ...SOUND, ...change })).toThrow(expect.objectContaining({ code: 'config_invalid', field }));
  });

  test('names everything at once, and shows no value', () => {
    const password = 'quite-a-password';
    const url = `postgres://capp:${password}@db.internal/capp`;
    const env = { CAPP_ENV: 'production', CAPP_DATA_DIR: folder, DATABASE_URL: url };
    const fields = productionRefusals(env, true).map((each) => each.field);
    expect(fields).toEqual(['CAPP_OPERATORS_PATH', ...Object.keys(KEYS), 'CAPP_SANCTIONS_PATH', 'DATABASE_URL']);
    expect(() => readConfig(env)).toThrow(/CAPP_OPERATORS_PATH.*CAPP_FIELD_KEY.*sslmode=verify-full/s);
    expect(() => readConfig(env)).not.toThrow(/quite-a-password/);
  });

  test('takes an encrypted connection whose end is checked, and an own one', () => {
    const remote = { DATABASE_URL: 'postgres://capp@db.internal/capp?sslmode=verify-full', REDIS_URL: 'rediss://redis.internal' };
    expect(productionRefusals({ ...SOUND, ...remote }, true)).toEqual([]);
    expect(productionRefusals({ ...SOUND, DATABASE_URL: 'postgres://capp@localhost/capp', REDIS_URL: 'redis://127.0.0.1' }, true)).toEqual(
      [],
    );
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
