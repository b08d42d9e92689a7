/**
 * What encryption and authorisation cost: CPU of this process per accepted payment, with both, without either and without both, in
 * turns over one database. Without encryption a keyring stands in that writes what it is given; without authorisation a caller
 * that is known from the start. Both stand-ins are of the bench: the platform has no such switch.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type Pool } from '../db/connect.ts';
import { startDatabase } from '../db/embedded.ts';
import { insertClient } from '../db/fixtures.ts';
import { createKeyring, type Keyring } from '../db/keyring.ts';
import { migrate } from '../db/migrate.ts';
import type { Person, PersonKey } from '../db/person-keys.ts';
import { createApiKey, findApiKey } from '../db/queries/api-keys.ts';
import { systemClock } from '../domain/clock.ts';
import { fault } from '../domain/errors.ts';
import { countryByCode } from '../domain/network.ts';
import { createPeople } from '../examples/people.ts';
import { seededRandom } from '../examples/random.ts';
import { createApi } from '../server/api/app.ts';
import type { ApiDeps } from '../server/api/deps.ts';
import { createIntake } from '../server/intake.ts';
import { createLog } from '../server/log.ts';

export interface CostOptions {
  /** Requests of one round. */
  readonly requests: number;
  /** Rounds of each kind; the best counts. */
  readonly rounds: number;
}

/** Microseconds of CPU per payment. */
export interface ApiCost {
  readonly full: number;
  readonly withoutEncryption: number;
  readonly withoutAuthorisation: number;
  readonly withoutBoth: number;
}

const AT_ONCE = 100;
const KINDS = ['full', 'withoutEncryption', 'withoutAuthorisation', 'withoutBoth'] as const;

/** Measures it. The database runs in processes of its own and is not counted. */
export async function measureApiCost(options: CostOptions, tell: (line: string) => void): Promise<ApiCost> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-bench-'));
  try {
    const database = await startDatabase({ dataDir, databaseUrl: null });
    const pool = connect({ url: database.url, applicationName: 'capp bench', max: 4 });
    try {
      await migrate(pool);
      const ask = await openApis(pool);
      const best = new Map<(typeof KINDS)[number], number>();
      // The first round compiles the code and is not counted.
      for (let round = 0; round <= options.rounds; round += 1) {
        for (const kind of KINDS) {
          const us = await ask(kind, options.requests);
          if (round > 0) best.set(kind, Math.min(us, best.get(kind) ?? Number.POSITIVE_INFINITY));
        }
      }
      const cost = Object.fromEntries(
        KINDS.map((kind) => [kind, Math.round((best.get(kind) ?? Number.NaN) * 10) / 10]),
      ) as unknown as ApiCost;
      tell(
        `CPU per payment: ${cost.full} µs; without encryption ${cost.withoutEncryption}, without authorisation ${cost.withoutAuthorisation}`,
      );
      return cost;
    } finally {
      await pool.end();
      await database.stop();
    }
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function openApis(pool: Pool): Promise<(kind: (typeof KINDS)[number], requests: number) => Promise<number>> {
  const clientId = await insertClient(pool);
  const pepper = randomBytes(32);
  const { key } = await createApiKey(pool, pepper, { clientId, principal: 'client:bench', scopes: ['payments:write'] });
  const encrypting = createKeyring([{ id: 1, master: randomBytes(32) }]);
  const known = await findApiKey(pool, pepper, key, systemClock.now());
  const findCaller: ApiDeps['findCaller'] = (presented) => findApiKey(pool, pepper, presented, systemClock.now());
  const appOf = (keyring: Keyring, find: ApiDeps['findCaller']) => openApi(pool, keyring, find);
  const apps = {
    full: appOf(encrypting, findCaller),
    withoutEncryption: appOf(plainKeyring(), findCaller),
    withoutAuthorisation: appOf(encrypting, async () => known),
    withoutBoth: appOf(plainKeyring(), async () => known),
  };
  const bodies = bodyMaker();
  return async (kind, requests) => {
    const texts = Array.from({ length: requests }, bodies);
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const started = process.cpuUsage();
    for (let at = 0; at < texts.length; at += AT_ONCE) {
      const answers = await Promise.all(
        texts.slice(at, at + AT_ONCE).map(async (body) => apps[kind].app.request('/v1/payments', { method: 'POST', headers, body })),
      );
      const refused = answers.find(({ status }) => status !== 202);
      if (refused !== undefined) throw new Error(`a payment was answered with ${refused.status}: ${await refused.text()}`);
    }
    const { user, system } = process.cpuUsage(started);
    return (user + system) / requests;
  };
}

function openApi(pool: Pool, keyring: Keyring, findCaller: ApiDeps['findCaller']) {
  const log = createLog({ program: 'bench', level: 'warn' });
  const notify = (): void => undefined;
  return createApi({
    pool,
    // Payments are submitted here and not read.
    tenants: { of: () => pool },
    keyring,
    clock: systemClock,
    log,
    intake: createIntake({ pool, keyring, clock: systemClock, notify }),
    findCaller,
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

/** Writes what it is given. What it indexes is told apart by its last characters, which numbers and digests differ in. */
function plainKeyring(): Keyring {
  const base = createKeyring([{ id: 1, master: randomBytes(32) }]);
  const { key } = base.people.create();
  const none: PersonKey = key;
  const wrapped = base.people.create().wrapped;
  const plain = (person: Person): Buffer => Buffer.from(JSON.stringify({ name: person.name, phone: person.phone }));
  const index = (text: string): Buffer => Buffer.from(text.slice(-16).padStart(16, '0'), 'latin1');
  return {
    ...base,
    encrypt: (text) => Buffer.from(text),
    blindIndex: index,
    blindIndexes: (text) => [index(text)],
    olderIndexes: () => [],
    people: {
      ...base.people,
      create: () => ({ key: none, wrapped }),
      seal: (_key, person) => plain(person),
    },
  };
}
