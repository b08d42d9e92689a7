/**
 * Makes a database ready for CAPP: the schema of this version, the accounts and pools of the network, the rules of compliance, and
 * outside production the demo client with its keys. Safe to run at every start, by any number of programs
 * at once.
 */
import { seedRules } from '../agents/compliance/index.ts';
import { type Pool, withTransaction } from '../db/connect.ts';
import { migrate } from '../db/migrate.ts';
import { createApiKey } from '../db/queries/api-keys.ts';
import { ensureClient } from '../db/queries/clients.ts';
import { DEMO_CLIENT_ID, DEMO_PRINCIPALS, seedClients } from '../db/seed.ts';
import { systemClock } from '../domain/clock.ts';
import { demoFloatMinor } from '../domain/demo-float.ts';
import type { Rail } from '../domain/rail.ts';
import { seedBooks } from '../tools/ledger/index.ts';
import type { Config } from './config.ts';
import { type DemoKeys, keepDemoKeys } from './demo/keys.ts';
import { USSD_DEMO_CLIENT } from './demo/messaging.ts';
import { admitIndexKeys } from '../tools/privacy/index.ts';
import { loadKeys } from './secrets.ts';

export interface PrepareOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dataDir: string;
  readonly environment: Config['env'];
  /** What a float that is not yet in the books begins with, minor units. */
  readonly floatMinor?: ((rail: Rail) => bigint) | undefined;
}

export interface Prepared {
  /** Migrations that were applied now. */
  readonly applied: readonly string[];
  /** Keys of the demo client and its officers, by principal; none in production. */
  readonly keys: DemoKeys;
}

/**
 * Brings the database forward and opens the books. The floats of a demonstration begin with money; those of
 * production begin empty unless told, because nothing may stand in the books that no operator holds. Throws what
 * `migrate`, `loadKeys` and `admitIndexKeys` throw.
 */
export async function prepareDatabase(pool: Pool, options: PrepareOptions): Promise<Prepared> {
  const isProduction = options.environment === 'production';
  const { pepper, keyring } = await loadKeys(options.env, options.dataDir);
  const applied = await migrate(pool);
  await admitIndexKeys(pool, keyring, systemClock.now());
  await seedBooks(pool, { floatMinor: options.floatMinor ?? (isProduction ? () => 0n : demoFloatMinor) });
  await withTransaction(pool, (tx) => seedRules(tx, systemClock.now()));
  if (!isProduction) await ensureClient(pool, USSD_DEMO_CLIENT);
  return { applied, keys: isProduction ? {} : await demoKeys(pool, pepper, options.dataDir) };
}

/** Keys of the demo client: those kept from earlier starts, and new ones for any that were lost. */
async function demoKeys(pool: Pool, pepper: Buffer, dataDir: string): Promise<DemoKeys> {
  const known = await keepDemoKeys(dataDir, (await seedClients(pool, pepper)).keys);
  const made: Record<string, string> = {};
  for (const [principal, scopes] of Object.entries(DEMO_PRINCIPALS)) {
    if (known[principal] !== undefined) continue;
    made[principal] = (await withTransaction(pool, (tx) => createApiKey(tx, pepper, { clientId: DEMO_CLIENT_ID, principal, scopes }))).key;
  }
  return keepDemoKeys(dataDir, made);
}
