/**
 * The composition root: makes, from the settings, everything that a process of CAPP works with. Nothing
 * else in the house makes a pool, a key, an agent or an operator client.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import pg from 'pg';
import { COMPLIANCE_POLICY, createComplianceAgent, createStoredRules } from '../agents/compliance/index.ts';
import type { RiskModel } from '../agents/compliance/risk/model.ts';
import { createExchangeRateAgent } from '../agents/exchange-rate/index.ts';
import { createLiquidityAgent } from '../agents/liquidity/index.ts';
import { createRouteAgent } from '../agents/route-optimizer/index.ts';
import { connect, type Pool, sessionOf } from '../db/connect.ts';
import type { Keys } from '../db/keyring.ts';
import { QUEUE_SCHEMA } from '../db/migrate.ts';
import { assertServiceRole, SERVICE_ROLE } from '../db/service-role.ts';
import { systemClock } from '../domain/clock.ts';
import { fault, isFault } from '../domain/errors.ts';
import { RAILS, railsOfWallet } from '../domain/network.ts';
import type { Agents } from '../graph/agents.ts';
import { CaseCheckpointer } from '../graph/case/checkpointer.ts';
import { bindAgent } from '../graph/decide.ts';
import { createHintQueue, type HintQueue, type QueueConnection } from '../graph/queue.ts';
import { DEFAULT_GRAPH_SETTINGS, type GraphDeps, type GraphSettings, type Hint, type SettlementSide } from '../graph/types.ts';
import { createRateBoard, type RateBoard } from '../tools/fx/board.ts';
import { fxSettingsFrom, rateSources } from '../tools/fx/sources.ts';
import { createOperators, type Operators, railTerms } from '../tools/mmo/registry.ts';
import type { RailTerms } from '../tools/mmo/terms.ts';
import { forgivingHealthStore, type HealthStore } from '../tools/rails/health.ts';
import { createRateGate, postgresRateStore, type RateGate } from '../tools/rails/rates.ts';
import { redisHealthStore, redisRateStore } from '../tools/rails/redis.ts';
import { admitIndexKeys } from '../tools/privacy/index.ts';
import type { SanctionsList } from '../tools/sanctions/list.ts';
import { type LiveSanctions, openSanctions } from '../tools/sanctions/live.ts';
import { adviseOnDemand } from './advise.ts';
import type { BalanceDoor, OwnPaymentDesk, OwnPaymentDesks } from './api/deps.ts';
import { callbackAddresses, ownPaymentPaths } from './callback-addresses.ts';
import type { Config } from './config.ts';
import { createLog, type Log } from './log.ts';
import { type OperatorStores, operatorStores } from './operators.ts';
import { openRedis } from './redis.ts';
import { statementSource } from './statements.ts';
import { loadKeys } from './secrets.ts';

/**
 * Outcomes come in one by one; a moment's patience lets them travel together. Payments that come in are more patient: a hint costs the
 * queue about as much as a payment costs the way in, and a lone payment's goes out at once all the same.
 */
const hintQuietMs = (hint: Hint): number => (hint === 'authorize' ? 250 : 50);

type Env = Readonly<Record<string, string | undefined>>;

/** What both the API and the workers hold. */
export interface Foundation {
  readonly config: Config;
  readonly log: Log;
  readonly pool: Pool;
  readonly keys: Keys;
  readonly queue: HintQueue;
  readonly board: RateBoard;
  readonly operators: Operators;
  /** What holds for each rail beside its protocol's settings. */
  readonly terms: ReadonlyMap<string, RailTerms>;
  /** How rails do, where processes share it: Redis when there is one; undefined for the database. */
  readonly railHealth: HealthStore | undefined;
  /** How much operators may be sent, over all processes. */
  readonly rates: RateGate;
  readonly sanctions: SanctionsList;
  /** Closes what was opened, in the order in which it is needed. */
  close(): Promise<void>;
}

/** Opens the foundation of a process. The database must be migrated, written with the index keys that are named, and `DATABASE_URL` known. */
export async function openFoundation(config: Config, env: Env, program: 'api' | 'worker'): Promise<Foundation> {
  if (config.databaseUrl === null)
    throw fault('config_invalid', { field: 'DATABASE_URL', detail: 'DATABASE_URL must be set for a single process.' });
  const log = createLog({ program, level: config.logLevel });
  const keys = await loadKeys(env, config.dataDir);
  const { sanctionsPath, listsRequired: required, listsAllowShrunk: allowShrunk, env: environment, dataDir } = config;
  const sanctions = await openSanctions({ sanctionsPath, required, allowShrunk, environment, dataDir });
  const watch = watchLists(sanctions, log);
  const pool = connect({
    url: config.databaseUrl,
    applicationName: `capp ${program}`,
    role: SERVICE_ROLE,
    max: 10,
    onError: (error) => log.warn({ code: (error as { code?: string }).code }, 'database connection broke'),
  });
  await assertServiceRole(pool);
  await admitIndexKeys(pool, keys.keyring, systemClock.now());
  const redis = await openRedis(config, log);
  const { operators, terms } = await openOperators(config, operatorStores({ pool, redis }, keys, config.publicUrl, log));
  const limits = new Map([...terms].map(([railId, { ratesPerS }]) => [railId, ratesPerS]));
  const queue = createHintQueue({ connection: queueConnection(config, config.databaseUrl), log, quietMs: hintQuietMs });
  const board = createRateBoard({ sources: rateSources(fxSettingsFrom(env)), pool, clock: systemClock, log });
  await board.start();
  return {
    config,
    log,
    pool,
    keys,
    queue,
    board,
    operators,
    terms,
    railHealth: redis === null ? undefined : openRailHealth(redis, log),
    rates: createRateGate(redis === null ? postgresRateStore(pool) : redisRateStore(redis), limits),
    sanctions,
    close: async () => {
      clearInterval(watch);
      await queue.close();
      await board.stop();
      redis?.disconnect();
      await pool.end();
    },
  };
}

const LISTS_WATCH_MS = 60_000;

/** Takes over new editions of the lists while running. */
function watchLists(sanctions: LiveSanctions, log: Log): NodeJS.Timeout {
  const look = async (): Promise<void> => {
    try {
      if (await sanctions.refresh()) log.info({ lists: sanctions.version }, 'new lists in force');
    } catch (error) {
      const refusal = isFault(error) ? { code: error.code, detail: error.detail } : { code: 'internal' };
      log.error(refusal, 'new lists do not count; the old ones stay');
    }
  };
  return setInterval(() => void look(), LISTS_WATCH_MS).unref();
}

function queueConnection(config: Config, databaseUrl: string): QueueConnection {
  return config.redisUrl === null
    ? { kind: 'postgres', url: databaseUrl, schema: QUEUE_SCHEMA, role: SERVICE_ROLE }
    : { kind: 'redis', url: config.redisUrl };
}

function openRailHealth(redis: Redis, log: Log): HealthStore {
  return forgivingHealthStore(redisHealthStore(redis), (error) =>
    log.warn({ code: (error as { code?: string }).code }, 'how rails do cannot be shared'),
  );
}

async function openOperators(config: Config, stores: OperatorStores): Promise<Pick<Foundation, 'operators' | 'terms'>> {
  const path = config.operatorsPath;
  if (path === null)
    throw fault('config_invalid', { field: 'CAPP_OPERATORS_PATH', detail: 'CAPP_OPERATORS_PATH must name the settings of the operators.' });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw fault('config_invalid', { field: 'CAPP_OPERATORS_PATH', detail: `The operators' settings cannot be read from ${path}.`, cause });
  });
  const profiles = parseObject(text);
  if (profiles === null)
    throw fault('config_invalid', { field: 'CAPP_OPERATORS_PATH', detail: `${path} is not a JSON object of settings per rail.` });
  const operators = createOperators({ ...stores, rails: RAILS, profiles, fetch: (url, init) => fetch(url, init), clock: systemClock });
  return { operators, terms: railTerms(RAILS, profiles) };
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** The agents, each with its own tools. */
export function composeAgents(
  foundation: Pick<Foundation, 'config' | 'pool' | 'keys' | 'board' | 'sanctions'> & Partial<Pick<Foundation, 'railHealth'>>,
  risk: RiskModel,
): Agents {
  const { config, pool, keys, board, sanctions, railHealth } = foundation;
  const clock = systemClock;
  return {
    exchangeRate: bindAgent(createExchangeRateAgent({ quoteKey: keys.quoteKey }), { pool, board, clock }),
    compliance: bindAgent(createComplianceAgent(COMPLIANCE_POLICY, { rules: createStoredRules(pool), risk }), {
      db: pool,
      keyring: keys.keyring,
      sanctions,
      fourEyes: config.fourEyes,
      perUsd: perUsdBy(board),
    }),
    route: bindAgent(createRouteAgent(), { db: pool, clock, railsOfWallet, ...(railHealth === undefined ? {} : { railHealth }) }),
    liquidity: createLiquidityAgent({ clock }),
  };
}

/** By which rates the worth of a payment is told where its case is opened, and where officers' word is held against that. */
function perUsdBy(board: Foundation['board']): NonNullable<GraphDeps['perUsd']> {
  return (currency) => board.current().rates.get(currency)?.perUsd ?? null;
}

/** What the graph works with in a worker process. */
export function composeGraphDeps(foundation: Foundation, settlement?: SettlementSide): GraphDeps {
  const { config, pool, log, keys, operators, queue, board } = foundation;
  return {
    pool,
    clock: systemClock,
    log,
    keyring: keys.keyring,
    operators,
    callbacks: callbackAddresses(config.publicUrl, keys.callbackKey),
    notify: (hint) => queue.notify(hint),
    perUsd: perUsdBy(board),
    advise: adviseOnDemand(pool, keys.keyring, config.llm),
    settings: { ...graphSettings(config), inquiryDelaysMs: inquiryDelays(foundation.terms) },
    rates: foundation.rates,
    ...(foundation.railHealth === undefined ? {} : { railHealth: foundation.railHealth }),
    statements: statementSource({
      statementsPath: config.statementsPath,
      sandbox: config.sandbox ? { url: config.sandboxUrl, folder: join(config.dataDir, 'sandbox') } : null,
    }),
    settlement,
  };
}

/** The desks of all rails whose operator tells of payments that customers make by themselves. */
export function ownPaymentDesks(operators: Operators, key: Buffer): OwnPaymentDesks {
  const pathOf = ownPaymentPaths('', key);
  const desks = new Map<string, OwnPaymentDesk>();
  for (const { id: railId, protocol } of RAILS) {
    if (protocol === 'on_us') continue;
    const { ownPayments, callbackAnswer } = operators(railId);
    if (ownPayments !== undefined) desks.set(pathOf(railId).token, { railId, payments: ownPayments, thanks: callbackAnswer });
  }
  const [first] = desks.values();
  return { at: (token) => desks.get(token) ?? null, railId: first?.railId ?? null };
}

/** The rails whose operators tell balances by a message, with how that is read. */
export function balanceDoors(operators: Operators): ReadonlyMap<string, BalanceDoor> {
  const doors = new Map<string, BalanceDoor>();
  for (const { id, protocol } of RAILS) {
    if (protocol === 'on_us') continue;
    const { readBalance, callbackAnswer } = operators(id);
    if (readBalance !== undefined) doors.set(id, { read: readBalance, thanks: callbackAnswer });
  }
  return doors;
}

function graphSettings(config: Config): GraphSettings {
  return {
    ...DEFAULT_GRAPH_SETTINGS,
    cohortMax: config.cohortMax,
    leaseMs: config.leaseMs,
    sendTimeoutMs: config.leaseMs,
    inquiryDelayMs: config.inquiryDelayMs,
    inquiryDelayMsMax: config.inquiryDelayMsMax,
    retryDelayMs: config.retryDelayMs,
    settlementAgeMs: config.settlementAgeMs,
    doubtLimitMs: config.doubtLimitMs,
    doubtLimitsMs: config.doubtLimitsMs,
    webhookAllowPrivate: config.webhookAllowPrivate,
    ...config.fourEyes,
  };
}

function inquiryDelays(terms: Foundation['terms']): GraphSettings['inquiryDelaysMs'] {
  return Object.fromEntries(
    [...terms].flatMap(([railId, { inquiryDelaysMs }]) => (inquiryDelaysMs === undefined ? [] : [[railId, inquiryDelaysMs]])),
  );
}

/** Where case threads are kept. A pool of its own: a burst of cases must not starve the postings. */
export function openCheckpointer(config: Config, log: Log): { readonly saver: CaseCheckpointer; close(): Promise<void> } {
  const pool = new pg.Pool({ ...sessionOf(config.databaseUrl ?? '', SERVICE_ROLE), application_name: 'capp cases', max: 2 });
  pool.on('error', (error) => log.warn({ code: (error as { code?: string }).code }, 'database connection broke'));
  return { saver: new CaseCheckpointer(pool), close: () => pool.end() };
}
