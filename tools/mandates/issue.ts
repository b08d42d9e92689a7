/** Giving, handing on and taking back mandates, each act with its row in the audit log. */
import type { Queryable } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { findMandate, insertMandate, isBound, revokeMandate, type StoredMandate } from '../../db/queries/mandates.ts';
import { fault } from '../../domain/errors.ts';
import { newId } from '../../domain/ids.ts';
import { delegationFault, kindOf, type Mandate, MANDATE_LIFETIME_MS_MAX, mandateDigest } from '../../domain/mandate.ts';
import type { SpendPolicy } from '../../domain/spend-policy.ts';

const SEAL_CONTEXT = 'mandates.seal';

/** Whether a mandate is one that somebody with the keys stored, word for word; a key that is retired says so of none. */
export function isSealed(keyring: Pick<Keyring, 'seals'>, { mandate, seal }: Pick<StoredMandate, 'mandate' | 'seal'>): boolean {
  return keyring.seals(mandateDigest(mandate), SEAL_CONTEXT, null).some((each) => each.equals(seal));
}

export interface MandateWish {
  readonly clientId: string;
  /** The mandate it is handed on from; null: the issuer's own word. */
  readonly parentId: string | null;
  readonly holder: string;
  readonly issuer: string;
  readonly policy: SpendPolicy;
  readonly notBeforeMs: number;
  readonly expiresAtMs: number;
}

/**
 * Stores a mandate. Throws `maker_is_checker` for one to oneself, `mandate_missing` for the own word of somebody who spends under
 * mandates, or for a parent that is over, `mandate_wider` with the part that is, `not_found`, `validation_failed`.
 */
export async function issueMandate(tx: Queryable, keyring: Keyring, wish: MandateWish, nowMs: number): Promise<Mandate> {
  if (wish.holder === wish.issuer) throw fault('maker_is_checker', { field: 'holder' });
  const isInOrder = wish.notBeforeMs < wish.expiresAtMs && wish.expiresAtMs > nowMs;
  if (!isInOrder || wish.expiresAtMs - wish.notBeforeMs > MANDATE_LIFETIME_MS_MAX) throw fault('validation_failed', { field: 'expiresAt' });
  const parent = wish.parentId === null ? null : await findMandate(tx, wish.clientId, wish.parentId);
  if (wish.parentId !== null && (parent === null || !isSealed(keyring, parent))) throw fault('not_found');
  // Somebody who is bound could otherwise unbind a friend.
  if (parent === null && (await isBound(tx, wish.clientId, wish.issuer))) throw fault('mandate_missing');
  if (parent !== null && (parent.revokedAt !== null || parent.mandate.expiresAtMs <= nowMs)) throw fault('mandate_missing');
  const said = { ...wish, depth: (parent?.mandate.depth ?? 0) + 1 };
  const wider = parent === null ? null : delegationFault(said, parent.mandate);
  if (wider !== null) throw fault('mandate_wider', { field: wider });
  const mandate: Mandate = { ...said, id: newId(), createdAtMs: nowMs };
  await insertMandate(tx, mandate, keyring.blindIndex(mandateDigest(mandate), SEAL_CONTEXT));
  await note(tx, mandate, 'mandate.issued', wish.issuer, nowMs);
  return mandate;
}

/**
 * Takes a mandate back, and with it all that was handed on from it: each counts only while all above it do. Whoever spends under
 * mandates may take back what they handed on themselves. Throws `not_found`, `forbidden`, `switch_unchanged`.
 */
export async function takeBack(tx: Queryable, clientId: string, id: string, principal: string, nowMs: number): Promise<StoredMandate> {
  const found = await findMandate(tx, clientId, id);
  if (found === null) throw fault('not_found');
  if (found.mandate.issuer !== principal && (await isBound(tx, clientId, principal)))
    throw fault('forbidden', { detail: 'Whoever spends under a mandate takes back only what they handed on.' });
  if (!(await revokeMandate(tx, id, principal, nowMs))) throw fault('switch_unchanged');
  await note(tx, found.mandate, 'mandate.revoked', principal, nowMs);
  return { ...found, revokedBy: principal, revokedAt: new Date(nowMs) };
}

async function note(tx: Queryable, mandate: Mandate, action: string, actor: string, nowMs: number): Promise<void> {
  const { id, clientId, holder, parentId } = mandate;
  const details = { holder, parentId, kind: kindOf(mandate), digest: mandateDigest(mandate) };
  await recordAuditEvents(tx, [{ clientId, actor, action, subject: `mandate:${id}`, details }], nowMs);
}
