import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const ROOT = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(ROOT, 'docs', 'threat-model.md'), 'utf8');

/** The rows of the tables, each as its cells. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (boundary|risk) /.test(line))
  .map((line) => line.slice(2, -2).split(' | '));

const testsOf = (cells: readonly string[]): string[] => [...(cells.at(-1) ?? '').matchAll(/`([^`]+)`/g)].map(([, path = '']) => path);

test('every row has a control, and a test that exists', () => {
  expect(rows.length).toBeGreaterThan(35);
  for (const cells of rows) {
    expect(cells.length, cells[0]).toBeGreaterThanOrEqual(3);
    expect(
      cells.every((cell) => cell.trim() !== ''),
      cells[0],
    ).toBe(true);
    expect(testsOf(cells).length, cells[0]).toBeGreaterThan(0);
    expect(
      testsOf(cells).filter((path) => !path.endsWith('.test.ts') || !existsSync(join(ROOT, path))),
      cells[0],
    ).toEqual([]);
  }
});

test('both lists of OWASP are complete, and every letter of STRIDE is there', () => {
  const names = rows.map(([name = '']) => name);
  for (let risk = 1; risk <= 10; risk += 1) {
    expect(names.filter((name) => name.startsWith(`API${risk} `))).toHaveLength(1);
    expect(names.filter((name) => name.startsWith(`ASI${String(risk).padStart(2, '0')} `))).toHaveLength(1);
  }
  for (const letter of ['spoofing', 'tampering', 'repudiation', 'disclosure', 'denial', 'elevation']) {
    expect(rows.some(([, threat = '']) => threat.startsWith(letter))).toBe(true);
  }
});
