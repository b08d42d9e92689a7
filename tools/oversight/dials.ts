/** Turning dials of autonomy, with everything that goes with it: who may, what waits for a second person, and the act in the audit log. */
import { type Dial, askToRaise, type DialTurn, lockDial, lowerDial, raiseDial, standingOf } from '../../db/queries/autonomy.ts';
import type { Queryable } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { raiseStep } from '../../domain/autonomy.ts';
import { fault } from '../../domain/errors.ts';

/** Turns a dial down in one person's name. Throws `switch_unchanged` when it stands there or lower. */
export async function turnDown(tx: Queryable, clientId: string | null, turn: DialTurn): Promise<Dial> {
  const turned = await lowerDial(tx, turn);
  if (turned === null) throw fault('switch_unchanged');
  await note(tx, clientId, turn, 'autonomy.lowered');
  return turned;
}

/**
 * Takes down that somebody wants a dial turned up, or turns it up when somebody else had asked for the same level. Throws
 * `switch_unchanged` when it stands there or higher, `maker_is_checker` for whoever asked before.
 */
export async function turnUp(tx: Queryable, clientId: string | null, turn: DialTurn): Promise<Dial> {
  const standing = standingOf(await lockDial(tx, turn.scope));
  const step = raiseStep(standing, turn.level, turn.principal, turn.nowMs);
  if (step === 'switch_unchanged' || step === 'maker_is_checker') throw fault(step);
  await (step === 'ask' ? askToRaise(tx, turn) : raiseDial(tx, turn));
  await note(tx, clientId, turn, step === 'ask' ? 'autonomy.raise_asked' : 'autonomy.raised');
  const after = await lockDial(tx, turn.scope);
  if (after === null) throw new RangeError('a dial that was just turned is missing');
  return after;
}

async function note(tx: Queryable, clientId: string | null, turn: DialTurn, action: string): Promise<void> {
  const { scope, level, reason, principal, nowMs } = turn;
  await recordAuditEvents(tx, [{ clientId, actor: principal, action, subject: `dial:${scope}`, details: { level, reason } }], nowMs);
}
