import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isTooDeep, JSON_DEPTH_MAX } from './depth.ts';
import { parseJson } from './http.ts';
import { parseRow } from './row.ts';

const nested = (depth: number) => `${'['.repeat(depth)}1${']'.repeat(depth)}`;

test('nesting is bounded, and what is in strings or stands side by side is no nesting', () => {
  expect(isTooDeep(nested(JSON_DEPTH_MAX))).toBe(false);
  expect(isTooDeep(nested(JSON_DEPTH_MAX + 1))).toBe(true);
  expect(isTooDeep(JSON.stringify({ text: '['.repeat(500), quote: '"[\\' }))).toBe(false);
  expect(isTooDeep(JSON.stringify(Array.from({ length: 500 }, () => ({ a: [] }))))).toBe(false);
  expect(isTooDeep('['.repeat(1_000_000))).toBe(true);
});

test('it agrees with the parsed value', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.integer({ min: 0, max: 5 }), (value, depthMax) => {
      expect(isTooDeep(JSON.stringify(value), depthMax)).toBe(depthOf(value) > depthMax);
    }),
  );
});

test('a body and a row that nest too deep are refused before they are parsed', () => {
  expect(() => parseJson(nested(2_000))).toThrow('malformed_body');
  expect(parseRow(3, nested(2_000))).toMatchObject({ line: 3, refusal: { code: 'malformed_body' } });
  expect(parseJson(nested(10))).toBeDefined();
});
