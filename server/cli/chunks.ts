/** The bytes of a file that a command was given, piece by piece. */
import { createReadStream } from 'node:fs';
import { fault } from '../../domain/errors.ts';

/** Throws `file_unreadable`. */
export async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT') throw fault('file_unreadable', { detail: `There is no file ${path}.`, cause: error });
    throw fault('file_unreadable', { detail: `${path} cannot be read (${code}).`, cause: error });
  }
}
