/** A statement as a file of bytes: what of it is kept, and the text it holds. Operators' exports are UTF-8, UTF-16 or Windows-1252. */
import { isUtf8 } from 'node:buffer';
import { fault } from '../../domain/errors.ts';
import { STATEMENT_BYTES_MAX } from './read.ts';

export interface StatementFile {
  /** All of it, or the head of one that is too large. */
  readonly bytes: Buffer;
  readonly sizeBytes: number;
}

/** A statement of which all is at hand: its bytes, or its text as UTF-8. */
export function wholeStatement(content: Buffer | string): StatementFile {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  return { bytes, sizeBytes: bytes.length };
}

/** What is kept of a file that no operator can have given, so that people see what it was. */
export const STATEMENT_HEAD_BYTES = 1024 * 1024;

/** The text of a statement. Throws `statement_malformed` for one of which there is a head only. */
export function textOfStatement(file: StatementFile): string {
  if (file.sizeBytes > STATEMENT_BYTES_MAX || file.bytes.length < file.sizeBytes)
    throw fault('statement_malformed', { detail: 'The statement is larger than any operator’s day.' });
  const [first, second] = file.bytes;
  if (first === 0xff && second === 0xfe) return new TextDecoder('utf-16le').decode(file.bytes);
  if (isUtf8(file.bytes)) return file.bytes.toString('utf8');
  // Every byte is a character there: what else it may be, its words are not known then and it is refused.
  return new TextDecoder('windows-1252').decode(file.bytes);
}

/** The statement as it is kept, byte for byte: what is no text as base64. */
export function keptTextOf({ bytes }: StatementFile): string {
  return isUtf8(bytes) ? bytes.toString('utf8') : `base64:${bytes.toString('base64')}`;
}
