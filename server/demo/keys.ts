/**
 * API keys of the demo, kept beside the data so that a later start can use them: the database knows
 * only their hashes. Development only.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from '../../db/connect.ts';
import { withTransaction } from '../../db/connect.ts';
import { createApiKey } from '../../db/queries/api-keys.ts';
import { DEMO_CLIENT_ID, DEMO_PRINCIPALS, type SeededClients } from '../../db/seed.ts';

/** Keys by principal: those made now, those kept from an earlier start, and new ones for keys that were lost. */
export async function keepDemoKeys(
  dataDir: string,
  seeded: SeededClients,
  pool: Pool,
  pepper: Uint8Array,
): Promise<Readonly<Record<string, string>>> {
  const path = join(dataDir, 'demo-keys.json');
  const keys: Record<string, string> = { ...(await kept(path)), ...seeded.keys };
  for (const [principal, scopes] of Object.entries(DEMO_PRINCIPALS)) {
    keys[principal] ??= (
      await withTransaction(pool, (tx) => createApiKey(tx, pepper, { clientId: DEMO_CLIENT_ID, principal, scopes }))
    ).key;
  }
  await writeFile(path, JSON.stringify(keys, null, 2), { mode: 0o600 });
  return keys;
}

/** The kept keys, or none when there are none yet. */
export async function kept(path: string): Promise<Record<string, string>> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Record<string, string>;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
}
