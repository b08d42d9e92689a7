/** One row of a batch: what it holds, or why it was refused before it was understood. */
import type { ErrorCode } from '../../domain/errors.ts';
import { isTooDeep, JSON_DEPTH_MAX } from './depth.ts';

export type Row =
  | { readonly line: number; readonly value: unknown }
  | { readonly line: number; readonly refusal: { readonly code: ErrorCode; readonly detail: string } };

/** A row longer than this is refused, bytes. An intent needs about 400. */
export const ROW_BYTES_MAX = 16 * 1024;

export type Bytes = AsyncIterable<Uint8Array>;

export function refuse(line: number, code: ErrorCode, detail: string): Row {
  return { line, refusal: { code, detail } };
}

export function tooLarge(line: number): Row {
  return refuse(line, 'row_too_large', `A row has at most ${ROW_BYTES_MAX} bytes.`);
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
