/** `capp migrate`: makes a database ready, for those who run the processes of CAPP one by one. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { connect } from '../../../db/connect.ts';
import { attachOrStartDatabase } from '../../../db/embedded.ts';
import { admitLogin } from '../../../db/service-role.ts';
import { fault } from '../../../domain/errors.ts';
import { parseAmount } from '../../../domain/money.ts';
import { RAILS } from '../../../domain/network.ts';
import type { Rail } from '../../../domain/rail.ts';
import { readConfig } from '../../config.ts';
import { prepareDatabase } from '../../prepare.ts';
import { type CommandContext, withExamples } from '../context.ts';
import { readText } from '../files.ts';

const DETAILS = `
It may run at any time and as often as you like: what is done already stays as it is. Migrations only go
forward. \`capp start\` does the same by itself.

Outside production the floats begin with the money of the demonstration, and the keys of the demo client are
kept in demo-keys.json under CAPP_DATA_DIR. In production no key is made (make one with \`capp keys create\`)
and floats begin empty, until a file says what the operators hold for you, in major units:
  {"mpesa-ke": "2500000", "mtn-ug": "90000000"}
Each float is opened once; one that has been opened keeps what it has.

Whoever migrates owns the tables. --login names another user of the server, whom the processes then connect as:
one that may add to the audit log and the books, and neither change nor delete what is in them.`;

interface MigrateOptions {
  readonly floats?: string;
  readonly login?: string;
  readonly json?: true;
}

export function registerMigrate(program: Command, context: CommandContext): void {
  const command = program
    .command('migrate')
    .summary('bring the database to the schema of this version')
    .description('Brings the database to the schema of this version and opens the accounts and pools of the network.')
    .option('--floats <file>', 'JSON of what each rail holds for us at the beginning')
    .option('--login <user>', 'a user of the server whom the processes connect as')
    .option('--json', 'print as JSON')
    .addHelpText('after', DETAILS)
    .action((options: MigrateOptions) => migrateDatabase(context, options));
  withExamples(command, [
    ['DATABASE_URL=postgres://… capp migrate', 'before the processes of a new version start'],
    ['DATABASE_URL=postgres://owner@… capp migrate --login capp_app', 'and let the processes connect as somebody who owns nothing'],
    ['capp migrate --floats floats.json', 'and open the floats that are not in the books yet'],
    ['capp migrate --json', 'the database under CAPP_DATA_DIR, for programs'],
  ]);
}

async function migrateDatabase(context: CommandContext, options: MigrateOptions): Promise<void> {
  const { terminal } = context;
  const floatMinor = options.floats === undefined ? undefined : await readFloats(options.floats);
  const config = readConfig(terminal.env);
  const dataDir = resolve(config.dataDir);
  const database = await attachOrStartDatabase({ dataDir, databaseUrl: config.databaseUrl });
  try {
    const pool = connect({ url: database.url, applicationName: 'capp migrate', max: 2 });
    try {
      const { applied } = await prepareDatabase(pool, { env: terminal.env, dataDir, environment: config.env, floatMinor });
      if (options.login !== undefined) await admitLogin(pool, options.login);
      if (options.json) terminal.out(JSON.stringify({ applied }));
      else terminal.out(applied.length === 0 ? 'The database was up to date.' : `Applied: ${applied.join(', ')}.`);
    } finally {
      await pool.end();
    }
  } finally {
    await database.stop();
  }
}

/** Reads opening floats. Throws `file_unreadable`, or `config_invalid` for a rail or an amount that is none. */
async function readFloats(file: string): Promise<(rail: Rail) => bigint> {
  const text = await readText(file);
  const floats = new Map<string, bigint>();
  for (const [railId, amount] of Object.entries(parseObject(text, file))) {
    const rail = RAILS.find(({ id, protocol }) => id === railId && protocol !== 'on_us');
    if (rail === undefined)
      throw fault('config_invalid', { detail: `${file}: there is no rail ${JSON.stringify(railId)}; see: capp rails` });
    floats.set(railId, amountOf(rail, amount, file));
  }
  return (rail) => floats.get(rail.id) ?? 0n;
}

function parseObject(text: string, file: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, like every other text that is no object.
  }
  throw fault('config_invalid', { detail: `${file} is not a JSON object of amounts by rail.` });
}

function amountOf(rail: Rail, amount: unknown, file: string): bigint {
  try {
    return parseAmount(amount as string, rail.currency).minor;
  } catch (cause) {
    throw fault('config_invalid', {
      detail: `${file}: the amount of ${rail.id} is not a text such as "2500000" in ${rail.currency}.`,
      cause,
    });
  }
}
