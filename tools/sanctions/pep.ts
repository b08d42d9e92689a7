/**
 * Lists of politically exposed persons as a table with the columns `name`, `office` and `country_code`: a
 * match is no ground to refuse a payment, but one to look closer (FATF Recommendation 12).
 */
import { canonicalJson } from '../../domain/canonical.ts';
import { digestOf } from '../../domain/ids.ts';
import type { SanctionsEntry } from './entry.ts';
import { brokenRow, readTable } from './tables.ts';

export const PEP_LIST = 'PEP';

export function isPepTable(firstLine: string): boolean {
  const columns = firstLine.split(',').map((column) => column.trim());
  return ['name', 'office', 'country_code'].every((column) => columns.includes(column));
}

/** Takes the text of the table, gives the office holders; who holds several offices is there once for each. */
export function readPeps(text: string, file: string): SanctionsEntry[] {
  const seen = new Set<string>();
  return readTable(text, file, ',').rows.map((row) => {
    if (row.cell('name') === '') throw brokenRow(file, row.line, 'a row without a name');
    const entryId = row.cell('id') || idOf(row.cell('name'), row.cell('office'), row.cell('country_code'));
    if (seen.has(entryId)) throw brokenRow(file, row.line, 'an office holder who is there already');
    seen.add(entryId);
    return {
      list: PEP_LIST,
      entryId,
      type: 'person',
      names: [row.cell('name')],
      weakNames: [],
      program: row.cell('office'),
      datesOfBirth: [],
      countries: [row.cell('country_code')].filter(Boolean),
      topic: 'pep',
    };
  });
}

/** The list has no ids of its own. A row's number is another one in the next edition; what the row says stays. */
function idOf(name: string, office: string, country: string): string {
  return digestOf(canonicalJson([name, office, country])).slice(0, 16);
}
