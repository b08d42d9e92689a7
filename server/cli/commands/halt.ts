/** `capp halt`: lets no money move, for everybody or for some, and lifts that again. Works on the database, beside whatever runs. */
import { type Command, InvalidArgumentError } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import { type Halt, listHalts, type UnderWay, underWayOf } from '../../../db/queries/halts.ts';
import { findClientOfPayment } from '../../../db/queries/payment-views.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { RAILS } from '../../../domain/network.ts';
import { halt, lift } from '../../../tools/oversight/halts.ts';
import { type CommandContext, corridorOf, idOf, nameOf, withExamples } from '../context.ts';
import { clientOf, onDatabase } from '../database.ts';
import { renderTable } from '../table.ts';

interface BeginOptions {
  readonly all?: true;
  readonly client?: string;
  readonly corridor?: string;
  readonly rail?: string;
  readonly payment?: string;
  readonly by: string;
  readonly reason: string;
}

const LISTED_MAX = 200;

/** Adds the command with its parts. */
export function registerHalt(program: Command, context: CommandContext): void {
  const group = program
    .command('halt')
    .summary('let no money move, for everybody or for some')
    .description(
      'Halts: while one is in force nothing that it covers is sent to an operator or to the settlement chain. One person begins it, two lift it.',
    );
  const begin = group
    .command('begin')
    .description('Begins a halt. Holds from the moment it says so; what was sent before is not called back.')
    .option('--all', 'of the whole platform')
    .option('--client <name>', 'of one client', nameOf)
    .option('--corridor <from-to>', 'of one corridor, as KE-UG', corridorOf)
    .option('--rail <rail>', 'of one rail, as mtn-ug', railOf)
    .option('--payment <id>', 'of one payment', idOf('payment'))
    .requiredOption('--by <person>', 'who does it, as operator:jane', nameOf)
    .requiredOption('--reason <text>', 'why')
    .action((options: BeginOptions) => onDatabase(context, (pool) => beginHalt(context, pool, options)));
  withExamples(begin, [
    ['capp halt begin --all --by operator:jane --reason "looks odd"', 'everything'],
    ['capp halt begin --client demo --corridor KE-UG --by operator:jane --reason "looks odd"', "one client's corridor"],
  ]);
  const list = group
    .command('list')
    .description('Lists halts, those in force first.')
    .action(() => onDatabase(context, (pool) => showHalts(context, pool)));
  withExamples(list, [['capp halt list', 'what is halted, and by whom']]);
  const lifted = group
    .command('lift')
    .description('Asks for the end of a halt; said by a second person, ends it.')
    .argument('<halt>', 'its id', idOf('halt', 'capp halt list'))
    .requiredOption('--by <person>', 'who does it, as operator:jane', nameOf)
    .action((id: string, { by }: { readonly by: string }) => onDatabase(context, (pool) => liftHalt(context, pool, id, by)));
  withExamples(lifted, [['capp halt lift 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --by operator:john', 'asks, or agrees']]);
}

async function beginHalt(context: CommandContext, pool: Pool, options: BeginOptions): Promise<void> {
  const { all = false, client, corridor = null, rail = null, payment = null, by, reason } = options;
  const isNarrowed = client !== undefined || corridor !== null || rail !== null || payment !== null;
  if (all === isNarrowed)
    throw fault('usage_invalid', { detail: 'Say what is halted: --all, or some of --client, --corridor, --rail, --payment.' });
  const clientId = await coveredClient(pool, client, payment);
  const wish = { clientId, corridor, railId: rail, paymentId: payment, reason, principal: by, nowMs: systemClock.now() };
  const begun = await withTransaction(pool, (tx) => halt(tx, wish));
  context.terminal.out(`Halted: ${coverOf(begun)}. Two people lift it: capp halt lift ${begun.id} --by …`);
  context.terminal.out(`Under way and not called back: ${spell(await underWayOf(pool, begun))}.`);
}

function spell({ requests, chainCalls, payouts }: UnderWay): string {
  const some = (count: number, one: string, more: string): string => `${count} ${count === 1 ? one : more}`;
  return [
    some(requests, 'request to an operator', 'requests to operators'),
    some(chainCalls, 'call to the settlement chain', 'calls to the settlement chain'),
    `${some(payouts, 'executed batch', 'executed batches')} that the chain may pay without us`,
  ].join(', ');
}

/** Whose payments a halt covers; of one payment its client, whether or not that was named. Null: everybody's. */
async function coveredClient(pool: Pool, client: string | undefined, payment: string | null): Promise<string | null> {
  const named = client === undefined ? null : await clientOf(pool, client);
  if (payment === null) return named;
  const owner = await findClientOfPayment(pool, payment);
  if (owner === null || (named !== null && named !== owner)) throw fault('not_found', { detail: 'There is no such payment.' });
  return owner;
}

async function showHalts(context: CommandContext, pool: Pool): Promise<void> {
  const rows = (await listHalts(pool, null, LISTED_MAX)).map((each) => [each.id, coverOf(each), stateOf(each), each.begunBy, each.reason]);
  context.terminal.out(rows.length === 0 ? 'Nothing was ever halted.' : renderTable(context.terminal, COLUMNS, rows));
}

const COLUMNS = [{ title: 'halt' }, { title: 'of' }, { title: 'state' }, { title: 'begun by' }, { title: 'reason' }];

function coverOf({ clientId, corridor, railId, paymentId }: Halt): string {
  const parts = [
    clientId === null ? null : `client ${clientId}`,
    corridor === null ? null : `corridor ${corridor}`,
    railId === null ? null : `rail ${railId}`,
    paymentId === null ? null : `payment ${paymentId}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? 'everything' : parts.join(', ');
}

function stateOf({ liftedBy, liftAskedBy }: Halt): string {
  if (liftedBy !== null) return `lifted by ${liftAskedBy ?? ''} and ${liftedBy}`;
  return liftAskedBy === null ? 'in force' : `in force; ${liftAskedBy} asks for its end`;
}

async function liftHalt(context: CommandContext, pool: Pool, id: string, by: string): Promise<void> {
  const after = await withTransaction(pool, (tx) => lift(tx, id, null, by, systemClock.now()));
  context.terminal.out(after.liftedAt === null ? 'Asked. It ends when somebody else says the same.' : 'The halt is over.');
}

function railOf(text: string): string {
  if (RAILS.some(({ id }) => id === text)) return text;
  throw new InvalidArgumentError('There is no such rail; see capp rails.');
}
