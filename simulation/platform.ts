/**
 * The platform under the simulation: the programs as they are, with their deps made of the stage. A process
 * that dies is started again after a while, as the supervisor does it.
 */
import { createHash } from 'node:crypto';
import type { Pool } from 'pg';
import { createComplianceAgent } from '../agents/compliance/index.ts';
import { createExchangeRateAgent, createQuote } from '../agents/exchange-rate/index.ts';
import { createLiquidityAgent } from '../agents/liquidity/index.ts';
import { createRouteAgent } from '../agents/route-optimizer/index.ts';
import type { Keyring } from '../db/keyring.ts';
import { findApiKey } from '../db/queries/api-keys.ts';
import type { Clock } from '../domain/clock.ts';
import { CURRENCIES } from '../domain/currency.ts';
import { ON_US, RAILS, railsOfWallet } from '../domain/network.ts';
import { parseRate } from '../domain/rate.ts';
import type { Agents } from '../graph/agents.ts';
import { CaseCheckpointer } from '../graph/case/checkpointer.ts';
import { bindAgent } from '../graph/decide.ts';
import { DEFAULT_GRAPH_SETTINGS, type GraphDeps, type GraphSettings, type Log } from '../graph/types.ts';
import { startWorker } from '../graph/worker.ts';
import type { Chance } from '../sandbox/random.ts';
import { ratesOf } from '../sandbox/fx.ts';
import { createApi } from '../server/api/app.ts';
import type { ApiDeps } from '../server/api/deps.ts';
import { callbackAddresses } from '../server/callback-addresses.ts';
import { createIntake } from '../server/intake.ts';
import { createLog } from '../server/log.ts';
import type { RateSnapshot } from '../tools/fx/consensus.ts';
import { voidHolds } from '../tools/ledger/index.ts';
import { createOperators } from '../tools/mmo/registry.ts';
import type { SanctionsList } from '../tools/sanctions/list.ts';
import { type Actor, createActor } from './actor.ts';
import { SETTLEMENT_KEYS, type SimulatedChain } from './chain.ts';
import type { Database } from './database.ts';
import type { Faults } from './faults.ts';
import type { Hints } from './hints.ts';
import type { Network } from './network.ts';
import { API_URL } from './people.ts';
import type { Stage } from './stage.ts';

export interface PlatformDeps {
  readonly stage: Stage;
  readonly faults: Faults;
  readonly database: Database;
  readonly network: Network;
  readonly hints: Hints;
  /** The real connections, shared by all processes. */
  readonly pool: Pool;
  readonly keyring: Keyring;
  readonly quoteKey: Buffer;
  readonly pepper: Buffer;
  readonly sanctions: SanctionsList;
  readonly profiles: Readonly<Record<string, unknown>>;
  readonly settings: Partial<GraphSettings>;
  /** Where batches are settled; null: on the books. */
  readonly chain: SimulatedChain | null;
  /** How long a process stands still at most when it is stopped; null: as long as anywhere. */
  readonly pauseMsMax: number | null;
  /** Says that nothing new goes wrong and most has come to rest. */
  readonly isCalm: () => boolean;
  /** Receives the webhooks of clients: the event id and its body. */
  readonly receive: (eventId: string, body: string) => number;
  /** Hears what processes log as errors. */
  readonly problem: (actor: string, message: string, fields: object) => void;
}

export interface ApiProcess {
  readonly actor: Actor;
  readonly request: (url: string, init: RequestInit) => Promise<Response>;
}

export interface Platform {
  /** The API that is up, or null between a death and the next start. */
  api(): ApiProcess | null;
  /** How often processes were started. */
  readonly starts: { api: number; workers: number };
  /** Ends every process. */
  end(): void;
}

const SWEEP_MS = 2_500;
const HOUSEKEEPING_MS = 15_000;
const RESTART_MS = { min: 200, max: 6_000 };
/** Clocks of machines differ by this much without anybody noticing. */
const SKEW_MS = 400;

/** Starts one API and so many workers. */
export function startPlatform(deps: PlatformDeps, workers: number): Platform {
  const starts = { api: 0, workers: 0 };
  const living = new Set<Actor>();
  let api: ApiProcess | null = null;
  let ended = false;

  function startOne(program: string, life: number, start: (actor: Actor) => void): void {
    if (ended) return;
    const { stage, faults } = deps;
    const name = `${program}.${life}`;
    const mortality =
      program === 'api'
        ? ({ before: ['api_killed_before', 'paused', 'clock_jumps'], after: ['api_killed_after'] } as const)
        : ({ before: ['killed_before', 'paused', 'clock_jumps'], after: ['killed_after'] } as const);
    const skew = (2 * stage.chance.draw('skew', name) - 1) * SKEW_MS;
    const { pauseMsMax } = deps;
    const actor = createActor({
      stage,
      faults,
      name,
      mortality,
      clockSkewMs: Math.round(skew),
      ...(pauseMsMax === null ? {} : { pauseMsMax }),
    });
    living.add(actor);
    stage.note(`${name} starts`);
    actor.onEnd(() => {
      living.delete(actor);
      if (api?.actor === actor) api = null;
      const restMs = RESTART_MS.min * (RESTART_MS.max / RESTART_MS.min) ** stage.chance.draw('restart', name);
      stage.after(restMs, () => startOne(program, life + 1, start));
    });
    start(actor);
  }

  startOne('api', 0, (actor) => {
    starts.api += 1;
    api = startApi(deps, actor);
  });
  for (let index = 1; index <= workers; index += 1) {
    startOne(`worker-${index}`, 0, (actor) => {
      starts.workers += 1;
      startWorkerProcess(deps, actor);
    });
  }
  return {
    api: () => api,
    starts,
    end: () => {
      ended = true;
      for (const actor of living) actor.kill();
    },
  };
}

const CALLBACK_KEY = createHash('sha256').update('callbacks of the simulation').digest();

function startApi(deps: PlatformDeps, actor: Actor): ApiProcess {
  const { keyring } = deps;
  const pool = deps.database.poolFor(actor, deps.pool);
  const { clock } = actor;
  const queue = deps.hints.queueFor(actor);
  const operators = operatorsOf(deps, actor);
  const board = boardOf(deps.stage.chance, clock);
  const apiDeps: ApiDeps = {
    pool,
    // The connections that fail with this process; what clients may see of each other is tested on a real role.
    tenants: { of: () => pool, writing: () => pool, listing: () => pool },
    keyring,
    clock,
    log: createLog({ program: actor.name, level: 'silent' }),
    intake: createIntake({ pool, keyring, clock, notify: (hint) => queue.notify(hint) }),
    findCaller: (presented) => findApiKey(pool, deps.pepper, presented, clock.now()),
    createQuote: (request) => createQuote({ pool, board, clock, quoteKey: deps.quoteKey }, request),
    notify: (hint) => queue.notify(hint),
    callbackAnswer: (railId) => (railId === ON_US ? null : operators(railId).callbackAnswer),
    settlementKeys: SETTLEMENT_KEYS,
    voidReservation: (tx, { paymentId }) => voidHolds(tx, paymentId),
    dependencies: {},
    queueDepths: () => queue.depth(),
    version: 'simulation',
  };
  const { app } = createApi(apiDeps);
  return { actor, request: async (url, init) => app.request(url.startsWith(API_URL) ? url.slice(API_URL.length) : url, init) };
}

function startWorkerProcess(deps: PlatformDeps, actor: Actor): void {
  const { stage } = deps;
  const pool = deps.database.poolFor(actor, deps.pool);
  const queue = deps.hints.queueFor(actor);
  const graphDeps: GraphDeps = {
    pool,
    clock: actor.clock,
    log: logOf(deps, actor),
    keyring: deps.keyring,
    operators: operatorsOf(deps, actor),
    callbacks: callbackAddresses(API_URL, CALLBACK_KEY),
    notify: (hint) => queue.notify(hint),
    settings: { ...DEFAULT_GRAPH_SETTINGS, ...deps.settings },
    settlement: deps.chain?.sideOf(actor, pool),
  };
  startWorker({
    deps: graphDeps,
    agents: agentsOf(deps, pool, actor.clock),
    queue,
    checkpointer: new CaseCheckpointer(deps.database.poolFor(actor, deps.pool)),
    sweepMs: SWEEP_MS,
    housekeepingMs: HOUSEKEEPING_MS,
    every: (ms, task) => repeat(deps, actor, ms, task),
    sendWebhook: async ({ headers, body }) => {
      const eventId = headers['webhook-id'] ?? '';
      const status = await actor.step('webhook', 5 + 200 * stage.chance.draw('webhook', eventId), () => deps.receive(eventId, body));
      return { kind: 'answered', status, retryAfterMs: null };
    },
  });
}

/** When all is calm, timers of the platform go so much slower: time passes, and nothing is to be found. */
const CALM_SLOWNESS = 8;

/** A timer of one process; it ends with it. */
function repeat({ stage, isCalm }: PlatformDeps, actor: Actor, ms: number, task: () => void): () => void {
  let stopped = false;
  const again = (): void => {
    if (stopped || !actor.isAlive()) return;
    task();
    stage.after(isCalm() ? ms * CALM_SLOWNESS : ms, again);
  };
  stage.after(ms * stage.chance.draw('first', actor.name, ms), again);
  return () => {
    stopped = true;
  };
}

function logOf(deps: PlatformDeps, actor: Actor): Log {
  const silent = (): void => undefined;
  return { debug: silent, info: silent, warn: silent, error: (fields, message) => deps.problem(actor.name, message, fields) };
}

function operatorsOf(deps: PlatformDeps, actor: Actor) {
  return createOperators({ rails: RAILS, profiles: deps.profiles, fetch: deps.network.fetchOf(actor), clock: actor.clock });
}

function agentsOf(deps: PlatformDeps, pool: Pool, clock: Clock): Agents {
  const board = boardOf(deps.stage.chance, clock);
  return {
    exchangeRate: bindAgent(createExchangeRateAgent({ quoteKey: deps.quoteKey }), { pool, board, clock }),
    compliance: bindAgent(createComplianceAgent(), {
      db: pool,
      keyring: deps.keyring,
      sanctions: deps.sanctions,
      fourEyes: { ...DEFAULT_GRAPH_SETTINGS, ...deps.settings },
    }),
    route: bindAgent(createRouteAgent(), { db: pool, clock, railsOfWallet }),
    liquidity: createLiquidityAgent({ clock }),
  };
}

/** Rates of the hour, on which two publishers agree. */
function boardOf(chance: Chance, clock: Clock): { current(): RateSnapshot } {
  return {
    current: () => {
      const atMs = clock.now();
      const perUsdOf = ratesOf(chance, 'simulation', atMs);
      const rates: RateSnapshot['rates'] = new Map(
        CURRENCIES.flatMap((currency) => {
          const rate = perUsdOf[currency];
          if (rate === undefined) return [];
          const perUsd = parseRate(String(rate));
          const voices = ['first', 'second'].map((source) => ({ source, publisher: source, asOfMs: atMs - 60_000, perUsd }));
          return [[currency, { currency, perUsd, voices, disagreementBps: 0, volatilityBps: 40, moveBps: 0, warnings: [] }] as const];
        }),
      );
      return { atMs, rates, refusals: new Map(), dropped: [] };
    },
  };
}
