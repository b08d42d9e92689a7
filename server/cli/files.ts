/** Files that a command was given, and those that it leaves. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { text as readAll } from 'node:stream/consumers';
import { fault } from '../../domain/errors.ts';

/** The bytes of a file, piece by piece. Throws `file_unreadable`. */
export async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT') throw fault('file_unreadable', { detail: `There is no file ${path}.`, cause: error });
    throw fault('file_unreadable', { detail: `${path} cannot be read (${code}).`, cause: error });
  }
}

/** The text of a file, or of standard input for `-`. Throws `file_unreadable`. */
export async function readText(path: string): Promise<string> {
  if (path === '-') return readAll(process.stdin);
  return readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('file_unreadable', { detail: `${path} cannot be read.`, cause });
  });
}

/** What a file holds as JSON. Throws `file_unreadable` and `malformed_body`. */
export async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch {
    throw fault('malformed_body', { detail: 'The file is not valid JSON.' });
  }
}

/** Writes a file that nobody else may read: what commands leave tells of people and payments. Throws `storage_unwritable`. */
export async function writeText(path: string, text: string): Promise<void> {
  await writeFile(path, text, { mode: 0o600 }).catch((cause: unknown) => {
    throw fault('storage_unwritable', { detail: `${path} cannot be written.`, cause });
  });
}

/** The same of a value as JSON. */
export function writeJson(path: string, value: unknown): Promise<void> {
  return writeText(path, `${JSON.stringify(value, null, 1)}\n`);
}

/** Evidence, which stays where it is. */
export interface EvidenceOptions {
  readonly evidence?: string;
  readonly evidenceHash?: string;
}

/** SHA-256 of the evidence, hex. Throws `usage_invalid` unless it is given one way, `file_unreadable`. */
export async function evidenceHashOf({ evidence, evidenceHash }: EvidenceOptions): Promise<string> {
  if ((evidence === undefined) === (evidenceHash === undefined))
    throw fault('usage_invalid', { detail: 'Give either --evidence or --evidence-hash.' });
  if (evidence === undefined) return String(evidenceHash);
  const hash = createHash('sha256');
  for await (const chunk of readChunks(evidence)) hash.update(chunk);
  return hash.digest('hex');
}
