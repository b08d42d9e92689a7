import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { INTENT_COLUMNS } from '../../domain/intent.ts';
import { ROW_BYTES_MAX } from '../api/row.ts';
import { formatOf, type IntentsFormat, type IntentsRow, readIntents } from './intents-file.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'capp-intents-'));
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

async function read(text: string | Buffer, format: IntentsFormat): Promise<IntentsRow[]> {
  const path = join(folder, `file.${format}`);
  await writeFile(path, text);
  const rows: IntentsRow[] = [];
  for await (const row of readIntents(path, format)) rows.push(row);
  return rows;
}

const short = (row: IntentsRow) => (row.ok ? `${row.line} ${row.referenceId}` : `${row.line} ${row.errors[0]?.code}`);
const HEADER = INTENT_COLUMNS.slice(0, 10).join(',');
const cells = (reference: string, name = 'Ama Mensah') => `${reference},10.50,GHS,NGN,${name},0241234567,GH,Obi,08031234567,NG`;

describe('CSV', () => {
  test('gives intents in the shape of the API, with the lines of the file', async () => {
    const rows = await read(`\uFEFF${HEADER}\r\n${cells('a')}\r\n\r\n${cells('b', '"Mensah, Ama ""A."""')}`, 'csv');
    expect(rows.map(short)).toEqual(['2 a', '4 b']);
    expect(rows[1]).toMatchObject({
      intent: {
        referenceId: 'b',
        amount: '10.50',
        fromCurrency: 'GHS',
        sender: { name: 'Mensah, Ama "A."', phone: '0241234567', country: 'GH' },
      },
    });
  });

  test('is separated by semicolons where spreadsheets do so', async () => {
    const rows = await read(`${HEADER}\n${cells('a')}`.replaceAll(',', ';'), 'csv');
    expect(rows.map(short)).toEqual(['2 a']);
  });

  test('columns may stand in any order and be more than are needed', async () => {
    const columns = INTENT_COLUMNS.slice(0, 10).reverse();
    const rows = await read(`expect,${columns.join(', ').toUpperCase()}\npaid,NG,1,Obi,GH,2,Ama,NGN,GHS,5,ref-9`, 'csv');
    expect(rows[0]).toMatchObject({ line: 2, referenceId: 'ref-9', intent: { toCurrency: 'NGN', receiver: { country: 'NG' } } });
  });

  test('a broken row is named and the next one goes on', async () => {
    const rows = await read(`${HEADER}\n${cells('a', '"open')}\n${cells('b')}\nc,1\n${cells('d')},more\n${cells('e')}\n`, 'csv');
    expect(rows.map(short)).toEqual(['2 malformed_body', '3 b', '4 malformed_body', '5 malformed_body', '6 e']);
  });

  test('a file without the needed columns is refused as a whole', async () => {
    await expect(read('reference_id,amount\na,1\n', 'csv')).rejects.toMatchObject({
      code: 'malformed_body',
      detail: expect.stringContaining('from_currency'),
    });
    await expect(read('', 'csv')).rejects.toMatchObject({ code: 'malformed_body' });
  });
});

describe('NDJSON', () => {
  test('gives one intent per line, and names those that are none', async () => {
    const rows = await read('{"referenceId":"a"}\n\n{"referenceId":\n[1]\nnull\n{"referenceId":7}\n{"referenceId":"b"}', 'ndjson');
    expect(rows.map(short)).toEqual(['1 a', '3 malformed_body', '4 malformed_body', '5 malformed_body', '6 ', '7 b']);
  });

  test('a field of ten megabytes costs its row and no more', async () => {
    const rows = await read(`{"referenceId":"${'x'.repeat(10 * 1024 * 1024)}"}\n{"referenceId":"b"}\n`, 'ndjson');
    expect(rows.map(short)).toEqual(['1 row_too_large', '2 b']);
    expect(rows[0]).toMatchObject({ errors: [{ field: 'referenceId' }] });
  });

  test('the longest row that is allowed is read whole', async () => {
    const frame = '{"referenceId":""}'.length;
    const text = `{"referenceId":"${'x'.repeat(ROW_BYTES_MAX - frame)}"}`;
    expect((await read(`${text}\n`, 'ndjson')).map(({ ok }) => ok)).toEqual([true]);
    expect((await read(`${text} \n`, 'ndjson')).map(({ ok }) => ok)).toEqual([false]);
  });

  test('a row that is not UTF-8 is named', async () => {
    const rows = await read(
      Buffer.concat([Buffer.from('{"referenceId":"'), Buffer.from([0xff]), Buffer.from('"}\n{"referenceId":"b"}\n')]),
      'ndjson',
    );
    expect(rows.map(short)).toEqual(['1 malformed_body', '2 b']);
  });
});

test('rows that span the chunks a file is read in stay whole', async () => {
  const lines = Array.from({ length: 5_000 }, (_, index) => `{"referenceId":"r${index}","amount":"${'1'.repeat(index % 97)}é"}`);
  const rows = await read(lines.join('\n'), 'ndjson');
  expect(rows).toHaveLength(5_000);
  expect(rows.every((row, index) => row.ok && row.line === index + 1 && row.referenceId === `r${index}`)).toBe(true);
});

test('a file that is not there, or is no file, is said to be so', async () => {
  const missing = readIntents(join(folder, 'none.csv'), 'csv').next();
  await expect(missing).rejects.toMatchObject({ code: 'file_unreadable' });
  await expect(readIntents(folder, 'csv').next()).rejects.toMatchObject({ code: 'file_unreadable' });
});

test('the ending tells the format', () => {
  expect(['a.csv', 'A.CSV', 'a.ndjson', 'a.jsonl'].map(formatOf)).toEqual(['csv', 'csv', 'ndjson', 'ndjson']);
  expect(() => formatOf('a.xlsx')).toThrow('usage_invalid');
});
