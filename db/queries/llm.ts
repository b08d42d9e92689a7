/** What models spent, and the switches of agents. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';

export interface Spending {
  readonly tokens: number;
  /** Thousand-millionths of a US dollar. */
  readonly costNanoUsd: bigint;
}

/** Writes what one call may cost at most into the books of the day; false, and nothing is written, when the day would pass its limits. */
export async function reserveSpending(db: Queryable | Pool, day: string, wanted: Spending, limits: Spending): Promise<boolean> {
  if (wanted.tokens > limits.tokens || wanted.costNanoUsd > limits.costNanoUsd) return false;
  const result = await db.query({
    name: 'reserve_spending',
    text: `insert into llm_days as spent (day, calls, tokens, cost_nano_usd) values ($1::date, 1, $2::bigint, $3::bigint)
      on conflict (day) do update set calls = spent.calls + 1, tokens = spent.tokens + $2::bigint, cost_nano_usd = spent.cost_nano_usd + $3::bigint
        where spent.tokens + $2::bigint <= $4::bigint and spent.cost_nano_usd + $3::bigint <= $5::bigint`,
    values: [day, wanted.tokens, wanted.costNanoUsd.toString(), limits.tokens, limits.costNanoUsd.toString()],
  });
  return result.rowCount === 1;
}

/** Puts what a call did cost in the place of what was reserved for it. */
export async function settleSpending(db: Queryable | Pool, day: string, reserved: Spending, actual: Spending): Promise<void> {
  await db.query({
    name: 'settle_spending',
    text: `update llm_days set tokens = greatest(0, tokens + $2::bigint), cost_nano_usd = greatest(0, cost_nano_usd + $3::bigint) where day = $1::date`,
    values: [day, actual.tokens - reserved.tokens, (actual.costNanoUsd - reserved.costNanoUsd).toString()],
  });
}

export interface SpendingRow extends Spending {
  readonly calls: number;
}

/** What was spent on a day (UTC, `2026-11-25`), reservations of calls under way included. */
export async function spendingOf(db: Queryable | Pool, day: string): Promise<SpendingRow> {
  const result = await db.query<{ calls: number; tokens: bigint | string; cost: bigint | string }>({
    name: 'spending_of',
    text: `select calls, tokens, cost_nano_usd as cost from llm_days where day = $1::date`,
    values: [day],
  });
  const row = result.rows[0];
  return { calls: row?.calls ?? 0, tokens: Number(row?.tokens ?? 0), costNanoUsd: BigInt(row?.cost ?? 0) };
}

export interface AgentSwitch {
  readonly state: 'on' | 'off';
  readonly reason: string;
  readonly changedBy: string;
  readonly changedAt: Date;
}

/** How an agent's switch stands; null when nobody ever turned it, which means on. */
export async function findSwitch(db: Queryable | Pool, agent: string): Promise<AgentSwitch | null> {
  const result = await db.query<AgentSwitch>({
    name: 'find_switch',
    text: `select state, reason, changed_by as "changedBy", changed_at as "changedAt" from agent_switches where agent = $1`,
    values: [agent],
  });
  return result.rows[0] ?? null;
}

/** Whether one of several switches, or a dial of the same name, is off. */
export async function isSwitchedOff(db: Queryable | Pool, agents: readonly string[]): Promise<boolean> {
  const result = await db.query<{ off: boolean }>({
    name: 'is_switched_off',
    text: `select exists (select from agent_switches where agent = any($1::text[]) and state = 'off')
      or exists (select from autonomy_dials where scope = any($1::text[]) and level = 'off') as off`,
    values: [agents],
  });
  return result.rows[0]?.off !== false;
}

/** Turns an agent off or on. Null when it stands so already, or when whoever turned it off wants to turn it on again. */
export async function turnSwitch(
  tx: Queryable,
  turn: {
    readonly agent: string;
    readonly state: 'on' | 'off';
    readonly reason: string;
    readonly principal: string;
    readonly nowMs: number;
  },
): Promise<AgentSwitch | null> {
  const result = await tx.query<AgentSwitch>({
    name: 'turn_switch',
    text: `insert into agent_switches as switch (agent, state, reason, changed_by, changed_at)
      select $1, $2, $3, $4, $5 where $2 = 'off' or exists (select from agent_switches where agent = $1)
      on conflict (agent) do update set state = $2, reason = $3, changed_by = $4, changed_at = $5
        where switch.state <> $2 and ($2 = 'off' or switch.changed_by <> $4)
      returning state, reason, changed_by as "changedBy", changed_at as "changedAt"`,
    values: [turn.agent, turn.state, turn.reason, turn.principal, new Date(turn.nowMs)],
  });
  return result.rows[0] ?? null;
}
