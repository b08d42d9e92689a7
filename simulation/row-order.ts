/**
 * The order of rows that nobody asked to have in one. PostgreSQL gives them as they lie on disk, and where they lie hangs on
 * when it tidied up; so they are put in the order of what stands in them.
 */
import type { QueryResult } from 'pg';

/** A result whose rows are in the order that its statement asks for, else in that of their values. */
export function inOwnOrder(text: string, result: QueryResult): QueryResult {
  if (!Array.isArray(result.rows) || result.rows.length < 2 || asksForOrder(text)) return result;
  const keyed = result.rows.map((row: object) => ({ row, key: keyOf(row) }));
  keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  return { ...result, rows: keyed.map(({ row }) => row) };
}

/** What of a row is the same in each run of a seed; ciphers are not. */
function keyOf(row: object): string {
  const values = Object.values(row).filter((value) => !Buffer.isBuffer(value));
  return JSON.stringify(values, (_name, value: unknown) => (typeof value === 'bigint' ? value.toString() : value));
}

const known = new Map<string, boolean>();

/** Whether a statement itself is ordered, and not only something in its parentheses. */
export function asksForOrder(text: string): boolean {
  const found = known.get(text);
  if (found !== undefined) return found;
  let depth = 0;
  let own = '';
  for (const character of text) {
    if (character === '(') depth += 1;
    if (depth === 0) own += character;
    if (character === ')') depth -= 1;
  }
  const asks = /\border by\b/i.test(own);
  known.set(text, asks);
  return asks;
}
