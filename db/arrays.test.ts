import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bytesArray, momentArray, plainArray, textArray } from './arrays.ts';
import { type TestDatabase, testDatabase } from './testing.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await testDatabase();
});
afterAll(() => database.close());

const read = async (type: string, literal: string) => (await database.pool.query(`select $1::${type}[] as read`, [literal])).rows[0].read;

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
  expect(await read('timestamptz', momentArray([at, null]))).toEqual([at, null]);
  const bytes = [Buffer.from([0, 34, 92, 255]), Buffer.alloc(0), null];
  expect(await read('bytea', bytesArray(bytes))).toEqual(bytes);
});
