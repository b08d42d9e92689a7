/**
 * The list of Specially Designated Nationals of the US Treasury (OFAC), in its legacy CSV form:
 * `sdn.csv` without a header, `-0-` for nothing; beside it `alt.csv` with the aliases, and `sdn_comments.csv` with what of a
 * remark is beyond its first thousand letters.
 * Source: OFAC, "SDN data formats", https://ofac.treasury.gov/sdn-list-data-formats-data-schemas.
 */
import { parse } from 'csv-parse/sync';
import { fault } from '../../domain/errors.ts';
import type { EntryType, SanctionsEntry } from './entry.ts';

export const OFAC_LIST = 'OFAC-SDN';

const TYPES: Readonly<Record<string, EntryType>> = { individual: 'person', vessel: 'vessel', aircraft: 'aircraft', '': 'entity' };
const SDN_COLUMNS = 12;
/** Later columns of `alt.csv` are remarks, some with stray commas. */
const ALT_COLUMNS_MIN = 4;
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

interface Row {
  readonly line: number;
  readonly cells: readonly string[];
  /** The last cell with the blanks around it, which may stand between two words where a text goes on elsewhere. */
  readonly untrimmed: string;
}

export interface OfacFile {
  /** What to call the file in errors. */
  readonly name: string;
  readonly text: string;
}

/** The tables that stand beside the one of the parties, where they are there. */
export interface OfacCompanions {
  readonly aliases: OfacFile | null;
  readonly comments: OfacFile | null;
}

/** Takes `sdn.csv` and what stands beside it; gives the listed parties. Throws `config_invalid` naming file and line. */
export function readOfac(sdn: OfacFile, { aliases: alt, comments }: OfacCompanions): SanctionsEntry[] {
  const aliases = alt === null ? new Map<string, string[]>() : readAliases(alt);
  const rests = comments === null ? new Map<string, string>() : readComments(comments);
  const seen = new Set<string>();
  return rowsOf(sdn).map(({ line, cells, untrimmed }) => {
    const [entryId = '', name = '', kind = '', program = ''] = cells;
    // A remark is cut wherever its thousand letters end, in a word or before a blank, and goes on there.
    const remarks = (untrimmed + (rests.get(entryId) ?? '')).trim();
    const type = TYPES[kind];
    if (cells.length !== SDN_COLUMNS) throw broken(sdn, line, `${cells.length} columns where there are ${SDN_COLUMNS}`);
    if (!/^\d+$/.test(entryId)) throw broken(sdn, line, 'the entry number is no number');
    if (name === '') throw broken(sdn, line, 'the name is empty');
    if (type === undefined) throw broken(sdn, line, 'an unknown type of party');
    if (seen.has(entryId)) throw broken(sdn, line, 'the entry number is there twice');
    seen.add(entryId);
    const given = [name, ...(aliases.get(entryId) ?? [])];
    return {
      list: OFAC_LIST,
      entryId,
      type,
      names: type === 'person' ? given.map(inNaturalOrder) : given,
      weakNames: [...remarks.matchAll(/a\.k\.a\. '([^']+)'/g)].map((match) => match[1] ?? ''),
      program,
      datesOfBirth: [...remarks.matchAll(/\bDOB ([^;]+?)(?: \([^;]*\))?\.?(?=;|$)/g)].flatMap((match) => isoDates(match[1] ?? '')),
      countries: [...remarks.matchAll(/\b(?:nationality|citizen) ([^;.]+)/g)].map((match) => match[1] ?? ''),
      ids: [...remarks.matchAll(/\b(?:Passport|National ID No\.|Identification Number|Tax ID No\.) ([A-Z0-9][A-Z0-9-]{3,})/gi)].map(
        (match) => match[1] ?? '',
      ),
    };
  });
}

function readAliases(alt: OfacFile): Map<string, string[]> {
  const aliases = new Map<string, string[]>();
  for (const { line, cells } of rowsOf(alt)) {
    const [entryId = '', , , name = ''] = cells;
    if (cells.length < ALT_COLUMNS_MIN) throw broken(alt, line, `${cells.length} columns where there are at least ${ALT_COLUMNS_MIN}`);
    if (!/^\d+$/.test(entryId)) throw broken(alt, line, 'the entry number is no number');
    if (name === '') throw broken(alt, line, 'the name is empty');
    const present = aliases.get(entryId);
    if (present === undefined) aliases.set(entryId, [name]);
    else present.push(name);
  }
  return aliases;
}

const COMMENT_COLUMNS = 2;

function readComments(comments: OfacFile): Map<string, string> {
  const rests = new Map<string, string>();
  for (const { line, cells, untrimmed } of rowsOf(comments)) {
    const [entryId = ''] = cells;
    if (cells.length !== COMMENT_COLUMNS) throw broken(comments, line, `${cells.length} columns where there are ${COMMENT_COLUMNS}`);
    if (!/^\d+$/.test(entryId)) throw broken(comments, line, 'the entry number is no number');
    rests.set(entryId, (rests.get(entryId) ?? '') + untrimmed);
  }
  return rests;
}

function rowsOf(file: OfacFile): Row[] {
  try {
    // The published file ends with the end-of-file sign of DOS, 0x1A, on a line of its own.
    const text = file.text.replace(/\r?\n?\u001a\s*$/, '');
    const parsed = parse(text, { info: true, relax_column_count: true, skip_empty_lines: true, bom: true }) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
    return parsed.map(({ record, info }) => {
      const cells = record.map((cell) => (cell.trim() === '-0-' ? '' : cell));
      return { line: info.lines, cells: cells.map((cell) => cell.trim()), untrimmed: cells.at(-1) ?? '' };
    });
  } catch (error) {
    const line = Number((error as { lines?: unknown }).lines);
    throw broken(file, Number.isFinite(line) ? line : 1, 'not readable as CSV', error);
  }
}

/** "DIKKO, Farouk Abdulrahim" reads "Farouk Abdulrahim DIKKO". */
function inNaturalOrder(name: string): string {
  const comma = name.indexOf(',');
  return comma < 0 ? name : `${name.slice(comma + 1).trim()} ${name.slice(0, comma).trim()}`;
}

/** "05 Jul 1953", "Jul 1953", "1953", "circa 1953", "1953 to 1955" as ISO 8601-2; nothing for any other form. */
function isoDates(text: string): string[] {
  const about = text.startsWith('circa ');
  const ends = (about ? text.slice(6) : text).split(' to ').map(isoDate);
  if (ends.length > 2 || ends.includes('')) return [];
  return [ends.map((end) => (about ? `${end}~` : end)).join('/')];
}

function isoDate(text: string): string {
  const match = /^(?:(?:(\d{2}) )?([A-Z][a-z]{2}) )?(\d{4})$/.exec(text);
  if (match === null) return '';
  const [, day, monthName, year = ''] = match;
  if (monthName === undefined) return year;
  const month = MONTHS.indexOf(monthName.toLowerCase()) + 1;
  if (month === 0) return '';
  return [year, String(month).padStart(2, '0'), ...(day === undefined ? [] : [day])].join('-');
}

function broken(file: OfacFile, line: number, what: string, cause?: unknown): Error {
  return fault('config_invalid', { detail: `${file.name}, line ${line}: ${what}.`, cause });
}
