/** The API over a migrated database, with two clients and keys for every kind of caller: for tests, and programs that try the API out. */
import type { Pool } from '../../db/connect.ts';
import { createApiKey } from '../../db/queries/api-keys.ts';
import { openTenants } from '../../db/tenants.ts';
import { createKeyring } from '../../db/keyring.ts';
import { manualClock } from '../../domain/clock.ts';
import { newId } from '../../domain/ids.ts';
import { ALL_SCOPES, type Scope } from '../../domain/scopes.ts';
import { createAccess } from '../auth/access.ts';
import { createTokenSigner } from '../auth/token-signer.ts';
import { createIntake } from '../intake.ts';
import { createLog } from '../log.ts';
import { type ApiApp, createApi } from './app.ts';
import type { ApiDeps } from './deps.ts';

export const TEST_START_MS = Date.parse('2026-03-31T09:00:00Z');
const pepper = Buffer.alloc(32, 7);
export const testKeyring = createKeyring([{ id: 1, master: Buffer.alloc(32, 9) }]);

export interface Call {
  readonly key?: string | null;
  readonly json?: unknown;
  readonly body?: string | ReadableStream<Uint8Array>;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a test wants otherwise. */
export type TestOver = Partial<ApiDeps> & { readonly waitingMax?: number };

/** Starts the API over a database that is closed with it; `over` replaces what a test wants otherwise. */
export async function startApiOver<Database extends { readonly pool: Pool; readonly url: string; close(): Promise<void> }>(
  database: Database,
  over: TestOver = {},
) {
  const { pool } = database;
  const clock = manualClock(TEST_START_MS);
  const logLines: string[] = [];
  const log = createLog({ program: 'test', destination: { write: (line) => void logLines.push(line) } });
  const hints: string[] = [];
  const notify = (hint: string) => void hints.push(hint);
  const intake = createIntake({ pool, keyring: testKeyring, clock, notify, waitingMax: over.waitingMax ?? 20_000 });
  const clients = { acme: newId(), zawadi: newId() };
  await pool.query('insert into clients (id, name) values ($1, $2), ($3, $4)', [clients.acme, 'Acme', clients.zawadi, 'Zawadi']);
  const makeKey = async (clientId: string, principal: string, scopes: readonly Scope[] = ALL_SCOPES) =>
    (await createApiKey(pool, pepper, { clientId, principal, scopes })).key;
  const tenants = openTenants({ url: database.url, applicationName: 'capp test clients', max: 4 });
  const issuer = 'https://capp.test';
  const signer = createTokenSigner({ pool, keyring: testKeyring, clock, issuer, audience: issuer });
  const access = createAccess({ pool, keyring: testKeyring, pepper, clock, signer, origin: issuer });
  const deps: ApiDeps = {
    pool,
    tenants,
    keyring: testKeyring,
    clock,
    log,
    intake,
    findCaller: access.findCaller,
    access,
    createQuote: () => Promise.reject(new Error('no quotes in this test')),
    notify,
    callbackAnswer: (railId) => (railId === 'mpesa-ke' ? { status: 200, body: '{"ResultCode":0}', contentType: 'application/json' } : null),
    voidReservation: async () => undefined,
    dependencies: {},
    queueDepths: async () => ({ cohorts: 3 }),
    version: '0.0.0-test',
    streamPollMs: 10,
    ...over,
  };
  const api: ApiApp = createApi(deps, { checkAnswers: true });
  const keys = { acme: await makeKey(clients.acme, 'client:acme'), zawadi: await makeKey(clients.zawadi, 'client:zawadi') };

  async function call(method: string, path: string, { key = keys.acme, json, body, type, headers }: Call = {}): Promise<Response> {
    const contentType = type ?? (json === undefined ? undefined : 'application/json');
    return api.app.request(path, {
      method,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(contentType === undefined ? {} : { 'content-type': contentType }),
        ...headers,
      },
      ...(body === undefined && json === undefined ? {} : { body: body ?? JSON.stringify(json), duplex: 'half' }),
    } as RequestInit);
  }

  return {
    ...database,
    api,
    deps,
    clock,
    clients,
    keys,
    makeKey,
    hints,
    logLines,
    call,
    stop: async () => {
      await api.close();
      await tenants.end();
      await database.close();
    },
  };
}

/** An intent that is all right, with what a test wants otherwise. */
export function intentOf(referenceId: string, over: Record<string, unknown> = {}): Record<string, unknown> {
  return {
    referenceId,
    amount: '1250.50',
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    sender: { name: 'Wanjiru Kamau', phone: '0712 345678', country: 'KE' },
    receiver: { name: 'Okello Obote', phone: '0772 123456', country: 'UG' },
    ...over,
  };
}

/** The parsed body. A test looks into answers of every shape. */
// oxlint-disable-next-line typescript/no-explicit-any
export async function bodyOf(response: Response): Promise<any> {
  return JSON.parse(await response.text());
}
