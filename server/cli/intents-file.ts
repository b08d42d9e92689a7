/**
 * Reads a file of payment intents, CSV or NDJSON, of any size in bounded memory, and keeps the line each
 * came from. A line that cannot be read is reported with its number and code; the next one goes on. What
 * is a row, and what is wrong with one, is said by the reader that requests have too.
 */
import { extname } from 'node:path';
import { fault } from '../../domain/errors.ts';
import type { ProblemError } from '../../sdk/index.ts';
import type { Row } from '../api/row.ts';
import { ROW_READERS } from '../api/rows.ts';
import { readChunks } from './files.ts';

export type IntentsFormat = 'csv' | 'ndjson';

const MEDIA_TYPES = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const;

/** A row as it will be submitted, or what is wrong with its form. */
export type IntentsRow =
  | { readonly line: number; readonly ok: true; readonly referenceId: string; readonly intent: Record<string, unknown> }
  | { readonly line: number; readonly ok: false; readonly referenceId: string; readonly errors: readonly ProblemError[] };

/** The format a file name speaks of. Throws `usage_invalid` for any other ending. */
export function formatOf(path: string): IntentsFormat {
  const ending = extname(path).toLowerCase();
  if (ending === '.csv') return 'csv';
  if (['.ndjson', '.jsonl'].includes(ending)) return 'ndjson';
  throw fault('usage_invalid', { detail: 'The file name must end in .csv, .ndjson or .jsonl, or --format must say what it is.' });
}

/** Yields the rows of a file in their order. Throws `file_unreadable`, and `malformed_body` for a CSV without the needed columns. */
export async function* readIntents(path: string, format: IntentsFormat): AsyncGenerator<IntentsRow> {
  for await (const row of ROW_READERS[MEDIA_TYPES[format]](readChunks(path))) yield intentsRow(row);
}

function intentsRow(row: Row): IntentsRow {
  const { line } = row;
  const refused = (error: ProblemError): IntentsRow => ({ line, ok: false, referenceId: '', errors: [error] });
  if ('refusal' in row) return refused(row.refusal);
  const { value } = row;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refused({ code: 'malformed_body', field: '', detail: 'The row is not a JSON object.' });
  const intent = value as Record<string, unknown>;
  return { line, ok: true, referenceId: typeof intent['referenceId'] === 'string' ? intent['referenceId'] : '', intent };
}
