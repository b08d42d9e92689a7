/** The report of a load as one page of HTML: its style and its plots stand in it, and it loads nothing. */
import { figure } from '../finding.ts';
import type { LoadBook } from './book.ts';
import type { Latencies } from './histogram.ts';
import { bookLines, foundSentence, phaseTable, processTable, stepTable, type Table, totalLines } from './markdown.ts';
import { escaped, type Plot, type Series, svgOf } from './plot.ts';
import type { BreakpointOutcome, RunOutcome } from './stages.ts';
import type { Second } from './summary.ts';

const STYLE = `
  :root { color-scheme: light dark; --ink: #111827; --paper: #ffffff; --pale: #e5e7eb; --band: #f3f4f6; --bad: #b91c1c; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e5e7eb; --paper: #111827; --pale: #374151; --band: #1f2937; --bad: #f87171; } }
  body { font: 14px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 960px; margin: 2rem auto; padding: 0 1rem; }
  table { border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }
  th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--pale); text-align: right; white-space: nowrap; }
  th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { text-align: left; }
  .scroll { overflow-x: auto; }
  .bad { color: var(--bad); font-weight: 600; }
  svg { width: 100%; height: auto; margin: .5rem 0; }
  svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
  svg .title { font-size: 13px; font-weight: 600; }
  svg .note { opacity: .7; }
  svg .grid { stroke: var(--pale); }
  svg .limit { stroke: var(--bad); stroke-dasharray: 5 4; }
  svg .band0 { fill: var(--band); } svg .band1 { fill: none; }`;

const MEGABYTE = 1_000_000;
/** Nines that the plot of percentiles shows at most. */
const NINES_MAX = 5;

const paragraph = (text: string): string => `<p${text.startsWith('FAILED') ? ' class="bad"' : ''}>${escaped(text)}</p>`;

function tableOf({ head, rows }: Table): string {
  const cells = (of: readonly string[], tag: string): string => of.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('');
  return `<div class="scroll"><table><thead><tr>${cells(head, 'th')}</tr></thead><tbody>${body}</tbody></table></div>`;
}

/** A percentile along an axis on which each further nine is as wide as the last. */
function nines(percentile: number): number {
  return Math.min(NINES_MAX, -Math.log10(Math.max(10 ** -NINES_MAX, 1 - percentile / 100)));
}

/** Percentiles up to the last that some value speaks for. */
function curveSeries(name: string, { curve }: Latencies): Series {
  return { name, points: curve.map(([percentile, ms]) => [nines(percentile), ms] as const).filter(([x]) => x < NINES_MAX) };
}

function plotsOf(stage: RunOutcome, p99Ms: number): Plot[] {
  const { phases, seconds, samples } = stage;
  const bands = phases.map(({ fromSeconds, toSeconds, name }) => ({ from: fromSeconds, to: toSeconds, name }));
  const time = { xLabel: 'seconds', bands };
  const bySecond = (name: string, of: (second: Second) => number | null): Series => ({
    name,
    points: seconds.map((second, index) => [index + 0.5, of(second)] as const),
  });
  const kinds = [...new Set(samples.flatMap(({ cpu, megabytes }) => [...Object.keys(cpu), ...Object.keys(megabytes)]))];
  const perSecond = (name: string, of: (sample: (typeof samples)[number]) => number): Series => ({
    name,
    points: samples.slice(1).map((sample, index) => {
      const before = samples[index] ?? sample;
      return [sample.atSeconds, Math.max(0, (of(sample) - of(before)) / (sample.atSeconds - before.atSeconds))] as const;
    }),
  });
  const limit = { y: p99Ms, name: `p99 at most ${figure(p99Ms)} ms` };
  const marks = ['0', '90', '99', '99.9', '99.99', '99.999'].map((text, index) => [index, `${text} %`] as const);
  const byKind = phases.flatMap(({ name, all }) => (all.latency === null ? [] : [curveSeries(name, all.latency)]));
  return [
    {
      ...time,
      title: 'Requests by the second in which they were due',
      yLabel: 'a second',
      series: [
        bySecond('due', ({ due }) => due),
        bySecond('done', ({ done }) => done),
        bySecond('refused', ({ refused }) => refused),
        bySecond('failed', ({ failed }) => failed),
      ],
    },
    {
      ...time,
      title: 'From when a request should have left to its answer',
      yLabel: 'ms',
      yScale: 'log',
      limit,
      series: [bySecond('p50', ({ p50 }) => p50), bySecond('p99', ({ p99 }) => p99), bySecond('longest', ({ max }) => max)],
    },
    { title: 'Latency by percentile', xLabel: 'percentile', yLabel: 'ms', yScale: 'log', limit, xMarks: marks, series: byKind },
    {
      ...time,
      title: 'Payments on their way',
      yLabel: 'payments',
      series: [{ name: 'unfinished', points: samples.map(({ atSeconds, unfinished }) => [atSeconds, unfinished] as const) }],
    },
    { ...time, title: 'CPU by process', yLabel: 'cores', series: kinds.map((kind) => perSecond(kind, ({ cpu }) => cpu[kind] ?? 0)) },
    {
      ...time,
      title: 'Memory by process',
      yLabel: 'MB',
      series: kinds.map((kind) => ({ name: kind, points: samples.map((each) => [each.atSeconds, each.megabytes[kind] ?? null] as const) })),
    },
    {
      ...time,
      title: 'Write-ahead log',
      yLabel: 'MB a second',
      series: [perSecond('WAL', ({ walBytes }) => walBytes / MEGABYTE)],
    },
  ];
}

function breakpointPlot({ steps }: BreakpointOutcome, p99Ms: number): Plot {
  const of = (held: boolean): Series['points'] =>
    steps.flatMap((step) => (step.held === held && step.p99 !== null ? [[step.perSecond, step.p99] as const] : []));
  const series = [
    { name: 'held', points: of(true) },
    { name: 'did not hold', points: of(false) },
  ];
  const limit = { y: p99Ms, name: `p99 at most ${figure(p99Ms)} ms` };
  return { title: 'p99 by rate', xLabel: 'requests a second', yLabel: 'ms', yScale: 'log', dots: true, limit, series };
}

/** The whole page. */
export function htmlOf(book: LoadBook): string {
  const { scenario, startedAt, machine, stages } = book;
  const { p99Ms } = scenario.thresholds;
  const parts = stages.flatMap((stage) =>
    stage.kind === 'run'
      ? [
          `<h2>${escaped(stage.phases.map(({ name }) => name).join(', '))}</h2>`,
          ...totalLines(stage.totals).map(paragraph),
          ...plotsOf(stage, p99Ms).map(svgOf),
          tableOf(phaseTable(stage)),
          tableOf(processTable(stage.totals)),
        ]
      : [
          `<h2>${escaped(stage.name)}</h2>`,
          paragraph(foundSentence(stage)),
          svgOf(breakpointPlot(stage, p99Ms)),
          tableOf(stepTable(stage)),
        ],
  );
  const policy = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>`;
  return [
    '<!doctype html>',
    `<html lang="en"><head><meta charset="utf-8"/>${policy}<title>${escaped(scenario.name)}</title><style>${STYLE}</style></head><body>`,
    `<h1>${escaped(scenario.name)}</h1>`,
    ...(scenario.about === undefined ? [] : [paragraph(scenario.about)]),
    paragraph(`Begun ${startedAt} on ${machine.cores} cores, a page durable after ${figure(machine.fsyncUs)} µs.`),
    ...parts,
    '<h2>Books</h2>',
    ...bookLines(book).map(paragraph),
    '</body></html>\n',
  ].join('\n');
}
