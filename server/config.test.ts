import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { SECRETS } from './secrets.ts';
import { settlementKeys } from './settlement.ts';

describe('limits of doubt by rail', () => {
  it('are read from one setting', () => {
    expect(readConfig({ CAPP_DOUBT_LIMITS_MS: 'mtn-ug=600000,hub-ke=900000' }).doubtLimitsMs).toEqual({
      'mtn-ug': 600_000,
      'hub-ke': 900_000,
    });
    expect(readConfig({}).doubtLimitsMs).toEqual({});
  });

  it.each(['mtn-ug', 'mtn-ug=', 'mtn-ug=soon', 'mtn-ug=600000,', ',mtn-ug=600000', 'mtn-ug=600000;hub-ke=900000', 'mtn-xx=600000'])(
    '%s is refused',
    (text) => {
      expect(() => readConfig({ CAPP_DOUBT_LIMITS_MS: text })).toThrow(
        expect.objectContaining({ code: 'config_invalid', field: 'CAPP_DOUBT_LIMITS_MS' }),
      );
    },
  );
});

it('webhooks stay out of private networks unless told', () => {
  expect(readConfig({}).webhookAllowPrivate).toBe(false);
  expect(readConfig({ CAPP_WEBHOOK_ALLOW_PRIVATE: '1' }).webhookAllowPrivate).toBe(true);
  expect(() => readConfig({ CAPP_WEBHOOK_ALLOW_PRIVATE: 'yes' })).toThrow('CAPP_WEBHOOK_ALLOW_PRIVATE');
});

describe('four eyes', () => {
  it('have amounts by currency, in its own units', () => {
    const { fourEyes } = readConfig({ CAPP_FOUR_EYES_AMOUNTS: 'KES=100000,UGX=3000000', CAPP_FOUR_EYES_USD: '500' });
    expect(fourEyes).toEqual({ fourEyesPriority: 90, fourEyesUsd: 500, fourEyesAmounts: { KES: 10_000_000n, UGX: 3_000_000n } });
  });

  it.each(['KES', 'KES=', 'KES=1.5', 'KES=100000,', 'XXX=5', 'kes=5'])('%s is refused', (text) => {
    expect(() => readConfig({ CAPP_FOUR_EYES_AMOUNTS: text })).toThrow(
      expect.objectContaining({ code: 'config_invalid', field: 'CAPP_FOUR_EYES_AMOUNTS' }),
    );
  });
});

describe('people of settlement', () => {
  const keysOf = (arbiters: string, approvers = '') =>
    settlementKeys(readConfig({ CAPP_SETTLEMENT_ARBITERS: arbiters, CAPP_SETTLEMENT_APPROVERS: approvers }));

  it('have the key of their number', () => {
    const keys = keysOf('arbiter:sena=1,arbiter:imani=2', 'treasury:nia=1,treasury:sam=1');
    expect(['arbiter:sena', 'arbiter:imani', 'treasury:nia'].map(keys.arbiter)).toEqual(['key-1', 'key-2', null]);
    expect(['treasury:nia', 'treasury:sam'].map(keys.approver)).toEqual(['key-1', 'key-1']);
  });

  it('have an account in place of a number where they keep the keys, each their own', () => {
    const account = `0x${'aB'.repeat(32)}`;
    const keys = keysOf('', `treasury:nia=1,treasury:sam=${account}`);
    expect(['treasury:nia', 'treasury:sam', 'treasury:tom'].map(keys.ownAccount)).toEqual([null, account.toLowerCase(), null]);
    expect(['treasury:nia', 'treasury:sam'].map(keys.approver)).toEqual(['key-1', account.toLowerCase()]);
    for (const approvers of [`treasury:nia=${account},treasury:sam=${account.toLowerCase()}`, 'treasury:nia=0x12'])
      expect(() => keysOf('', approvers)).toThrow(expect.objectContaining({ code: 'config_invalid', field: 'CAPP_SETTLEMENT_APPROVERS' }));
    expect(() => keysOf(`arbiter:sena=${account}`)).toThrow(expect.objectContaining({ field: 'CAPP_SETTLEMENT_ARBITERS' }));
  });

  it.each(['arbiter:sena=1,arbiter:imani=1', 'arbiter:sena=2,arbiter:baraka=1,arbiter:imani=2', 'arbiter:sena'])(
    'who judge are refused as %s',
    (arbiters) => {
      expect(() => keysOf(arbiters)).toThrow(expect.objectContaining({ code: 'config_invalid', field: 'CAPP_SETTLEMENT_ARBITERS' }));
    },
  );
});

describe('a setting that is wrong is named, with what it should be', () => {
  it.each([
    [{ PORT: 'http' }, 'PORT is wrong: it must be a number.'],
    [{ PORT: '80.5' }, 'PORT is wrong: it must be a whole number.'],
    [{ PORT: '99999' }, 'PORT is wrong: it must be 65535 or less.'],
    [{ CAPP_WORKERS: '0' }, 'CAPP_WORKERS is wrong: it must be 1 or more.'],
    [{ CAPP_DATA_DIR: '' }, 'CAPP_DATA_DIR is wrong: it is empty.'],
    [{ CAPP_ENV: 'prod' }, 'CAPP_ENV is wrong: it must be development or production.'],
    [{ CAPP_DOUBT_LIMITS_MS: 'soon' }, 'CAPP_DOUBT_LIMITS_MS is wrong: must be rails with milliseconds, as mtn-ug=600000,hub-ke=900000.'],
    [{ DATABASE_URL: 'there' }, 'DATABASE_URL is not an address.'],
    [{ DATABASE_URL: 'mysql://there/capp' }, 'DATABASE_URL must begin with postgres:// or postgresql://.'],
    [{ REDIS_URL: 'http://there' }, 'REDIS_URL must begin with redis:// or rediss://.'],
    [{ CAPP_PUBLIC_URL: 'ftp://there' }, 'CAPP_PUBLIC_URL must begin with http:// or https://.'],
    [{ CAPP_PROT: '1' }, 'There is no setting CAPP_PROT.'],
  ])('%o', (env, detail) => {
    expect(() => readConfig(env)).toThrow(expect.objectContaining({ code: 'config_invalid', field: Object.keys(env)[0], detail }));
  });
});

it.each(SECRETS)('%s is taken from the environment and from a file', async (name) => {
  const folder = await mkdtemp(join(tmpdir(), 'capp-settings-'));
  try {
    const path = join(folder, 'secret');
    // Three of the secrets have to be addresses.
    const addresses = {
      DATABASE_URL: 'postgres://localhost/capp',
      CAPP_REPLICA_URL: 'postgres://localhost/capp',
      REDIS_URL: 'redis://localhost',
    };
    const value = addresses[name as keyof typeof addresses] ?? '0'.repeat(64);
    const rest = name === 'CAPP_LLM_KEY' ? { CAPP_LLM_URL: 'https://model.example', CAPP_LLM_MODEL: 'model' } : {};
    await writeFile(path, value, { mode: 0o600 });
    for (const env of [{ [name]: value }, { [`${name}_FILE`]: path }]) expect(readConfig({ ...rest, ...env }).env).toBe('development');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
