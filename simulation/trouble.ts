/**
 * How long things go wrong. Where payments are few, trouble outlasts the last of them by a while. Many take longer
 * than that to get through, most of them while all workers stand still at once; if trouble ended meanwhile, nothing
 * would befall what comes after. So it lasts until most of them have come to their ends, or where they are settled
 * over the chain until most of their batches have.
 */
import type { Pool } from 'pg';
import { TERMINAL_STATUSES } from '../domain/lifecycle.ts';

export interface Trouble {
  /** Nothing goes wrong any more. */
  isOver(): boolean;
  /** Nothing has gone wrong for a while, and most has come to rest. */
  isCalm(): boolean;
  /** Looks whether it may end; to be called now and then. */
  look(): Promise<void>;
  /** It ends here at the latest. */
  readonly untilMsMax: number;
}

export interface TroubleOptions {
  readonly nowMs: () => number;
  /** It lasts until then at least. */
  readonly untilMs: number;
  /** Says whether most of what was wished for has come to its end; null where the moment alone counts. */
  readonly isMostDone: (() => Promise<boolean>) | null;
}

/** What has not come through the trouble so long after the last wish is left to come to rest without it. */
const LASTS_LONGER_MS_MAX = 60 * 60_000;
const CALM_AFTER_MS = 40_000;

/** Makes the trouble of a run. */
export function createTrouble({ nowMs, untilMs, isMostDone }: TroubleOptions): Trouble {
  const untilMsMax = isMostDone === null ? untilMs : untilMs + LASTS_LONGER_MS_MAX;
  let endsAtMs = untilMsMax;
  return {
    isOver: () => nowMs() > endsAtMs,
    isCalm: () => nowMs() > endsAtMs + CALM_AFTER_MS,
    look: async () => {
      const atMs = nowMs();
      if (isMostDone !== null && atMs >= untilMs && atMs < endsAtMs && (await isMostDone())) endsAtMs = atMs;
    },
    untilMsMax,
  };
}

/** Of so many payments so many may still be on their way when trouble ends. */
const UNDER_WAY_SHARE = 50;

/** Says whether few of the payments are on their way; those that wait for people are not. */
export async function areMostDone(pool: Pool, payments: number): Promise<boolean> {
  const { rows } = await pool.query<{ count: number }>({
    name: 'simulation_under_way',
    text: 'select count(*)::int as count from payments_by_status where status <> all($1::text[])',
    values: [[...TERMINAL_STATUSES, 'held']],
  });
  return (rows[0]?.count ?? 0) * UNDER_WAY_SHARE <= payments;
}

/** Of twenty payments so many must be netted, or have ended otherwise, and of four batches so many have ended, for most to be settled. */
const NETTED_OF_TWENTY = 19;
const ENDED_OF_FOUR = 3;

/** Says whether most of the payments are in windows that are closed, and most of the batches of these have ended on the chain. */
export async function areMostSettled(pool: Pool, payments: number): Promise<boolean> {
  const { rows } = await pool.query<{ past: number; batches: number; ended: number }>({
    name: 'simulation_settled',
    text: `select (coalesce((select sum(payment_count) from settlement_windows), 0)
          + (select count(*) from payments where status = any($1::text[])))::int as past,
        count(*)::int as batches, count(*) filter (where status = any($2::text[]))::int as ended
      from settlement_batches where method = 'chain'`,
    values: [TERMINAL_STATUSES.filter((status) => status !== 'paid'), ['settled', 'expired', 'mismatched']],
  });
  const { past, batches, ended } = rows[0] ?? { past: 0, batches: 0, ended: 0 };
  return 20 * past >= NETTED_OF_TWENTY * payments && 4 * ended >= ENDED_OF_FOUR * batches;
}
