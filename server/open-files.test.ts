import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { connectionsWithin } from './open-files.ts';

test('a process knows how many files it may open', () => {
  const module = fileURLToPath(new URL('./open-files.ts', import.meta.url));
  const script = `import { openFilesMax } from ${JSON.stringify(module)}; console.log(openFilesMax());`;
  const run = (bound: string) =>
    execFileSync('/bin/sh', ['-c', `ulimit -n ${bound} && exec "$0" --input-type=module -e "$1"`, process.execPath, script], {
      encoding: 'utf8',
    });
  expect(run('700').trim()).toBe('700');
});

test.each([
  [5_000, 20_000, 5_000],
  [5_000, 1_024, 768],
  [5_000, 100, 1],
  [5_000, Number.POSITIVE_INFINITY, 5_000],
])('of %d connections wanted with %d files there are %d', (wanted, filesMax, expected) => {
  expect(connectionsWithin(wanted, filesMax)).toBe(expected);
});
