/**
 * Signatures of mandates (Ed25519), by the keys that principals registered for signing their requests. Who has such a key is bound by
 * nobody's word alone: a mandate that they hold, or that is given in their name, counts only with their signature, also when the key
 * has come to its end before they signed.
 */
import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import type { Queryable } from '../../db/connect.ts';
import type { Keyring } from '../../db/keyring.ts';
import { recordAuditEvents } from '../../db/queries/audit.ts';
import { findSignaturesAt, findSigningKey, insertMandateSignature, type SignatureFound } from '../../db/queries/mandate-signatures.ts';
import { findMandate, type StoredMandate } from '../../db/queries/mandates.ts';
import { fault } from '../../domain/errors.ts';
import { type Mandate, MANDATE_ROLES, mandateDigest, type MandateRole, mandateText } from '../../domain/mandate.ts';
import { isSealed } from './issue.ts';

function isSignedBy(jwk: JsonWebKey, role: MandateRole, mandate: Mandate, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: jwk, format: 'jwk' });
  return key.asymmetricKeyType === 'ed25519' && verify(null, Buffer.from(mandateText(role, mandateDigest(mandate))), key, signature);
}

export interface Signing {
  readonly clientId: string;
  readonly mandateId: string;
  readonly role: MandateRole;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/**
 * Takes in a signature, which anybody of the client may bring: whose it is, it says itself. Throws `not_found`, `mandate_missing` for a
 * mandate that is over, `validation_failed` for a key that is not the principal's or a signature that does not hold, `switch_unchanged`
 * for a second one.
 */
export async function signMandate(
  tx: Queryable,
  keyring: Pick<Keyring, 'seals'>,
  { clientId, mandateId, role, keyId, signature }: Signing,
  nowMs: number,
): Promise<StoredMandate> {
  const found = await findMandate(tx, clientId, mandateId);
  if (found === null || !isSealed(keyring, found)) throw fault('not_found');
  const { mandate } = found;
  if (found.revokedAt !== null || mandate.expiresAtMs <= nowMs) throw fault('mandate_missing');
  const principal = mandate[role];
  const jwk = await findSigningKey(tx, { clientId, principal, keyId }, nowMs);
  if (jwk === null || !isSignedBy(jwk, role, mandate, signature))
    throw fault('validation_failed', { field: 'signature', detail: `It is not by a key that the ${role} of the mandate has registered.` });
  const signed = { mandateId, role, principal, keyId, signature: Buffer.from(signature), signedAt: new Date(nowMs) };
  if (!(await insertMandateSignature(tx, clientId, signed))) throw fault('switch_unchanged');
  const details = { role, keyId, digest: mandateDigest(mandate), signature: signed.signature.toString('base64') };
  const event = { clientId, actor: principal, action: 'mandate.signed', subject: `mandate:${mandateId}`, details };
  await recordAuditEvents(tx, [event], nowMs);
  return found;
}

/** Those among a client's mandates that lack the signature of somebody who had a key when they were given or since, or carry one that does not hold. */
export async function unsignedAmong(tx: Queryable, clientId: string, mandates: readonly Mandate[]): Promise<Set<string>> {
  const places = mandates.flatMap((mandate) =>
    MANDATE_ROLES.map((role) => ({ mandateId: mandate.id, role, principal: mandate[role], sinceMs: mandate.createdAtMs })),
  );
  const byId = new Map(mandates.map((mandate) => [mandate.id, mandate]));
  const isLacking = ({ mandateId, role, needed, signedBy, signature, jwk }: SignatureFound): boolean => {
    const mandate = byId.get(mandateId);
    if (mandate === undefined) throw new RangeError(`a signature of ${mandateId}, which nobody asked for`);
    if (signature === null) return needed;
    return signedBy !== mandate[role] || jwk === null || !isSignedBy(jwk, role, mandate, signature);
  };
  return new Set((await findSignaturesAt(tx, clientId, places)).filter(isLacking).map(({ mandateId }) => mandateId));
}
