/** The report of a load in words and tables: `report.md`, and the lines on the terminal. */
import { figure } from '../finding.ts';
import type { LoadBook } from './book.ts';
import type { Latencies } from './histogram.ts';
import type { BreakpointOutcome, RunOutcome, StageOutcome, Totals } from './stages.ts';
import { failedOf, type Part } from './summary.ts';

export interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const NONE = '·';
const count = (value: number): string => value.toLocaleString('en-US');
const ms = (value: number | null | undefined): string => (value === null || value === undefined ? NONE : figure(value));
const share = (part: number, whole: number): string => (whole === 0 ? NONE : `${Number(((100 * part) / whole).toPrecision(3))} %`);

const LATENCY_HEAD = ['p50 ms', 'p90 ms', 'p99 ms', 'p99.9 ms', 'longest ms'];
const latencyCells = (latency: Latencies | null): string[] =>
  [latency?.p50, latency?.p90, latency?.p99, latency?.p999, latency?.max].map((value) => ms(value));
const countCells = (part: Part): string[] => [
  count(part.requests),
  share(part.outcomes.refused, part.requests),
  share(failedOf(part), part.requests),
];

/** Each phase, and each kind of request in it. */
export function phaseTable({ phases }: RunOutcome): Table {
  return {
    head: ['phase', 'request', 'requests', 'refused', 'failed', ...LATENCY_HEAD],
    rows: phases.flatMap(({ name, all, neighbour, byKind }) => [
      [name, neighbour === null ? 'all' : 'all but the neighbour', ...countCells(all), ...latencyCells(all.latency)],
      ...Object.entries(byKind).map(([kind, part]) => ['', kind, ...countCells(part), ...latencyCells(part.latency)]),
    ]),
  };
}

/** Each process: its CPU per payment and request, and its memory. */
export function processTable({ cpuUsPerPayment, cpuUsPerRequest, megabytesMost }: Totals): Table {
  const kinds = Object.entries({ ...megabytesMost, ...cpuUsPerRequest, ...cpuUsPerPayment });
  const of = (values: Readonly<Record<string, number>>, kind: string): string => ms(values[kind]);
  return {
    head: ['process', 'CPU µs per payment', 'CPU µs per request', 'memory at most, MB'],
    rows: kinds.map(([kind]) => [kind, of(cpuUsPerPayment, kind), of(cpuUsPerRequest, kind), of(megabytesMost, kind)]),
  };
}

export function stepTable({ steps }: BreakpointOutcome): Table {
  return {
    head: ['requests/s', 'held', 'p99 ms', 'refused', 'failed', 'accepted to complete p99 ms', 'drain s', 'missed'],
    rows: steps.map(({ perSecond, held, p99, refusedShare, failedShare, completeP99, drainSeconds, missed }) => [
      figure(perSecond),
      held ? 'yes' : 'no',
      ms(p99),
      share(refusedShare, 1),
      share(failedShare, 1),
      ms(completeP99),
      figure(drainSeconds),
      missed.join('; '),
    ]),
  };
}

/** What the search for the breakpoint came to, a sentence. */
export function foundSentence({ heldPerSecond, missedPerSecond }: BreakpointOutcome): string {
  if (heldPerSecond === null) return `Not even ${figure(missedPerSecond ?? 0)} requests a second hold.`;
  const above = missedPerSecond === null ? 'the most that was asked for' : `${figure(missedPerSecond)} do not`;
  return `${figure(heldPerSecond)} requests a second hold; ${above}.`;
}

/** What a run came to as a whole, a line each. */
export function totalLines(totals: Totals): string[] {
  const { requests, payments, acceptedPerSecond, acceptSeconds, drainSeconds, settledSeconds, completeMs, walBytesPerPayment } = totals;
  const held = payments.held > 0 ? `, ${count(payments.held)} held for people` : '';
  const wal = walBytesPerPayment === null ? '' : `; ${figure(walBytesPerPayment)} bytes of write-ahead log per payment`;
  return [
    `${count(requests)} requests, ${count(payments.accepted)} payments accepted in ${figure(acceptSeconds)} s: ${figure(acceptedPerSecond)} a second${held}`,
    ...(payments.accepted === 0
      ? []
      : [
          `accepted to complete p50 ${ms(completeMs.p50)} ms, p99 ${ms(completeMs.p99)} ms; drained ${figure(drainSeconds)} s after the last answer, settled ${figure(settledSeconds)} s after the first request`,
        ]),
    `others used ${Math.round(totals.others * 100)} % of the machine${wal}${totals.events > 0 ? `; listeners heard ${count(totals.events)} events` : ''}`,
    ...(totals.unfinished.openMost === 0 ? [] : [unfinishedLine(totals)]),
    ...Object.entries(totals.troubles).map(([why, times]) => `not as it should be: ${count(times)}, ${why}`),
  ];
}

function unfinishedLine({ unfinished: { openMost, endings } }: Totals): string {
  const ways = Object.entries(endings).toSorted(([, a], [, b]) => b - a);
  return `never finished: ${count(openMost)} requests open at once at most; they ended so: ${ways.map(([how, times]) => `${how} ${count(times)}`).join(', ')}`;
}

function partLine(name: string, part: Part): string {
  const { requests, latency, outcomes } = part;
  const times = `p50 ${ms(latency?.p50)} ms, p99 ${ms(latency?.p99)} ms, longest ${ms(latency?.max)} ms`;
  return `${name}: ${count(requests)} requests, ${times}; refused ${count(outcomes.refused)}, failed ${count(failedOf(part))}`;
}

/** For the terminal. */
export function linesOfStage(stage: StageOutcome): string[] {
  if (stage.kind === 'breakpoint') return [`${stage.name}: ${foundSentence(stage)}`];
  const cpu = Object.entries(stage.totals.cpuUsPerPayment).map(([kind, us]) => `${kind} ${figure(us)}`);
  return [
    ...stage.phases.flatMap(({ name, all, neighbour }) => [
      partLine(name, all),
      ...(neighbour === null ? [] : [partLine(`  ${name}, the neighbour`, neighbour)]),
    ]),
    ...totalLines(stage.totals).map((line) => `  ${line}`),
    ...(cpu.length === 0 ? [] : [`  CPU µs per payment: ${cpu.join(', ')}`]),
  ];
}

function markdownTable({ head, rows }: Table): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map((_, index) => (index === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Of the books, a line each. */
export function bookLines({ books, failures }: LoadBook): string[] {
  const { violations, statementLines, breaks, payments } = books;
  return [
    `${count(payments)} payments are stored. ${violations.length === 0 ? 'Every invariant holds; ledger, audit log and operators’ books agree.' : `${violations.length} invariants are violated.`}`,
    `Operators’ statements of the day: ${count(statementLines)} lines, ${breaks.length} that do not agree with the books.`,
    ...(failures.length === 0 ? ['Nothing was lost or doubled, and every threshold was kept.'] : failures.map((each) => `FAILED: ${each}`)),
  ];
}

/** The whole report. */
export function markdownOf(book: LoadBook): string {
  const { scenario, startedAt, machine, stages } = book;
  const parts = stages.flatMap((stage) =>
    stage.kind === 'run'
      ? [
          `## ${stage.phases.map(({ name }) => name).join(', ')}`,
          totalLines(stage.totals).join('  \n'),
          markdownTable(phaseTable(stage)),
          markdownTable(processTable(stage.totals)),
        ]
      : [`## ${stage.name}`, foundSentence(stage), markdownTable(stepTable(stage))],
  );
  return `${[
    `# ${scenario.name}`,
    ...(scenario.about === undefined ? [] : [scenario.about]),
    `Begun ${startedAt} on ${machine.cores} cores, a page durable after ${figure(machine.fsyncUs)} µs. Requests are timed from when they should have left.`,
    ...parts,
    '## Books',
    bookLines(book).join('  \n'),
  ].join('\n\n')}\n`;
}
