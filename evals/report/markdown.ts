/** The report as Markdown: tables that a terminal and a pull request can show. */
import type { Slice } from '../suite.ts';
import { absentSentences, baselineSentence, figure, missSentences, type Report, wrongCases } from './report.ts';

export function toMarkdown(report: Report): string {
  const { run, passed } = report;
  const names = Object.keys(run.metrics);
  const rows = [
    row(['', ...names]),
    row(['---', ...names.map(() => '---:')]),
    row([run.target, ...names.map((name) => figure(run.metrics[name] ?? 0))]),
    ...run.rivals.map((rival) =>
      row([rival.name, ...names.map((name) => (rival.metrics[name] === undefined ? '' : figure(rival.metrics[name])))]),
    ),
  ];
  return [
    `# Evals: ${run.suite}`,
    '',
    `${run.results.length} cases of ${run.dataset.name} (\`${run.dataset.digest.slice(0, 12)}\`). **${passed ? 'Passed' : 'Not passed'}.**`,
    '',
    ...rows,
    '',
    ...missSentences(report).map((sentence) => `- ${sentence}`),
    baselineSentence(report),
    ...report.rivals.map(
      ({ name, comparison }) =>
        `Against ${name}: ${comparison.onlyFirst} cases gained, ${comparison.onlySecond} lost (p = ${comparison.pValue.toPrecision(2)}).`,
    ),
    ...absentSentences(report),
    ...run.remarks,
    ...slices(report),
    ...wrong(report),
    '',
  ].join('\n');
}

/** Takes cells, gives a row of a table. */
export function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function slices({ run }: Report): string[] {
  return [...Map.groupBy(run.slices, (slice) => slice.by)].flatMap(([by, group]) => {
    const names = [...new Set(group.flatMap((slice) => Object.keys(slice.metrics)))];
    const rowOf = (label: string, { cases, metrics }: Slice): string =>
      row([label, String(cases), ...names.map((name) => (metrics[name] === undefined ? '' : figure(metrics[name])))]);
    const rivalRows = (slice: Slice): string[] =>
      run.rivals.flatMap(({ name, slices: measured = [] }) =>
        measured.filter((each) => each.by === by && each.value === slice.value).map((each) => rowOf(`· ${name}`, each)),
      );
    return [
      '',
      `## By ${by}`,
      '',
      row([by, 'cases', ...names]),
      row(['---', '---:', ...names.map(() => '---:')]),
      ...group.flatMap((slice) => [rowOf(slice.value, slice), ...rivalRows(slice)]),
    ];
  });
}

function wrong(report: Report): string[] {
  const cases = wrongCases(report);
  if (cases.length === 0) return [];
  return ['', '## What went wrong', '', ...cases.map((result) => `- \`${result.id}\` ${result.tags['category'] ?? ''} ${result.note}`)];
}
