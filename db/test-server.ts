/**
 * The PostgreSQL server of one test run. It starts when the first test asks for a database, so that
 * runs without one pay nothing, and is removed at the end of the run.
 */
import { rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestProject } from 'vitest/node';
import { connect } from './connect.ts';
import { type Database, startDatabase } from './embedded.ts';
import { migrate } from './migrate.ts';
import { makeScratchDir } from './scratch.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Answers with the URL of a migrated database to be copied. */
    testServerUrl: string;
  }
}

interface TemplateServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** vitest calls this once before all tests of a run, and what it returns after them. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  let template: Promise<TemplateServer> | undefined;
  const broker = createServer((_request, response) => {
    template ??= startTemplate();
    template.then(
      ({ url }) => response.end(url),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await listen(broker);
  project.provide('testServerUrl', `http://127.0.0.1:${(broker.address() as AddressInfo).port}`);
  return async () => {
    broker.close();
    broker.closeAllConnections();
    await (await template)?.stop();
  };
}

function listen(server: Server): Promise<void> {
  return new Promise((done) => {
    server.listen(0, '127.0.0.1', done);
  });
}

async function startTemplate(): Promise<TemplateServer> {
  const dataDir = await makeScratchDir('capp-test-');
  const remove = () => rm(dataDir, { recursive: true, force: true });
  let database: Database | undefined;
  try {
    database = await startDatabase({ dataDir, databaseUrl: null, durable: false });
    const pool = connect({ url: database.url, applicationName: 'capp test template' });
    await migrate(pool);
    await pool.end();
    const { url, stop } = database;
    return {
      url,
      stop: async () => {
        await stop();
        await remove();
      },
    };
  } catch (error) {
    await database?.stop();
    await remove();
    throw error;
  }
}
