/** `capp sms`: what people were told by text, and who wants no texts. Works on the database itself. */
import type { Command } from 'commander';
import { listSms, type SmsRow } from '../../../db/queries/sms.ts';
import { listOptOuts, optIn, optOut, SUBSCRIBER_SCOPE } from '../../../db/queries/subscribers.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault, isFault } from '../../../domain/errors.ts';
import { COUNTRIES } from '../../../domain/network.ts';
import { parsePhone } from '../../../domain/phone.ts';
import { type CommandContext, wholeNumber, withExamples } from '../context.ts';
import { onDatabase } from '../database.ts';
import { renderTable } from '../table.ts';

interface ListOptions {
  readonly payment?: string;
  readonly limit?: number;
  readonly json?: true;
}

const COLUMNS = ['created', 'payment', 'topic', 'to', 'state', 'reason', 'gateway', 'tries'].map((title) => ({ title }));

export function registerSms(program: Command, context: CommandContext): void {
  const sms = program
    .command('sms')
    .summary('look at text messages, and who wants none')
    .description('What people were told by text, and who wants no texts. Works on the database, whether CAPP runs or not.');
  const list = sms
    .command('list')
    .description('Lists text messages, newest first, with what became of each.')
    .option('--payment <id>', 'of one payment')
    .option('--limit <count>', 'how many at most (default: 20)', wholeNumber(1, 1_000))
    .option('--json', 'print as JSON')
    .action((options: ListOptions) =>
      onDatabase(context, async (pool) => show(context, await listSms(pool, filterOf(options), pageOf(options)), options)),
    );
  withExamples(list, [['capp sms list --limit 5', 'the last five']]);
  const optOuts = sms
    .command('opt-outs')
    .description('Lists who wants no texts. Of a number only a hash is kept, so none is shown.')
    .option('--limit <count>', 'how many at most (default: 20)', wholeNumber(1, 1_000))
    .action((options: { readonly limit?: number }) =>
      onDatabase(context, async (pool) => {
        const rows = await listOptOuts(pool, options.limit ?? 20);
        const cells = rows.map((row) => [row.phoneIndex.toString('hex'), row.optedOutAt.toISOString(), row.source]);
        context.terminal.out(renderTable(context.terminal, [{ title: 'number (hash)' }, { title: 'since' }, { title: 'told by' }], cells));
      }),
    );
  withExamples(optOuts, [['capp sms opt-outs', 'the last twenty']]);
  registerWish(sms, context, 'opt-out', 'Sends somebody no more texts.');
  registerWish(sms, context, 'opt-in', 'Sends somebody texts again.');
}

function registerWish(sms: Command, context: CommandContext, name: 'opt-out' | 'opt-in', what: string): void {
  const command = sms
    .command(name)
    .description(`${what} For people who ask by other ways than STOP and START.`)
    .argument('<number>', 'with country code, such as 254712345678')
    .action((text: string) =>
      onDatabase(context, async (pool, { keyring }) => {
        const indexes = keyring.blindIndexes(numberOf(text), SUBSCRIBER_SCOPE);
        const nowMs = systemClock.now();
        const changed = name === 'opt-out' ? await optOut(pool, indexes[0], 'operator', nowMs) : await optIn(pool, indexes, nowMs);
        context.terminal.out(changed ? `${name} noted` : 'nothing to change: that was known');
      }),
    );
  withExamples(command, [[`capp sms ${name} 254712345678`, 'one number']]);
}

/** The number in E.164. Throws `phone_invalid`. */
export function numberOf(text: string): string {
  const plain = `+${text.replaceAll(/\D/g, '').replace(/^0+/, '')}`;
  const country = COUNTRIES.find(({ callingCode }) => plain.startsWith(`+${callingCode}`))?.country;
  if (country === undefined) throw fault('phone_invalid');
  try {
    return parsePhone(plain, country).e164;
  } catch (error) {
    // A number without a wallet is a number all the same.
    if (isFault(error, 'wallet_unknown')) return plain;
    throw error;
  }
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function filterOf({ payment }: ListOptions): { readonly paymentId?: string } {
  if (payment === undefined) return {};
  if (!UUID.test(payment)) throw fault('not_found', { detail: 'There is no such payment.' });
  return { paymentId: payment };
}

function pageOf({ limit }: ListOptions) {
  return { after: null, limit: limit ?? 20 };
}

function show(context: CommandContext, rows: readonly SmsRow[], options: ListOptions): void {
  const cells = rows.map((row) => [
    row.createdAt.toISOString(),
    row.paymentId,
    row.topic,
    row.role,
    row.state,
    row.reasonCode ?? '',
    row.gateway ?? '',
    String(row.tries),
  ]);
  context.terminal.out(options.json ? JSON.stringify(rows) : renderTable(context.terminal, COLUMNS, cells));
}
