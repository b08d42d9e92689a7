/** `capp gateways`: for people who look at what messaging gateways sent. */
import type { Command } from 'commander';
import { listGatewayRecords } from '../../../db/queries/gateway-records.ts';
import { readInbox } from '../../../tools/notify/gateways/africastalking.ts';
import { type GatewayName, GATEWAYS, MESSAGE_KINDS, type MessageKind } from '../../../tools/notify/gateways/gateway.ts';
import { PROTOCOLS } from '../../../tools/notify/gateways/protocols.ts';
import { type CommandContext, oneOf, wholeNumber, withExamples } from '../context.ts';
import { onDatabase } from '../database.ts';
import { readText } from '../files.ts';
import { renderTable } from '../table.ts';

const KINDS = [...MESSAGE_KINDS, 'sms-inbox'] as const;
const COLUMNS = [
  { title: 'received' },
  { title: 'gateway' },
  { title: 'kind' },
  { title: 'verdict' },
  { title: 'reason' },
  { title: 'from' },
] as const;

export function registerGateways(program: Command, context: CommandContext): void {
  const gateways = program
    .command('gateways')
    .summary('read what messaging gateways send')
    .description('Tools for the messages of messaging gateways: USSD, text messages, their reports.');
  const parse = gateways
    .command('parse')
    .summary('put a raw message into our words')
    .description('Reads a raw message of a gateway and prints what it comes to as JSON. What cannot be read ends with 2 and a code.')
    .argument('<gateway>', GATEWAYS.join(' or '), oneOf(GATEWAYS))
    .argument('<kind>', KINDS.join(', '), oneOf(KINDS))
    .argument('<file>', 'file with the message as it came, or - for standard input')
    .action(async (gateway: GatewayName, kind: MessageKind | 'sms-inbox', path: string) => {
      const text = await readText(path);
      const message = kind === 'sms-inbox' ? readInbox(text) : PROTOCOLS[gateway].read(kind, text.replace(/\r?\n$/, ''));
      context.terminal.out(JSON.stringify(message));
    });
  withExamples(parse, [
    ['capp gateways parse africastalking ussd turn.txt', "a turn of a session, as Africa's Talking posts it"],
    ['capp gateways parse mtn sms-reports - < report.json', 'a delivery report of MTN'],
  ]);
  const refused = gateways
    .command('refused')
    .summary('list what was refused')
    .description('Lists what gateways posted that was refused or belongs to no message, newest first. Bodies stay encrypted.')
    .option('--limit <count>', 'how many at most (default: 20)', wholeNumber(1, 1_000))
    .action((options: { readonly limit?: number }) =>
      onDatabase(context, async (pool) => {
        const rows = await listGatewayRecords(pool, options.limit ?? 20);
        const cells = rows.map((row) => [
          row.receivedAt.toISOString(),
          row.gateway,
          row.kind,
          row.verdict,
          row.reasonCode,
          row.sourceAddress,
        ]);
        context.terminal.out(renderTable(context.terminal, COLUMNS, cells));
      }),
    );
  withExamples(refused, [['capp gateways refused --limit 5', 'the last five']]);
}
