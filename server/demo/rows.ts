/** The demo's file beside its results: which row became which payment, and what was expected of it. */
import { readFile } from 'node:fs/promises';
import { parse } from 'csv-parse/sync';
import { fault } from '../../domain/errors.ts';
import type { DemoRow } from './report.ts';

type CsvRecord = Readonly<Record<string, string>>;

/** Joins the submitted file and the result file by line. */
export async function readDemoRows(file: string, resultFile: string): Promise<DemoRow[]> {
  const results = new Map((await readCsv(resultFile)).map(({ record }) => [Number(record['line']), record]));
  return (await readCsv(file)).map(({ record, line }) => {
    const result = results.get(line);
    if (result === undefined) throw fault('internal', { detail: `Line ${line} of ${file} was not answered for.` });
    return {
      line,
      referenceId: record['reference_id'] ?? '',
      fromCountry: record['sender_country'] ?? '',
      toCountry: record['receiver_country'] ?? '',
      expect: emptyAsNull(record['expect']),
      expectCode: emptyAsNull(record['expect_code']),
      paymentId: emptyAsNull(result['payment_id']),
      codes: (result['codes'] ?? '').split(';').filter((code) => code !== ''),
    };
  });
}

async function readCsv(path: string): Promise<{ readonly record: CsvRecord; readonly line: number }[]> {
  const parsed = parse(await readFile(path, 'utf8'), { columns: true, info: true, skip_empty_lines: true, relax_column_count: true });
  return (parsed as unknown as { record: CsvRecord; info: { lines: number } }[]).map(({ record, info }) => ({ record, line: info.lines }));
}

function emptyAsNull(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : text;
}
