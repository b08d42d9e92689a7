/** Work of the command line on the database itself: of a running CAPP, or one that is started for it. */
import type { Pool } from '../../db/connect.ts';
import { attachOrStartDatabase } from '../../db/embedded.ts';
import type { Keys } from '../../db/keyring.ts';
import { connectToWork } from '../../db/migrate.ts';
import { findClientIds } from '../../db/queries/clients.ts';
import { systemClock } from '../../domain/clock.ts';
import { fault } from '../../domain/errors.ts';
import { admitIndexKeys } from '../../tools/privacy/index.ts';
import { type Config, readConfig } from '../config.ts';
import { assertData, type CommandContext } from './context.ts';
import { loadKeys } from '../secrets.ts';

/**
 * Runs work on the database, in the schema of this version and with the rights of the processes, not of the owner. Throws what the
 * settings, the keys and the database do, and `index_key_mismatch` unless the work is done whatever the index keys are.
 */
export async function onDatabase(
  context: CommandContext,
  work: (pool: Pool, keys: Keys) => Promise<void>,
  options: { readonly anyIndexKeys?: true } = {},
): Promise<void> {
  const config = readConfig(context.terminal.env);
  const keys = await loadKeys(context.terminal.env, config.dataDir);
  return withPool(config, async (pool) => {
    if (options.anyIndexKeys !== true) await admitIndexKeys(pool, keys.keyring, systemClock.now());
    return work(pool, keys);
  });
}

/** The same where there must be data already, and with no keys. Throws `not_found` where there is none. */
export async function onStoredData<Result>(
  context: CommandContext,
  work: (pool: Pool, config: Config) => Promise<Result>,
): Promise<Result> {
  const config = readConfig(context.terminal.env);
  assertData(config);
  return withPool(config, (pool) => work(pool, config));
}

async function withPool<Result>(config: Config, work: (pool: Pool) => Promise<Result>): Promise<Result> {
  const database = await attachOrStartDatabase(config);
  try {
    const pool = await connectToWork({ url: database.url, applicationName: 'capp command line' });
    try {
      return await work(pool);
    } finally {
      await pool.end();
    }
  } finally {
    await database.stop();
  }
}

/** The id of the client of a name. Throws `not_found`. */
export async function clientOf(pool: Pool, name: string): Promise<string> {
  const id = (await findClientIds(pool, [name])).get(name);
  if (id === undefined) throw fault('not_found', { detail: 'There is no client of that name.' });
  return id;
}
