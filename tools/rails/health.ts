/**
 * How each rail does, per leg, as live outcomes tell it: a success rate that forgets, an expected
 * latency, and a breaker that takes a rail out when its operator cannot be reached.
 *
 * The arithmetic is pure. A store that all processes share keeps one row per rail and leg, PostgreSQL or Redis; concurrent
 * recordings of the same row wait for each other, so no outcome is lost.
 */
import type { Pool, PoolClient } from 'pg';
import { type Queryable, withTransaction } from '../../db/connect.ts';
import type { Leg } from '../../domain/lifecycle.ts';

/** Legs as health sees them: a refund is a payout at the operator. */
export type HealthLeg = 'collection' | 'payout';

export interface RailHealth {
  readonly railId: string;
  readonly leg: HealthLeg;
  /** Successes and failures, each weighted by its age, as of `updatedAtMs`. */
  readonly successWeight: number;
  readonly failureWeight: number;
  /** Moving average over successes, milliseconds; 0 before the first. */
  readonly latencyMs: number;
  /** Times in a row that the operator could not be reached; while the breaker is open, how often it has opened. */
  readonly outages: number;
  /** Until when the rail counts as down; null while the breaker is closed. */
  readonly downUntilMs: number | null;
  readonly updatedAtMs: number;
}

/**
 * One outcome of an attempt. `outage` means that the operator could not be reached, did not answer or could not work, or that
 * nothing may be sent to it, as with a PIN that it refused; it is told once for each request, as soon as it shows.
 * A refusal that is the customer's own (no money, wrong PIN) shows a rail that works: report it as `ok`
 * with `latencyMs` null, or not at all.
 */
export interface RailOutcome {
  readonly railId: string;
  readonly leg: Leg;
  /** Null for an answer whose end is not known yet: the operator works, and no more is said. */
  readonly ok: boolean | null;
  readonly outage: boolean;
  /** From the request to its outcome; null when that says nothing about the rail. */
  readonly latencyMs: number | null;
}

export interface HealthPolicy {
  /** After this time an outcome counts half. */
  readonly halfLifeMs: number;
  /** Weight of the newest latency in the moving average, 0 to 1. */
  readonly latencyAlpha: number;
  /** The success rate a rail is believed to have before it has shown anything, and how many outcomes that belief is worth. */
  readonly priorSuccess: number;
  readonly priorWeight: number;
  /** Outages in a row that open the breaker. */
  readonly outagesToOpen: number;
  /** How long the breaker stays open the first time; each further time doubles it up to the maximum. */
  readonly downMsBase: number;
  readonly downMsMax: number;
}

export const HEALTH_POLICY: HealthPolicy = {
  halfLifeMs: 30 * 60_000,
  latencyAlpha: 0.2,
  priorSuccess: 0.95,
  priorWeight: 10,
  outagesToOpen: 5,
  downMsBase: 15_000,
  downMsMax: 5 * 60_000,
};

/** `closed`: in use · `open`: down · `half_open`: one payment may try whether it is back. */
export type BreakerState = 'closed' | 'open' | 'half_open';

export function healthLegOf(leg: Leg): HealthLeg {
  return leg === 'collection' ? 'collection' : 'payout';
}

/** The row of a rail nobody has used yet. */
export function untriedRail(railId: string, leg: HealthLeg, nowMs: number): RailHealth {
  return { railId, leg, successWeight: 0, failureWeight: 0, latencyMs: 0, outages: 0, downUntilMs: null, updatedAtMs: nowMs };
}

/** Share of a weight that is left after `ageMs`. A clock that went back counts as no time at all. */
export function decay(ageMs: number, halfLifeMs: number): number {
  return 0.5 ** (Math.max(0, ageMs) / halfLifeMs);
}

/** How long the breaker stays open after this many outages in a row; 0 while there are too few to open it. */
export function downMs(outages: number, policy: HealthPolicy = HEALTH_POLICY): number {
  if (outages < policy.outagesToOpen) return 0;
  return Math.min(policy.downMsMax, policy.downMsBase * 2 ** (outages - policy.outagesToOpen));
}

export function breakerState(row: RailHealth, nowMs: number): BreakerState {
  if (row.downUntilMs === null) return 'closed';
  return row.downUntilMs > nowMs ? 'open' : 'half_open';
}

/**
 * Failures as they count for the success rate. The outages that opened the breaker are answered for by the
 * breaker: counted a second time they would keep an operator out long after it is back.
 */
function countedFailures(row: RailHealth, left: number, policy: HealthPolicy): number {
  const failures = row.failureWeight * left;
  return row.downUntilMs === null ? failures : Math.max(0, failures - policy.outagesToOpen);
}

/**
 * Probability that the next request succeeds once the operator can be reached, 0 to 1: decayed successes
 * over all decayed outcomes, drawn towards the prior. The older the outcomes, the more the prior counts.
 */
export function successRate(row: RailHealth, nowMs: number = row.updatedAtMs, policy: HealthPolicy = HEALTH_POLICY): number {
  const left = decay(nowMs - row.updatedAtMs, policy.halfLifeMs);
  const successes = row.successWeight * left;
  const seen = successes + countedFailures(row, left, policy);
  return (successes + policy.priorSuccess * policy.priorWeight) / (seen + policy.priorWeight);
}

/** Expected time to an outcome, milliseconds: the live average, drawn towards the rail's typical time by the prior's weight. */
export function expectedLatencyMs(row: RailHealth, typicalMs: number, nowMs: number, policy: HealthPolicy = HEALTH_POLICY): number {
  if (row.latencyMs === 0) return typicalMs;
  const seen = row.successWeight * decay(nowMs - row.updatedAtMs, policy.halfLifeMs);
  return (row.latencyMs * seen + typicalMs * policy.priorWeight) / (seen + policy.priorWeight);
}

/**
 * The row after one more outcome. An answer of any kind closes the breaker; the outage that makes the
 * row full opens it. Outages of requests that were already under way when it opened do not lengthen it:
 * how often it has opened is counted where a probe is given out.
 */
export function absorbOutcome(row: RailHealth, outcome: RailOutcome, nowMs: number, policy: HealthPolicy = HEALTH_POLICY): RailHealth {
  const left = decay(nowMs - row.updatedAtMs, policy.halfLifeMs);
  const isOpen = row.downUntilMs !== null;
  const outages = outcome.outage ? row.outages + (isOpen ? 0 : 1) : 0;
  const opens = outcome.outage && !isOpen && outages >= policy.outagesToOpen;
  const failures = outcome.outage ? row.failureWeight * left : countedFailures(row, left, policy);
  const hasLatency = outcome.ok === true && outcome.latencyMs !== null;
  return {
    ...row,
    successWeight: row.successWeight * left + (outcome.ok ? 1 : 0),
    failureWeight: failures + (outcome.ok !== false || (outcome.outage && isOpen) ? 0 : 1),
    latencyMs: hasLatency ? averageLatency(row.latencyMs, outcome.latencyMs, policy.latencyAlpha) : row.latencyMs,
    outages,
    downUntilMs: opens ? nowMs + downMs(outages, policy) : outcome.outage ? row.downUntilMs : null,
    updatedAtMs: Math.max(row.updatedAtMs, nowMs),
  };
}

function averageLatency(averageMs: number, latestMs: number, alpha: number): number {
  return averageMs === 0 ? latestMs : averageMs * (1 - alpha) + latestMs * alpha;
}

interface HealthRow {
  rail_id: string;
  leg: HealthLeg;
  success_weight: number;
  failure_weight: number;
  latency_ms: number;
  outages: number;
  down_until: Date | null;
  updated_at: Date;
}

function toHealth(row: HealthRow): RailHealth {
  return {
    railId: row.rail_id,
    leg: row.leg,
    successWeight: row.success_weight,
    failureWeight: row.failure_weight,
    latencyMs: row.latency_ms,
    outages: row.outages,
    downUntilMs: row.down_until?.getTime() ?? null,
    updatedAtMs: row.updated_at.getTime(),
  };
}

/** Key of a rail's health in maps. */
export function healthKey(railId: string, leg: HealthLeg): string {
  return `${railId} ${leg}`;
}

/** Reads the health of the rails named, both legs, by `healthKey`. Rails without a row are left out. */
export async function readRailHealth(db: Queryable, railIds: readonly string[]): Promise<ReadonlyMap<string, RailHealth>> {
  if (railIds.length === 0) return new Map();
  const { rows } = await db.query<HealthRow>({
    name: 'read_rail_health',
    text: `select rail_id, leg, success_weight, failure_weight, latency_ms, outages, down_until, updated_at
      from rail_health where rail_id = any($1::text[])`,
    values: [railIds],
  });
  return new Map(rows.map((row) => [healthKey(row.rail_id, row.leg), toHealth(row)]));
}

// The conflicting update changes nothing; it locks the row, so that what is read is what will be written over.
// Rows are locked in one order by everybody.
const LOCK_SQL = `
insert into rail_health (rail_id, leg, updated_at)
select rail_id, leg, $3 from unnest($1::text[], $2::text[]) as named(rail_id, leg) order by rail_id, leg
on conflict (rail_id, leg) do update set rail_id = excluded.rail_id
returning rail_id, leg, success_weight, failure_weight, latency_ms, outages, down_until, updated_at`;

const WRITE_SQL = `
update rail_health h set success_weight = n.success_weight, failure_weight = n.failure_weight, latency_ms = n.latency_ms,
  outages = n.outages, down_until = n.down_until, updated_at = n.updated_at
from unnest($1::text[], $2::text[], $3::float8[], $4::float8[], $5::float8[], $6::int[], $7::timestamptz[], $8::timestamptz[])
  as n(rail_id, leg, success_weight, failure_weight, latency_ms, outages, down_until, updated_at)
where h.rail_id = n.rail_id and h.leg = n.leg`;

/**
 * Works outcomes, in their order, into the health of their rails; `nowMs` is the moment they are known.
 * Two statements whatever the number of outcomes. Call it last in a transaction: the rows are hot and
 * stay locked until it commits.
 */
export async function recordOutcomes(
  tx: PoolClient,
  outcomes: readonly RailOutcome[],
  nowMs: number,
  policy: HealthPolicy = HEALTH_POLICY,
): Promise<void> {
  if (outcomes.length === 0) return;
  const named = new Map(outcomes.map((outcome) => [healthKey(outcome.railId, healthLegOf(outcome.leg)), outcome]));
  const rows = await tx.query<HealthRow>({
    name: 'lock_rail_health',
    text: LOCK_SQL,
    values: [[...named.values()].map((each) => each.railId), [...named.values()].map((each) => healthLegOf(each.leg)), new Date(nowMs)],
  });
  const health = new Map(rows.rows.map((row) => [healthKey(row.rail_id, row.leg), toHealth(row)]));
  for (const outcome of outcomes) {
    const key = healthKey(outcome.railId, healthLegOf(outcome.leg));
    const row = health.get(key) ?? untriedRail(outcome.railId, healthLegOf(outcome.leg), nowMs);
    health.set(key, absorbOutcome(row, outcome, nowMs, policy));
  }
  const next = [...health.values()];
  await tx.query({
    name: 'write_rail_health',
    text: WRITE_SQL,
    values: [
      next.map((row) => row.railId),
      next.map((row) => row.leg),
      next.map((row) => row.successWeight),
      next.map((row) => row.failureWeight),
      next.map((row) => row.latencyMs),
      next.map((row) => row.outages),
      next.map((row) => (row.downUntilMs === null ? null : new Date(row.downUntilMs))),
      next.map((row) => new Date(row.updatedAtMs)),
    ],
  });
}

// A row that somebody is writing to is passed over: an answer is just coming in, and waiting for it could deadlock.
const PROBE_SQL = `
with free as (
  select h.rail_id, h.leg from rail_health h
  join unnest($1::text[], $2::text[]) as wanted(rail_id, leg) on h.rail_id = wanted.rail_id and h.leg = wanted.leg
  where h.down_until <= $3
  for update of h skip locked
)
update rail_health h set outages = h.outages + 1,
  down_until = $3::timestamptz + make_interval(secs => least($6::float8, $5::float8 * 2 ^ least(40, greatest(0, h.outages + 1 - $4::int))) / 1000)
from free where h.rail_id = free.rail_id and h.leg = free.leg
returning h.rail_id, h.leg`;

/**
 * Asks for the one probe of each half-open rail named; returns the keys of those that were granted. Of
 * several who ask at once one gets it, and the rail is down for all others until the probe's answer is
 * recorded or its time has passed. Until then the probe counts as one more outage, so that the next pause
 * is twice as long.
 */
export async function takeProbes(
  db: Queryable,
  wanted: readonly { readonly railId: string; readonly leg: HealthLeg }[],
  nowMs: number,
  policy: HealthPolicy = HEALTH_POLICY,
): Promise<ReadonlySet<string>> {
  if (wanted.length === 0) return new Set();
  const { rows } = await db.query<{ rail_id: string; leg: HealthLeg }>({
    name: 'take_rail_probes',
    text: PROBE_SQL,
    values: [
      wanted.map((each) => each.railId),
      wanted.map((each) => each.leg),
      new Date(nowMs),
      policy.outagesToOpen,
      policy.downMsBase,
      policy.downMsMax,
    ],
  });
  return new Set(rows.map((row) => healthKey(row.rail_id, row.leg)));
}

/** Where processes share how rails do. */
export interface HealthStore {
  /** The health of the rails named, both legs, by `healthKey`. Rails nobody has used are left out. */
  read(railIds: readonly string[]): Promise<ReadonlyMap<string, RailHealth>>;
  /** Works outcomes in, in their order; `nowMs` is the moment they are known. */
  record(outcomes: readonly RailOutcome[], nowMs: number): Promise<void>;
  /** Asks for the one probe of each half-open rail named; gives the keys of those that were granted. */
  takeProbes(wanted: readonly { readonly railId: string; readonly leg: HealthLeg }[], nowMs: number): Promise<ReadonlySet<string>>;
}

/** The store in PostgreSQL, by itself: whoever has a transaction at hand records in it, by `recordOutcomes`. */
export function postgresHealthStore(pool: Pool): HealthStore {
  return {
    read: (railIds) => readRailHealth(pool, railIds),
    record: (outcomes, nowMs) => withTransaction(pool, (tx) => recordOutcomes(tx, outcomes, nowMs)),
    takeProbes: (wanted, nowMs) => takeProbes(pool, wanted, nowMs),
  };
}

/**
 * The same store for those who can do without: while it is away nothing is known of rails, no probe is given, and what is
 * recorded is lost. `onError` hears of it.
 */
export function forgivingHealthStore(store: HealthStore, onError: (error: unknown) => void): HealthStore {
  const or =
    <T>(otherwise: T) =>
    (error: unknown): T => {
      onError(error);
      return otherwise;
    };
  return {
    read: (railIds) => store.read(railIds).catch(or<ReadonlyMap<string, RailHealth>>(new Map())),
    record: (outcomes, nowMs) => store.record(outcomes, nowMs).catch(or(undefined)),
    takeProbes: (wanted, nowMs) => store.takeProbes(wanted, nowMs).catch(or<ReadonlySet<string>>(new Set())),
  };
}
