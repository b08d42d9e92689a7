/** One row of a batch: what it holds, or why it was refused before it was understood. */
import type { ErrorCode } from '../../domain/errors.ts';
import { isTooDeep, JSON_DEPTH_MAX } from './depth.ts';

export type Row =
  | { readonly line: number; readonly value: unknown }
  | { readonly line: number; readonly refusal: { readonly code: ErrorCode; readonly field: string; readonly detail: string } };

/** A row longer than this is refused, bytes. An intent needs about 400. */
export const ROW_BYTES_MAX = 16 * 1024;

export type Bytes = AsyncIterable<Uint8Array>;

/** A row that was refused; `field` as in the errors of an intent, '' for the whole row. */
export function refuse(line: number, code: ErrorCode, detail: string, field = ''): Row {
  return { line, refusal: { code, field, detail } };
}

/** A row over the bound, with the field in which it passed it. */
export function tooLarge(line: number, field: string): Row {
  return refuse(line, 'row_too_large', `A row has at most ${ROW_BYTES_MAX} bytes.`, field);
}

/** The bytes of one row as they arrive: all of them up to the bound, then only how many there were. */
export interface RowBytes {
  pieces: Uint8Array[];
  count: number;
}

export function keep(row: RowBytes, piece: Uint8Array): void {
  const room = ROW_BYTES_MAX - row.count;
  row.count += piece.byteLength;
  // A copy: whoever sends the bytes may use their memory again.
  if (room > 0) row.pieces.push(piece.slice(0, room));
}

/** The text that was kept, or null when it is not UTF-8. */
export function textOf({ pieces, count }: RowBytes): string | null {
  try {
    // A row that was cut short may end within a character.
    return new TextDecoder('utf-8', { fatal: count <= ROW_BYTES_MAX, ignoreBOM: true }).decode(Buffer.concat(pieces));
  } catch {
    return null;
  }
}

export function notText(line: number): Row {
  return refuse(line, 'malformed_body', 'The row is not UTF-8.');
}

/** One row of JSON. */
export function parseRow(line: number, text: string): Row {
  if (isTooDeep(text)) return refuse(line, 'malformed_body', `Arrays and objects stand deeper than ${JSON_DEPTH_MAX} in one another.`);
  try {
    return { line, value: JSON.parse(text) };
  } catch {
    return refuse(line, 'malformed_body', 'The row is not valid JSON.');
  }
}
