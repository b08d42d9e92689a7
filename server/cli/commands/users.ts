/** `capp users`: people who log in. Works on the database itself, so that the first one can be made. */
import { randomBytes } from 'node:crypto';
import { type Command, InvalidArgumentError } from 'commander';
import { type Pool, withTransaction } from '../../../db/connect.ts';
import type { Keyring } from '../../../db/keyring.ts';
import { ensureClient } from '../../../db/queries/clients.ts';
import { changeLogin, createLogin, listLogins, resetLogin } from '../../../db/queries/logins.ts';
import { systemClock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import { ALL_ROLES, type Role, ROLES } from '../../../domain/roles.ts';
import { TOTP_CONTEXT } from '../../auth/access.ts';
import { hashPassword } from '../../auth/passwords.ts';
import { base32, newTotpSecret, totpUri } from '../../auth/totp.ts';
import { ACTOR, type CommandContext, nameOf, withExamples } from '../context.ts';
import { onDatabase } from '../database.ts';
import { renderTable } from '../table.ts';

interface CreateOptions {
  readonly client: string;
  readonly principal: string;
  readonly roles: readonly Role[];
  readonly json?: true;
}

const roleLines = ALL_ROLES.map((role) => `  ${role.padEnd(20)} ${ROLES[role].join(' ')}`).join('\n');

export function registerUsers(program: Command, context: CommandContext): void {
  const users = program
    .command('users')
    .summary('make, list, change and disable logins of people')
    .description(
      'Makes and changes logins of people: a password, a second factor, and roles. Works on the database, whether CAPP runs or not.',
    );
  const create = users
    .command('create')
    .description('Makes a login and prints its password and the secret of its second factor, once.')
    .requiredOption('--client <name>', 'the client whose data the person sees; made when there is none', nameOf)
    .requiredOption('--principal <name>', 'who it is, such as officer:amina; also the name to log in with', nameOf)
    .requiredOption('--roles <list>', 'what the person may do, separated by commas', rolesOf)
    .option('--json', 'print as JSON')
    .addHelpText('after', `\nRoles:\n${roleLines}`)
    .action((options: CreateOptions) => onDatabase(context, (pool, { keyring }) => createUser(context, { pool, keyring }, options)));
  withExamples(create, [['capp users create --client demo --principal officer:amina --roles compliance_officer', 'an officer']]);
  const list = users
    .command('list')
    .description('Lists the logins.')
    .option('--json', 'print as JSON')
    .action((options: { readonly json?: true }) =>
      onDatabase(context, async (pool) => {
        const found = await listLogins(pool);
        const rows = found.map(({ client, principal, roles, disabledAt }) => [
          client,
          principal,
          disabledAt === null ? 'in force' : 'disabled',
          roles.join(' '),
        ]);
        context.terminal.out(options.json ? JSON.stringify(found) : renderTable(context.terminal, COLUMNS, rows));
      }),
    );
  withExamples(list, [['capp users list', 'all of them']]);
  registerChanges(users, context);
}

const COLUMNS = [{ title: 'client' }, { title: 'principal' }, { title: 'state' }, { title: 'roles' }] as const;

function registerChanges(users: Command, context: CommandContext): void {
  const change = (principal: string, what: { readonly roles?: readonly Role[]; readonly disabled?: boolean }) =>
    onDatabase(context, async (pool) => {
      const done = await withTransaction(pool, (tx) => changeLogin(tx, principal, what, { actor: ACTOR, nowMs: systemClock.now() }));
      if (!done) throw fault('not_found', { detail: `Nobody logs in as ${principal}.` });
      context.terminal.out(`changed ${principal}`);
    });
  const disable = users
    .command('disable')
    .description('Lets a person in no longer. Whoever is in is out within half a minute.')
    .argument('<principal>', 'who', nameOf)
    .action((principal: string) => change(principal, { disabled: true }));
  withExamples(disable, [['capp users disable officer:amina', 'at once']]);
  const enable = users
    .command('enable')
    .description('Lets a person in again.')
    .argument('<principal>', 'who', nameOf)
    .action((principal: string) => change(principal, { disabled: false }));
  withExamples(enable, [['capp users enable officer:amina', 'with the password of before']]);
  const reset = users
    .command('reset')
    .description(
      'Gives a person another password and another second factor, and prints them, once. Their passkeys are taken away, and whoever is in is out within half a minute.',
    )
    .argument('<principal>', 'who', nameOf)
    .option('--json', 'print as JSON')
    .action((principal: string, options: { readonly json?: true }) =>
      onDatabase(context, (pool, { keyring }) => resetUser(context, { pool, keyring }, principal, options.json === true)),
    );
  withExamples(reset, [['capp users reset officer:amina', 'somebody who lost the telephone, or whose password is known']]);
  const roles = users
    .command('roles')
    .description('Gives a person other roles; whoever is in has to log in again.')
    .argument('<principal>', 'who', nameOf)
    .argument('<roles>', 'all of them from now on, separated by commas', rolesOf)
    .action((principal: string, wanted: readonly Role[]) => change(principal, { roles: wanted }));
  withExamples(roles, [['capp users roles officer:amina compliance_lead,auditor', 'two roles']]);
}

async function createUser(
  context: CommandContext,
  deps: { readonly pool: Pool; readonly keyring: Keyring },
  { client, principal, roles, json }: CreateOptions,
): Promise<void> {
  const { passwordHash, totpSecret, ...drawn } = await drawFactors(deps.keyring);
  const made = await withTransaction(deps.pool, async (tx) => {
    const clientId = await ensureClient(tx, client, ACTOR);
    return createLogin(tx, { clientId, principal, passwordHash, roles, totpSecret, actor: ACTOR }, systemClock.now());
  });
  if (!made) throw fault('usage_invalid', { detail: `${principal} has a login already.` });
  show(context, principal, drawn, json === true);
}

async function resetUser(
  context: CommandContext,
  deps: { readonly pool: Pool; readonly keyring: Keyring },
  principal: string,
  json: boolean,
): Promise<void> {
  const { passwordHash, totpSecret, ...drawn } = await drawFactors(deps.keyring);
  const reset = { principal, passwordHash, totpSecret, actor: ACTOR };
  if (!(await withTransaction(deps.pool, (tx) => resetLogin(tx, reset, systemClock.now()))))
    throw fault('not_found', { detail: `Nobody logs in as ${principal}.` });
  show(context, principal, drawn, json);
}

/** A password and a second factor that nobody knows yet, and what is kept of them. */
async function drawFactors(keyring: Keyring) {
  const [password, secret] = [randomBytes(15).toString('base64url'), newTotpSecret()];
  const totpSecret = keyring.encrypt(secret.toString('base64'), TOTP_CONTEXT);
  return { password, secret, passwordHash: await hashPassword(password), totpSecret };
}

function show(context: CommandContext, principal: string, { password, secret }: { password: string; secret: Buffer }, json: boolean): void {
  const shown = { principal, password, secondFactor: base32(secret), uri: totpUri(secret, 'CAPP', principal) };
  context.terminal.out(
    json ? JSON.stringify(shown) : `password       ${password}\nsecond factor  ${shown.secondFactor}\n               ${shown.uri}`,
  );
  if (!json) context.terminal.err('Neither can be shown again.');
}

function rolesOf(text: string): Role[] {
  const wanted = text.split(',').map((role) => role.trim());
  const roles = wanted.filter((role): role is Role => Object.hasOwn(ROLES, role));
  if (roles.length === wanted.length) return roles;
  throw new InvalidArgumentError(`Each must be one of ${ALL_ROLES.join(', ')}.`);
}
