/** `capp findings`: known people who may stand on a list since it changed. It talks to the API with the officer's own key. */
import { type Command, Option } from 'commander';
import type { Finding, FindingFile } from '../../../sdk/index.ts';
import { knownLines, listedLines } from '../cases.ts';
import { type CommandContext, idOf, type OfficerOptions, openDesk, wholeNumber, withDesk, withExamples } from '../context.ts';
import { printable, renderTable } from '../table.ts';

interface ListOptions extends OfficerOptions {
  readonly status: Finding['status'];
  readonly limit: number;
}

const findingIdOf = idOf('finding', 'capp findings list');

const COLUMNS = [
  { title: 'finding' },
  { title: 'found' },
  { title: 'list' },
  { title: 'entry' },
  { title: 'topic' },
  { title: 'score', align: 'right' },
  { title: 'status' },
] as const;

export function registerFindings(program: Command, context: CommandContext): void {
  const findings = program
    .command('findings')
    .summary('read and decide what re-screening found among known people')
    .description(
      'Everybody who is known is screened again whenever the lists change. What is new waits here for officers: one dismisses it, two confirm it.',
    );
  registerReading(findings, context);
  registerVerdict(findings, context, 'dismiss', 'dismissed', 'Says that the person is not the listed party.');
  registerVerdict(
    findings,
    context,
    'confirm',
    'confirmed',
    'Says that the person is the listed party: once another officer says so too, their payments are refused.',
  );
  registerVerdict(
    findings,
    context,
    'lift',
    'lifted',
    'Says that what was confirmed holds no more: once another officer says so too, the person may pay again.',
  );
}

function registerReading(findings: Command, context: CommandContext): void {
  const list = findings
    .command('list')
    .description('Lists findings, the oldest first.')
    .addOption(
      new Option('--status <status>', 'only those in one status')
        .choices(['open', 'dismissed', 'confirmed', 'lifted', 'closed'])
        .default('open'),
    )
    .option('--limit <count>', 'how many at most', wholeNumber(1, 200), 50)
    .action(async ({ status, limit, ...options }: ListOptions) => {
      const { items } = await (await openDesk(context, options)).findings.list({ status }, { limit });
      context.terminal.out(options.json ? JSON.stringify(items) : tableOf(items, context));
    });
  withExamples(withDesk(list), [['capp findings list', 'what waits for an officer']]);
  const show = findings
    .command('show')
    .description('Shows the person beside the listed party. That you looked is recorded.')
    .argument('<finding>', 'its id', findingIdOf)
    .action(async (id: string, options: OfficerOptions) => {
      const file = await (await openDesk(context, options)).findings.get(id);
      context.terminal.out(options.json ? JSON.stringify(file) : linesOf(file).join('\n'));
    });
  withExamples(withDesk(show), [['capp findings show 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'who it is, and who is listed']]);
}

function registerVerdict(
  findings: Command,
  context: CommandContext,
  name: 'dismiss' | 'confirm' | 'lift',
  verdict: 'dismissed' | 'confirmed' | 'lifted',
  about: string,
): void {
  const command = findings
    .command(name)
    .description(about)
    .argument('<finding>', 'its id', findingIdOf)
    .action(async (id: string, options: OfficerOptions) => {
      const decided = await (await openDesk(context, options)).findings.resolve(id, verdict);
      context.terminal.out(options.json ? JSON.stringify(decided) : saidOf(decided, verdict));
    });
  withExamples(withDesk(command), [
    [
      `capp findings ${name} 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11`,
      name === 'dismiss' ? 'once, for good' : 'two officers say it, one after the other',
    ],
  ]);
}

function saidOf(decided: Finding, verdict: string): string {
  if (decided.pending !== null)
    return `${verdict} says ${decided.pending.officer}; another officer has to say so by ${decided.pending.expiresAt}`;
  return `${verdict} by ${(verdict === 'lifted' ? decided.liftedBy : decided.resolvedBy) ?? '-'}`;
}

function tableOf(items: readonly Finding[], context: CommandContext): string {
  if (items.length === 0) return 'no findings';
  return renderTable(
    context.terminal,
    COLUMNS,
    items.map((each) => [each.id, each.createdAt, each.list, each.entryId, each.topic, each.score.toFixed(2), statusOf(each)]),
  );
}

function statusOf(each: Finding): string {
  const marks = [each.pending === null ? null : `to be ${each.pending.verdict}`, each.delistedAt === null ? null : 'delisted'];
  return [each.status, ...marks.filter((mark) => mark !== null)].join(', ');
}

function linesOf(file: FindingFile): string[] {
  const end = file.resolvedBy === null ? '' : ` by ${file.resolvedBy} at ${file.resolvedAt ?? ''}`;
  const lifted = file.liftedBy === null ? '' : `, lifted by ${file.liftedBy} at ${file.liftedAt ?? ''}`;
  const said = file.pending === null ? [] : [`  ${file.pending.verdict} says ${file.pending.officer}, until ${file.pending.expiresAt}`];
  return [
    `Finding ${file.id}, ${file.liftedBy === null ? file.status : 'confirmed'}${end}${lifted}${file.delistedAt === null ? '' : `; delisted, seen ${file.delistedAt}`}`,
    ...said,
    `  ${printable(file.person.name)}, ${file.person.phone}, ${file.person.country}`,
    ...knownLines(file.person).map((line) => `  ${line}`),
    `  entry ${printable(file.entryId)} of ${printable(file.list)}: ${file.how}, score ${file.score.toFixed(2)}, found ${file.createdAt} by ${file.listVersion}`,
    ...listedLines(file.listed, file.comparison).map((line) => `  ${line}`),
  ];
}
