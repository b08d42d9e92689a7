/** `capp mandates`: who may spend on whose word. Works on the database, beside whatever runs. */
import type { Command } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import type { Keyring } from '../../../db/keyring.ts';
import { listMandates, type StoredMandate } from '../../../db/queries/mandates.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { isInForce, kindOf } from '../../../domain/mandate.ts';
import { type SpendPolicy, spendPolicySchema } from '../../../domain/spend-policy.ts';
import { issueMandate, isSealed, takeBack } from '../../../tools/mandates/issue.ts';
import { type CommandContext, idOf, nameOf, withExamples, wholeNumber } from '../context.ts';
import { clientOf, onDatabase } from '../database.ts';
import { readText } from '../files.ts';
import { renderTable } from '../table.ts';

interface IssueOptions {
  readonly client: string;
  readonly holder: string;
  readonly by: string;
  readonly policy: string;
  readonly days: number;
}

const DAY_MS = 86_400_000;
const DAYS_MAX = 366;
const LISTED_MAX = 500;
const NUMBER = /^\+[1-9]\d{7,14}$/;

/** Adds the command with its parts. */
export function registerMandates(program: Command, context: CommandContext): void {
  const group = program
    .command('mandates')
    .summary('who may spend on whose word, within which policy')
    .description('Mandates: whoever ever held one pays only within one that is in force, and within every one above it.');
  const issue = group
    .command('issue')
    .description('Lets a principal of a client spend within a policy, and from then on only so.')
    .requiredOption('--client <name>', 'whose money it is', nameOf)
    .requiredOption('--holder <principal>', 'who may spend, as agent:buyer', nameOf)
    .requiredOption('--policy <file>', 'the policy as JSON; payees as E.164 numbers')
    .requiredOption('--by <principal>', 'whose word it is, as person:jane', nameOf)
    .option('--days <number>', 'for how long', wholeNumber(1, DAYS_MAX), 30)
    .action((options: IssueOptions) => onDatabase(context, (pool, { keyring }) => issueOne(context, pool, keyring, options)));
  withExamples(issue, [['capp mandates issue --client demo --holder agent:buyer --by person:jane --policy buyer.json', 'for thirty days']]);
  const list = group
    .command('list')
    .description('Lists the mandates of a client, the newest first.')
    .requiredOption('--client <name>', 'whose', nameOf)
    .action(({ client }: { readonly client: string }) =>
      onDatabase(context, (pool, { keyring }) => showAll(context, pool, keyring, client)),
    );
  withExamples(list, [['capp mandates list --client demo', 'all of them']]);
  const revoke = group
    .command('revoke')
    .description('Takes a mandate back, and all that was handed on from it.')
    .argument('<mandate>', 'its id', idOf('mandate', 'capp mandates list'))
    .requiredOption('--client <name>', 'whose', nameOf)
    .requiredOption('--by <principal>', 'who does it', nameOf)
    .action((id: string, options: { readonly client: string; readonly by: string }) =>
      onDatabase(context, async (pool) => {
        const clientId = await clientOf(pool, options.client);
        await withTransaction(pool, (tx) => takeBack(tx, clientId, id, options.by, systemClock.now()));
        context.terminal.out('The mandate is over, and all that was handed on from it.');
      }),
    );
  withExamples(revoke, [['capp mandates revoke 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --client demo --by person:jane', 'one mandate']]);
}

async function issueOne(context: CommandContext, pool: Pool, keyring: Keyring, options: IssueOptions): Promise<void> {
  const clientId = await clientOf(pool, options.client);
  const policy = await policyOf(options.policy, (phone) => keyring.blindIndex(phone, clientId).toString('hex'));
  const nowMs = systemClock.now();
  const wish = { clientId, parentId: null, holder: options.holder, issuer: options.by, policy, notBeforeMs: nowMs };
  const mandate = await withTransaction(pool, (tx) =>
    issueMandate(tx, keyring, { ...wish, expiresAtMs: nowMs + options.days * DAY_MS }, nowMs),
  );
  context.terminal.out(
    `${options.holder} may spend under ${mandate.id} until ${new Date(mandate.expiresAtMs).toISOString()}, and under mandates only.`,
  );
}

/** Reads a policy from a file. Its numbers do not come back in what is said of a mistake. */
async function policyOf(path: string, indexOf: (phone: string) => string): Promise<SpendPolicy> {
  const text = await readText(path);
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch {
    throw fault('file_unreadable', { detail: `${path} is not JSON.` });
  }
  const { payees, ...rules } = (typeof given === 'object' && given !== null ? given : { policy: given }) as Record<string, unknown>;
  const numbers =
    Array.isArray(payees) && payees.every((each): each is string => typeof each === 'string' && NUMBER.test(each)) ? payees : null;
  if (payees !== undefined && numbers === null) throw fault('validation_failed', { field: 'payees', detail: 'Payees are E.164 numbers.' });
  const read = spendPolicySchema.safeParse(numbers === null ? rules : { ...rules, payees: numbers.map(indexOf) });
  if (read.success) return read.data;
  const field = read.error.issues[0]?.path.join('.') ?? '';
  throw fault('validation_failed', { field, detail: `The policy is not of its form${field === '' ? '' : ` at ${field}`}.` });
}

async function showAll(context: CommandContext, pool: Pool, keyring: Keyring, client: string): Promise<void> {
  const nowMs = systemClock.now();
  const found = await listMandates(pool, await clientOf(pool, client), null, LISTED_MAX);
  const rows = found.map((each) => {
    const { mandate } = each;
    return [mandate.id, kindOf(mandate), stateOf(keyring, each, nowMs), mandate.holder, mandate.issuer, mandate.parentId ?? ''];
  });
  context.terminal.out(rows.length === 0 ? 'There are no mandates.' : renderTable(context.terminal, COLUMNS, rows));
}

const COLUMNS = ['mandate', 'kind', 'state', 'holder', 'issuer', 'handed on from'].map((title) => ({ title }));

function stateOf(keyring: Keyring, stored: StoredMandate, nowMs: number): string {
  if (!isSealed(keyring, stored)) return 'not as it was sealed';
  if (stored.revokedBy !== null) return `revoked by ${stored.revokedBy}`;
  if (isInForce(stored.mandate, nowMs)) return 'in force';
  return stored.mandate.expiresAtMs <= nowMs ? 'expired' : 'waiting';
}
