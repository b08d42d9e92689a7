/** The report as one page that needs nothing else: no script, no font, no network. */
import { absentSentences, baselineSentence, figure, missSentence, type Report, wrongCases } from './report.ts';

const STYLE =
  'body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1c2430;background:#fff}' +
  'table{border-collapse:collapse;margin:.5rem 0 1.5rem;display:block;overflow-x:auto}th,td{padding:.3rem .7rem;border-bottom:1px solid #dde2e8;text-align:right}' +
  'th:first-child,td:first-child{text-align:left}.pass{color:#0a6b3b}.fail{color:#b3261e}code{font-size:.85em}li{margin:.2rem 0}' +
  '.bar{display:inline-block;height:.6rem;background:#3a6ea5;vertical-align:middle;margin-right:.4rem}' +
  '@media(prefers-color-scheme:dark){body{background:#14181e;color:#dfe5ec}th,td{border-color:#333c47}.pass{color:#5fce98}.fail{color:#ff8a80}}';

export function toHtml(report: Report): string {
  const { run, misses, passed } = report;
  const names = Object.keys(run.metrics);
  const methods = [{ name: run.target, metrics: run.metrics }, ...run.rivals];
  const sentences = [
    baselineSentence(report),
    ...report.rivals.map(
      ({ name, comparison }) =>
        `Against ${name}: ${comparison.onlyFirst} cases gained, ${comparison.onlySecond} lost (p = ${comparison.pValue.toPrecision(2)}).`,
    ),
    ...absentSentences(report),
    ...run.remarks,
  ];
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">',
    `<title>Evals: ${escape(run.suite)}</title><style>${STYLE}</style></head><body>`,
    `<h1>Evals: ${escape(run.suite)} <span class="${passed ? 'pass' : 'fail'}">${passed ? 'passed' : 'not passed'}</span></h1>`,
    `<p>${run.results.length} cases of ${escape(run.dataset.name)} (<code>${run.dataset.digest.slice(0, 12)}</code>).</p>`,
    misses.length === 0 ? '' : `<ul>${misses.map((miss) => `<li class="fail">${escape(missSentence(miss))}</li>`).join('')}</ul>`,
    table(
      ['', ...names],
      methods.map((method) => [escape(method.name), ...names.map((name) => cell(method.metrics[name]))]),
    ),
    ...sentences.map((sentence) => `<p>${escape(sentence)}</p>`),
    ...[...Map.groupBy(run.slices, (slice) => slice.by)].map(([by, group]) => sliceTable(by, group)),
    wrongList(report),
    '</body></html>',
  ].join('\n');
}

function sliceTable(by: string, group: Report['run']['slices']): string {
  const names = [...new Set(group.flatMap((slice) => Object.keys(slice.metrics)))];
  const most = Math.max(...group.map((slice) => slice.cases));
  const rows = group.map((slice) => [
    escape(slice.value),
    `<span class="bar" style="width:${Math.round((slice.cases / most) * 60)}px"></span>${slice.cases}`,
    ...names.map((name) => cell(slice.metrics[name])),
  ]);
  return `<h2>By ${escape(by)}</h2>${table([by, 'cases', ...names], rows)}`;
}

function wrongList(report: Report): string {
  const cases = wrongCases(report);
  if (cases.length === 0) return '';
  const items = cases.map(
    (result) => `<li><code>${escape(result.id)}</code> ${escape(result.tags['category'] ?? '')} <bdi>${escape(result.note)}</bdi></li>`,
  );
  return `<h2>What went wrong</h2><ul>${items.join('\n')}</ul>`;
}

function cell(value: number | undefined): string {
  return value === undefined ? '' : figure(value);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (tag: string, cells: readonly string[]): string => `<tr>${cells.map((text) => `<${tag}>${text}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${line('th', head.map(escape))}</thead><tbody>${rows.map((cells) => line('td', cells)).join('\n')}</tbody></table>`;
}

/** Cases hold hostile text by their nature: nothing of it may become markup. */
export function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;').replaceAll("'", '&#39;');
}
