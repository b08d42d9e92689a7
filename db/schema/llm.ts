/** What models may spend, and the switches by which people turn an agent that thinks with a model off. */
import { sql } from 'drizzle-orm';
import { bigint, check, date, integer, pgTable, text } from 'drizzle-orm/pg-core';
import { moment } from './columns.ts';

/** What was spent on models on one day (UTC), over all processes; what a call may cost is in it before the call is made. */
export const llmDays = pgTable(
  'llm_days',
  {
    day: date('day').primaryKey(),
    calls: integer('calls').notNull().default(0),
    tokens: bigint('tokens', { mode: 'bigint' }).notNull().default(sql`0`),
    /** Thousand-millionths of a US dollar. */
    costNanoUsd: bigint('cost_nano_usd', { mode: 'bigint' }).notNull().default(sql`0`),
  },
  (table) => [check('llm_days_positive', sql`${table.calls} >= 0 and ${table.tokens} >= 0 and ${table.costNanoUsd} >= 0`)],
);

/** An agent that people turned off or on again; one without a row is on. */
export const agentSwitches = pgTable(
  'agent_switches',
  {
    agent: text('agent').primaryKey(),
    state: text('state').notNull(),
    reason: text('reason').notNull(),
    /** The principal who turned it. */
    changedBy: text('changed_by').notNull(),
    changedAt: moment('changed_at').notNull(),
  },
  (table) => [check('agent_switches_state', sql`${table.state} in ('on', 'off')`)],
);
