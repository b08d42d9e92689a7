/** A database of its own for a part of `npm run security`: real, migrated, and gone afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Pool } from '../../db/connect.ts';
import { startDatabase } from '../../db/embedded.ts';
import { migrate } from '../../db/migrate.ts';

/** Runs work over it. */
export async function withDatabase<T>(work: (database: { readonly pool: Pool; readonly url: string }) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-security-'));
  try {
    const database = await startDatabase({ dataDir, databaseUrl: null, durable: false });
    const pool = connect({ url: database.url, applicationName: 'capp security', max: 8 });
    try {
      await migrate(pool);
      return await work({ pool, url: database.url });
    } finally {
      await pool.end();
      await database.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
