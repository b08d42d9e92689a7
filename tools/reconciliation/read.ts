/**
 * Reads statements of every form in `formats.ts` by one reader. A statement is read whole or refused: nothing of
 * one that has a wrong line counts, and what is wrong is told by its line, never by its content.
 */
import { parse as parseCsv } from 'csv-parse/sync';
import type { Currency } from '../../domain/currency.ts';
import { fault } from '../../domain/errors.ts';
import { parseAmount } from '../../domain/money.ts';
import type { Rail } from '../../domain/rail.ts';
import { isObject, parseReading, type Reading } from '../mmo/reading.ts';
import { offsetMsOf } from '../../domain/days.ts';
import { formatsOf, type MomentForm, type StatementFormat } from './formats.ts';
import type { Direction, Statement, StatementLine } from './statement.ts';

/** No operator's day is longer. */
export const STATEMENT_BYTES_MAX = 64 * 1024 * 1024;

/** A row as its fields are asked for by name. */
type Row = (names: readonly string[] | undefined) => string | null;

/** A file in one form: its rows, each with its line in the file, or its place in the list. */
type Rows = readonly { readonly row: Row; readonly fileLine: number }[];

/**
 * Reads a rail's statement, in whichever of its operator's forms the text has. Throws `statement_malformed` for
 * one that has none, or has a line that cannot be read.
 */
export function readStatement(rail: Rail, text: string): Statement {
  if (Buffer.byteLength(text) > STATEMENT_BYTES_MAX) throw malformed('The statement is larger than any operator’s day.');
  const plain = text.replace(/^\uFEFF/, '');
  for (const format of formatsOf(rail.protocol)) {
    const found = format.shape.kind === 'csv' ? csvRows(format, format.shape.delimiter, plain) : jsonRows(format.shape.rows, plain);
    if (found !== null) return statementOf(rail, format, found);
  }
  throw malformed(`The file has no form in which ${rail.protocol} gives its statements.`);
}

function malformed(detail: string): Error {
  return fault('statement_malformed', { detail });
}

interface CsvRecord {
  readonly record: readonly string[];
  readonly info: { readonly lines: number };
}

/** The rows below the first line that names every field the form needs; portals write titles above it. */
function csvRows(format: StatementFormat, delimiter: string, text: string): Rows | null {
  let records: CsvRecord[];
  try {
    // A file that somebody has edited or joined ends its lines in both ways.
    const record_delimiter = ['\r\n', '\n', '\r'];
    const form = { delimiter, record_delimiter, relax_column_count: true, skip_empty_lines: true, trim: true, info: true };
    // The library's types do not follow `info`.
    records = parseCsv(text, form) as unknown as CsvRecord[];
  } catch {
    return null;
  }
  const { operatorReference, occurredAt, status } = format.fields;
  const head = records.findIndex(({ record }) =>
    [operatorReference, occurredAt, status].every((names) => names.some((name) => record.includes(name))),
  );
  if (head < 0) return null;
  const header = records[head]?.record ?? [];
  const places = new Map<string, number>();
  // Exports repeat "Currency" behind every amount; the first is the amount's.
  for (const [place, name] of header.entries()) if (!places.has(name)) places.set(name, place);
  const rowOf = (cells: readonly string[]): Row => {
    return (names) => firstOf(names, (name) => cells[places.get(name) ?? -1]);
  };
  return records.slice(head + 1).map(({ record, info }) => ({ row: rowOf(record), fileLine: info.lines }));
}

function jsonRows(paths: readonly string[], text: string): Rows | null {
  const root = parseReading(text);
  for (const path of paths) {
    const list = at(root, path);
    if (Array.isArray(list)) return (list as readonly Reading[]).map((row, index) => ({ row: jsonRow(row), fileLine: index + 1 }));
  }
  return null;
}

function jsonRow(row: Reading): Row {
  return (names) =>
    firstOf(names, (name) => {
      const value = at(row, name);
      return typeof value === 'string' ? value : undefined;
    });
}

/** The value under a dotted path; undefined where it leads nowhere. */
function at(value: Reading | undefined, path: string): Reading | undefined {
  if (path === '') return value;
  let current = value;
  for (const step of path.split('.')) {
    if (Array.isArray(current)) current = (current as readonly Reading[])[Number(step)];
    else if (isObject(current) && Object.hasOwn(current, step)) current = current[step];
    else return undefined;
  }
  return current;
}

function firstOf(names: readonly string[] | undefined, valueOf: (name: string) => string | undefined): string | null {
  for (const name of names ?? []) {
    const value = valueOf(name)?.trim();
    if (value !== undefined && value !== '') return value;
  }
  return null;
}

interface ReadLine {
  readonly line: StatementLine;
  readonly balanceMinor: bigint | null;
}

function statementOf(rail: Rail, format: StatementFormat, rows: Rows): Statement {
  const read: ReadLine[] = [];
  for (const { row, fileLine } of rows) {
    const line = lineOf(rail, format, row, read.length + 1, fileLine);
    if (line !== null) read.push(line);
  }
  const { openingMinor, closingMinor } = balancesOf(read);
  return { format: format.id, lines: read.map(({ line }) => line), openingMinor, closingMinor };
}

/** A movement, or null for a row about something that did not happen. */
function lineOf(rail: Rail, format: StatementFormat, row: Row, position: number, fileLine: number): ReadLine | null {
  const wrong = (what: string): Error => malformed(`Line ${fileLine}: ${what}.`);
  const status = row(format.fields.status)?.toLowerCase();
  if (status === undefined) throw wrong('it has no status');
  if (format.ignored.includes(status)) return null;
  if (!format.happened.includes(status)) throw wrong('its status is not known');
  const currency = row(format.fields.currency);
  if (currency !== null && currency !== rail.currency) throw wrong('its currency is not the one of the rail');
  const operatorReference = row(format.fields.operatorReference);
  if (operatorReference === null || operatorReference.length > 128) throw wrong('it has no reference of the operator');
  const movement = movementOf(rail, format, row);
  if (movement === 'none') return null;
  if (movement === null) throw wrong('its amount or its direction cannot be read');
  const occurredAtMs = momentOf(format, row, rail);
  if (occurredAtMs === null) throw wrong('its moment cannot be read');
  const fee = row(format.fields.fee);
  const feeMinor = fee === null ? 0n : amountOf(fee, rail.currency);
  if (feeMinor === null || feeMinor < 0n) throw wrong('its fee cannot be read');
  const balance = row(format.fields.balance);
  const line = {
    position,
    operatorReference,
    ourReference: ourReferenceOf(format, row),
    ...movement,
    feeMinor,
    currency: rail.currency,
    occurredAtMs,
  };
  return { line, balanceMinor: balance === null ? null : amountOf(balance, rail.currency) };
}

function ourReferenceOf(format: StatementFormat, row: Row): string | null {
  const inDetails = format.ourReferenceInDetails?.exec(row(format.fields.details) ?? '')?.[1];
  const reference = inDetails ?? row(format.fields.ourReference);
  return reference === null ? null : reference.slice(0, 128);
}

/** `none`: nothing was moved by this row · null: it cannot be read. */
function movementOf(rail: Rail, format: StatementFormat, row: Row): { direction: Direction; amountMinor: bigint } | 'none' | null {
  const { fields, directions, feeInDetails } = format;
  const isFee = feeInDetails?.test(row(fields.details) ?? '') ?? false;
  if (directions === undefined) {
    const [cameIn, wentOut] = [row(fields.amountIn), row(fields.amountOut)].map((text) =>
      text === null ? 0n : amountOf(text, rail.currency),
    );
    if (cameIn === null || wentOut === null || cameIn === undefined || wentOut === undefined) return null;
    // Some portals write what went out with a minus.
    const out = wentOut < 0n ? -wentOut : wentOut;
    if (cameIn === 0n && out === 0n) return 'none';
    if (cameIn < 0n || (cameIn > 0n && out > 0n)) return null;
    return { direction: isFee ? 'fee' : cameIn > 0n ? 'in' : 'out', amountMinor: cameIn > 0n ? cameIn : out };
  }
  const type = row(fields.type)?.toLowerCase() ?? '';
  const direction = (['in', 'out', 'fee'] as const).find((each) => directions[each].includes(type));
  const text = row(fields.amount);
  const amountMinor = text === null ? null : amountOf(text, rail.currency);
  if (direction === undefined || amountMinor === null) return null;
  if (amountMinor === 0n) return 'none';
  return amountMinor < 0n ? null : { direction, amountMinor };
}

/** An amount with commas or blanks between thousands, a point or a comma before its places, a sign; null for anything else. */
export function amountOf(text: string, currency: Currency): bigint | null {
  const sign = text.startsWith('-') ? -1n : 1n;
  let plain = text.replace(/^[+-]/, '').replaceAll(/[\s\u00a0\u202f]/g, '');
  if (/^\d{1,3}(,\d{3})+(\.\d+)?$/.test(plain)) plain = plain.replaceAll(',', '');
  else if (/^\d{1,3}(\.\d{3})+(,\d+)$/.test(plain)) plain = plain.replaceAll('.', '').replace(',', '.');
  else if (/^\d+,\d{1,2}$/.test(plain)) plain = plain.replace(',', '.');
  try {
    return sign * parseAmount(withoutEmptyPlaces(plain), currency).minor;
  } catch {
    return null;
  }
}

/** Exports write places that a currency does not have; zeros there say nothing. */
function withoutEmptyPlaces(plain: string): string {
  return plain.replace(/\.0+$/, '');
}

function momentOf(format: StatementFormat, row: Row, rail: Rail): number | null {
  const day = row(format.fields.occurredAt);
  const time = row(format.fields.occurredAtTime);
  return day === null ? null : readMoment(time === null ? day : `${day} ${time}`, format.moment, offsetMsOf(rail.country));
}

/** A moment in milliseconds since the epoch; null for what is none. What names no zone is in the time of the country. */
export function readMoment(text: string, form: MomentForm, offsetMs: number): number | null {
  if (form === 'epoch_ms' && /^\d{13}$/.test(text)) return Number(text);
  const dayFirst = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})[ T](\d{1,2}:\d\d)(:\d\d)?$/.exec(text);
  if (dayFirst !== null && form === 'day_first') {
    const [, day = '', month = '', year, time = '', seconds = ':00'] = dayFirst;
    return localMs(`${year}-${month.padStart(2, '0')}-${day.padStart(2, '0')}T${time.padStart(5, '0')}${seconds}`, offsetMs);
  }
  const iso = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?)(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  if (iso === null) return null;
  const [, day, time, zone] = iso;
  if (zone === undefined) return localMs(`${day}T${time}`, offsetMs);
  const ms = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(ms) ? null : ms;
}

function localMs(text: string, offsetMs: number): number | null {
  const ms = Date.parse(`${text}Z`);
  // `Date.parse` makes the 31st of a shorter month the first of the next.
  return Number.isNaN(ms) || new Date(ms).toISOString().slice(0, 10) !== text.slice(0, 10) ? null : ms - offsetMs;
}

/** Balances before the first and after the last movement, whichever end of the file is the newer. */
function balancesOf(read: readonly ReadLine[]): Pick<Statement, 'openingMinor' | 'closingMinor'> {
  const first = read[0];
  const last = read.at(-1);
  if (first === undefined || last === undefined || read.some(({ balanceMinor }) => balanceMinor === null))
    return { openingMinor: null, closingMinor: null };
  const isNewestFirst = first.line.occurredAtMs > last.line.occurredAtMs;
  const [oldest, newest] = isNewestFirst ? [last, first] : [first, last];
  return { openingMinor: (oldest.balanceMinor ?? 0n) - effectOf(oldest.line), closingMinor: newest.balanceMinor };
}

/** What a line did to the balance. */
export function effectOf(line: Pick<StatementLine, 'direction' | 'amountMinor' | 'feeMinor'>): bigint {
  return (line.direction === 'in' ? line.amountMinor : -line.amountMinor) - line.feeMinor;
}
