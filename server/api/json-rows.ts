/**
 * The rows of `{"intents": [ … ]}`, cut out of the stream without holding more than one of them. The
 * cutter knows strings and brackets only; what is inside a row is for the JSON parser.
 */
import { fault } from '../../domain/errors.ts';
import { fieldOfJson } from './oversize.ts';
import { type Bytes, keep, notText, parseRow, refuse, ROW_BYTES_MAX, type Row, type RowBytes, textOf, tooLarge } from './row.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING = new Set([0x7b, 0x5b]);
const CLOSING = new Set([0x7d, 0x5d]);
const ARRAY_END = 0x5d;
const OBJECT_END = 0x7d;
const BLANK = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** What may stand before the first row. */
const PROLOGUE = /^\uFEFF?\s*\{\s*"intents"\s*:\s*\[/;
const PROLOGUE_BYTES_MAX = 1024;

/** Where the cutter is: before a row, in it, behind it, or behind the array, the object. */
type Place = 'before_row' | 'in_row' | 'after_row' | 'after_array' | 'after_object' | 'broken';

interface Cutter {
  place: Place;
  line: number;
  depth: number;
  inString: boolean;
  escaped: boolean;
  row: RowBytes;
}

/** Reads rows as they arrive. Throws `malformed_body` when the body does not begin as it must. */
export async function* readJsonRows(bytes: Bytes): AsyncGenerator<Row> {
  const cutter: Cutter = {
    place: 'before_row',
    line: 0,
    depth: 0,
    inString: false,
    escaped: false,
    row: { pieces: [], count: 0 },
  };
  let prologue: Uint8Array | null = new Uint8Array();
  for await (const arrived of bytes) {
    let chunk = arrived;
    if (prologue !== null) {
      prologue = Buffer.concat([prologue, chunk]);
      const begin = beginOf(prologue);
      if (begin === null) continue;
      chunk = prologue.subarray(begin);
      prologue = null;
    }
    yield* cut(cutter, chunk);
    if (cutter.place === 'broken') return;
  }
  if (prologue !== null) throw notIntents();
  if (cutter.place === 'after_object') return;
  // The rows before are kept; the one that was cut off, or the missing end, is reported.
  yield refuse(cutter.place === 'in_row' ? cutter.line : cutter.line + 1, 'malformed_body', 'The body ends too soon.');
}

/** How many bytes the prologue takes; null when more must arrive before it can be told. */
function beginOf(bytes: Uint8Array): number | null {
  const text = Buffer.from(bytes.subarray(0, PROLOGUE_BYTES_MAX)).toString('utf8');
  const match = PROLOGUE.exec(text);
  if (match) return Buffer.byteLength(match[0]);
  if (bytes.byteLength >= PROLOGUE_BYTES_MAX) throw notIntents();
  return null;
}

function notIntents() {
  return fault('malformed_body', { detail: 'The body must be {"intents": [ … ]}.' });
}

/** Works through one chunk, yielding each row that ends in it. */
function* cut(cutter: Cutter, chunk: Uint8Array): Generator<Row> {
  let rowFrom = 0;
  for (let at = 0; at < chunk.byteLength; at++) {
    const byte = chunk[at] as number;
    if (cutter.place !== 'in_row') {
      if (BLANK.has(byte)) continue;
      if (!step(cutter, byte)) {
        yield refuse(cutter.line + 1, 'malformed_body', 'A comma or a bracket is out of place.');
        cutter.place = 'broken';
        return;
      }
      rowFrom = at;
      if ((cutter.place as Place) !== 'in_row') continue;
    }
    const end = advance(cutter, byte);
    if (end === 'inside') continue;
    keep(cutter.row, chunk.subarray(rowFrom, end === 'with' ? at + 1 : at));
    yield finish(cutter);
    if (end === 'before') at--;
  }
  if (cutter.place === 'in_row') keep(cutter.row, chunk.subarray(rowFrom));
}

/** One byte between rows; false when it cannot stand there. */
function step(cutter: Cutter, byte: number): boolean {
  if (cutter.place === 'before_row' && byte === ARRAY_END && cutter.line === 0) cutter.place = 'after_array';
  else if (cutter.place === 'before_row' && byte !== COMMA && !CLOSING.has(byte)) beginRow(cutter);
  else if (cutter.place === 'after_row' && byte === COMMA) cutter.place = 'before_row';
  else if (cutter.place === 'after_row' && byte === ARRAY_END) cutter.place = 'after_array';
  else if (cutter.place === 'after_array' && byte === OBJECT_END) cutter.place = 'after_object';
  else return false;
  return true;
}

function beginRow(cutter: Cutter): void {
  cutter.place = 'in_row';
  cutter.line++;
  cutter.depth = 0;
  cutter.inString = false;
  cutter.escaped = false;
}

/** One byte of a row: `with` it the row ends, `before` it the row has ended, or the row goes on. */
function advance(cutter: Cutter, byte: number): 'inside' | 'with' | 'before' {
  if (cutter.inString) {
    if (cutter.escaped) cutter.escaped = false;
    else if (byte === BACKSLASH) cutter.escaped = true;
    else if (byte === QUOTE) cutter.inString = false;
    return 'inside';
  }
  if (byte === QUOTE) cutter.inString = true;
  else if (OPENING.has(byte)) cutter.depth++;
  else if (CLOSING.has(byte) && cutter.depth > 0) return --cutter.depth === 0 ? 'with' : 'inside';
  else if (cutter.depth === 0 && (byte === COMMA || CLOSING.has(byte))) return 'before';
  return 'inside';
}

function finish(cutter: Cutter): Row {
  const text = textOf(cutter.row);
  const isCut = cutter.row.count > ROW_BYTES_MAX;
  cutter.place = 'after_row';
  cutter.row = { pieces: [], count: 0 };
  if (text === null) return notText(cutter.line);
  return isCut ? tooLarge(cutter.line, fieldOfJson(text)) : parseRow(cutter.line, text);
}
