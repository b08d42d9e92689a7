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

/** Whose signature a mandate may need. */
export interface SignaturePlace {
  readonly mandateId: string;
  readonly role: MandateRole;
  readonly principal: string;
  /** When the mandate was given. */
  readonly sinceMs: number;
}

export interface SignatureFound {
  readonly mandateId: string;
  readonly role: MandateRole;
  /** The principal has, or had at any moment since the mandate was given, a key to sign with. */
  readonly needed: boolean;
  /** What is there; nulls where nothing is, and without the key when that is not the client's. */
  readonly signedBy: string | null;
  readonly signature: Buffer | null;
  readonly jwk: JsonWebKey | null;
}

/**
 * For each place of a client's mandates whether it needs a signature, and the one that is there with the key it is to be checked with.
 * A key that was revoked or has expired since keeps the need: nobody gets round a signature by the end of a key.
 */
export async function findSignaturesAt(db: Queryable, clientId: string, places: readonly SignaturePlace[]): Promise<SignatureFound[]> {
  const { rows } = await db.query<SignatureFound>({
    name: 'find_signatures_at',
    text: `select place.mandate_id as "mandateId", place.role,
        exists (select from api_keys k where k.client_id = $1 and k.principal = place.principal and k.request_key_id is not null
          and (k.revoked_at is null or k.revoked_at >= place.since) and (k.expires_at is null or k.expires_at >= place.since)) as needed,
        s.principal as "signedBy", s.signature, r.public_jwk as jwk
      from unnest($2::uuid[], $3::text[], $4::text[], $5::timestamptz[]) as place(mandate_id, role, principal, since)
      left join mandate_signatures s on s.mandate_id = place.mandate_id and s.role = place.role and s.client_id = $1
      left join request_keys r on r.id = s.key_id and r.client_id = $1`,
    values: [
      clientId,
      places.map(({ mandateId }) => mandateId),
      places.map(({ role }) => role),
      places.map(({ principal }) => principal),
      places.map(({ sinceMs }) => new Date(sinceMs)),
    ],
  });
  return rows;
}
