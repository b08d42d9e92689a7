/** Beginning and lifting halts, each act with its row in the audit log. */
import type { Queryable } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { beginHalt, type Halt, lockHalt, stepToLift } from '../../db/queries/halts.ts';
import { fault } from '../../domain/errors.ts';
import type { HaltScope } from '../../domain/halt.ts';
import { newId } from '../../domain/ids.ts';

export interface HaltWish extends HaltScope {
  readonly reason: string;
  /** The client whose people may lift it; without it only whoever runs the platform. */
  readonly liftClientId?: string;
  readonly principal: string;
  readonly nowMs: number;
}

/** Begins a halt, in one person's name or the system's. From the commit on nothing is claimed for sending that it covers. */
export async function halt(tx: Queryable, wish: HaltWish): Promise<Halt> {
  const begun = await beginHalt(tx, { id: newId(), liftClientId: null, ...wish });
  await note(tx, begun, 'halt.begun', wish.principal, wish.nowMs);
  return begun;
}

/**
 * Asks for the end of a halt, or agrees to it when somebody else had asked. `clientId`: whose people ask; null: whoever runs the platform.
 * Throws `not_found`, also for one that these may not lift, `switch_unchanged` for one that is over, `maker_is_checker` for whoever asked
 * before.
 */
export async function lift(tx: Queryable, id: string, clientId: string | null, principal: string, nowMs: number): Promise<Halt> {
  const found = await lockHalt(tx, id, clientId);
  if (found === null) throw fault('not_found');
  if (found.liftedAt !== null) throw fault('switch_unchanged');
  if (found.liftAskedBy === principal) throw fault('maker_is_checker');
  const step = found.liftAskedBy === null ? 'ask' : 'end';
  const after = await stepToLift(tx, id, step, principal, nowMs);
  await note(tx, after, step === 'ask' ? 'halt.lift_asked' : 'halt.lifted', principal, nowMs);
  return after;
}

async function note(
  tx: Queryable,
  { id, clientId, paymentId, ...halted }: Halt,
  action: string,
  actor: string,
  nowMs: number,
): Promise<void> {
  const { corridor, railId, reason } = halted;
  await recordAuditEvents(
    tx,
    [{ clientId, actor, action, subject: `halt:${id}`, paymentId, details: { corridor, railId, reason } }],
    nowMs,
  );
}
