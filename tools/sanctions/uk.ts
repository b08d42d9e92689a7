/**
 * The sanctions list of the United Kingdom: the UK Sanctions List of the FCDO (CSV, the report's date on
 * the first line and the header on the second, one row per name of a party), and a table of the names of
 * individuals from the list that OFSI kept until January 2026.
 * Source: https://www.gov.uk/government/publications/the-uk-sanctions-list.
 */
import { isoDatesOf } from './dates.ts';
import type { EntryType, SanctionsEntry } from './entry.ts';
import { brokenRow, readTable, type TableRow, valuesOf } from './tables.ts';

export const UK_LIST = 'UK';

const NAME_COLUMNS = ['Name 1', 'Name 2', 'Name 3', 'Name 4', 'Name 5', 'Name 6'];
const OFSI_HEADER = /^"?row"?,"?names"?,"?dob"?,/;

export function isUkList(firstLine: string): boolean {
  return /^"?Report Date:/i.test(firstLine) || (firstLine.includes('Unique ID') && firstLine.includes('Name 6'));
}

export function isOfsiNames(firstLine: string): boolean {
  return OFSI_HEADER.test(firstLine);
}

/** Takes the text of the UK Sanctions List, gives its date and parties. Throws `config_invalid` naming file and line. */
export function readUk(text: string, file: string): { date: string | null; entries: SanctionsEntry[] } {
  const report = /^\ufeff?"?Report Date:\s*([^",\r\n]+)/i.exec(text);
  const table = readTable(text, file, ',', report === null ? 0 : 1);
  const parties = Map.groupBy(table.rows, (row) => row.cell('Unique ID'));
  return {
    date: report === null ? null : (isoDatesOf((report[1] ?? '').replaceAll('-', ' '))[0] ?? null),
    entries: [...parties].map(([id, rows]) => readParty(id, rows, file)),
  };
}

function typeOf(row: TableRow): EntryType {
  const kind = row.cell('Designation Type') || row.cell('Individual, Entity, Ship');
  return /individual/i.test(kind) ? 'person' : /ship/i.test(kind) ? 'vessel' : 'entity';
}

function readParty(id: string, rows: readonly TableRow[], file: string): SanctionsEntry {
  const first = rows[0];
  if (first === undefined || id === '') throw brokenRow(file, first?.line ?? 1, 'a party without its id');
  const fullName = (row: TableRow): string =>
    NAME_COLUMNS.map((column) => row.cell(column))
      .filter(Boolean)
      .join(' ');
  const isWeak = (row: TableRow): boolean => /low/i.test(row.cell('Alias strength'));
  // The primary name comes first, wherever its row stands.
  const sorted = rows.toSorted((a, b) => Number(/alias/i.test(a.cell('Name type'))) - Number(/alias/i.test(b.cell('Name type'))));
  const strong = sorted
    .filter((row) => !isWeak(row))
    .flatMap((row) => [fullName(row), row.cell('Name non-latin script')])
    .filter(Boolean);
  if (strong.length === 0) throw brokenRow(file, first.line, 'a party without a name');
  const all = (column: string): string[] => rows.flatMap((row) => numbered(row.cell(column)));
  const measures = rows.map((row) => row.cell('Sanctions Imposed')).join(' ');
  return {
    list: UK_LIST,
    entryId: id,
    type: typeOf(first),
    names: [...new Set(strong)],
    weakNames: [...new Set(sorted.filter(isWeak).map(fullName).filter(Boolean))],
    program: first.cell('Regime Name'),
    datesOfBirth: [...new Set(all('D.O.B').flatMap(isoDatesOf))],
    countries: [...new Set(all('Nationality(/ies)'))],
    ids: [...new Set([...all('Passport number'), ...all('National Identifier number')])],
    ...(measures === '' || /asset freeze/i.test(measures) ? {} : { topic: 'restriction' as const }),
  };
}

/** "(1) Iraq (2) Jordan" holds two values. */
function numbered(cell: string): string[] {
  return cell
    .split(/\(\d+\)|\|/)
    .map((value) => value.trim().replace(/\.$/, ''))
    .filter((value) => value !== '');
}

/** Takes a table of OFSI's names, gives one party for each row: the table does not say which rows are one. */
export function readOfsiNames(text: string, file: string, list: string): SanctionsEntry[] {
  return readTable(text, file, ',').rows.map((row) => {
    const [entryId, name] = [row.cell('row'), row.cell('names')];
    if (entryId === '' || name === '') throw brokenRow(file, row.line, 'a row without its number or name');
    return {
      list,
      entryId,
      type: 'person',
      names: [name],
      weakNames: [],
      program: 'OFSI',
      // A date that is not known in full stands as a year alone, in a column of its own.
      datesOfBirth: [...new Set([...valuesOf(row.cell('dob')), ...valuesOf(row.cell('dob_year'))].flatMap(isoDatesOf))],
      countries: [...valuesOf(row.cell('nationality')), ...valuesOf(row.cell('citizenship'))],
      ids: [...valuesOf(row.cell('passport_no')), ...valuesOf(row.cell('national_id'))],
    };
  });
}
