/** What production does not run on: development keys, made-up operators and lists, tracing, and connections that anybody may listen to. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fault } from '../domain/errors.ts';
import { tracingSettings } from '../tools/llm/settings.ts';
import { fileRefusals, isInClear, OWN_HOSTS, type Refusal } from './production-files.ts';

type Env = Readonly<Record<string, string | undefined>>;

const REQUIRED_KEYS = ['CAPP_FIELD_KEY', 'CAPP_INDEX_KEY', 'CAPP_QUOTE_KEY', 'CAPP_KEY_PEPPER', 'CAPP_CALLBACK_KEY'] as const;
/** Addresses of others, and of the API that the command line shows its key to. */
const ADDRESSES = ['CAPP_URL', 'APTOS_NODE_URL', 'VAULT_ADDR', 'CAPP_KMS_URL'] as const;
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/;
/** Where rates and lists are taken from: whoever alters them on the way says what people are paid, and who is. */
const SOURCE_ADDRESS = /^CAPP_(FX|LISTS)_[A-Z_]+_URL$/;

/**
 * Everything about these settings that production does not run on; nothing when it may. Lists are asked for by whoever starts the
 * platform: other commands, such as the one that fetches them, do without.
 */
export function productionRefusals(env: Env, isStart: boolean): Refusal[] {
  const text = (name: string): string => env[name] ?? '';
  const refusals: Refusal[] = [];
  const refuse = (field: string, detail: string): void => void refusals.push({ field, detail });
  if (text('CAPP_OPERATORS_PATH') === '') {
    refuse('CAPP_OPERATORS_PATH', 'In production CAPP_OPERATORS_PATH must name the settings of the operators.');
  }
  if (text('CAPP_SANDBOX') === '1') refuse('CAPP_SANDBOX', 'Production does not run on sandbox operators.');
  for (const name of REQUIRED_KEYS) {
    if (text(name) === '') refuse(name, `Production does not run on development keys: ${name} must be set.`);
  }
  const dataDir = text('CAPP_DATA_DIR') || '.capp';
  if (isStart && text('CAPP_SANCTIONS_PATH') === '' && !existsSync(join(dataDir, 'lists'))) {
    refuse('CAPP_SANCTIONS_PATH', 'Production does not run on the built-in list: run capp lists update, or set CAPP_SANCTIONS_PATH.');
  }
  if (text('CAPP_TLS') === '1' && text('CAPP_TLS_CERT_PATH') === '') {
    refuse(
      'CAPP_TLS_CERT_PATH',
      'Production does not serve a certificate of its own making: CAPP_TLS_CERT_PATH and CAPP_TLS_KEY_PATH must be set.',
    );
  }
  for (const name of tracingSettings(env)) refuse(name, `${name} would send prompts to a third party; unset it.`);
  if (text('CAPP_WEBHOOK_ALLOW_PRIVATE') === '1')
    refuse('CAPP_WEBHOOK_ALLOW_PRIVATE', 'Production sends webhooks to public addresses over HTTPS only.');
  refusals.push(...listenerRefusals(env), ...connectionRefusals(env), ...fileRefusals(env));
  return refusals;
}

/** What reaches us is encrypted: operators are given an address over HTTPS, and passwords and keys come in clear from this machine at most. */
function listenerRefusals(env: Env): Refusal[] {
  const refusals: Refusal[] = [];
  if (!/^https:\/\//i.test(env['CAPP_PUBLIC_URL'] ?? '')) {
    refusals.push({
      field: 'CAPP_PUBLIC_URL',
      detail: 'In production CAPP_PUBLIC_URL must be set, the address at which operators reach the API, and begin with https://.',
    });
  }
  const isBehindProxy = Number(env['CAPP_TRUSTED_PROXIES'] ?? 0) > 0;
  if (!LOOPBACK.test(env['HOST'] ?? '127.0.0.1') && env['CAPP_TLS'] !== '1' && !isBehindProxy) {
    refusals.push({
      field: 'HOST',
      detail:
        'HOST is open to other machines, who would speak in clear: set CAPP_TLS=1, or CAPP_TRUSTED_PROXIES for the proxies that end TLS.',
    });
  }
  return refusals;
}

/** Connections to other machines are encrypted, and who is at their end is checked. */
function connectionRefusals(env: Env): Refusal[] {
  const refusals: Refusal[] = [];
  for (const field of ['DATABASE_URL', 'CAPP_REPLICA_URL']) {
    const database = parse(env[field]);
    if (database !== null && !OWN_HOSTS.has(database.hostname) && database.searchParams.get('sslmode') !== 'verify-full')
      refusals.push({ field, detail: `${field} leads to another machine and must say sslmode=verify-full.` });
  }
  const redis = parse(env['REDIS_URL']);
  if (redis !== null && !OWN_HOSTS.has(redis.hostname) && redis.protocol !== 'rediss:') {
    refusals.push({ field: 'REDIS_URL', detail: 'REDIS_URL leads to another machine and must begin with rediss://.' });
  }
  for (const field of [...ADDRESSES, ...Object.keys(env).filter((name) => SOURCE_ADDRESS.test(name))])
    if (isInClear(env[field])) refusals.push({ field, detail: `${field} must begin with https://, or lead to this machine.` });
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] === '0') {
    refusals.push({
      field: 'NODE_TLS_REJECT_UNAUTHORIZED',
      detail: 'NODE_TLS_REJECT_UNAUTHORIZED=0 turns every check of certificates off; unset it.',
    });
  }
  return refusals;
}

function parse(url: string | undefined): URL | null {
  return url !== undefined && URL.canParse(url) ? new URL(url) : null;
}

/** Throws `config_invalid` that names everything at once; `field` is the first. */
export function assertProduction(env: Env, isStart = false): void {
  const refusals = productionRefusals(env, isStart);
  const first = refusals[0];
  if (first !== undefined) throw fault('config_invalid', { field: first.field, detail: refusals.map(({ detail }) => detail).join(' ') });
}
