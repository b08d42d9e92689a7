/** `capp reconcile`: holds operators' statements against our books. */
import type { Command } from 'commander';
import { fault } from '../../../domain/errors.ts';
import { formatAmount, money } from '../../../domain/money.ts';
import { railById, RAILS } from '../../../domain/network.ts';
import { OPERATOR_NAMES, railsNamed } from '../../../tools/mmo/messages.ts';
import type { Break } from '../../../tools/reconciliation/breaks.ts';
import { readConfig } from '../../config.ts';
import type { RailResult } from '../../reconcile.ts';
import { assertData, type CommandContext, withExamples } from '../context.ts';
import { EXIT } from '../failure.ts';
import { type Column, renderTable } from '../table.ts';

interface Options {
  readonly operator?: string;
  readonly date?: string;
  readonly file?: string;
  readonly json?: true;
}

export function registerReconcile(program: Command, context: CommandContext): void {
  const command = program
    .command('reconcile')
    .summary('hold an operator’s statement against our books')
    .description(
      'Compares three sides of a day: the operator’s statement, or its balance where there is none, our attempts, and the ledger. What the ' +
        'statement tells of attempts in doubt ends them; what does not agree becomes a break that two people end. Doing it again finds nothing ' +
        'twice. Statements are taken from --file, from CAPP_STATEMENTS_PATH as RAIL/DAY.csv or .json, or from the sandbox. ' +
        'Exit code: 0 when all agrees, 1 when there are breaks.',
    )
    .option('--operator <name>', `${OPERATOR_NAMES.join(', ')}, or a rail (default: every rail)`)
    .option('--date <day>', 'the day in the operator’s country, as 2026-11-25 (default: yesterday)')
    .option('--file <file>', 'the statement as the operator gave it, for one rail')
    .option('--json', 'print as JSON')
    .action((options: Options) => reconcile(context, options));
  withExamples(command, [
    ['capp reconcile --operator mpesa --date 2026-11-25', 'M-Pesa Kenya, one day'],
    ['capp reconcile --operator mtn-ug --file statement.csv', 'a file from the partner portal'],
    ['capp reconcile --json', 'every rail, for programs'],
  ]);
}

async function reconcile(context: CommandContext, options: Options): Promise<void> {
  const { terminal } = context;
  const rails = options.operator === undefined ? RAILS.filter(({ protocol }) => protocol !== 'on_us') : railsNamed(options.operator);
  if (options.file !== undefined && rails.length !== 1)
    throw fault('usage_invalid', { detail: 'A file is the statement of one rail: name it with --operator, as mtn-ug.' });
  assertData(readConfig(terminal.env));
  const { reconcileRails } = await import('../../reconcile.ts');
  const day = options.date ?? null;
  const results = await reconcileRails({ env: terminal.env, rails, day, file: options.file ?? null, by: 'command-line' });
  const failed = results.filter((result) => 'code' in result && result.code !== 'statement_missing');
  const [only] = results;
  // Asked for one rail, what stood in the way is the answer.
  if (results.length === 1 && only !== undefined && 'code' in only) {
    throw fault(only.code as 'statement_missing', { detail: only.detail });
  }
  const breaks = results.flatMap((result) => ('report' in result ? result.report.breaks : []));
  if (options.json) terminal.out(JSON.stringify({ rails: results.map(jsonOf), breaks: breaks.length }));
  else terminal.out(textOf(terminal, results));
  if (failed.length > 0) context.endWith(EXIT.failed);
  else if (breaks.length > 0) context.endWith(EXIT.wrong);
}

function jsonOf(result: RailResult): unknown {
  if ('code' in result) return result;
  const { breaks, ...report } = result.report;
  return { ...report, breaks: breaks.map(breakJson) };
}

function breakJson({ kind, subject, attemptId, paymentId, ourMinor, theirMinor, evidence, entries }: Break): unknown {
  return {
    kind,
    subject,
    attemptId,
    paymentId,
    ourAmountMinor: ourMinor?.toString() ?? null,
    theirAmountMinor: theirMinor?.toString() ?? null,
    evidence,
    proposedEntries: entries.map(({ amountMinor, ...entry }) => ({ ...entry, amountMinor: amountMinor.toString() })),
  };
}

const right = (title: string): Column => ({ title, align: 'right' });
const COLUMNS: readonly Column[] = [
  { title: 'rail' },
  { title: 'day' },
  { title: 'by' },
  ...['lines', 'agree', 'doubts ended', 'breaks', 'new'].map(right),
];

function textOf(terminal: CommandContext['terminal'], results: readonly RailResult[]): string {
  const done = results.flatMap((result) => ('report' in result ? [result.report] : []));
  const skipped = results.length - done.length;
  const rows = done.map(({ railId, day, basis, lines, matched, doubtsEnded, breaks, newBreaks }) =>
    [railId, day, basis, lines, matched, doubtsEnded, breaks.length, newBreaks].map(String),
  );
  const found = done.flatMap(({ railId, day, breaks }) => {
    const { currency } = railById(railId, day);
    const words = (minor: bigint | null): string => (minor === null ? '-' : `${currency} ${formatAmount(money(minor, currency))}`);
    return breaks.map(
      ({ kind, subject, ourMinor, theirMinor }) => `  ${railId} ${kind} ${subject}: ours ${words(ourMinor)}, theirs ${words(theirMinor)}`,
    );
  });
  return [
    renderTable(terminal, COLUMNS, rows),
    ...found,
    ...(skipped === 0 ? [] : [`${skipped} rails have neither a statement of that day nor a balance.`]),
  ].join('\n');
}
