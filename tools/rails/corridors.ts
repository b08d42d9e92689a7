/**
 * How legs end by corridor, rail and leg: live success rates that forget, for people who look at a corridor. Counts are
 * decayed where they are kept, so that many processes add to one row without reading it first.
 */
import type { PoolClient } from 'pg';
import type { Queryable } from '../../db/connect.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import { decay, HEALTH_POLICY, type HealthLeg, healthLegOf, type HealthPolicy } from './health.ts';

export interface CorridorOutcome {
  /** `KE-UG`. */
  readonly corridor: string;
  readonly railId: string;
  readonly leg: Leg;
  readonly ok: boolean;
}

// Rows are taken in one order by everybody.
const RECORD_SQL = `
insert into corridor_health as h (corridor, rail_id, leg, success_weight, failure_weight, updated_at)
select corridor, rail_id, leg, successes, failures, $6
from unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::float8[]) as seen(corridor, rail_id, leg, successes, failures)
order by corridor, rail_id, leg
on conflict (corridor, rail_id, leg) do update set
  success_weight = h.success_weight * 0.5 ^ (greatest(0, extract(epoch from excluded.updated_at - h.updated_at)::float8 * 1000) / $7) + excluded.success_weight,
  failure_weight = h.failure_weight * 0.5 ^ (greatest(0, extract(epoch from excluded.updated_at - h.updated_at)::float8 * 1000) / $7) + excluded.failure_weight,
  updated_at = greatest(h.updated_at, excluded.updated_at)`;

/** Adds outcomes, known at `nowMs`: one statement whatever their number. The rows stay locked until the transaction ends. */
export async function recordCorridorOutcomes(
  tx: PoolClient,
  outcomes: readonly CorridorOutcome[],
  nowMs: number,
  policy: HealthPolicy = HEALTH_POLICY,
): Promise<void> {
  if (outcomes.length === 0) return;
  const groups = [...Map.groupBy(outcomes, ({ corridor, railId, leg }) => `${corridor} ${railId} ${healthLegOf(leg)}`)].map(
    ([key, all]) => {
      const [corridor = '', railId = '', leg = ''] = key.split(' ');
      const successes = all.filter(({ ok }) => ok).length;
      return { corridor, railId, leg, successes, failures: all.length - successes };
    },
  );
  await tx.query({
    name: 'record_corridor_outcomes',
    text: RECORD_SQL,
    values: [
      groups.map(({ corridor }) => corridor),
      groups.map(({ railId }) => railId),
      groups.map(({ leg }) => leg),
      groups.map(({ successes }) => successes),
      groups.map(({ failures }) => failures),
      new Date(nowMs),
      policy.halfLifeMs,
    ],
  });
}

export interface CorridorHealth {
  readonly corridor: string;
  readonly railId: string;
  readonly leg: HealthLeg;
  /** Decayed outcomes, as of the moment asked for. */
  readonly seen: number;
  /** Successes over all of them, 0 to 1. */
  readonly successRate: number;
  readonly updatedAtMs: number;
}

/** Success rates as of `nowMs`, of one corridor or of all. What has faded away is left out. */
export async function readCorridorHealth(
  db: Queryable,
  corridor: string | null,
  nowMs: number,
  policy: HealthPolicy = HEALTH_POLICY,
): Promise<readonly CorridorHealth[]> {
  const { rows } = await db.query<{
    corridor: string;
    rail_id: string;
    leg: HealthLeg;
    success: number;
    failure: number;
    updated_at: Date;
  }>({
    name: 'read_corridor_health',
    text: `select corridor, rail_id, leg, success_weight as success, failure_weight as failure, updated_at from corridor_health
      where $1::text is null or corridor = $1 order by corridor, leg, rail_id`,
    values: [corridor],
  });
  return rows.flatMap((row) => {
    const left = decay(nowMs - row.updated_at.getTime(), policy.halfLifeMs);
    const seen = (row.success + row.failure) * left;
    if (seen < 0.01) return [];
    const successRate = row.success / (row.success + row.failure);
    return [{ corridor: row.corridor, railId: row.rail_id, leg: row.leg, seen, successRate, updatedAtMs: row.updated_at.getTime() }];
  });
}
