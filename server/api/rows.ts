/**
 * Rows of a batch, read as they arrive: NDJSON, CSV, or the array of a JSON object. What is wrong with
 * one row is said of that row, and the next one is read. Memory is bounded by the size of one row.
 * Requests and the files of `capp pay` are read by this alone.
 *
 * A row's line is the line of the file for NDJSON and CSV (the header of a CSV is line 1), and the
 * place in the array, counted from 1, for JSON.
 */
import { fault } from '../../domain/errors.ts';
import { INTENT_COLUMNS, intentFromRecord } from '../../domain/intent.ts';
import { readJsonRows } from './json-rows.ts';
import { fieldOfCsv, fieldOfJson } from './oversize.ts';
import { type Bytes, keep, notText, parseRow, refuse, ROW_BYTES_MAX, type Row, type RowBytes, textOf, tooLarge } from './row.ts';

/** Media types of batches and how each is read. */
export const ROW_READERS = {
  'application/json': readJsonRows,
  'application/x-ndjson': readNdjsonRows,
  'text/csv': readCsvRows,
} as const satisfies Readonly<Record<string, (bytes: Bytes) => AsyncGenerator<Row>>>;

export type RowType = keyof typeof ROW_READERS;

export function isRowType(type: string): type is RowType {
  return Object.hasOwn(ROW_READERS, type);
}

interface Line {
  readonly line: number;
  /** Null: the line is no text. */
  readonly text: string | null;
  /** Only the beginning of the line was kept. */
  readonly isCut: boolean;
}

const NEWLINE = 0x0a;

/** The lines of a stream, without their ends; of a line over the bound only its beginning. */
async function* readLines(bytes: Bytes): AsyncGenerator<Line> {
  let pending: RowBytes = { pieces: [], count: 0 };
  let line = 1;
  const finish = (): Line => {
    const text = textOf(pending);
    const isCut = pending.count > ROW_BYTES_MAX;
    pending = { pieces: [], count: 0 };
    return { line: line++, text: text?.replace(/\r$/, '') ?? null, isCut };
  };
  for await (const chunk of bytes) {
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      keep(pending, chunk.subarray(from, end));
      yield finish();
      from = end + 1;
    }
    keep(pending, chunk.subarray(from));
  }
  if (pending.count > 0) yield finish();
}

async function* readNdjsonRows(bytes: Bytes): AsyncGenerator<Row> {
  for await (const { line, text, isCut } of readLines(bytes)) {
    if (text === null) yield notText(line);
    else if (isCut) yield tooLarge(line, fieldOfJson(text));
    else if (text.trim() !== '') yield parseRow(line, line === 1 ? text.replace(/^\uFEFF/, '') : text);
  }
}

/** A quoted cell may hold line ends; more of them than this mean that a quote was never closed. */
const LINES_OF_RECORD_MAX = 20;

/** The columns an intent cannot do without. */
const REQUIRED_COLUMNS = INTENT_COLUMNS.slice(0, INTENT_COLUMNS.indexOf('preference'));

interface Header {
  readonly columns: readonly string[];
  readonly separator: string;
}

async function* readCsvRows(bytes: Bytes): AsyncGenerator<Row> {
  let header: Header | null = null;
  let open: Line[] = [];
  for await (const each of readLines(bytes)) {
    if (header === null) {
      if (each.text?.trim() !== '') header = readHeader(each);
      continue;
    }
    open.push(each);
    const settled = settleRecords(header, open, false);
    yield* settled.rows;
    open = settled.open;
  }
  if (header === null) throw fault('malformed_body', { detail: 'There are no rows: the first line of a CSV names the columns.' });
  yield* settleRecords(header, open, true).rows;
}

/** Throws `malformed_body` unless every column an intent needs is there. */
function readHeader({ text, isCut }: Line): Header {
  const plain = (isCut ? '' : (text ?? '')).replace(/^\uFEFF/, '');
  const separator = plain.includes(';') && !plain.includes(',') ? ';' : ',';
  const columns = (splitRecord(plain, separator) ?? []).map((name) => name.trim().toLowerCase());
  const missing = REQUIRED_COLUMNS.filter((name) => !columns.includes(name));
  if (missing.length > 0) throw fault('malformed_body', { detail: `The CSV header lacks: ${missing.join(', ')}.` });
  return { columns, separator };
}

/**
 * Turns lines into rows as far as they are complete. A line with a quote that is not closed waits for
 * more; when none closes it, that line alone is refused and the lines after it are read anew.
 */
function settleRecords(header: Header, lines: readonly Line[], atEnd: boolean): { rows: Row[]; open: Line[] } {
  const rows: Row[] = [];
  let left = [...lines];
  while (left.length > 0) {
    const taken = takeRecord(header, left, atEnd);
    if (taken === null) return { rows, open: left };
    if (taken.row) rows.push(taken.row);
    left = left.slice(taken.lines);
  }
  return { rows, open: [] };
}

/** The first record of some lines and how many lines it takes; null when it needs more lines. */
function takeRecord(header: Header, lines: readonly Line[], atEnd: boolean): { row: Row | null; lines: number } | null {
  const first = lines[0] as Line;
  const line = first.line;
  if (first.text === null) return { row: notText(line), lines: 1 };
  if (first.isCut) return { row: tooLarge(line, fieldOfCsv(first.text, header.columns, header.separator)), lines: 1 };
  let text = '';
  for (const [index, each] of lines.entries()) {
    if (each.text === null || each.isCut || index >= LINES_OF_RECORD_MAX || text.length > ROW_BYTES_MAX)
      return { row: unclosed(line), lines: 1 };
    text = index === 0 ? each.text : `${text}\n${each.text}`;
    if (countQuotes(text) % 2 === 0) {
      const row = text.trim() === '' ? null : rowOfRecord(header, line, text);
      // Quotes of two broken lines can look like a pair: then only the first of them is given up.
      return row && 'refusal' in row ? { row, lines: 1 } : { row, lines: index + 1 };
    }
  }
  return atEnd ? { row: unclosed(line), lines: 1 } : null;
}

function unclosed(line: number): Row {
  return refuse(line, 'malformed_body', 'A quote is opened and never closed.');
}

function countQuotes(text: string): number {
  let count = 0;
  for (let at = text.indexOf('"'); at >= 0; at = text.indexOf('"', at + 1)) count++;
  return count;
}

function rowOfRecord(header: Header, line: number, text: string): Row {
  const cells = splitRecord(text, header.separator);
  if (cells === null) return refuse(line, 'malformed_body', 'A quote stands where none may stand.');
  if (cells.length !== header.columns.length) {
    return refuse(line, 'malformed_body', `The row has ${cells.length} cells, the header ${header.columns.length}.`);
  }
  return { line, value: intentFromRecord(Object.fromEntries(cells.map((cell, index) => [header.columns[index], cell]))) };
}

/** The cells of one record (RFC 4180), or null when its quotes are out of place. */
export function splitRecord(text: string, separator: string): string[] | null {
  const cells: string[] = [];
  for (let at = 0; ; at++) {
    if (text[at] === '"') {
      let cell = '';
      for (at++; ; at += 2) {
        const end = text.indexOf('"', at);
        if (end < 0) return null;
        cell += text.slice(at, end);
        at = end;
        if (text[at + 1] !== '"') break;
        cell += '"';
      }
      cells.push(cell);
      at++;
      if (at < text.length && text[at] !== separator) return null;
    } else {
      const found = text.indexOf(separator, at);
      const end = found < 0 ? text.length : found;
      const cell = text.slice(at, end);
      if (cell.includes('"')) return null;
      cells.push(cell);
      at = end;
    }
    if (at >= text.length) return cells;
  }
}
