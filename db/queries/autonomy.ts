/** Dials of autonomy as they are kept. */
import type { Pool } from 'pg';
import { AUTONOMY_FULL, AUTONOMY_LEVELS, type AutonomyLevel, type DialStanding } from '../../domain/autonomy.ts';
import type { Queryable } from '../connect.ts';

export interface Dial {
  readonly scope: string;
  readonly level: AutonomyLevel;
  readonly reason: string;
  readonly changedBy: string;
  readonly changedAt: Date;
  /** Who else agreed, where it was turned up last. */
  readonly raisedWith: string | null;
  readonly pendingLevel: AutonomyLevel | null;
  readonly pendingReason: string | null;
  readonly pendingBy: string | null;
  readonly pendingAt: Date | null;
}

const COLUMNS = `scope, level, reason, changed_by as "changedBy", changed_at as "changedAt", raised_with as "raisedWith",
  pending_level as "pendingLevel", pending_reason as "pendingReason", pending_by as "pendingBy", pending_at as "pendingAt"`;

/** How a dial stands; null: one that was never turned. */
export function standingOf(dial: Dial | null): DialStanding {
  return {
    level: dial?.level ?? AUTONOMY_FULL,
    pendingLevel: dial?.pendingLevel ?? null,
    pendingBy: dial?.pendingBy ?? null,
    pendingAtMs: dial?.pendingAt?.getTime() ?? null,
  };
}

/** How dials stand, by their names; one that was never turned is missing. */
export async function findDials(db: Queryable | Pool, scopes: readonly string[]): Promise<Dial[]> {
  const { rows } = await db.query<Dial>({
    name: 'find_dials',
    text: `select ${COLUMNS} from autonomy_dials where scope = any($1::text[]) order by scope`,
    values: [scopes],
  });
  return rows;
}

/** Every dial that was ever turned. */
export async function listDials(db: Queryable | Pool): Promise<Dial[]> {
  return (await db.query<Dial>({ name: 'list_dials', text: `select ${COLUMNS} from autonomy_dials order by scope` })).rows;
}

/** One dial, locked until the transaction ends; null when it was never turned. */
export async function lockDial(tx: Queryable, scope: string): Promise<Dial | null> {
  const { rows } = await tx.query<Dial>({
    name: 'lock_dial',
    text: `select ${COLUMNS} from autonomy_dials where scope = $1 for update`,
    values: [scope],
  });
  return rows[0] ?? null;
}

export interface DialTurn {
  readonly scope: string;
  readonly level: AutonomyLevel;
  readonly reason: string;
  readonly principal: string;
  readonly nowMs: number;
}

/** Turns a dial down; whatever waited to turn it up is gone. Null when it stands there or lower. */
export async function lowerDial(tx: Queryable, turn: DialTurn): Promise<Dial | null> {
  const higher = AUTONOMY_LEVELS.slice(AUTONOMY_LEVELS.indexOf(turn.level) + 1);
  if (!higher.includes(AUTONOMY_FULL)) return null;
  const { rows } = await tx.query<Dial>({
    name: 'lower_dial',
    text: `insert into autonomy_dials as dial (scope, level, reason, changed_by, changed_at) values ($1, $2, $3, $4, $5)
      on conflict (scope) do update set level = $2, reason = $3, changed_by = $4, changed_at = $5, raised_with = null,
        pending_level = null, pending_reason = null, pending_by = null, pending_at = null
        where dial.level = any($6::text[])
      returning ${COLUMNS}`,
    values: [turn.scope, turn.level, turn.reason, turn.principal, new Date(turn.nowMs), higher],
  });
  return rows[0] ?? null;
}

/** Writes down that somebody wants a dial turned up; in place of what waited before. */
export async function askToRaise(tx: Queryable, turn: DialTurn): Promise<void> {
  await tx.query({
    name: 'ask_to_raise',
    text: `update autonomy_dials set pending_level = $2, pending_reason = $3, pending_by = $4, pending_at = $5 where scope = $1`,
    values: [turn.scope, turn.level, turn.reason, turn.principal, new Date(turn.nowMs)],
  });
}

/** Turns a dial up in the name of whoever asked and of the one who agrees; a trigger refuses the same person twice. */
export async function raiseDial(tx: Queryable, turn: DialTurn): Promise<void> {
  await tx.query({
    name: 'raise_dial',
    text: `update autonomy_dials set level = $2, reason = $3, changed_by = $4, changed_at = $5, raised_with = pending_by,
        pending_level = null, pending_reason = null, pending_by = null, pending_at = null where scope = $1`,
    values: [turn.scope, turn.level, turn.reason, turn.principal, new Date(turn.nowMs)],
  });
}
