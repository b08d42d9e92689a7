/**
 * Reads a file of payment intents, CSV or NDJSON, of any size in bounded memory, and keeps the line each
 * came from. A line that cannot be read is reported with its number and code; the next one goes on.
 *
 * A row of the CSV is one line: no field of an intent can hold a line break, and so an unclosed quote
 * spoils its own row and not the rest of the file.
 */
import { createReadStream } from 'node:fs';
import { extname } from 'node:path';
import { CsvError, parse } from 'csv-parse/sync';
import { fault } from '../../domain/errors.ts';
import { INTENT_COLUMNS, intentFromRecord } from '../../domain/intent.ts';
import type { ProblemError } from '../../sdk/index.ts';

export type IntentsFormat = 'csv' | 'ndjson';

/** A row as it will be submitted, or what is wrong with its form. */
export type IntentsRow =
  | { readonly line: number; readonly ok: true; readonly referenceId: string; readonly intent: Record<string, unknown> }
  | { readonly line: number; readonly ok: false; readonly referenceId: string; readonly errors: readonly ProblemError[] };

/** An intent is some hundred bytes; a longer line is a mistake that must not fill the memory. */
export const ROW_BYTES_MAX = 16 * 1024;

const LINE_FEED = 0x0a;

/** The format a file name speaks of. Throws `usage_invalid` for any other ending. */
export function formatOf(path: string): IntentsFormat {
  const ending = extname(path).toLowerCase();
  if (ending === '.csv') return 'csv';
  if (['.ndjson', '.jsonl'].includes(ending)) return 'ndjson';
  throw fault('usage_invalid', { detail: 'The file name must end in .csv, .ndjson or .jsonl, or --format must say what it is.' });
}

/** Yields the rows of a file in their order. Throws `file_unreadable`, and `malformed_body` for a CSV without the needed columns. */
export async function* readIntents(path: string, format: IntentsFormat): AsyncGenerator<IntentsRow> {
  const lines = readLines(path);
  if (format === 'ndjson') {
    for await (const line of lines) {
      if (!isBlank(line)) yield readJsonLine(line);
    }
    return;
  }
  let header: readonly string[] | null = null;
  for await (const line of lines) {
    if (isBlank(line)) continue;
    if (header === null) header = readHeader(line);
    else yield readCsvLine(line, header);
  }
  if (header === null) throw fault('malformed_body', { detail: 'The file is empty: its first line must name the columns.' });
}

interface Line {
  readonly number: number;
  /** Null when the line is longer than a row may be, or not UTF-8. */
  readonly text: string | null;
  readonly tooLong: boolean;
}

function isBlank(line: Line): boolean {
  return line.text !== null && line.text.trim() === '';
}

function rejected(line: Line, code: string, detail: string): IntentsRow {
  return { line: line.number, ok: false, referenceId: '', errors: [{ code, field: '', detail }] };
}

function unreadable(line: Line): IntentsRow {
  return line.tooLong
    ? rejected(line, 'row_too_large', `The row is longer than ${ROW_BYTES_MAX} bytes.`)
    : rejected(line, 'malformed_body', 'The row is not UTF-8.');
}

function readJsonLine(line: Line): IntentsRow {
  if (line.text === null) return unreadable(line);
  try {
    const intent: unknown = JSON.parse(line.text);
    if (typeof intent === 'object' && intent !== null && !Array.isArray(intent)) return accepted(line, intent as Record<string, unknown>);
  } catch {
    // Falls through to the one answer for lines that are no JSON object.
  }
  return rejected(line, 'malformed_body', 'The row is not a JSON object.');
}

function readHeader(line: Line): readonly string[] {
  const names = line.text === null ? null : parseRow(line.text.replace(/^\uFEFF/, ''));
  const columns = (names ?? []).map((name) => name.trim().toLowerCase());
  // Whoever leaves one of these out has another file in hand; each row would be refused for the same reason.
  const missing = INTENT_COLUMNS.slice(0, 10).filter((column) => !columns.includes(column));
  if (missing.length > 0) {
    throw fault('malformed_body', { detail: `Line 1 must name the columns; missing: ${missing.join(', ')}.` });
  }
  return columns;
}

function readCsvLine(line: Line, header: readonly string[]): IntentsRow {
  if (line.text === null) return unreadable(line);
  const cells = parseRow(line.text);
  if (cells === null) return rejected(line, 'malformed_body', 'The row is not valid CSV: its quotes do not match.');
  if (cells.length !== header.length) {
    return rejected(line, 'malformed_body', `The row has ${cells.length} fields, the header ${header.length}.`);
  }
  return accepted(line, intentFromRecord(Object.fromEntries(header.map((column, index) => [column, cells[index] ?? '']))));
}

/** The cells of one line, or null when it is no valid CSV. */
function parseRow(text: string): string[] | null {
  // Most rows have no quotes and need no parser.
  if (!text.includes('"')) return text.split(',');
  try {
    return (parse(text, { relax_column_count: true }) as string[][])[0] ?? [];
  } catch (error) {
    if (error instanceof CsvError) return null;
    throw error;
  }
}

function accepted(line: Line, intent: Record<string, unknown>): IntentsRow {
  const referenceId = typeof intent.referenceId === 'string' ? intent.referenceId : '';
  return { line: line.number, ok: true, referenceId, intent };
}

async function* readLines(path: string): AsyncGenerator<Line> {
  let number = 1;
  let parts: Buffer[] = [];
  let bytes = 0;
  const add = (part: Buffer): void => {
    bytes += part.length;
    // Of a line that is too long only its length is remembered.
    if (bytes <= ROW_BYTES_MAX) parts.push(part);
    else parts = [];
  };
  const finish = (): Line => {
    const line = lineOf(number, parts, bytes);
    number += 1;
    parts = [];
    bytes = 0;
    return line;
  };
  for await (const chunk of readChunks(path)) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      add(chunk.subarray(start, end));
      yield finish();
      start = end + 1;
    }
    if (start < chunk.length) add(Buffer.from(chunk.subarray(start)));
  }
  if (bytes > 0) yield finish();
}

function lineOf(number: number, parts: readonly Buffer[], bytes: number): Line {
  if (bytes > ROW_BYTES_MAX) return { number, text: null, tooLong: true };
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(parts));
    return { number, text: text.endsWith('\r') ? text.slice(0, -1) : text, tooLong: false };
  } catch {
    return { number, text: null, tooLong: false };
  }
}

async function* readChunks(path: string): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of createReadStream(path)) yield chunk as Buffer;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    if (code === 'ENOENT') throw fault('file_unreadable', { detail: `There is no file ${path}.`, cause: error });
    throw fault('file_unreadable', { detail: `${path} cannot be read (${code}).`, cause: error });
  }
}
