/** What was found of a customer's identity. */
import type { Queryable } from '../connect.ts';
import { recordAuditEvents } from './audit.ts';

export const IDENTITY_STATUSES = ['none', 'basic', 'verified', 'rejected'] as const;
export type IdentityStatus = (typeof IDENTITY_STATUSES)[number];

/** The result of a check, as somebody writes it down. */
export interface IdentityCheck {
  readonly userId: string;
  readonly status: IdentityStatus;
  /** By the country's own scheme, 0 to 9. */
  readonly tier: number;
  /** Who checked, or ordered it. */
  readonly checkedBy: string;
  /** SHA-256 of what it was checked on, hex; that stays where it is. */
  readonly evidenceHash: string;
  readonly actor: string;
  readonly nowMs: number;
}

/**
 * Writes a check down with its audit event: by it the limits of the tier hold, and the registry on the chain is told. `barred` while a
 * confirmed finding of re-screening stands, which only lifting it ends; `absent` for nobody, or somebody whose data was erased.
 */
export async function recordIdentityCheck(tx: Queryable, check: IdentityCheck): Promise<'recorded' | 'barred' | 'absent'> {
  const found = await tx.query<{ clientId: string; status: string; tier: number; barred: boolean }>({
    name: 'lock_identity',
    text: `select client_id as "clientId", kyc_status as status, kyc_tier as tier, exists (
        select from screening_findings f where f.user_id = u.id and f.status = 'confirmed' and f.topic <> 'pep') as barred
      from users u where id = $1 and erased_at is null for no key update`,
    values: [check.userId],
  });
  const [before] = found.rows;
  if (before === undefined) return 'absent';
  if (before.barred) return 'barred';
  await tx.query({
    name: 'record_identity_check',
    text: 'update users set kyc_status = $2, kyc_tier = $3, updated_at = $4 where id = $1',
    values: [check.userId, check.status, check.tier, new Date(check.nowMs)],
  });
  const { status, tier, checkedBy, evidenceHash } = check;
  const details = { status, tier, checkedBy, evidenceHash, before: { status: before.status, tier: before.tier } };
  const act = { clientId: before.clientId, actor: check.actor, action: 'identity.checked', subject: `user:${check.userId}` };
  await recordAuditEvents(tx, [{ ...act, details }], check.nowMs);
  return 'recorded';
}
