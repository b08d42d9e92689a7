/**
 * TLS of the API: the certificate of the settings, or outside production one of its own that is made at the first start. Version 1.3
 * and nothing older. With a certificate authority for operators their callbacks must come with a certificate that it signed.
 */
import { X509Certificate } from 'node:crypto';
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import tls from 'node:tls';
import { makeFolder, storageFault } from '../db/folders.ts';
import { fault } from '../domain/errors.ts';
import { makeCertificate } from './certificate.ts';

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
const OWN_NAMES = ['localhost', '127.0.0.1', '::1'];
/** A certificate of one's own is made anew when it ends within this time. */
const RENEW_MS = 30 * 86_400_000;

/** Where the certificate of one's own is kept: what programs that shall believe it are given. */
export function ownCertificatePath(dataDir: string): string {
  return resolve(dataDir, FOLDER, 'cert.pem');
}

/** Reads certificate and key, making those of one's own where none are named. Throws `config_invalid` for what does not fit together or is over. */
export async function loadTls(settings: TlsSettings, dataDir: string, nowMs: number): Promise<TlsMaterial> {
  const { certPath, keyPath, operatorCaPath } = settings;
  if ((certPath === null) !== (keyPath === null))
    throw fault('config_invalid', { detail: 'CAPP_TLS_CERT_PATH and CAPP_TLS_KEY_PATH go together.' });
  const own = certPath === null || keyPath === null ? await ownMaterial(dataDir, nowMs) : null;
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

async function ownMaterial(dataDir: string, nowMs: number): Promise<{ readonly cert: string; readonly key: string }> {
  const path = join(dataDir, FOLDER, 'own.json');
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
    await writeFile(ownCertificatePath(dataDir), made.cert);
    await chmod(path, 0o600);
    return made;
  } catch (error) {
    throw storageFault(error, dataDir);
  }
}

async function readOwn(path: string): Promise<{ readonly cert: string; readonly key: string } | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as { cert: string; key: string };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return null;
    throw error;
  }
}

/**
 * A file with the certificate of one's own and the authorities that whoever started the platform names, for the processes under it: Node
 * reads one file. Throws `config_invalid` when theirs cannot be read.
 */
export async function trustFile(dataDir: string, cert: string, given: string | undefined): Promise<string> {
  if (given === undefined || given === '') return ownCertificatePath(dataDir);
  const path = resolve(dataDir, FOLDER, 'trusted.pem');
  const theirs = await read(given, 'NODE_EXTRA_CA_CERTS');
  await writeFile(path, `${cert.trimEnd()}\n${theirs}`).catch((error: unknown) => {
    throw storageFault(error, dataDir);
  });
  return path;
}

/** Lets this process believe a certificate besides those it believes anyway. */
export function trust(cert: string): void {
  tls.setDefaultCACertificates([...tls.getCACertificates('default'), cert]);
}
