/** `capp reports`: makes, lists, reads and files reports, through the API as an officer does. */
import { type Command, InvalidArgumentError } from 'commander';
import { fault } from '../../../domain/errors.ts';
import type { Report, ReportInput, ReportKind } from '../../../sdk/index.ts';
import { type ApiOptions, type CommandContext, openDesk, withExamples, withOfficer } from '../context.ts';
import { writeText } from '../files.ts';
import { printable, renderTable } from '../table.ts';

interface MakeOptions extends ApiOptions {
  readonly case?: string;
  readonly finding?: string;
  readonly payment?: string;
  readonly country?: string;
  readonly from?: string;
  readonly to?: string;
  readonly note?: string;
  readonly suspectedAt?: string;
  readonly out?: string;
  readonly json?: true;
}

interface ListOptions extends ApiOptions {
  readonly kind?: ReportKind;
  readonly open?: true;
  readonly json?: true;
}

interface GetOptions extends ApiOptions {
  readonly out?: string;
}

interface FileOptions extends ApiOptions {
  readonly reference?: string;
  readonly at?: string;
}

const KINDS: readonly ReportKind[] = ['str', 'sar', 'ctr', 'travel_rule', 'audit'];

export function registerReports(program: Command, context: CommandContext): void {
  const reports = program
    .command('reports')
    .summary('make, list and file reports for authorities')
    .description('Reports for authorities and partners. Who makes, reads or files one is whoever holds the API key.');
  const make = reports
    .command('make')
    .description('Makes a report, and writes its file when --out is given.')
    .argument('<kind>', KINDS.join(', '), kindOf)
    .option('--case <id>', 'str, sar: the case')
    .option('--finding <id>', 'sar: the finding about a person')
    .option('--payment <id>', 'str, sar without a case, travel_rule, audit: the payment')
    .option('--country <code>', 'str, sar, ctr: whose authority it is for')
    .option('--from <day>', 'ctr, audit: the first day, as 2026-11-01')
    .option('--to <day>', 'ctr, audit: the last day')
    .option('--note <text>', 'str, sar: what the officer adds')
    .option('--suspected-at <moment>', 'str, sar: when the suspicion arose')
    .option('--out <file>', 'where to write the file')
    .option('--json', 'print as JSON')
    .action((kind: ReportKind, options: MakeOptions) => makeOne(context, kind, options));
  withExamples(withOfficer(make), [
    ['capp reports make str --case 019a3f5c-… --country KE --out str.xml', 'a suspicion, as a draft in goAML'],
    ['capp reports make ctr --country NG --from 2026-11-01 --to 2026-11-07', 'a week of payments above the thresholds'],
    ['capp reports make travel_rule --payment 019a3f5c-… --out message.json', 'what goes with a transfer'],
  ]);
  const list = reports
    .command('list')
    .description('Lists reports, the newest first.')
    .option('--kind <kind>', 'only of one kind', kindOf)
    .option('--open', 'only what was not filed yet')
    .option('--json', 'print as JSON')
    .action((options: ListOptions) => listAll(context, options));
  withExamples(withOfficer(list), [['capp reports list --open', 'what is still to be filed, with when it is due']]);
  const get = reports
    .command('get')
    .description('Writes the file of a report, with names and numbers. Reading it is an act of the audit log.')
    .argument('<report>', 'its id')
    .option('--out <file>', 'where to write (default: its own name)')
    .action((id: string, options: GetOptions) => getOne(context, id, options));
  withExamples(withOfficer(get), [['capp reports get 019a3f5c-… --out str.xml', 'the file as it was made']]);
  const file = reports
    .command('filed')
    .description('Writes down that a report was filed with its authority.')
    .argument('<report>', 'its id')
    .option('--reference <number>', 'the number the authority gave it')
    .option('--at <moment>', 'when, as 2026-11-25T09:00:00Z (default: now)')
    .action((id: string, options: FileOptions) => fileOne(context, id, options));
  withExamples(withOfficer(file), [['capp reports filed 019a3f5c-… --reference FRC-2026-118', 'after the upload']]);
}

function kindOf(text: string): ReportKind {
  const kind = KINDS.find((each) => each === text.replaceAll('-', '_'));
  if (kind === undefined) throw new InvalidArgumentError(`It must be one of ${KINDS.join(', ')}.`);
  return kind;
}

async function makeOne(context: CommandContext, kind: ReportKind, options: MakeOptions): Promise<void> {
  const input = inputOf(kind, options);
  const capp = await openDesk(context, options);
  const report = await capp.reports.make(input);
  if (options.out !== undefined) await writeText(options.out, await capp.reports.file(report.id));
  const written = options.out === undefined ? '' : ` The file is ${options.out}.`;
  context.terminal.out(options.json ? JSON.stringify(report) : [`${sentenceOf(report)}${written}`, ...gapLines(report)].join('\n'));
}

/** Throws `usage_invalid` naming what a kind of report needs. */
function inputOf(kind: ReportKind, options: MakeOptions): ReportInput {
  const need = (name: 'case' | 'payment' | 'country' | 'from' | 'to'): string => {
    const value = options[name];
    if (value === undefined) throw fault('usage_invalid', { detail: `A report of the kind ${kind} needs --${name}.` });
    return value;
  };
  if (kind === 'str' || kind === 'sar') {
    const { note, suspectedAt } = options;
    const asked = {
      country: need('country'),
      ...(note === undefined ? {} : { note }),
      ...(suspectedAt === undefined ? {} : { suspectedAt }),
    };
    const given = (['case', 'payment', 'finding'] as const).filter((name) => options[name] !== undefined);
    if (given.length > 1 || (kind === 'str' && options.finding !== undefined))
      throw fault('usage_invalid', {
        detail: `A report of the kind ${kind} is of one case or one payment${kind === 'sar' ? ', or of one finding' : ''}.`,
      });
    if (kind === 'sar' && options.finding !== undefined) return { kind, findingId: options.finding, ...asked };
    if (options.payment !== undefined) return { kind, paymentId: options.payment, ...asked };
    return { kind, caseId: need('case'), ...asked };
  }
  if (kind === 'ctr') return { kind, country: need('country'), from: need('from'), to: need('to') };
  if (kind === 'travel_rule') return { kind, paymentId: need('payment') };
  if (options.payment !== undefined) return { kind, paymentId: options.payment };
  return { kind, from: need('from'), to: need('to') };
}

async function listAll(context: CommandContext, options: ListOptions): Promise<void> {
  const capp = await openDesk(context, options);
  const filter = {
    ...(options.kind === undefined ? {} : { kind: options.kind }),
    ...(options.open === true ? { filed: 'false' as const } : {}),
  };
  const found: Report[] = [];
  for await (const report of capp.reports.each(filter)) found.push(report);
  if (options.json) return context.terminal.out(JSON.stringify(found));
  if (found.length === 0) return context.terminal.out('There are no such reports.');
  const rows = found.map((each) => [
    each.id,
    each.kind,
    each.country ?? '·',
    each.createdAt.slice(0, 16),
    each.madeBy,
    each.dueAt?.slice(0, 16) ?? '·',
    each.filedAt?.slice(0, 16) ?? '·',
  ]);
  const columns = ['report', 'kind', 'country', 'made', 'by', 'due', 'filed'].map((title) => ({ title }));
  context.terminal.out(renderTable(context.terminal, columns, rows));
}

async function getOne(context: CommandContext, id: string, options: GetOptions): Promise<void> {
  const capp = await openDesk(context, options);
  const report = await capp.reports.get(id);
  const file = options.out ?? report.fileName;
  await writeText(file, await capp.reports.file(id));
  context.terminal.out(`${file}: ${sentenceOf(report)}`);
}

async function fileOne(context: CommandContext, id: string, options: FileOptions): Promise<void> {
  const capp = await openDesk(context, options);
  const { reference, at } = options;
  const filing = { ...(reference === undefined ? {} : { filingReference: reference }), ...(at === undefined ? {} : { filedAt: at }) };
  const report = await capp.reports.markFiled(id, filing);
  context.terminal.out(`Filed on ${report.filedAt ?? ''} by ${report.filedBy ?? ''}.`);
}

/** What the form asks for and the records do not hold, a line each. */
function gapLines({ details }: Report): string[] {
  const gaps = details['gaps'];
  const named = (Array.isArray(gaps) ? gaps : []).filter((gap): gap is string => typeof gap === 'string');
  return named.map((gap) => `  to fill in: ${printable(gap)}`);
}

function sentenceOf({ id, kind, country, dueAt, details }: Report): string {
  const gaps = Array.isArray(details['gaps']) ? ` ${details['gaps'].length} things are to be filled in.` : '';
  const sample = details['sampleEntity'] === true ? ' Nobody is named who reports (CAPP_REPORTING_PATH): it is for trying out only.' : '';
  return `${kind}${country === null ? '' : ` for ${country}`}, ${id}${dueAt === null ? '.' : `, due ${dueAt}.`}${gaps}${sample}`;
}
