/** Tables with a header line, as list owners publish them: rows as records, each with the line it ends on. */
import { parse } from 'csv-parse/sync';
import { fault } from '../../domain/errors.ts';

export interface TableRow {
  readonly line: number;
  /** The cell of a column, trimmed; empty when the row or the table has none. */
  cell(column: string): string;
}

export interface Table {
  readonly columns: ReadonlySet<string>;
  readonly rows: readonly TableRow[];
}

/** Takes the text of a file, the name to put into errors and what parts its cells; `skippedLines` stand before the header. Throws `config_invalid`. */
export function readTable(text: string, file: string, delimiter: ',' | ';', skippedLines = 0): Table {
  try {
    const parsed = parse(text, {
      info: true,
      bom: true,
      delimiter,
      from_line: skippedLines + 1,
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    const header = (parsed[0]?.record ?? []).map((cell) => cell.trim());
    const places = new Map(header.map((column, at) => [column, at]));
    const rows = parsed.slice(1).map(
      ({ record, info }): TableRow => ({
        line: info.lines,
        cell: (column) => (record[places.get(column) ?? -1] ?? '').trim(),
      }),
    );
    return { columns: new Set(header), rows };
  } catch (error) {
    const line = Number((error as { lines?: unknown }).lines);
    throw fault('config_invalid', { detail: `${file}, line ${Number.isFinite(line) ? line : 1}: not readable as CSV.`, cause: error });
  }
}

/** Cells that hold several values, parted by semicolons. */
export function valuesOf(cell: string): string[] {
  return cell
    .split(';')
    .map((value) => value.trim())
    .filter((value) => value !== '');
}

export function brokenRow(file: string, line: number, what: string): Error {
  return fault('config_invalid', { detail: `${file}, line ${line}: ${what}.` });
}
