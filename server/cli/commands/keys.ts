/** `capp keys`: who may use the API. Works on the database itself, so that a first key can be made. */
import { type Command, InvalidArgumentError } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import { createApiKey, revokeApiKey } from '../../../db/queries/api-keys.ts';
import { ensureClient, type ListedKey, listApiKeys } from '../../../db/queries/clients.ts';
import { type Clock, systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { ALL_SCOPES, type Scope, SCOPES } from '../../../domain/scopes.ts';
import { onDatabase } from '../database.ts';
import { registerDataKeys } from './data-keys.ts';
import { type CommandContext, wholeNumber, withExamples } from '../context.ts';
import { renderTable } from '../table.ts';

interface CreateOptions {
  readonly client: string;
  readonly principal: string;
  readonly scopes: readonly Scope[];
  readonly days?: number;
  readonly json?: true;
}

const DAY_MS = 86_400_000;
/** Whoever may run the command line next to the database; the audit log cannot know more. */
const ACTOR = 'operator:command-line';
const scopeLines = ALL_SCOPES.map((scope) => `  ${scope.padEnd(16)} ${SCOPES[scope]}`).join('\n');

export function registerKeys(program: Command, context: CommandContext): void {
  const keys = program
    .command('keys')
    .summary('API keys, and the keys of encryption')
    .description(
      'Makes, lists and revokes API keys; rotates the keys that personal data is encrypted with. Works on the database, whether CAPP runs or not.',
    );
  const create = keys
    .command('create')
    .description('Makes an API key and prints it, once: of its secret only a hash is kept.')
    .requiredOption('--client <name>', 'the client whose payments the key opens; made when there is none', nameOf)
    .requiredOption('--principal <name>', 'who holds the key, such as client:shop or officer:amina', nameOf)
    .requiredOption('--scopes <list>', 'what it may do, separated by commas', scopesOf)
    .option('--days <days>', 'how long it works (default: until it is revoked)', wholeNumber(1, 3_650))
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nScopes:\n${scopeLines}`)
    .action((options: CreateOptions) => onDatabase(context, (pool, { pepper }) => createKey(context, { pool, pepper }, options)));
  withExamples(create, [
    ['capp keys create --client shop --principal client:shop --scopes payments:write,payments:read', 'for a shop'],
    ['capp keys create --client shop --principal officer:amina --scopes cases:read,cases:decide --days 90', 'for an officer'],
  ]);
  const list = keys
    .command('list')
    .description('Lists the keys that were made, without their secrets.')
    .option('--json', 'print as JSON')
    .action((options: { readonly json?: true }) =>
      onDatabase(context, async (pool) => {
        const found = await listApiKeys(pool);
        context.terminal.out(options.json ? JSON.stringify(found) : renderTable(context.terminal, COLUMNS, rowsOf(found, systemClock)));
      }),
    );
  withExamples(list, [['capp keys list', 'all of them']]);
  const revoke = keys
    .command('revoke')
    .description('Revokes a key. It stops working within half a minute.')
    .argument('<id>', 'its id, as `capp keys list` shows it')
    .action((id: string) => onDatabase(context, (pool) => revokeKey(context, pool, id)));
  registerDataKeys(keys, context);
  withExamples(revoke, [['capp keys revoke 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'one key']]);
}

async function createKey(
  context: CommandContext,
  deps: { readonly pool: Pool; readonly pepper: Uint8Array },
  options: CreateOptions,
): Promise<void> {
  const made = await withTransaction(deps.pool, async (tx) => {
    const clientId = await ensureClient(tx, options.client, ACTOR);
    const expiry = options.days === undefined ? {} : { expiresAtMs: systemClock.now() + options.days * DAY_MS };
    return createApiKey(tx, deps.pepper, { clientId, principal: options.principal, scopes: options.scopes, actor: ACTOR, ...expiry });
  });
  context.terminal.out(options.json ? JSON.stringify(made) : made.key);
  if (!options.json) context.terminal.err(`id ${made.id}, client ${made.clientId}. The key cannot be shown again.`);
}

async function revokeKey(context: CommandContext, pool: Pool, id: string): Promise<void> {
  const isId = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(id);
  if (!isId || !(await revokeApiKey(pool, id, systemClock.now(), ACTOR)))
    throw fault('not_found', { detail: 'There is no such key in force.' });
  context.terminal.out(`revoked ${id}`);
}

const COLUMNS = [
  { title: 'id' },
  { title: 'client' },
  { title: 'principal' },
  { title: 'prefix' },
  { title: 'state' },
  { title: 'created' },
  { title: 'scopes' },
] as const;

/** Keys as rows of the table. */
export function rowsOf(keys: readonly ListedKey[], clock: Clock): string[][] {
  return keys.map((key) => [
    key.id,
    key.client,
    key.principal,
    key.prefix,
    stateOf(key, clock.now()),
    key.createdAt.toISOString().slice(0, 10),
    key.scopes.join(' '),
  ]);
}

function stateOf(key: ListedKey, nowMs: number): string {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt.getTime() <= nowMs ? 'expired' : 'in force';
}

function nameOf(text: string): string {
  if (/^[A-Za-z0-9._:-]{1,64}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be 1 to 64 of A-Z a-z 0-9 . _ : -');
}

function scopesOf(text: string): Scope[] {
  const wanted = text.split(',').map((scope) => scope.trim());
  const scopes = wanted.filter((scope): scope is Scope => Object.hasOwn(SCOPES, scope));
  if (scopes.length === wanted.length) return scopes;
  throw new InvalidArgumentError(`Each must be one of ${ALL_SCOPES.join(', ')}.`);
}
