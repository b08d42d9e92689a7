/**
 * Lists of politically exposed persons as a table with the columns `name`, `office` and `country_code`: a
 * match is no ground to refuse a payment, but one to look closer (FATF Recommendation 12).
 */
import type { SanctionsEntry } from './list.ts';
import { brokenRow, readTable } from './tables.ts';

export const PEP_LIST = 'PEP';

export function isPepTable(firstLine: string): boolean {
  const columns = firstLine.split(',').map((column) => column.trim());
  return ['name', 'office', 'country_code'].every((column) => columns.includes(column));
}

/** Takes the text of the table, gives the office holders; who holds several offices is there once for each. */
export function readPeps(text: string, file: string): SanctionsEntry[] {
  return readTable(text, file, ',').rows.map((row, index) => {
    if (row.cell('name') === '') throw brokenRow(file, row.line, 'a row without a name');
    return {
      list: PEP_LIST,
      entryId: row.cell('id') || String(index + 1),
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
