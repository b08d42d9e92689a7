import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bigintArray, bytesArray, intArray, momentArray, plainArray, textArray, uuidArray } from './arrays.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const read = async (type: string, literal: string | Buffer) =>
  (await database.pool.query(`select $1::${type}[] as read`, [literal])).rows[0].read;

test('codes, numbers and what is missing come out as they went in', async () => {
  const codes = fc.stringMatching(/^[\w:.-]+$/).filter((text) => text.toLowerCase() !== 'null');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(codes)), async (values) => {
      expect(await read('text', plainArray(values))).toEqual(values);
    }),
    { numRuns: 50 },
  );
  expect(await read('bigint', plainArray([1n, null, -(2n ** 62n)]))).toEqual([1n, null, -(2n ** 62n)]);
  expect(await read('int', plainArray([]))).toEqual([]);
});

test('what would have to be escaped is refused, not split', () => {
  for (const text of ['a,b', '{', '"', '\\', '', 'a b', 'NULL', 'null', 'é']) expect(() => plainArray([text])).toThrow(RangeError);
});

test('texts of any kind come out as they went in', async () => {
  const text = fc
    .oneof(fc.string({ unit: 'binary' }), fc.constantFrom('null', 'NULL', '', '{', 'a,b', '"', '\\', ' x ', 'é'))
    .map((each) => each.replaceAll('\0', '').toWellFormed());
  await fc.assert(
    fc.asyncProperty(fc.array(fc.option(text)), async (values) => {
      expect(await read('text', textArray(values))).toEqual(values);
    }),
    { numRuns: 100 },
  );
});

test('moments and bytes come out as they went in', async () => {
  const at = new Date(Date.UTC(2026, 10, 2, 9, 30, 0, 123));
  expect(await read('timestamptz', momentArray([at.getTime(), null, -1, 253_402_300_799_999]))).toEqual([
    at,
    null,
    new Date(-1),
    new Date('9999-12-31T23:59:59.999Z'),
  ]);
  const bytes = [Buffer.from([0, 34, 92, 255]), Buffer.alloc(0), null];
  expect(await read('bytea', bytesArray(bytes))).toEqual(bytes);
});

test('ids and numbers in binary come out as they went in', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(fc.uuid())),
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      async (ids, numbers) => {
        expect(await read('uuid', uuidArray(ids))).toEqual(ids);
        expect(await read('bigint', bigintArray(numbers))).toEqual(numbers);
      },
    ),
    { numRuns: 50 },
  );
  expect(await read('int', intArray([0, -1, 2 ** 31 - 1, -(2 ** 31)]))).toEqual([0, -1, 2 ** 31 - 1, -(2 ** 31)]);
  expect(await read('uuid', uuidArray(['01A21B59-7633-734B-9BBC-5C4D13574081']))).toEqual(['01a21b59-7633-734b-9bbc-5c4d13574081']);
});

test('what is no id, or no number of that size, is refused', () => {
  const id = '01a21b59-7633-734b-9bbc-5c4d13574081';
  const wrong = [
    '',
    id.slice(1),
    `${id}0`,
    id.replace('0', 'g'),
    id.replace('-', '0'),
    id.replaceAll('-', ''),
    `é${id.slice(1)}`,
    `{${id}}`,
  ];
  for (const text of wrong) expect(() => uuidArray([text]), text).toThrow(RangeError);
  expect(() => bigintArray([2n ** 63n])).toThrow(RangeError);
  expect(() => bigintArray([-(2n ** 63n) - 1n])).toThrow(RangeError);
  for (const number of [2 ** 31, -(2 ** 31) - 1, 0.5, Number.NaN]) expect(() => intArray([number]), String(number)).toThrow(RangeError);
  for (const moment of [0.5, Number.NaN, 8.64e15 + 1, -8.64e15 - 1, 1e16])
    expect(() => momentArray([moment]), String(moment)).toThrow(RangeError);
});
