/**
 * The sanctions list of the European Union in two forms: the Commission's Financial Sanctions File (CSV
 * 1.1, semicolons, one row per name, address, birth date or document of a party), and tables of the acts
 * as the Official Journal publishes them (commas, one row per party and act).
 * Source: https://webgate.ec.europa.eu/fsd/fsf, "Consolidated Financial Sanctions File 1.1".
 */
import { isoDatesOf } from './dates.ts';
import type { EntryType, SanctionsEntry } from './entry.ts';
import { brokenRow, readTable, type Table, type TableRow, valuesOf } from './tables.ts';

export const EU_LIST = 'EU';
/** Changes to acts that the consolidated text does not hold. */
export const EU_AMENDMENTS_LIST = 'EU-AMENDMENTS';

const FSF_COLUMNS = ['Entity_LogicalId', 'NameAlias_WholeName'];
const JOURNAL_COLUMNS = ['recordId', 'measure', 'schema', 'weakAlias'];

/** Whether the first line of a file is the header of the Financial Sanctions File. */
export function isFsf(firstLine: string): boolean {
  return FSF_COLUMNS.every((column) => firstLine.split(';').includes(column));
}

export function isJournal(firstLine: string): boolean {
  return JOURNAL_COLUMNS.every((column) => firstLine.split(',').includes(column));
}

/** Takes the text of a Financial Sanctions File, gives its date and parties. Throws `config_invalid` naming file and line. */
export function readFsf(text: string, file: string): { date: string | null; entries: SanctionsEntry[] } {
  const table = readTable(text, file, ';');
  const rows = table.rows.filter((row) => row.cell('Entity_LogicalId') !== '');
  const parties = Map.groupBy(rows, (row) => row.cell('Entity_LogicalId'));
  const date = isoDatesOf(table.rows[0]?.cell('fileGenerationDate') ?? '')[0] ?? null;
  return { date, entries: [...parties].map(([logicalId, group]) => readFsfParty(logicalId, group, file)) };
}

const WEAK_REMARK = /low quality|weak/i;

function readFsfParty(logicalId: string, rows: readonly TableRow[], file: string): SanctionsEntry {
  const first = rows[0];
  const wholeName = (row: TableRow): string =>
    row.cell('NameAlias_WholeName') ||
    ['NameAlias_FirstName', 'NameAlias_MiddleName', 'NameAlias_LastName']
      .map((column) => row.cell(column))
      .filter(Boolean)
      .join(' ');
  const isWeak = (row: TableRow): boolean => row.cell('NameAlias_Strong') === 'false' || WEAK_REMARK.test(row.cell('NameAlias_Remark'));
  const named = rows.filter((row) => wholeName(row) !== '');
  const strong = unique(named.filter((row) => !isWeak(row)).map(wholeName));
  const weak = unique(named.filter(isWeak).map(wholeName)).filter((name) => !strong.includes(name));
  if (first === undefined || named.length === 0) throw brokenRow(file, first?.line ?? 1, 'a party without a name');
  const subject = first.cell('Entity_SubjectType_ClassificationCode') || first.cell('Entity_SubjectType');
  return {
    list: EU_LIST,
    entryId: first.cell('Entity_EU_ReferenceNumber') || logicalId,
    type: /^p/i.test(subject) ? 'person' : 'entity',
    names: strong.length > 0 ? strong : weak,
    weakNames: strong.length > 0 ? weak : [],
    program: first.cell('Entity_Regulation_Programme'),
    datesOfBirth: unique(rows.flatMap((row) => isoDatesOf(row.cell('BirthDate_BirthDate') || row.cell('BirthDate_Year')))),
    countries: unique(
      rows.map((row) => row.cell('Citizenship_CountryIso2Code') || row.cell('Citizenship_CountryDescription')).filter(Boolean),
    ),
    ids: unique(rows.map((row) => row.cell('Identification_Number')).filter(Boolean)),
  };
}

const TYPES: Readonly<Record<string, EntryType>> = { Person: 'person', Vessel: 'vessel', Asset: 'vessel' };

/** Takes a table of acts, gives its parties: those under an asset freeze, and others as restrictions that people look at. */
export function readJournal(text: string, file: string): { list: string; entries: SanctionsEntry[] } {
  const table = readTable(text, file, ',');
  const list = table.columns.has('amendmentCelex') ? EU_AMENDMENTS_LIST : EU_LIST;
  return { list, entries: table.rows.map((row) => readJournalParty(row, list, table, file)) };
}

function readJournalParty(row: TableRow, list: string, table: Table, file: string): SanctionsEntry {
  const act = row.cell(table.columns.has('amendmentCelex') ? 'amendedCelex' : 'celex');
  const record = row.cell('recordId');
  if (act === '') throw brokenRow(file, row.line, 'a party without an act');
  if (row.cell('name') === '') throw brokenRow(file, row.line, 'a party without a name');
  return {
    list,
    entryId: record === '' ? act : `${act}#${record}`,
    type: TYPES[row.cell('schema')] ?? 'entity',
    names: unique([row.cell('name'), ...valuesOf(row.cell('alias')), ...valuesOf(row.cell('previousName'))]),
    weakNames: valuesOf(row.cell('weakAlias')),
    program: row.cell('programKey'),
    datesOfBirth: isoDatesOf(row.cell('birthDate')),
    countries: unique([...valuesOf(row.cell('nationality')), ...valuesOf(row.cell('country'))]),
    ids: unique([...valuesOf(row.cell('passportNumber')), ...valuesOf(row.cell('idNumber'))]),
    ...(row.cell('measure') === 'Asset freeze' ? {} : { topic: 'restriction' as const }),
  };
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
