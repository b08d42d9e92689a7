/**
 * TLS of the API: the certificate of the settings, or outside production one of its own that is made at the first start. Version 1.3
 * and nothing older. With a certificate authority for operators their callbacks must come with a certificate that it signed. What the
 * platform starts beside the API, its database and the sandbox, has certificates of its own making in any case.
 */
import { X509Certificate } from 'node:crypto';
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import tls from 'node:tls';
import { makeFolder, storageFault } from '../db/folders.ts';
import { fault } from '../domain/errors.ts';
import { makeCertificate, type OwnCertificate } from './certificate.ts';

export interface TlsSettings {
  readonly certPath: string | null;
  readonly keyPath: string | null;
  /** Certificate authorities of operators, PEM; null asks nobody for a certificate. */
  readonly operatorCaPath: string | null;
}

export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  readonly operatorCa: string | null;
}

const FOLDER = 'tls';
/** What the platform makes certificates for; the API's is called after the platform. */
type OwnName = 'own' | 'database' | 'sandbox';
const OWN_NAMES = ['localhost', '127.0.0.1', '::1'];
/** A certificate of one's own is made anew when it ends within this time. */
const RENEW_MS = 30 * 86_400_000;

/** Where the certificate of one's own is kept: what programs that shall believe it are given. */
export function ownCertificatePath(dataDir: string): string {
  return resolve(dataDir, FOLDER, 'cert.pem');
}

/** What programs of this machine believe beside public authorities while the platform runs over TLS. */
function trustedPath(dataDir: string): string {
  return resolve(dataDir, FOLDER, 'trusted.pem');
}

/** Reads certificate and key, making those of one's own where none are named. Throws `config_invalid` for what does not fit together or is over. */
export async function loadTls(settings: TlsSettings, dataDir: string, nowMs: number): Promise<TlsMaterial> {
  const { certPath, keyPath, operatorCaPath } = settings;
  if ((certPath === null) !== (keyPath === null))
    throw fault('config_invalid', { detail: 'CAPP_TLS_CERT_PATH and CAPP_TLS_KEY_PATH go together.' });
  const own = certPath === null || keyPath === null ? await ownMaterial(dataDir, 'own', nowMs) : null;
  if (own !== null) await keep(ownCertificatePath(dataDir), own.cert, dataDir);
  const cert = own?.cert ?? (await read(certPath as string, 'CAPP_TLS_CERT_PATH'));
  const key = own?.key ?? (await read(keyPath as string, 'CAPP_TLS_KEY_PATH'));
  assertFits(cert, key, nowMs);
  return { cert, key, operatorCa: operatorCaPath === null ? null : await read(operatorCaPath, 'CAPP_TLS_OPERATOR_CA_PATH') };
}

function assertFits(cert: string, key: string, nowMs: number): void {
  let end: number;
  try {
    tls.createSecureContext({ cert, key, minVersion: 'TLSv1.3' });
    end = Date.parse(new X509Certificate(cert).validTo);
  } catch (cause) {
    throw fault('config_invalid', { detail: 'The certificate and key of TLS are damaged, or do not belong together.', cause });
  }
  if (end <= nowMs)
    throw fault('config_invalid', { detail: `The certificate of TLS ended on ${new Date(end).toISOString().slice(0, 10)}.` });
}

async function read(path: string, setting: string): Promise<string> {
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('config_invalid', { field: setting, detail: `${setting} names ${path}, which cannot be read.`, cause });
  });
}

/** The certificate of one's own for something that the platform starts, made at the first start and before it ends. */
async function ownMaterial(dataDir: string, name: OwnName, nowMs: number): Promise<OwnCertificate> {
  const path = join(dataDir, FOLDER, `${name}.json`);
  const kept = await readOwn(path);
  if (kept !== null && Date.parse(new X509Certificate(kept.cert).validTo) > nowMs + RENEW_MS) return kept;
  try {
    await makeFolder(join(dataDir, FOLDER), 0o700);
    const draft = `${path}.${process.pid}`;
    await writeFile(draft, JSON.stringify(makeCertificate(OWN_NAMES, nowMs)), { mode: 0o600 });
    if (kept !== null) await rm(path, { force: true });
    // Several processes may start at once: the first one's counts.
    await link(draft, path).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error;
    });
    await rm(draft, { force: true });
    const made = await readOwn(path);
    if (made === null) throw fault('config_invalid', { detail: `${path} is damaged.` });
    await chmod(path, 0o600);
    return made;
  } catch (error) {
    throw storageFault(error, dataDir);
  }
}

async function readOwn(path: string): Promise<OwnCertificate | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as OwnCertificate;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Writes a file that this user alone may read. */
async function keep(path: string, text: string, dataDir: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 }).catch((error: unknown) => {
    throw storageFault(error, dataDir);
  });
}

/** What everything that one `capp start` brings up needs to meet each other over TLS. */
export interface PlatformTls {
  /** For a database of our own. */
  readonly database: OwnCertificate;
  /** Certificate and key of the sandbox, PEM: it serves with them, and shows them with every callback. */
  readonly sandbox: { readonly certPath: string; readonly keyPath: string };
  /** Authorities for `NODE_EXTRA_CA_CERTS` of the processes, those that whoever started the platform names included. */
  readonly trustPath: string;
}

/**
 * Makes ready what the platform needs for TLS between its parts, and lets this process believe them. `given` is the file of authorities
 * that whoever starts the platform names: Node reads one file. Throws `config_invalid` when that cannot be read, and what `loadTls` does.
 */
export async function openPlatformTls(
  settings: TlsSettings,
  dataDir: string,
  given: string | undefined,
  nowMs: number,
): Promise<PlatformTls> {
  const api = await loadTls(settings, dataDir, nowMs);
  await makeFolder(join(dataDir, FOLDER), 0o700);
  const database = await ownMaterial(dataDir, 'database', nowMs);
  const sandbox = await ownMaterial(dataDir, 'sandbox', nowMs);
  const [certPath, keyPath] = [resolve(dataDir, FOLDER, 'sandbox.crt'), resolve(dataDir, FOLDER, 'sandbox.key')];
  await keep(certPath, sandbox.cert, dataDir);
  await keep(keyPath, sandbox.key, dataDir);
  const own = [...(settings.certPath === null ? [api.cert] : []), sandbox.cert];
  const theirs = given === undefined || given === '' ? [] : [await read(given, 'NODE_EXTRA_CA_CERTS')];
  await keep(trustedPath(dataDir), [...own, ...theirs].map((pem) => `${pem.trimEnd()}\n`).join(''), dataDir);
  trust(own);
  return { database, sandbox: { certPath, keyPath }, trustPath: trustedPath(dataDir) };
}

/** Lets a command of this machine believe what the platform under the data folder serves, where that has met over TLS. */
export async function trustPlatform(dataDir: string): Promise<void> {
  const pem = await readFile(trustedPath(dataDir), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null;
    throw storageFault(error, dataDir);
  });
  if (pem !== null) trust(pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []);
}

/** Lets this process believe certificates besides those it believes anyway. */
function trust(certs: readonly string[]): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), ...certs]);
}
