/**
 * Secrets of the settings. Each stands in the environment or in a file that `NAME_FILE` names, and nowhere else; keys may be wrapped
 * by a key management service, which is asked once at the start of each process. No value is ever shown.
 */
import { readFileSync, statSync } from 'node:fs';
import { type Keys, readKeys } from '../db/keyring.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { type KeyProvider, openKeyProvider, PROVIDERS } from '../tools/kms/index.ts';

export type Env = Readonly<Record<string, string | undefined>>;

/** Settings whose value is a secret, or has one in it. */
export const SECRETS = [
  'DATABASE_URL',
  'CAPP_REPLICA_URL',
  'REDIS_URL',
  'CAPP_FIELD_KEY',
  'CAPP_INDEX_KEY',
  'CAPP_QUOTE_KEY',
  'CAPP_KEY_PEPPER',
  'CAPP_CALLBACK_KEY',
  'CAPP_KEY',
  'CAPP_LLM_KEY',
  'CAPP_KMS_TOKEN',
  'CAPP_APTOS_SETTLER_KEY',
  'CAPP_APTOS_TREASURY_KEY',
  'CAPP_APTOS_REPORTER_KEY',
  'CAPP_APTOS_REGULATOR_KEY',
  'CAPP_APTOS_ISSUER_KEY',
  'CAPP_APTOS_FEE_PAYER_KEY',
  'CAPP_APTOS_APPROVER_KEYS',
  'CAPP_APTOS_ARBITER_KEYS',
  'VAULT_TOKEN',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_SESSION_TOKEN',
] as const;

const FILE_BYTES_MAX = 65_536;

/** Whether a setting names the file of a secret. */
export function isSecretFile(name: string): boolean {
  return SECRETS.some((secret) => name === `${secret}_FILE`);
}

/**
 * The settings with the secrets of files in their place, without the line break at their end. Throws `config_invalid` for a secret that is given twice, for a
 * file that cannot be read or is empty, and in production for one that others may read.
 */
export function withSecretFiles(env: Env): Env {
  const found: Record<string, string> = {};
  for (const name of SECRETS) {
    const path = env[`${name}_FILE`];
    if (path === undefined || path === '') continue;
    const refuse = (why: string) => fault('config_invalid', { field: `${name}_FILE`, detail: `${name}_FILE ${why}.` });
    if ((env[name] ?? '') !== '') throw refuse(`and ${name} are both set; one is enough`);
    found[name] = readSecret(path, env['CAPP_ENV'] === 'production', refuse);
  }
  if (Object.keys(found).length === 0) return env;
  return { ...Object.fromEntries(Object.entries(env).filter(([name]) => !isSecretFile(name))), ...found };
}

function readSecret(path: string, isProduction: boolean, refuse: (why: string) => Error): string {
  let text: string;
  try {
    const { mode, size } = statSync(path);
    if (size > FILE_BYTES_MAX) throw refuse('names a file that is too large for a secret');
    // Secrets that an orchestrator mounts may be readable by a group; nobody mounts them for everybody.
    if (isProduction && (mode & 0o007) !== 0) throw refuse('names a file that everybody may read');
    text = readFileSync(path, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    throw error instanceof Error && 'code' in error && typeof error.code === 'string' && /^E[A-Z]+$/.test(error.code)
      ? refuse(`names a file that cannot be read (${error.code})`)
      : error;
  }
  if (text === '') throw refuse('names an empty file');
  return text;
}

/** A number in front, and behind it a moment at which the key was retired, stay as they are. */
const WRAPPED = new RegExp(`^(\\d{1,3}:)?(${PROVIDERS.join('|')}):([^@]+)(@.*)?$`, 's');
const KEY_SETTINGS = ['CAPP_FIELD_KEY', 'CAPP_INDEX_KEY', 'CAPP_QUOTE_KEY', 'CAPP_KEY_PEPPER', 'CAPP_CALLBACK_KEY'] as const;

/**
 * Loads the keys of a process, unwrapping those that a key management service wrapped. Throws what `readKeys` does,
 * and `key_provider_unavailable`.
 */
export async function loadKeys(env: Env, dataDir: string, dial: typeof fetch = fetch): Promise<Keys> {
  const settings = withSecretFiles(env);
  const unwrapped: Record<string, string> = {};
  for (const name of KEY_SETTINGS) {
    const text = settings[name] ?? '';
    if (text.split(',').some((part) => WRAPPED.test(part.trim()))) unwrapped[name] = await unwrapAll(text, settings, dial);
  }
  return readKeys({ ...settings, ...unwrapped }, dataDir);
}

async function unwrapAll(text: string, env: Env, dial: typeof fetch): Promise<string> {
  const parts = text.split(',').map(async (part) => {
    const [, id = '', name, wrapped = '', retired = ''] = WRAPPED.exec(part.trim()) ?? [];
    if (name === undefined) return part;
    const provider = openKeyProvider(name as KeyProvider['name'], env, { fetch: (url, init) => dial(url, init), clock: systemClock });
    return `${id}${(await provider.unwrap(wrapped.trim())).toString('hex')}${retired}`;
  });
  return (await Promise.all(parts)).join(',');
}
