/**
 * The rate board: the rates a process quotes with, kept current in the background.
 *
 * One process at a time asks the sources and writes what they said to the database; it holds an advisory
 * lock for as long as it lives. Every process reads the database and builds its snapshot from it with the
 * same pure rules, so that all of them see the same rates, and a source that is down is missed by nobody
 * until its last word has become too old.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { Clock } from '../../domain/clock.ts';
import { CURRENCIES } from '../../domain/currency.ts';
import { isFault } from '../../domain/errors.ts';
import { consensus, emptySnapshot, type RateSnapshot } from './consensus.ts';
import { type RateSource, retryAfterMsOf, type SourceRates } from './source.ts';
import { loadRates, newestRateId, newlyAccepted, rowsOf, type StoredRates, storeRates } from './store.ts';

/** The part of a pino logger that the board uses. */
export interface BoardLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface RateBoardDeps {
  readonly sources: readonly RateSource[];
  readonly pool: Pool;
  readonly clock: Clock;
  readonly log?: BoardLog;
  /** False: this process never asks sources, it only reads what another one stored. */
  readonly fetches?: boolean;
  /** How long a source that answered is left alone, milliseconds; one hour unless told, for sources change once a day. */
  readonly refreshIntervalMs?: number;
  /** Between two looks at the database, milliseconds; 5 seconds unless told. */
  readonly tickIntervalMs?: number;
}

export interface RateBoard {
  /** The rates as of the last look; has no rate but the dollar before the first. Never throws. */
  current(): RateSnapshot;
  /** One look: asks sources that are due if this process is the one that asks, loads, and builds the snapshot. Never throws. */
  tick(): Promise<void>;
  /**
   * Looks until there are rates, for ten seconds at most, then keeps looking in the background. A process
   * that has no live source and so cannot have rates by itself looks once.
   */
  start(): Promise<void>;
  /** Ends the background work and gives up the lock. */
  stop(): Promise<void>;
}

const REFRESH_INTERVAL_MS = 3_600_000;
const TICK_INTERVAL_MS = 5_000;
const RELOAD_INTERVAL_MS = 60_000;
/** While there are no rates at all, the database is looked at this often: another process may be asking right now. */
const FIRST_TICK_INTERVAL_MS = 250;
const FIRST_RATES_WAIT_MS = 10_000;
/** A source that failed is asked again after this, then after twice as long each time, up to the maximum. */
const RETRY_DELAY_MS = 1_000;
const RETRY_DELAY_MS_MAX = 20 * 60_000;
/** "capp fx" as a number: the key of the advisory lock. */
const LOCK_KEY = 7_165_011_208;

interface SourceState {
  readonly source: RateSource;
  dueAtMs: number;
  failures: number;
}

interface BoardState {
  readonly deps: RateBoardDeps;
  readonly sources: readonly SourceState[];
  snapshot: RateSnapshot;
  stored: StoredRates | null;
  loadedAtMs: number;
  /** The copy on disk knows pairs that the database does not keep. */
  embedded: SourceRates | null;
  /** The connection that holds the lock, in the process that asks the sources. */
  leader: PoolClient | null;
  ticking: Promise<void> | null;
  timer: NodeJS.Timeout | null;
  stopped: boolean;
}

/** Makes a board; nothing is read or asked before `start` or `tick`. */
export function createRateBoard(deps: RateBoardDeps): RateBoard {
  const state: BoardState = {
    deps,
    sources: deps.sources.map((source) => ({ source, dueAtMs: 0, failures: 0 })),
    snapshot: emptySnapshot(deps.clock.now()),
    stored: null,
    loadedAtMs: 0,
    embedded: null,
    leader: null,
    ticking: null,
    timer: null,
    stopped: false,
  };
  const tick = (): Promise<void> => {
    state.ticking ??= look(state).finally(() => {
      state.ticking = null;
    });
    return state.ticking;
  };
  const keepLooking = (): void => {
    if (state.stopped) return;
    const intervalMs = hasRates(state) ? (deps.tickIntervalMs ?? TICK_INTERVAL_MS) : FIRST_TICK_INTERVAL_MS;
    state.timer = setTimeout(() => void tick().then(keepLooking), intervalMs);
    state.timer.unref();
  };
  return {
    current: () => state.snapshot,
    tick,
    async start() {
      await tick();
      const isLive = deps.sources.some((source) => source.id !== 'embedded');
      const untilMs = performance.now() + FIRST_RATES_WAIT_MS;
      while (isLive && !hasRates(state) && !state.stopped && performance.now() < untilMs) {
        await delay(FIRST_TICK_INTERVAL_MS);
        await tick();
      }
      keepLooking();
    },
    async stop() {
      state.stopped = true;
      if (state.timer !== null) clearTimeout(state.timer);
      await state.ticking;
      await resign(state);
    },
  };
}

/** The dollar alone is no rate. */
function hasRates(state: BoardState): boolean {
  return state.snapshot.rates.size > 1;
}

async function look(state: BoardState): Promise<void> {
  const { deps } = state;
  const nowMs = deps.clock.now();
  await readEmbedded(state);
  try {
    if (deps.fetches !== false && deps.sources.length > 0) await lead(state);
    if (state.leader !== null) await askDueSources(state, nowMs);
    await load(state, nowMs);
  } catch (error) {
    deps.log?.warn({ code: isFault(error) ? error.code : 'internal' }, 'rates could not be loaded');
  }
  if (state.stored === null) return;
  state.snapshot = consensus(withEmbedded(state.stored.latest, state.embedded), state.stored.previous, nowMs);
  await keepAccepted(state, nowMs);
}

/** The copy on disk is the same in every process and does not change while it runs; without it the live sources must do. */
async function readEmbedded(state: BoardState): Promise<void> {
  const source = state.deps.sources.find((each) => each.id === 'embedded');
  if (state.embedded !== null || source === undefined) return;
  state.embedded = await source.fetch().catch((): null => null);
}

/** Reads the database when something was added, and at times anyway: rows can commit behind a newer one's back. */
async function load(state: BoardState, nowMs: number): Promise<void> {
  const { deps, stored } = state;
  const isRecent = nowMs - state.loadedAtMs < RELOAD_INTERVAL_MS;
  if (stored !== null && isRecent && (await newestRateId(deps.pool)) === stored.newestId) return;
  state.stored = await loadRates(deps.pool, CURRENCIES, nowMs);
  state.loadedAtMs = nowMs;
}

function withEmbedded(latest: readonly SourceRates[], embedded: SourceRates | null): readonly SourceRates[] {
  return embedded === null ? latest : [...latest.filter((rates) => rates.source !== embedded.source), embedded];
}

/** Tries to become the process that asks the sources. The lock falls to another when this connection ends. */
async function lead(state: BoardState): Promise<void> {
  if (state.leader !== null) return;
  const client = await state.deps.pool.connect();
  let won = false;
  try {
    const result = await client.query<{ won: boolean }>('select pg_try_advisory_lock($1) as won', [LOCK_KEY]);
    won = result.rows[0]?.won === true;
  } finally {
    if (!won) client.release();
  }
  if (!won) return;
  state.leader = client;
  const lost = (): void => {
    if (state.leader !== client) return;
    state.leader = null;
    client.release(true);
  };
  client.once('error', lost);
  client.once('end', lost);
}

/** Gives up the lock by ending the connection that holds it. */
async function resign(state: BoardState): Promise<void> {
  const client = state.leader;
  state.leader = null;
  if (client === null) return;
  const unlocked = await client.query('select pg_advisory_unlock($1)', [LOCK_KEY]).then(
    () => true,
    () => false,
  );
  client.release(!unlocked);
}

/** Asks at once, stores one after the other, so that rows commit in the order of their ids. */
async function askDueSources(state: BoardState, nowMs: number): Promise<void> {
  const due = state.sources.filter((each) => each.dueAtMs <= nowMs);
  const answers = await Promise.allSettled(due.map((each) => each.source.fetch()));
  for (const [index, each] of due.entries()) {
    const answer = answers[index];
    if (answer?.status === 'fulfilled') await takeAnswer(state, each, answer.value, nowMs);
    else postpone(state, each, answer?.reason, nowMs);
  }
}

async function takeAnswer(state: BoardState, each: SourceState, rates: SourceRates, nowMs: number): Promise<void> {
  const { deps } = state;
  const added = await storeRates(deps.pool, rowsOf(rates), nowMs);
  each.failures = 0;
  each.dueAtMs = nowMs + (deps.refreshIntervalMs ?? REFRESH_INTERVAL_MS);
  deps.log?.info({ sourceId: each.source.id, added, asOfMs: rates.asOfMs }, 'a source of rates was read');
}

function postpone(state: BoardState, each: SourceState, error: unknown, nowMs: number): void {
  const delayMs = Math.min(RETRY_DELAY_MS_MAX, RETRY_DELAY_MS * 2 ** each.failures);
  each.failures += 1;
  each.dueAtMs = nowMs + Math.max(delayMs, retryAfterMsOf(error));
  const why = isFault(error) ? error.internal : undefined;
  state.deps.log?.warn({ sourceId: each.source.id, why, failures: each.failures }, 'a source of rates failed');
}

/** The process that asks is also the one that writes down what was accepted; the others find it there. */
async function keepAccepted(state: BoardState, nowMs: number): Promise<void> {
  const { deps, stored } = state;
  if (state.leader === null || stored === null) return;
  const rows = newlyAccepted(state.snapshot, stored.previous);
  if (rows.length === 0) return;
  try {
    await storeRates(deps.pool, rows, nowMs);
    state.stored = await loadRates(deps.pool, CURRENCIES, nowMs);
  } catch {
    deps.log?.warn({}, 'accepted rates could not be stored');
  }
}
