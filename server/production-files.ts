/**
 * What production does not take from the files that settings name: operators and gateways that are somebody's sandbox or are spoken to
 * in clear, and secrets that everybody may read. A file that cannot be read is left to whoever uses it, who says so.
 */
import { readFileSync, statSync } from 'node:fs';

type Env = Readonly<Record<string, string | undefined>>;

export interface Refusal {
  readonly field: string;
  readonly detail: string;
}

export const OWN_HOSTS = new Set(['', 'localhost', '127.0.0.1', '[::1]']);

/** Files with secrets in them, which the rule of `NAME_FILE` holds for as well. */
const SECRET_FILES = ['CAPP_OPERATORS_PATH', 'CAPP_MESSAGING_PATH', 'CAPP_APTOS_KEYS_PATH', 'CAPP_TLS_KEY_PATH'] as const;
/** Files of what others run, where nothing on this machine can be meant in earnest. */
const OTHERS_FILES = ['CAPP_OPERATORS_PATH', 'CAPP_MESSAGING_PATH'] as const;
/** Whose host says so: `sandbox.safaricom.co.ke`, `sandbox.momodeveloper.mtn.com`, `openapiuat.airtel.ug`, `api.sandbox.orange-sonatel.com`. */
const SANDBOX_HOST = /(^|[.-])(sandbox|simulator|staging|uat)([.-]|$)|(^|\.)openapiuat\./;
/** Settings that say so beside the host: MTN's environment, Orange's country. */
const SANDBOX_VALUES: Readonly<Record<string, string>> = { targetEnvironment: 'sandbox', countryPath: 'dev' };

/** Everything about the files of these settings; nothing when production may run on them. */
export function fileRefusals(env: Env): Refusal[] {
  const modes = SECRET_FILES.flatMap((field): Refusal[] =>
    isOpenToAll(env[field]) ? [{ field, detail: `${field} names a file that everybody may read, and it has secrets in it.` }] : [],
  );
  const others = OTHERS_FILES.flatMap((field) =>
    valuesOf(readJson(env[field])).flatMap(({ path, value }): Refusal[] => {
      const why = whyNot(path, value);
      return why === null ? [] : [{ field, detail: `${field}: ${path} ${why}.` }];
    }),
  );
  const chain = valuesOf(readJson(env['CAPP_APTOS_PATH'])).flatMap(({ path, value }): Refusal[] =>
    isInClear(value)
      ? [{ field: 'CAPP_APTOS_PATH', detail: `CAPP_APTOS_PATH: ${path} must begin with https://, or lead to this machine.` }]
      : [],
  );
  return [...modes, ...others, ...chain];
}

/** Whether an address is spoken to in clear, and not on this machine. */
export function isInClear(address: string | undefined): boolean {
  const url = addressOf(address);
  return url !== null && url.protocol === 'http:' && !OWN_HOSTS.has(url.hostname);
}

function whyNot(path: string, value: string): string | null {
  const name = path.split('.').at(-1) ?? '';
  if (SANDBOX_VALUES[name] === value) return 'is that of a sandbox';
  const url = addressOf(value);
  if (url === null) return null;
  if (isOwn(url.hostname)) return 'leads to this machine, where only sandboxes are';
  if (SANDBOX_HOST.test(url.hostname)) return 'leads to a sandbox';
  return url.protocol === 'http:' ? 'must begin with https://' : null;
}

/** Every address that means the machine itself. */
function isOwn(hostname: string): boolean {
  return OWN_HOSTS.has(hostname) || /^127\.|^0\.0\.0\.0$|^\[::\]$|^\[::ffff:7f|\.localhost$/.test(hostname);
}

function addressOf(text: string | undefined): URL | null {
  return text !== undefined && /^https?:/i.test(text) && URL.canParse(text) ? new URL(text) : null;
}

function isOpenToAll(path: string | undefined): boolean {
  if (path === undefined || path === '') return false;
  // Groups may read what an orchestrator mounts; nobody mounts it for everybody.
  return ((unlessUnreadable(() => statSync(path).mode) ?? 0) & 0o007) !== 0;
}

function readJson(path: string | undefined): unknown {
  if (path === undefined || path === '') return null;
  return unlessUnreadable(() => JSON.parse(readFileSync(path, 'utf8')) as unknown);
}

/** Null for a file that is not there, or cannot be read, or is no JSON: whoever opens it names what is wrong with it. */
function unlessUnreadable<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    if (error instanceof SyntaxError || (error instanceof Error && 'code' in error)) return null;
    throw error;
  }
}

/** Every text in a value, with the names that lead to it. */
function valuesOf(value: unknown, path = ''): { readonly path: string; readonly value: string }[] {
  if (typeof value === 'string') return [{ path, value }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, each]) => valuesOf(each, path === '' ? name : `${path}.${name}`));
}
