/** `capp keys`: who may use the API. Works on the database itself, so that a first key can be made. */
import { createPublicKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import { type ApiKey, createApiKey, revokeApiKey, rotateApiKey } from '../../../db/queries/api-keys.ts';
import { ensureClient, type ListedKey, listApiKeys } from '../../../db/queries/clients.ts';
import { revokeToken } from '../../../db/queries/logins.ts';
import { type Clock, systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { ALL_ROLES, type Role, ROLES, scopesOf } from '../../../domain/roles.ts';
import { ALL_SCOPES, type Scope, SCOPES } from '../../../domain/scopes.ts';
import { onDatabase } from '../database.ts';
import { registerDataKeys } from './data-keys.ts';
import { jwkOf } from '../../auth/jwt.ts';
import { makeSigningKey, TOKEN_MS } from '../../auth/token-signer.ts';
import { ACTOR, type CommandContext, nameOf, wholeNumber, withExamples } from '../context.ts';
import { renderTable } from '../table.ts';

interface CreateOptions {
  readonly client: string;
  readonly principal: string;
  readonly scopes: readonly Scope[];
  readonly days?: number;
  readonly signedBy?: string;
  readonly json?: true;
}

const DAY_MS = 86_400_000;
const scopeLines = ALL_SCOPES.map((scope) => `  ${scope.padEnd(16)} ${SCOPES[scope]}`).join('\n');

export function registerKeys(program: Command, context: CommandContext): void {
  const keys = program
    .command('keys')
    .summary('API keys, keys that sign tokens, and the keys of encryption')
    .description(
      'Makes, lists, rotates and revokes API keys; makes keys that sign tokens; rotates the keys that personal data is encrypted with. Works on the database, whether CAPP runs or not.',
    );
  const create = keys
    .command('create')
    .description('Makes an API key and prints it, once: of its secret only a hash is kept.')
    .requiredOption('--client <name>', 'the client whose payments the key opens; made when there is none', nameOf)
    .requiredOption('--principal <name>', 'who holds the key, such as client:shop or officer:amina', nameOf)
    .requiredOption('--scopes <list>', 'what it may do, separated by commas: scopes, and roles for all of theirs', scopesNamed)
    .option('--days <days>', 'how long it works (default: until it is revoked)', wholeNumber(1, 3_650))
    .option('--signed-by <file>', 'PEM file of a public Ed25519 key: every request by the key must be signed with it (RFC 9421)')
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
  const rotate = keys
    .command('rotate')
    .description(
      'Makes another key in the place of one and prints it, once. The old one goes on working for a while, so that nobody is cut off.',
    )
    .argument('<id>', 'its id, as `capp keys list` shows it')
    .option('--overlap <hours>', 'how long the old one goes on working (default: 24)', wholeNumber(0, 720))
    .option('--json', 'print as JSON')
    .action((id: string, options: RotateOptions) =>
      onDatabase(context, (pool, { pepper }) => rotateKey(context, { pool, pepper }, id, options)),
    );
  withExamples(rotate, [['capp keys rotate 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11 --overlap 48', 'two days for the change']]);
  const sign = keys
    .command('sign')
    .description('Makes the next key that signs access tokens. Those signed before stay good until they expire.')
    .action(() =>
      onDatabase(context, async (pool, { keyring }) => {
        const kid = await makeSigningKey({ pool, keyring, clock: systemClock }, { only: 'always', actor: ACTOR });
        context.terminal.out(`signs from now on: ${kid}`);
      }),
    );
  withExamples(sign, [['capp keys sign', 'every few months, or when the old one may be known']]);
  const revoke = keys
    .command('revoke')
    .description('Revokes a key. It stops working within half a minute.')
    .argument('<id>', 'its id, as `capp keys list` shows it')
    .action((id: string) => onDatabase(context, (pool) => revokeKey(context, pool, id)));
  const revokeOne = keys
    .command('revoke-token')
    .description(
      'Takes back one access token, by its jti. It stops working within half a minute. Its key, or the login of a person, gets others; revoke the key or disable the person to end that.',
    )
    .argument('<jti>', 'the claim jti of the token')
    .action((jti: string) => onDatabase(context, (pool) => revokeByName(context, pool, jti)));
  withExamples(revokeOne, [['capp keys revoke-token 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'a token that went to the wrong place']]);
  registerDataKeys(keys, context);
  withExamples(revoke, [['capp keys revoke 019a3f5c-7c1e-7b52-9d0a-3f1f6f0c2b11', 'one key']]);
}

async function createKey(
  context: CommandContext,
  deps: { readonly pool: Pool; readonly pepper: Uint8Array },
  options: CreateOptions,
): Promise<void> {
  const requestKey = options.signedBy === undefined ? null : await readPublicKey(options.signedBy);
  const made = await withTransaction(deps.pool, async (tx) => {
    const clientId = await ensureClient(tx, options.client, ACTOR);
    const expiry = options.days === undefined ? {} : { expiresAtMs: systemClock.now() + options.days * DAY_MS };
    return createApiKey(tx, deps.pepper, {
      clientId,
      principal: options.principal,
      scopes: options.scopes,
      requestKey,
      actor: ACTOR,
      ...expiry,
    });
  });
  context.terminal.out(options.json ? JSON.stringify(made) : made.key);
  if (!options.json) context.terminal.err(`id ${made.id}, client ${made.clientId}. The key cannot be shown again.`);
  if (!options.json && requestKey !== null) context.terminal.err(`keyid ${requestKey.id}`);
}

async function readPublicKey(path: string): Promise<NonNullable<ApiKey['requestKey']>> {
  try {
    const jwk = jwkOf(createPublicKey(await readFile(path)));
    return { id: jwk.kid, publicJwk: { ...jwk } };
  } catch (cause) {
    throw fault('file_unreadable', { detail: `${path} is not the PEM file of a public Ed25519 key.`, cause });
  }
}

interface RotateOptions {
  readonly overlap?: number;
  readonly json?: true;
}

const OVERLAP_HOURS = 24;
const HOUR_MS = 3_600_000;

async function rotateKey(
  context: CommandContext,
  deps: { readonly pool: Pool; readonly pepper: Uint8Array },
  id: string,
  options: RotateOptions,
): Promise<void> {
  const nowMs = systemClock.now();
  const oldUntilMs = nowMs + (options.overlap ?? OVERLAP_HOURS) * HOUR_MS;
  const made = isId(id)
    ? await withTransaction(deps.pool, (tx) => rotateApiKey(tx, deps.pepper, { id, oldUntilMs, nowMs, actor: ACTOR }))
    : null;
  if (made === null) throw fault('not_found', { detail: 'There is no such key in force.' });
  context.terminal.out(options.json ? JSON.stringify(made) : made.key);
  if (!options.json)
    context.terminal.err(
      `id ${made.id}; the old key works until ${new Date(oldUntilMs).toISOString()}. The new one cannot be shown again.`,
    );
}

const isId = (text: string): boolean => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);

async function revokeKey(context: CommandContext, pool: Pool, id: string): Promise<void> {
  if (!isId(id) || !(await revokeApiKey(pool, id, systemClock.now(), ACTOR)))
    throw fault('not_found', { detail: 'There is no such key in force.' });
  context.terminal.out(`revoked ${id}`);
}

/** The token itself is elsewhere: nobody knows whose it was, nor when it was made, only how long one lives. */
async function revokeByName(context: CommandContext, pool: Pool, jti: string): Promise<void> {
  if (!isId(jti)) throw fault('usage_invalid', { detail: 'A jti has the form of a UUID.' });
  const nowMs = systemClock.now();
  const done = await revokeToken(pool, { jti: jti.toLowerCase(), expiresAtMs: nowMs + 2 * TOKEN_MS, clientId: null, actor: ACTOR }, nowMs);
  context.terminal.out(done ? `revoked ${jti}` : `${jti} was revoked before`);
}

const COLUMNS = [
  { title: 'id' },
  { title: 'client' },
  { title: 'principal' },
  { title: 'prefix' },
  { title: 'state' },
  { title: 'created' },
  { title: 'last used' },
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
    key.lastUsedAt?.toISOString().slice(0, 16) ?? 'never',
    key.scopes.join(' '),
  ]);
}

function stateOf(key: ListedKey, nowMs: number): string {
  if (key.revokedAt !== null) return 'revoked';
  return key.expiresAt !== null && key.expiresAt.getTime() <= nowMs ? 'expired' : 'in force';
}

function scopesNamed(text: string): Scope[] {
  const wanted = text.split(',').map((word) => word.trim());
  const scopes = wanted.flatMap((word): readonly Scope[] => {
    if (Object.hasOwn(ROLES, word)) return scopesOf([word as Role]);
    return Object.hasOwn(SCOPES, word) ? [word as Scope] : [];
  });
  if (wanted.every((word) => Object.hasOwn(ROLES, word) || Object.hasOwn(SCOPES, word))) return [...new Set(scopes)];
  throw new InvalidArgumentError(`Each must be one of ${[...ALL_SCOPES, ...ALL_ROLES].join(', ')}.`);
}
