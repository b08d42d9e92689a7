import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type TestDatabase, testDatabase } from '../db/testing.ts';
import { createSandbox, type Sandbox } from '../sandbox/sandbox.ts';
import { localSigner, multiKeyScheme } from '../tools/aptos/signer.ts';
import { openChain } from './chain.ts';
import { readConfig } from './config.ts';

let database: TestDatabase;
let sandbox: Sandbox;
let folder: string;
const paths = { profile: '', keys: '' };

beforeAll(async () => {
  database = await testDatabase();
  sandbox = await createSandbox({ rails: [], chain: {}, port: 0 });
  folder = await mkdtemp(join(tmpdir(), 'capp-chain-'));
  const { keys, ...profile } = sandbox.chainProfile() ?? {};
  Object.assign(paths, { profile: join(folder, 'chain.json'), keys: join(folder, 'keys.json') });
  await writeFile(paths.profile, JSON.stringify(profile));
  await writeFile(paths.keys, JSON.stringify(keys));
});

afterAll(async () => {
  await sandbox.close();
  await database.close();
  await rm(folder, { recursive: true });
});

const open = (env: Record<string, string>) => openChain(readConfig(env), env, database.pool);

describe('the chain of the settings', () => {
  it('is none where none is named', async () => {
    expect(await open({})).toBeNull();
    expect(() => readConfig({ APTOS_NODE_URL: 'http://127.0.0.1:1/v1' })).toThrow('CAPP_APTOS_PATH');
  });

  it('is reached over its node, with the keys of its file', async () => {
    const chain = await open({ CAPP_APTOS_PATH: paths.profile, CAPP_APTOS_KEYS_PATH: paths.keys });
    expect((await chain?.deps.node.ledger())?.version).toBeGreaterThanOrEqual(1n);
    expect(await chain?.deps.node.view('settlement::role_holder', 1n)).toEqual([chain?.deps.settler.address]);
    const [approvers] = (await chain?.deps.node.view('settlement::approvers')) ?? [[]];
    expect(chain?.consents.map(({ signer }) => signer)).toEqual(approvers);
  });

  it('takes another node and other keys from the environment', async () => {
    const env = { CAPP_APTOS_PATH: paths.profile, CAPP_APTOS_KEYS_PATH: paths.keys, APTOS_NODE_URL: 'http://127.0.0.1:9/v1' };
    const chain = await open({ ...env, CAPP_APTOS_SETTLER_KEY: '1'.repeat(64) });
    expect(chain?.deps.profile.nodeUrl).toBe('http://127.0.0.1:9/v1');
    await expect(chain?.deps.node.ledger()).rejects.toMatchObject({ code: 'chain_unavailable' });
    expect(chain?.deps.settler.address).not.toBe((await open(env))?.deps.settler.address);
  });

  it('has accounts of several keys, of which some may be elsewhere', async () => {
    const signers = ['a1', 'b2', 'c3'].map((pair) => localSigner(pair.repeat(32)));
    const several = { required: 2, publicKeys: signers.map(({ publicKey }) => publicKey), keys: ['a1'.repeat(32), 'c3'.repeat(32)] };
    const { keys } = sandbox.chainProfile() ?? {};
    const file = async (settler: unknown): Promise<Record<string, string>> => {
      const path = join(folder, 'several.json');
      await writeFile(path, JSON.stringify({ ...keys, settler, approvers: [{ ...several, scheme: 'multi_ed25519' }] }));
      return { CAPP_APTOS_PATH: paths.profile, CAPP_APTOS_KEYS_PATH: path };
    };
    const chain = await open(await file(several));
    const [newer, older] = [chain?.deps.settler, chain?.deps.approvers[0]];
    expect(newer?.address).toBe(multiKeyScheme(several).address);
    expect(older?.address).toBe(multiKeyScheme({ ...several, scheme: 'multi_ed25519' }).address);
    expect(newer?.address).not.toBe(older?.address);
    expect(chain?.consents.map(({ signer }) => signer)).toEqual([older?.address]);
    for (const wrong of [
      { ...several, required: 3 },
      { ...several, keys: ['d4'.repeat(32), 'a1'.repeat(32)] },
      { ...several, publicKeys: [] },
    ])
      await expect(file(wrong).then(open)).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it.each([
    ['a profile that is not there', { CAPP_APTOS_PATH: '/nowhere.json' }, 'CAPP_APTOS_PATH'],
    ['no keys', { CAPP_APTOS_PATH: 'profile' }, 'CAPP_APTOS_KEYS_PATH'],
    [
      'a key that is none',
      { CAPP_APTOS_PATH: 'profile', CAPP_APTOS_KEYS_PATH: 'keys', CAPP_APTOS_SETTLER_KEY: 'hunter2' },
      'CAPP_APTOS_SETTLER_KEY',
    ],
  ])('names what is wrong: %s', async (_what, given, field) => {
    const env = Object.fromEntries(
      Object.entries(given).map(([name, value]) => [name, value === 'profile' ? paths.profile : value === 'keys' ? paths.keys : value]),
    );
    const error: unknown = await open(env).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'config_invalid', field });
    expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
  });
});
