/** The demo's report as a person reads it. */
import { renderTable } from '../cli/table.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { CorridorLine, DemoReport } from './report.ts';
import type { SettlementReport } from './settlement.ts';

const COLUMNS = ['corridor', 'intents', 'paid', 'refunded', 'held', 'rejected', 'failed', 'invalid', 'fee bp', 'p50 ms', 'p99 ms'];

/** The report as text: a table by corridor, what was not expected, and what the check of the books found. */
export function renderReport(terminal: Pick<Terminal, 'isTty'>, report: DemoReport): string {
  const columns = COLUMNS.map((title, index) => ({ title, align: index === 0 ? 'left' : 'right' }) as const);
  const rows = [...report.corridors, { corridor: 'all', ...report }].map(cellsOf);
  return [
    renderTable(terminal, columns, rows),
    '',
    ...unexpectedLines(report),
    `${report.decisions} decisions recorded.`,
    ...settlementLines(report.settlement),
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
  const [who, whose] = report.unexpected === 1 ? ['One payment', 'its row names'] : [`${report.unexpected} payments`, 'their rows name'];
  return [`${who} did not reach the end that ${whose}:`, ...shownRows];
}

function settlementLines(settlement: SettlementReport): string[] {
  const { netted, batches, onChain, onBooks, unsettled, carried, paymentsCarried, nettingRatio, meanMsToSettled, ledgerIsChain } =
    settlement;
  const ratio = nettingRatio === null ? '' : `, ${nettingRatio} gross for each unit net`;
  const time = meanMsToSettled === null ? '' : `, settled ${(meanMsToSettled / 1000).toFixed(1)} s after they were paid on average`;
  const chain = {
    equal: 'Ledger and chain agree.',
    differs: 'Ledger and chain differ.',
    not_compared: 'There is no chain to compare with.',
  };
  return [
    `${netted} payments netted into ${batches} settlement batches, ${onChain} over the chain and ${onBooks} on the books${ratio}${time}. ${chain[ledgerIsChain]}`,
    ...(carried === 0 ? [] : [`What ${carried} batches are due waits for later ones, and ${paymentsCarried} payments with it.`]),
    ...(unsettled === 0 ? [] : [`${unsettled} settlement batches are not settled yet.`]),
  ];
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
