/** TLS of our own PostgreSQL server: what it is launched with, and how others find out that it was. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { giveTo, type Identity } from './cluster-identity.ts';
import { storageFault } from './folders.ts';

/** A certificate for `localhost` that is its own authority, and its key; PEM. */
export interface ServerTls {
  readonly cert: string;
  readonly key: string;
}

/** Files of a server that speaks TLS, in its data folder; the names of certificate and key are PostgreSQL's own. */
const [CERT_FILE, KEY_FILE, HBA_FILE] = ['server.crt', 'server.key', 'capp_hba.conf'];
/** With a password, and over TLS only. */
const HBA_LINES = 'hostssl all all 127.0.0.1/32 scram-sha-256\n';
const TLS_ON = 'ssl=on';

/** The certificate that whoever connects must see. */
export function certificatePath(directory: string): string {
  return join(directory, CERT_FILE);
}

/** Whether the server that runs was launched with TLS, as PostgreSQL itself wrote down at its start. */
export async function speaksTls(directory: string): Promise<boolean> {
  const options = await readFile(join(directory, 'postmaster.opts'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw storageFault(error, directory);
  });
  return options.includes(`"${TLS_ON}"`);
}

/** Writes what a server that speaks TLS needs, and returns its settings: nothing older than 1.3, nobody in clear. */
export async function prepareTls(directory: string, tls: ServerTls | null, identity: Identity): Promise<string[]> {
  if (tls === null) return [];
  const files = { [CERT_FILE]: tls.cert, [KEY_FILE]: tls.key, [HBA_FILE]: HBA_LINES };
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    await rm(path, { force: true });
    await writeFile(path, text, { mode: 0o600 });
    await giveTo(identity, path);
  }
  return [TLS_ON, 'ssl_min_protocol_version=TLSv1.3', `hba_file=${join(directory, HBA_FILE)}`];
}
