import { describe, expect, test } from 'vitest';
import type { SuiteRun } from '../suite.ts';
import { putIntoPage } from './page.ts';

describe('a page of the documentation', () => {
  const run: SuiteRun = {
    suite: 'screening',
    target: 'ours',
    dataset: { name: 'd.jsonl', digest: 'abcdef0123456789' },
    metrics: { recall: 0.99, other: 1 },
    slices: [
      { by: 'origin', value: 'east', cases: 3, metrics: { recall: 1 } },
      { by: 'origin', value: 'nothing', cases: 2, metrics: { other: 1 } },
    ],
    results: [],
    rivals: [
      {
        name: 'plain',
        metrics: { recall: 0.5 },
        correct: [],
        slices: [{ by: 'origin', value: 'east', cases: 3, metrics: { recall: 0.25 } }],
      },
      { name: 'silent', metrics: {}, correct: [] },
    ],
    remarks: [],
  };
  const tables = { metrics: ['recall'], slices: { by: ['origin'], metrics: ['recall'] } };
  const page = (inside: string): string => `# Names\n\n<!-- evals:screening -->\n${inside}<!-- /evals:screening -->\nThe rest.\n`;

  test('gets the tables of a run between its marks, whatever stood there', () => {
    const written = putIntoPage(page('old figures\n'), run, tables);
    expect(written).toBe(
      page(
        [
          '0 cases of `d.jsonl` (SHA-256 `abcdef012345…`):',
          '',
          '|  | recall |',
          '| --- | ---: |',
          '| ours | 0.9900 |',
          '| plain | 0.5000 |',
          '| silent |  |',
          '',
          '| origin | cases | recall, ours | recall, plain |',
          '| --- | ---: | ---: | ---: |',
          '| east | 3 | 1 | 0.2500 |',
          '',
        ].join('\n'),
      ),
    );
    expect(putIntoPage(written, run, tables)).toBe(written);
  });

  test('without marks is refused, and so is one whose marks are of another suite', () => {
    expect(() => putIntoPage('# Names\n', run, tables)).toThrow(/no place for the figures/);
    expect(() => putIntoPage(page(''), { ...run, suite: 'fraud' }, tables)).toThrow(/evals:fraud/);
  });
});
