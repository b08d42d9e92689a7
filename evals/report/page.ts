/** Tables of a run on a page of the documentation, between two marks: what stands there was measured, and by which command. */
import { fault } from '../../domain/errors.ts';
import type { Metrics, PageTables, SuiteRun } from '../suite.ts';
import { row } from './markdown.ts';
import { figure } from './report.ts';

/** Takes a page and a run, gives the page with the tables of the run between the marks of its suite. Throws `config_invalid` without marks. */
export function putIntoPage(page: string, run: SuiteRun, tables: PageTables): string {
  const [begin, end] = [`<!-- evals:${run.suite} -->`, `<!-- /evals:${run.suite} -->`];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw fault('config_invalid', { detail: `The page has no place for the figures: ${begin} … ${end}.` });
  return `${page.slice(0, from + begin.length)}\n${tablesOf(run, tables).join('\n')}\n${page.slice(to)}`;
}

function tablesOf(run: SuiteRun, { metrics, slices }: PageTables): string[] {
  const methods = [{ name: run.target, metrics: run.metrics, slices: run.slices }, ...run.rivals];
  const compared = methods.filter((method) => method.slices !== undefined);
  return [
    `${run.results.length.toLocaleString('en-US')} cases of \`${run.dataset.name}\` (SHA-256 \`${run.dataset.digest.slice(0, 12)}…\`):`,
    '',
    row(['', ...metrics]),
    row(['---', ...metrics.map(() => '---:')]),
    ...methods.map((method) => row([method.name, ...metrics.map((name) => cell(method.metrics, name))])),
    ...slices.by.flatMap((by) => {
      const rows = run.slices
        .filter((slice) => slice.by === by)
        .map(({ value, cases }) => {
          const found = compared.map((method) => method.slices?.find((each) => each.by === by && each.value === value)?.metrics ?? {});
          return { value, cases, cells: found.flatMap((each) => slices.metrics.map((name) => cell(each, name))) };
        })
        .filter(({ cells }) => cells.some((each) => each !== ''));
      const titles = compared.flatMap(({ name }) => slices.metrics.map((metric) => `${metric}, ${name}`));
      return [
        '',
        row([by, 'cases', ...titles]),
        row(['---', '---:', ...titles.map(() => '---:')]),
        ...rows.map(({ value, cases, cells }) => row([value, String(cases), ...cells])),
      ];
    }),
  ];
}

function cell(metrics: Metrics, name: string): string {
  const value = metrics[name];
  return value === undefined ? '' : figure(value);
}
