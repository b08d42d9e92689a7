import { expect, test } from 'vitest';
import { regionOf } from './regions.ts';

test('a country belongs to one group, told as a code or in words', () => {
  expect(new Set(['KE', 'ke', 'Kenya', ' tanzania '].map(regionOf)).size).toBe(1);
  expect(regionOf('Morocco')).toBe(regionOf('dz'));
  expect(regionOf('NG')).not.toBe(regionOf('NE'));
  expect(['Ivory Coast', 'ivorian', 'Côte d’Ivoire'].map(regionOf)).toEqual(Array(3).fill(regionOf('CI')));
  expect(['RU', 'Lebanon', 'none such'].map(regionOf)).toEqual(['elsewhere', 'elsewhere', 'elsewhere']);
  expect([null, undefined, ''].map(regionOf)).toEqual(['not told', 'not told', 'not told']);
});
