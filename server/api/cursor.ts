/** Cursors of lists: opaque to callers, bound to the list and the filters they were made for. */
import { digestOf } from '../../domain/ids.ts';
import { fault } from '../../domain/errors.ts';

/** Makes the cursor that goes on after a position of a list. `list` names the list and its filters. */
export function encodeCursor(list: string, position: readonly string[]): string {
  return Buffer.from(JSON.stringify([digestOf(list).slice(0, 12), ...position])).toString('base64url');
}

/** The position a cursor stands for. Throws `invalid_cursor` for any text that this list did not make. */
export function decodeCursor(list: string, cursor: string, shape: readonly RegExp[]): string[] {
  const [made, ...position] = parse(cursor);
  const fits = position.length === shape.length && shape.every((pattern, index) => pattern.test(position[index] ?? ''));
  if (made !== digestOf(list).slice(0, 12) || !fits) throw fault('invalid_cursor', { field: 'cursor' });
  return position;
}

function parse(cursor: string): string[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
    if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  } catch {
    // Falls through to the one answer for cursors that are not ours.
  }
  throw fault('invalid_cursor', { field: 'cursor' });
}

export const CURSOR_UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
export const CURSOR_NUMBER = /^\d{1,18}$/;
