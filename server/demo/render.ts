/** The demo's report as a person reads it. */
import { renderTable } from '../cli/table.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { CorridorLine, DemoReport } from './report.ts';

const COLUMNS = ['corridor', 'intents', 'paid', 'refunded', 'held', 'rejected', 'failed', 'invalid', 'fee bp', 'p50 ms', 'p99 ms'];

/** The report as text: a table by corridor, what was not expected, and what the check of the books found. */
export function renderReport(terminal: Pick<Terminal, 'isTty'>, report: DemoReport): string {
  const columns = COLUMNS.map((title, index) => ({ title, align: index === 0 ? 'left' : 'right' }) as const);
  const rows = [...report.corridors, { corridor: 'all', ...report }].map(cellsOf);
  return [
    renderTable(terminal, columns, rows),
    '',
    ...unexpectedLines(report),
    `${report.decisions} decisions recorded; ${report.settlement.netted} payments netted into ${report.settlement.batches} settlement batches.`,
    ...(report.workersKilled > 0 ? [`${report.workersKilled} worker processes were killed on the way.`] : []),
    ...invariantLines(report),
  ].join('\n');
}

function cellsOf(line: CorridorLine): string[] {
  const counts = [line.intents, line.paid, line.refunded, line.held, line.rejected, line.failed, line.invalid];
  return [line.corridor, ...counts.map(shown), figure(line.feeBps), figure(line.p50Ms), figure(line.p99Ms)];
}

const shown = (count: number): string => (count === 0 ? '·' : String(count));
const figure = (value: number | null): string => (value === null ? '' : String(value));

function unexpectedLines(report: DemoReport): string[] {
  if (report.unexpected === 0) return ['Every payment reached the end that its row names.'];
  const shownRows = report.unexpectedRows.slice(0, 20).map((row) => {
    const where = row.paymentId === null ? '' : `; read why: npm run capp -- explain ${row.paymentId}`;
    return `  line ${row.line} ${row.referenceId}: expected ${row.expected}, found ${row.found}${where}`;
  });
  return [`${report.unexpected} payments did not reach the end that their row names:`, ...shownRows];
}

function invariantLines(report: DemoReport): string[] {
  if (report.invariants === 'hold') {
    return [
      `The books balance: every invariant holds over ${report.payments} payments and ${report.transfers} transfers, and the operators' books agree.`,
    ];
  }
  return [
    `${report.invariants.length} violations of the invariants:`,
    ...report.invariants.slice(0, 20).map((violation) => `  ${violation.invariant}. ${violation.subject}: ${violation.detail}`),
  ];
}
