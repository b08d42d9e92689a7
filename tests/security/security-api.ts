/** The API that the security checks ask: in this process, over a database of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Pool, withTransaction } from '../../db/connect.ts';
import { startDatabase } from '../../db/embedded.ts';
import { migrate } from '../../db/migrate.ts';
import { seedRules } from '../../agents/compliance/index.ts';
import { seedBooks } from '../../tools/ledger/index.ts';
import { loadReportingEntities } from '../../tools/reports/index.ts';
import { startApiOver } from '../../server/api/testing-app.ts';
import { insertQuote } from './access-things.ts';

export type SecurityApi = Awaited<ReturnType<typeof openSecurityApi>>;

/** Opens it over a migrated database, with books and rules; `stop` closes the database too. */
export async function openSecurityApi(database: { readonly pool: Pool; readonly url: string; close(): Promise<void> }) {
  const api = await startApiOver(database, {
    reportingEntities: await loadReportingEntities(null, 'development'),
    createQuote: async ({ clientId }) => ({ id: await insertQuote(database.pool, clientId) }),
  });
  await seedBooks(api.pool);
  await withTransaction(api.pool, (tx) => seedRules(tx, api.clock.now()));
  return api;
}

/** Does work on such an API with a database that is made for it, in a folder that is gone afterwards. */
export async function withSecurityApi<T>(work: (api: SecurityApi) => Promise<T>): Promise<T> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-security-'));
  try {
    const database = await startDatabase({ dataDir, databaseUrl: null, durable: false });
    const pool = connect({ url: database.url, applicationName: 'capp security' });
    const close = async (): Promise<void> => {
      await pool.end();
      await database.stop();
    };
    try {
      await migrate(pool);
      const api = await openSecurityApi({ pool, url: database.url, close: async () => undefined });
      try {
        return await work(api);
      } finally {
        await api.stop();
      }
    } finally {
      await close();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}
