import fc from 'fast-check';
import { expect, test } from 'vitest';
import { INTENT_COLUMNS } from '../../domain/intent.ts';
import { ROW_BYTES_MAX, type Row } from './row.ts';
import { ROW_READERS, type RowType, splitRecord } from './rows.ts';

async function* chunksOf(text: string, size: number) {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function read(type: RowType, text: string, size = 7): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of ROW_READERS[type](chunksOf(text, size))) rows.push(row);
  return rows;
}

const brief = (rows: readonly Row[]) => rows.map((row) => ('refusal' in row ? [row.line, row.refusal.code] : [row.line, row.value]));

const JSON_TYPE = 'application/json';
const NDJSON_TYPE = 'application/x-ndjson';
const HEADER = INTENT_COLUMNS.slice(0, 10).join(',');
const cells = (reference: string, name = 'Wanjiru Kamau') => `${reference},10,KES,UGX,${name},0712345678,KE,Okello Obote,0772123456,UG`;
const references = (rows: readonly Row[]) =>
  rows.map((row) => [row.line, 'refusal' in row ? row.refusal.code : (row.value as { referenceId: string }).referenceId]);

test('JSON rows come out the same however the stream is cut', async () => {
  const values = fc.array(fc.oneof(fc.dictionary(fc.string(), fc.json()), fc.string(), fc.integer(), fc.constant(null), fc.constant([[]])));
  await fc.assert(
    fc.asyncProperty(values, fc.integer({ min: 1, max: 40 }), fc.constantFrom(0, 2), async (intents, size, indent) => {
      const rows = await read(JSON_TYPE, JSON.stringify({ intents }, null, indent), size);
      expect(brief(rows)).toEqual(intents.map((value, index) => [index + 1, JSON.parse(JSON.stringify(value))]));
    }),
    { numRuns: 60 },
  );
});

test('JSON that breaks half-way keeps the rows before and reports the broken one', async () => {
  expect(brief(await read(JSON_TYPE, '{"intents":[{"a":1},{"b":2},{"c":'))).toEqual([
    [1, { a: 1 }],
    [2, { b: 2 }],
    [3, 'malformed_body'],
  ]);
  expect(brief(await read(JSON_TYPE, '{"intents":[{"a":1} {"b":2}]}'))).toEqual([
    [1, { a: 1 }],
    [2, 'malformed_body'],
  ]);
  expect(brief(await read(JSON_TYPE, '{"intents":[{"a":1},]}'))).toEqual([
    [1, { a: 1 }],
    [2, 'malformed_body'],
  ]);
  expect(brief(await read(JSON_TYPE, '{"intents":[{"a":1}]'))).toEqual([
    [1, { a: 1 }],
    [2, 'malformed_body'],
  ]);
  expect(brief(await read(JSON_TYPE, '{"intents":[{"a":1}]} x'))).toEqual([
    [1, { a: 1 }],
    [2, 'malformed_body'],
  ]);
});

test('a JSON row that is broken inside its own brackets costs only itself', async () => {
  expect(brief(await read(JSON_TYPE, '{"intents":[{"a" 1},{"b":2},tru,{"c":3}]}'))).toEqual([
    [1, 'malformed_body'],
    [2, { b: 2 }],
    [3, 'malformed_body'],
    [4, { c: 3 }],
  ]);
});

test('JSON of another shape is refused as a whole', async () => {
  for (const text of ['', 'x', '[]', '{"payments":[]}', '{"intents":{}}', `{${' '.repeat(2000)}`]) {
    await expect(read(JSON_TYPE, text)).rejects.toMatchObject({ code: 'malformed_body' });
  }
  expect(await read(JSON_TYPE, ' { "intents" : [ ] } ')).toEqual([]);
});

test('a field of 10 MB is refused with its row, in every format, and the others go on', async () => {
  const huge = 'x'.repeat(10 * 1024 * 1024);
  const json = await read(JSON_TYPE, `{"intents":[{"a":1},{"b":"${huge}"},{"c":3}]}`, 65_536);
  expect(brief(json)).toEqual([
    [1, { a: 1 }],
    [2, 'row_too_large'],
    [3, { c: 3 }],
  ]);
  const ndjson = await read(NDJSON_TYPE, `{"a":1}\n{"b":"${huge}"}\n{"c":3}\n`, 65_536);
  expect(brief(ndjson)).toEqual([
    [1, { a: 1 }],
    [2, 'row_too_large'],
    [3, { c: 3 }],
  ]);
  const csv = await read('text/csv', `${HEADER}\n${cells('r-1')}\n${cells('r-2', huge)}\n${cells('r-3')}`, 65_536);
  expect(references(csv)).toEqual([
    [2, 'r-1'],
    [3, 'row_too_large'],
    [4, 'r-3'],
  ]);
  const edge = await read(NDJSON_TYPE, `"${'x'.repeat(ROW_BYTES_MAX - 2)}"\n"${'x'.repeat(ROW_BYTES_MAX - 1)}"`, 1000);
  expect(edge.map((row) => 'refusal' in row)).toEqual([false, true]);
});

test('the field in which a row grew too long is named', async () => {
  const huge = 'x'.repeat(20_000);
  const fieldsOf = (rows: readonly Row[]) => rows.map((row) => ('refusal' in row ? row.refusal.field : null));
  const intents = [
    { referenceId: huge },
    { amount: '1', sender: { phone: '07', name: huge }, purpose: 'x' },
    { sender: { name: 'a "b" {', country: 'KE' }, receiver: { phone: '[', country: huge } },
    { sender: { name: 'A' }, tags: [huge], other: 1 },
    { sender: [[huge]] },
    huge,
    { amount: '1', purpose: `\\"${huge}` },
  ];
  const expected = ['referenceId', 'sender.name', 'receiver.country', '', '', '', 'purpose'];
  expect(fieldsOf(await read(JSON_TYPE, JSON.stringify({ intents }), 4096))).toEqual(expected);
  expect(fieldsOf(await read(NDJSON_TYPE, intents.map((each) => JSON.stringify(each)).join('\n'), 4096))).toEqual(expected);
  const csv = [HEADER, cells('r-1', huge), cells('r-2', `"Kamau, ${huge}"`), cells(huge), `${cells('r-3')},${huge}`].join('\n');
  expect(fieldsOf(await read('text/csv', csv, 4096))).toEqual(['sender.name', 'sender.name', 'referenceId', '']);
});

test('a row that is not UTF-8 costs only itself', async () => {
  async function* bytes(text: string) {
    yield Buffer.from(text, 'latin1');
  }
  const rowsOf = async (type: RowType, text: string) => {
    const rows: Row[] = [];
    for await (const row of ROW_READERS[type](bytes(text))) rows.push(row);
    return rows;
  };
  expect(brief(await rowsOf(NDJSON_TYPE, '{"a":"\u00e9"}\n{"b":2}'))).toEqual([
    [1, 'malformed_body'],
    [2, { b: 2 }],
  ]);
  expect(brief(await rowsOf(JSON_TYPE, '{"intents":[{"a":"\u00e9"},{"b":2}]}'))).toEqual([
    [1, 'malformed_body'],
    [2, { b: 2 }],
  ]);
  expect(references(await rowsOf('text/csv', `${HEADER}\n${cells('r-1', 'Kouam\u00e9')}\n${cells('r-2')}`))).toEqual([
    [2, 'malformed_body'],
    [3, 'r-2'],
  ]);
});

test('NDJSON: empty lines count but are no rows, a broken line costs only itself', async () => {
  expect(brief(await read(NDJSON_TYPE, '\uFEFF{"a":1}\r\n\r\n{"b":\n{"c":3}'))).toEqual([
    [1, { a: 1 }],
    [3, 'malformed_body'],
    [4, { c: 3 }],
  ]);
});

test('CSV cells survive quoting', () => {
  fc.assert(
    fc.property(fc.array(fc.string(), { minLength: 1 }), fc.constantFrom(',', ';'), (record, separator) => {
      const text = record.map((cell) => (/[",;]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(separator);
      expect(splitRecord(text, separator)).toEqual(record);
    }),
  );
  expect(splitRecord('"a', ',')).toBeNull();
  expect(splitRecord('"a"b', ',')).toBeNull();
  expect(splitRecord('a"b"', ',')).toBeNull();
});

test('CSV: quotes over several lines, semicolons, other columns, blank lines', async () => {
  const rows = await read(
    'text/csv',
    `\uFEFF${HEADER},remark\r\n${cells('r-1', '"Wanjiru\nKamau"')},x\r\n\r\n${cells('r-2')},"a ""b"""\r\n`,
  );
  expect(references(rows)).toEqual([
    [2, 'r-1'],
    [5, 'r-2'],
  ]);
  const semicolons = await read('text/csv', `${HEADER}\n${cells('r-1')}`.replaceAll(',', ';'));
  expect(semicolons[0]).toMatchObject({ value: { sender: { name: 'Wanjiru Kamau', country: 'KE' } } });
});

test('broken CSV: the line with the stray quote is reported, the lines around it are kept', async () => {
  const rows = await read(
    'text/csv',
    [HEADER, cells('r-1'), cells('r-2', '"Wanjiru'), cells('r-3'), cells('r-4', 'O"Brien'), cells('r-5'), 'r-6,10'].join('\n'),
  );
  expect(references(rows)).toEqual([
    [2, 'r-1'],
    [3, 'malformed_body'],
    [4, 'r-3'],
    [5, 'malformed_body'],
    [6, 'r-5'],
    [7, 'malformed_body'],
  ]);
});

test('a CSV without the columns of an intent is refused as a whole', async () => {
  await expect(read('text/csv', 'a,b\n1,2')).rejects.toMatchObject({
    code: 'malformed_body',
    detail: expect.stringContaining('reference_id'),
  });
});
