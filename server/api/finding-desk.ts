/**
 * What officers say of a finding among known people, in one transaction under its lock. One dismisses it. Confirming it bars a
 * person, and lifting that lets them pay again: either takes two, the second within the time of an approval.
 */
import type { PoolClient } from 'pg';
import { withTransaction } from '../../db/connect.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import {
  askToConfirm,
  askToLift,
  confirmFinding,
  dismissFinding,
  type FindingRow,
  type FindingStep,
  liftFinding,
  lockFinding,
} from '../../db/queries/findings.ts';
import { fault } from '../../domain/errors.ts';
import { DESK_DEFAULTS } from './case-desk.ts';
import type { ApiDeps, Caller } from './deps.ts';

type DeskDeps = Pick<ApiDeps, 'tenants' | 'clock' | 'desk'>;

export const FINDING_VERDICTS = ['dismissed', 'confirmed', 'lifted'] as const;
export type FindingVerdict = (typeof FINDING_VERDICTS)[number];

/** What one officer said of a finding and another has to join. */
export interface PendingFinding {
  readonly verdict: 'confirmed' | 'lifted';
  readonly officer: string;
  readonly expiresAt: Date;
}

/** What waits for another officer, or null; `approvalMs`: how long it does. */
export function pendingFinding(row: FindingRow, nowMs: number, approvalMs: number = DESK_DEFAULTS.approvalMs): PendingFinding | null {
  const [officer, askedAt] =
    row.status === 'open'
      ? [row.confirmAskedBy, row.confirmAskedAt]
      : row.status === 'confirmed'
        ? [row.liftAskedBy, row.liftAskedAt]
        : [null, null];
  if (officer === null || askedAt === null || askedAt.getTime() + approvalMs <= nowMs) return null;
  return { verdict: row.status === 'open' ? 'confirmed' : 'lifted', officer, expiresAt: new Date(askedAt.getTime() + approvalMs) };
}

/** Puts down what an officer says. Throws `not_found`, `case_not_open` for what was decided, or not confirmed yet, `maker_is_checker`. */
export async function decideFinding(deps: DeskDeps, caller: Caller, id: string, verdict: FindingVerdict): Promise<FindingRow> {
  return withTransaction(deps.tenants.writing(caller.clientId), async (tx) => {
    const row = await lockFinding(tx, caller.clientId, id);
    if (row === null) throw fault('not_found');
    if (row.status !== (verdict === 'lifted' ? 'confirmed' : 'open')) throw fault('case_not_open');
    const nowMs = deps.clock.now();
    const pending = pendingFinding(row, nowMs, deps.desk?.approvalMs);
    if (verdict !== 'dismissed' && pending?.officer === caller.principal) throw fault('maker_is_checker');
    const isJoined = pending !== null;
    const decided = await write(tx, verdict, isJoined, { id, by: caller.principal, nowMs });
    const action = verdict === 'dismissed' || isJoined ? `screening.${verdict}` : `screening.${verdict}_asked`;
    await recordAuditEvents(tx, [{ clientId: caller.clientId, actor: caller.principal, action, subject: `finding:${id}` }], nowMs);
    return decided;
  });
}

function write(tx: PoolClient, verdict: FindingVerdict, isJoined: boolean, step: FindingStep): Promise<FindingRow> {
  switch (verdict) {
    case 'dismissed':
      return dismissFinding(tx, step);
    case 'confirmed':
      return isJoined ? confirmFinding(tx, step) : askToConfirm(tx, step);
    case 'lifted':
      return isJoined ? liftFinding(tx, step) : askToLift(tx, step);
  }
}
