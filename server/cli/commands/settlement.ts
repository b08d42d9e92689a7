/** `capp settlement`: batches, approvals by people, disputes and cases, over the API. */
import type { Command } from 'commander';
import type { SettlementBatch, SettlementCase } from '../../../sdk/index.ts';
import { type ApiOptions, type CommandContext, openCapp, wholeNumber, withExamples, withPrincipal } from '../context.ts';
import { renderTable } from '../table.ts';
import { registerApprovals } from './settlement-approvals.ts';
import { registerDisputes } from './settlement-disputes.ts';

interface ListOptions extends ApiOptions {
  readonly status?: SettlementBatch['status'];
  readonly method?: SettlementBatch['method'];
  readonly partner?: string;
  readonly limit: number;
  readonly json?: true;
}

const PRINCIPAL = 'treasury:zawadi';

export function registerSettlement(program: Command, context: CommandContext): void {
  const settlement = program
    .command('settlement')
    .summary('list, read, approve and dispute settlement batches')
    .description('Batches of netted payments, their way over the settlement chain, and what people must decide.');
  registerList(settlement, context);
  const show = settlement
    .command('show')
    .description('Reads a batch: why it goes which way, what was sent to the chain, who approved.')
    .argument('<batch>', 'its id')
    .action(async (id: string, options: ApiOptions) => {
      const capp = await openCapp(context, options, PRINCIPAL);
      context.terminal.out(JSON.stringify(await capp.settlement.get(id), null, 2));
    });
  withExamples(withPrincipal(show, PRINCIPAL), [
    ['capp settlement show 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'with its proposalDigest, which an approval names'],
  ]);
  registerApprovals(settlement, context, PRINCIPAL);
  registerDisputes(settlement, context, PRINCIPAL);
  const cases = settlement
    .command('cases')
    .description('Lists disputes, expired and refused proposals, and batches on which chain and books differ.')
    .option('--all', 'those that are closed as well')
    .action(async (options: ApiOptions & { readonly all?: true }) => {
      const capp = await openCapp(context, options, PRINCIPAL);
      const { items } = await capp.settlement.cases(options.all ? {} : { status: 'open' }, { limit: 200 });
      context.terminal.out(renderCases(context, items));
    });
  withExamples(withPrincipal(cases, PRINCIPAL), [
    ['capp settlement cases', 'what waits for people'],
    ['capp settlement cases --all', 'and what they have closed'],
  ]);
}

function registerList(settlement: Command, context: CommandContext): void {
  const list = settlement
    .command('list')
    .description('Lists batches, newest first.')
    .option('--status <status>', 'closed, proposed, approved, executed, disputed, settled, expired or mismatched')
    .option('--method <method>', 'books or chain')
    .option('--partner <rail>', 'of one partner')
    .option('--limit <count>', 'how many at most', wholeNumber(1, 200), 50)
    .option('--json', 'print as JSON')
    .action(async (options: ListOptions) => {
      const { json, url: _url, key: _key, as: _as, limit, ...filter } = options;
      const capp = await openCapp(context, options, PRINCIPAL);
      const { items } = await capp.settlement.list(filter, { limit });
      context.terminal.out(json ? JSON.stringify(items) : renderBatches(context, items));
    });
  withExamples(withPrincipal(list, PRINCIPAL), [
    ['capp settlement list --status proposed', 'what waits for approvals'],
    ['capp settlement list --method chain --json', 'for programs'],
  ]);
}

const left = (title: string) => ({ title, align: 'left' }) as const;
const right = (title: string) => ({ title, align: 'right' }) as const;

function renderBatches({ terminal }: CommandContext, items: readonly SettlementBatch[]): string {
  const columns = [
    left('batch'),
    left('partner'),
    right('payments'),
    right('due, minor units'),
    left('method'),
    left('status'),
    left('approval by'),
  ];
  const rows = items.map((each) => [
    each.id,
    each.partner,
    String(each.paymentCount),
    `${each.dueMinor} ${each.currency}`,
    each.method,
    each.status,
    each.approvalBy ?? '',
  ]);
  return renderTable(terminal, columns, rows);
}

/** The code that says why the case was opened. */
function reasonOf({ evidence }: SettlementCase): string {
  const code = evidence['reason'] ?? evidence['reasonCode'];
  return typeof code === 'string' ? code : '';
}

function renderCases({ terminal }: CommandContext, items: readonly SettlementCase[]): string {
  const columns = [left('case'), left('batch'), left('kind'), left('status'), left('reason'), left('since')];
  const rows = items.map((each) => [each.id, each.batchId, each.kind, each.status, reasonOf(each), each.createdAt]);
  return renderTable(terminal, columns, rows);
}
