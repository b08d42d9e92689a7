/**
 * What encryption, authorisation, rate limits and row-level security cost: CPU of the API and of the database per accepted payment,
 * per payment that is read and per one that is asked for again and has not changed, with all of them, without each and without any, in turns over one database. Without encryption a keyring
 * stands in that writes what it is given; without authorisation a caller that is known from the start. The stand-ins are of the bench:
 * the platform has no such switches.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterIn, findRunning } from '../db/cluster.ts';
import { connect, type Pool } from '../db/connect.ts';
import { startDatabase } from '../db/embedded.ts';
import { insertClient } from '../db/fixtures.ts';
import { createKeyring, type Keyring } from '../db/keyring.ts';
import { migrate } from '../db/migrate.ts';
import { createApiKey } from '../db/queries/api-keys.ts';
import { openTenants, type Tenants } from '../db/tenants.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { countryByCode } from '../domain/network.ts';
import { createPeople } from '../examples/people.ts';
import { seededRandom } from '../examples/random.ts';
import { createApi } from '../server/api/app.ts';
import type { ApiDeps } from '../server/api/deps.ts';
import type { LimitDeps } from '../server/api/limits.ts';
import { createAccess } from '../server/auth/access.ts';
import { createTokenSigner } from '../server/auth/token-signer.ts';
import { treeCpuSeconds } from '../server/cpu-time.ts';
import { createIntake } from '../server/intake.ts';
import { createLimiter } from '../server/limits/limiter.ts';
import { readLimits } from '../server/limits/policy.ts';
import { postgresStore } from '../server/limits/store.ts';
import { createLog } from '../server/log.ts';
import { plainKeyring } from './plain-keyring.ts';

export interface CostOptions {
  /** Requests of one round. */
  readonly requests: number;
  /** Rounds of each kind. */
  readonly rounds: number;
}

/** With everything and an API key; with an access token in its place; without one of the guards; without any of them. */
const KINDS = [
  'full',
  'withToken',
  'withoutEncryption',
  'withoutAuthorisation',
  'withoutLimits',
  'withoutRowSecurity',
  'withoutAny',
] as const;
export type CostKind = (typeof KINDS)[number];

/** Microseconds of CPU per request: of the API in its best round, of the database on the mean, whose clock ticks in hundredths of a second. */
export interface Cost {
  readonly cpuUs: number;
  readonly databaseUs: number;
}

/** By kind, a payment handed in, one read, and one that the caller has. */
export interface ApiCost {
  readonly payment: Readonly<Record<CostKind, Cost>>;
  readonly read: Readonly<Record<CostKind, Cost>>;
  readonly poll: Readonly<Record<CostKind, Cost>>;
}

const AT_ONCE = 100;
const CONNECTIONS = 4;

/** Measures it. */
export async function measureApiCost(options: CostOptions, tell: (line: string) => void): Promise<ApiCost> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-bench-'));
  try {
    const database = await startDatabase({ dataDir, databaseUrl: null });
    const pool = connect({ url: database.url, applicationName: 'capp bench', max: CONNECTIONS });
    const tenants = openTenants({ url: database.url, applicationName: 'capp bench', max: CONNECTIONS });
    try {
      await migrate(pool);
      const server = await findRunning(clusterIn(dataDir));
      const cost = await inTurns(await openApis(pool, tenants), server?.pid ?? 0, options);
      for (const line of linesOf(cost)) tell(line);
      return cost;
    } finally {
      await tenants.end();
      await pool.end();
      await database.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

/** What one kind can be asked for: to take payments, and to show those that it took last. */
interface Measured {
  readonly pay: (requests: number) => Promise<void>;
  readonly read: (requests: number) => Promise<void>;
  readonly poll: (requests: number) => Promise<void>;
}

const ACTS = { payment: 'pay', read: 'read', poll: 'poll' } as const;

async function inTurns(apis: Readonly<Record<CostKind, Measured>>, postgresPid: number, options: CostOptions): Promise<ApiCost> {
  const meters = Object.fromEntries(
    KINDS.map((kind) => [kind, { payment: createMeter(postgresPid), read: createMeter(postgresPid), poll: createMeter(postgresPid) }]),
  );
  // The first round compiles the code and is not counted.
  for (let round = 0; round <= options.rounds; round += 1) {
    for (const act of ['payment', 'read', 'poll'] as const) {
      // Whoever comes first bears what the act before has left to the database: each does in its turn.
      for (const kind of [...KINDS.slice(round % KINDS.length), ...KINDS.slice(0, round % KINDS.length)]) {
        const stop = meters[kind]?.[act].start();
        await apis[kind][ACTS[act]](options.requests);
        if (round > 0) stop?.(options.requests);
      }
    }
  }
  const costOf = (act: keyof ApiCost) => Object.fromEntries(KINDS.map((kind) => [kind, meters[kind]?.[act].read()])) as ApiCost['payment'];
  return { payment: costOf('payment'), read: costOf('read'), poll: costOf('poll') };
}

function createMeter(postgresPid: number) {
  let [best, databaseSeconds, counted] = [Number.POSITIVE_INFINITY, 0, 0];
  const rounded = (value: number): number => Math.round(value * 10) / 10;
  return {
    start: () => {
      const [own, database] = [process.cpuUsage(), treeCpuSeconds(postgresPid)];
      return (requests: number): void => {
        const { user, system } = process.cpuUsage(own);
        best = Math.min(best, (user + system) / requests);
        databaseSeconds += treeCpuSeconds(postgresPid) - database;
        counted += requests;
      };
    },
    read: (): Cost => ({ cpuUs: rounded(best), databaseUs: rounded((databaseSeconds * 1e6) / counted) }),
  };
}

const NAMES: Readonly<Record<CostKind, string>> = {
  full: 'all of them, by API key',
  withToken: 'all of them, by access token',
  withoutEncryption: 'without encryption',
  withoutAuthorisation: 'without authorisation',
  withoutLimits: 'without rate limits',
  withoutRowSecurity: 'without row-level security',
  withoutAny: 'without any of them',
};

/** The comparison as lines of text. */
function linesOf(cost: ApiCost): string[] {
  const cell = ({ cpuUs, databaseUs }: Cost): string => `${cpuUs.toFixed(1).padStart(9)} ${databaseUs.toFixed(1).padStart(9)}`;
  return [
    `${'CPU, µs'.padEnd(30)}${'POST'.padStart(9)} ${'database'.padStart(9)}${'GET'.padStart(9)} ${'database'.padStart(9)}${'304'.padStart(9)} ${'database'.padStart(9)}`,
    ...KINDS.map((kind) => `${NAMES[kind].padEnd(30)}${cell(cost.payment[kind])}${cell(cost.read[kind])}${cell(cost.poll[kind])}`),
  ];
}

async function openApis(pool: Pool, tenants: Tenants): Promise<Readonly<Record<CostKind, Measured>>> {
  const clientId = await insertClient(pool);
  const pepper = randomBytes(32);
  const scopes = ['payments:write', 'payments:read'] as const;
  const { key } = await createApiKey(pool, pepper, { clientId, principal: 'client:bench', scopes });
  const encrypting = createKeyring([{ id: 1, master: randomBytes(32) }]);
  const issuer = 'https://bench.invalid';
  const signer = createTokenSigner({ pool, keyring: encrypting, clock: systemClock, issuer, audience: issuer });
  const access = createAccess({ pool, keyring: encrypting, pepper, clock: systemClock, signer, origin: issuer });
  const known = await access.findCaller(key);
  const { accessToken } = await access.ofKey(key, null);
  const limiter = createLimiter({
    store: postgresStore(pool),
    clock: systemClock,
    keyOf: (who) => encrypting.blindIndex(who, 'rate_limits.key').toString('base64url'),
    onStoreError: () => undefined,
  });
  const limits: LimitDeps = { limiter, policies: readLimits(''), trustedProxies: 0 };
  const full: Guards = { pool, keyring: encrypting, findCaller: access.findCaller, limits, tenants };
  const [unencrypted, unauthorised] = [{ keyring: plainKeyring() }, { findCaller: async () => known }];
  const [unlimited, unseparated] = [{ limits: undefined }, { tenants: { of: () => pool, writing: () => pool, listing: () => pool } }];
  const bodies = bodyMaker();
  const of = (guards: Partial<Guards>, presented = key): Measured => measuredApi({ ...full, ...guards }, presented, bodies);
  return {
    full: of({}),
    withToken: of({}, accessToken),
    withoutEncryption: of(unencrypted),
    withoutAuthorisation: of(unauthorised),
    withoutLimits: of(unlimited),
    withoutRowSecurity: of(unseparated),
    withoutAny: of({ ...unencrypted, ...unauthorised, ...unlimited, ...unseparated }),
  };
}

interface Guards extends Pick<ApiDeps, 'findCaller' | 'limits' | 'tenants'> {
  readonly pool: Pool;
  readonly keyring: Keyring;
}

/** One API with these guards, asked in process: the socket, and TLS on it, are not measured here. */
function measuredApi(guards: Guards, presented: string, bodies: () => string): Measured {
  const { app } = openApi(guards);
  const headers = { authorization: `Bearer ${presented}`, 'content-type': 'application/json' };
  let paymentIds: string[] = [];
  let tags: string[] = [];
  const tagged = async (response: Response): Promise<string> => {
    await answered(response, 200);
    return response.headers.get('etag') ?? '';
  };
  const each = async <Item, Result>(items: readonly Item[], ask: (item: Item) => Promise<Result>): Promise<Result[]> => {
    const results: Result[] = [];
    for (let at = 0; at < items.length; at += AT_ONCE) results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(ask))));
    return results;
  };
  const answered = async (response: Response, expected: number): Promise<{ readonly id: string }> => {
    if (response.status !== expected) throw new Error(`a request was answered with ${response.status}: ${await response.text()}`);
    return (await response.json()) as { id: string };
  };
  return {
    pay: async (requests) => {
      const texts = Array.from({ length: requests }, bodies);
      const taken = await each(texts, async (body) => answered(await app.request('/v1/payments', { method: 'POST', headers, body }), 202));
      paymentIds = taken.map(({ id }) => id);
      tags = [];
    },
    read: async (requests) => {
      const wanted = Array.from({ length: requests }, (_, index) => paymentIds[index % paymentIds.length] as string);
      tags = await each(wanted, async (id) => tagged(await app.request(`/v1/payments/${id}`, { headers })));
    },
    poll: async (requests) => {
      const known = Array.from({ length: requests }, (_, index) => index % paymentIds.length);
      await each(known, async (at) => {
        const asked = { headers: { ...headers, 'if-none-match': tags[at] as string } };
        const { status } = await app.request(`/v1/payments/${paymentIds[at]}`, asked);
        if (status !== 304) throw new Error(`a payment that has not changed was answered with ${status}`);
      });
    },
  };
}

function openApi({ pool, keyring, findCaller, limits, tenants }: Guards) {
  const log = createLog({ program: 'bench', level: 'warn' });
  const notify = (): void => undefined;
  return createApi({
    pool,
    tenants,
    keyring,
    clock: systemClock,
    log,
    intake: createIntake({ pool, keyring, clock: systemClock, notify }),
    findCaller,
    ...(limits === undefined ? {} : { limits }),
    createQuote: () => Promise.reject(fault('rate_unavailable')),
    notify,
    callbackAnswer: () => null,
    voidReservation: async () => undefined,
    dependencies: {},
    queueDepths: async () => ({}),
    version: 'bench',
  });
}

/** Payments between people of their own. */
function bodyMaker(): () => string {
  const random = seededRandom(20_261_127);
  const people = createPeople(random);
  const run = Date.now().toString(36);
  let count = 0;
  return () => {
    count += 1;
    const party = (country: 'KE' | 'UG') => {
      const { name, phone } = people.person(country);
      return { name, phone, country };
    };
    return JSON.stringify({
      referenceId: `cost-${run}-${count}`,
      amount: '1500',
      fromCurrency: countryByCode('KE').currency,
      toCurrency: countryByCode('UG').currency,
      sender: party('KE'),
      receiver: party('UG'),
    });
  };
}
