/** Signatures of mandates, and the keys with which principals sign. */
import type { JsonWebKey } from 'node:crypto';
import type { Pool } from 'pg';
import type { MandateRole } from '../../domain/mandate.ts';
import type { Queryable } from '../connect.ts';

export interface MandateSignature {
  readonly mandateId: string;
  readonly role: MandateRole;
  readonly principal: string;
  /** The thumbprint of the key. */
  readonly keyId: string;
  readonly signature: Buffer;
  readonly signedAt: Date;
}

/** A key that a principal signs requests with, by its name; null when it is none of theirs at this moment. */
export async function findSigningKey(
  db: Queryable,
  { clientId, principal, keyId }: { readonly clientId: string; readonly principal: string; readonly keyId: string },
  nowMs: number,
): Promise<JsonWebKey | null> {
  const { rows } = await db.query<{ jwk: JsonWebKey }>({
    name: 'find_signing_key_of_principal',
    text: `select r.public_jwk as jwk from api_keys k join request_keys r on r.id = k.request_key_id and r.client_id = k.client_id
      where k.client_id = $1 and k.principal = $2 and r.id = $3 and k.revoked_at is null and (k.expires_at is null or k.expires_at > $4) limit 1`,
    values: [clientId, principal, keyId, new Date(nowMs)],
  });
  return rows[0]?.jwk ?? null;
}

/** Those among some principals of a client who have a key registered at this moment. */
export async function signersAmong(db: Queryable, clientId: string, principals: readonly string[], nowMs: number): Promise<Set<string>> {
  const { rows } = await db.query<{ principal: string }>({
    name: 'find_signers_among',
    text: `select distinct principal from api_keys where client_id = $1 and principal = any($2::text[]) and request_key_id is not null
      and revoked_at is null and (expires_at is null or expires_at > $3)`,
    values: [clientId, principals, new Date(nowMs)],
  });
  return new Set(rows.map(({ principal }) => principal));
}

/** Stores a signature; false when there is one in that role already. */
export async function insertMandateSignature(tx: Queryable, clientId: string, signed: MandateSignature): Promise<boolean> {
  const result = await tx.query({
    name: 'insert_mandate_signature',
    text: `insert into mandate_signatures (mandate_id, role, client_id, principal, key_id, signature, signed_at)
      values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing`,
    values: [signed.mandateId, signed.role, clientId, signed.principal, signed.keyId, signed.signature, signed.signedAt],
  });
  return result.rowCount === 1;
}

const COLUMNS = `mandate_id as "mandateId", role, principal, key_id as "keyId", signature, signed_at as "signedAt"`;

/** The signatures of a client's mandates, as they are shown. */
export async function listMandateSignatures(
  db: Queryable | Pool,
  clientId: string,
  mandateIds: readonly string[],
): Promise<MandateSignature[]> {
  const { rows } = await db.query<MandateSignature>({
    name: 'list_mandate_signatures',
    text: `select ${COLUMNS} from mandate_signatures where client_id = $1 and mandate_id = any($2::uuid[]) order by mandate_id, role`,
    values: [clientId, mandateIds],
  });
  return rows;
}

/** The same, each with the key that it is to be checked with. */
export async function findMandateSignatures(
  db: Queryable,
  clientId: string,
  mandateIds: readonly string[],
): Promise<(MandateSignature & { readonly jwk: JsonWebKey | null })[]> {
  const { rows } = await db.query<MandateSignature & { jwk: JsonWebKey | null }>({
    name: 'find_mandate_signatures',
    text: `select ${COLUMNS}, (select r.public_jwk from request_keys r where r.id = key_id and r.client_id = $1) as jwk
      from mandate_signatures where client_id = $1 and mandate_id = any($2::uuid[])`,
    values: [clientId, mandateIds],
  });
  return rows;
}
