/**
 * A platform for benches: the real database with the durable settings of production in a folder that is
 * removed afterwards, real books, agents and intake; only the rates are fixed, for no network is needed.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMPLIANCE_POLICY, createComplianceAgent, createStoredRules, seedRules } from '../agents/compliance/index.ts';
import { createExchangeRateAgent } from '../agents/exchange-rate/index.ts';
import { createLiquidityAgent } from '../agents/liquidity/index.ts';
import { createRouteAgent } from '../agents/route-optimizer/index.ts';
import { connect, type Pool, withTransaction } from '../db/connect.ts';
import { startDatabase } from '../db/embedded.ts';
import { createKeyring, type Keyring } from '../db/keyring.ts';
import { migrate } from '../db/migrate.ts';
import { systemClock } from '../domain/clock.ts';
import { CURRENCIES, type Currency } from '../domain/currency.ts';
import { derivedId } from '../domain/ids.ts';
import { type PaymentIntent, parseIntent } from '../domain/intent.ts';
import { money } from '../domain/money.ts';
import { countryByCode, railsOfWallet } from '../domain/network.ts';
import type { Country } from '../domain/rail.ts';
import { parseRate } from '../domain/rate.ts';
import { drawUsd, writeAmount } from '../examples/amounts.ts';
import { createPeople } from '../examples/people.ts';
import { seededRandom } from '../examples/random.ts';
import type { Agents } from '../graph/agents.ts';
import { bindAgent } from '../graph/decide.ts';
import { DEFAULT_GRAPH_SETTINGS, type GraphDeps } from '../graph/types.ts';
import { createIntake } from '../server/intake.ts';
import type { RateSnapshot } from '../tools/fx/consensus.ts';
import { fundClient, seedBooks } from '../tools/ledger/index.ts';
import { loadSanctions } from '../tools/sanctions/load.ts';

/** Units per US dollar, near those of November 2026. */
const PER_USD: Partial<Record<Currency, string>> = {
  USD: '1',
  KES: '129.6',
  UGX: '3914',
  RWF: '1475',
  GHS: '11.6',
  XOF: '577.25',
  XAF: '577.25',
  ZMW: '19.6',
};

/** Corridors between prefunded balances, in both directions. */
const CORRIDORS: readonly (readonly [Country, Country])[] = [
  ['KE', 'UG'],
  ['UG', 'KE'],
  ['KE', 'RW'],
  ['GH', 'CI'],
  ['CI', 'GH'],
  ['ZM', 'KE'],
];

/** Clients whose balances pay and are paid. */
const CLIENT_IDS = Array.from({ length: 8 }, (_, index) => derivedId('client', 'bench', String(index)));
const FUNDS_MINOR = 10n ** 15n;
/** People send up to so much here; larger sums meet limits of tiers, which are not what is measured. */
const USD_MAX = 60;
const SEED = 20_261_123;

export interface World {
  readonly dataDir: string;
  readonly url: string;
  readonly pool: Pool;
  readonly deps: GraphDeps;
  readonly agents: Agents;
  readonly postgresPid: number;
  /** Stores so many accepted payments from balance to balance, each between people of its own. */
  seed(count: number): Promise<void>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** Size of the pool. */
  readonly connections: number;
  /** PostgreSQL keeps account of its statements, in `pg_stat_statements`. */
  readonly statements?: boolean;
}

/** Starts a world. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const dataDir = await mkdtemp(join(tmpdir(), 'capp-bench-'));
  try {
    if (options.statements === true) await keepStatements(dataDir);
    const database = await startDatabase({ dataDir, databaseUrl: null });
    const pool = connect({ url: database.url, applicationName: 'capp bench', max: options.connections });
    if (options.statements === true) await pool.query('create extension pg_stat_statements');
    await migrate(pool);
    await openBooks(pool);
    const keyring = createKeyring([{ id: 1, master: randomBytes(32) }]);
    const deps = graphDeps(pool, keyring);
    const pidFile = await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8');
    return {
      dataDir,
      url: database.url,
      pool,
      deps,
      agents: await composeAgents(pool, keyring),
      postgresPid: Number(pidFile.split('\n', 1)[0]),
      seed: seeder(pool, keyring),
      close: async () => {
        await pool.end();
        await database.stop();
        await rm(dataDir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dataDir, { recursive: true, force: true });
    throw error;
  }
}

/** What is loaded with the server takes a start of its own. */
async function keepStatements(dataDir: string): Promise<void> {
  const database = await startDatabase({ dataDir, databaseUrl: null });
  const pool = connect({ url: database.url, applicationName: 'capp bench', max: 1 });
  await pool.query(`alter system set shared_preload_libraries = 'pg_stat_statements'`);
  await pool.end();
  await database.stop();
}

async function openBooks(pool: Pool): Promise<void> {
  await seedBooks(pool);
  await withTransaction(pool, (tx) => seedRules(tx, systemClock.now()));
  await pool.query(`insert into clients (id, name) select id, 'bench ' || id from unnest($1::uuid[]) as client(id)`, [CLIENT_IDS]);
  const currencies = [...new Set(CORRIDORS.map(([from]) => countryByCode(from).currency))];
  await withTransaction(pool, async (tx) => {
    for (const clientId of CLIENT_IDS) {
      for (const currency of currencies) await fundClient(tx, clientId, money(FUNDS_MINOR, currency), `opening ${currency}`);
    }
  });
}

function graphDeps(pool: Pool, keyring: Keyring): GraphDeps {
  const silent = (): void => undefined;
  return {
    pool,
    clock: systemClock,
    log: { debug: silent, info: silent, warn: silent, error: (fields, message) => console.error(message, fields) },
    keyring,
    operators: (railId) => {
      throw new Error(`no operator is needed between balances, but ${railId} was asked for`);
    },
    callbacks: { urlOf: () => '', tokenHash: () => Buffer.alloc(32) },
    notify: silent,
    settings: DEFAULT_GRAPH_SETTINGS,
  };
}

async function composeAgents(pool: Pool, keyring: Keyring): Promise<Agents> {
  const clock = systemClock;
  const sanctions = await loadSanctions({});
  const board = { current: () => snapshotAt(clock.now()) };
  return {
    exchangeRate: bindAgent(createExchangeRateAgent({ quoteKey: randomBytes(32) }), { pool, board, clock }),
    compliance: bindAgent(createComplianceAgent(COMPLIANCE_POLICY, { rules: createStoredRules(pool) }), {
      db: pool,
      keyring,
      sanctions,
      fourEyes: DEFAULT_GRAPH_SETTINGS,
    }),
    route: bindAgent(createRouteAgent(), { db: pool, clock, railsOfWallet }),
    liquidity: createLiquidityAgent({ clock }),
  };
}

/** Rates that two publishers agreed on a minute ago. */
function snapshotAt(nowMs: number): RateSnapshot {
  const rates: RateSnapshot['rates'] = new Map(
    CURRENCIES.flatMap((currency) => {
      const text = PER_USD[currency];
      if (text === undefined) return [];
      const perUsd = parseRate(text);
      const voices = ['first', 'second'].map((source) => ({ source, publisher: source, asOfMs: nowMs - 60_000, perUsd }));
      return [[currency, { currency, perUsd, voices, disagreementBps: 0, volatilityBps: 40, moveBps: 0, warnings: [] }] as const];
    }),
  );
  return { atMs: nowMs, rates, refusals: new Map(), dropped: [] };
}

/** Payments come in as they do in production: checked, encrypted, and stored by group commit. */
function seeder(pool: Pool, keyring: Keyring): World['seed'] {
  const random = seededRandom(SEED);
  const people = createPeople(random);
  const intake = createIntake({ pool, keyring, clock: systemClock, notify: () => undefined, waitingMax: Number.MAX_SAFE_INTEGER });
  let count = 0;

  function nextIntent(): PaymentIntent {
    const [from, to] = random.pick(CORRIDORS);
    const party = (country: Country) => {
      const { name, phone } = people.person(country);
      return { name, phone, country };
    };
    count += 1;
    const parsed = parseIntent({
      referenceId: `bench-${count}`,
      amount: writeAmount(random, from, drawUsd(random, USD_MAX)),
      fromCurrency: countryByCode(from).currency,
      toCurrency: countryByCode(to).currency,
      sender: party(from),
      receiver: party(to),
      funding: 'balance',
      delivery: 'balance',
    });
    if (!parsed.ok) throw new Error(`a bench intent is wrong: ${parsed.errors.map(({ field, code }) => `${field} ${code}`).join(', ')}`);
    return parsed.intent;
  }

  return async (wanted) => {
    const submitted = Array.from({ length: wanted }, () => intake.submit(CLIENT_IDS[count % CLIENT_IDS.length] ?? '', nextIntent()));
    await Promise.all(submitted);
  };
}
