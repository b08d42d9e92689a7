/**
 * API keys: `capp_test_<prefix>_<secret>`. The prefix finds the row; of the secret only a peppered hash
 * is kept, and it is compared in constant time.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { newId } from '../../domain/ids.ts';
import type { Queryable } from '../connect.ts';
import { hmacSha256 } from '../keyring.ts';

export interface ApiKey {
  readonly id: string;
  readonly clientId: string;
  /** Who holds the key: `client:demo`, `officer:amina`. */
  readonly principal: string;
  /** Of domain/scopes.ts. */
  readonly scopes: readonly string[];
}

export interface NewApiKey {
  readonly clientId: string;
  readonly principal: string;
  /** Of domain/scopes.ts. */
  readonly scopes: readonly string[];
  /** Never unless given. */
  readonly expiresAtMs?: number;
  /** Who makes it, for the audit log; the platform itself unless given. */
  readonly actor?: string;
}

const FORM = /^capp_test_([0-9a-f]{12})_([0-9a-f]{48})$/;

/** HMAC-SHA256 of the secret under the pepper. The secret has 192 random bits, so a slow hash would add nothing. */
export function hashSecret(pepper: Uint8Array, secret: string): Buffer {
  return hmacSha256(pepper)(secret);
}

/** Makes a key and returns it in full, once; afterwards nobody can read it. */
export async function createApiKey(db: Queryable, pepper: Uint8Array, wanted: NewApiKey): Promise<ApiKey & { readonly key: string }> {
  const [id, prefix, secret] = [newId(), randomBytes(6).toString('hex'), randomBytes(24).toString('hex')];
  await db.query({
    name: 'create_api_key',
    text: `with made as (
        insert into api_keys (id, client_id, principal, prefix, secret_hash, scopes, expires_at) values ($1, $2, $3, $4, $5, $6, $7)
        returning id, client_id, principal, prefix, scopes, expires_at
      )
      insert into audit_events (client_id, actor, action, subject, details)
      select client_id, $8, 'key.created', 'key:' || id, jsonb_build_object('principal', principal, 'prefix', prefix, 'scopes', scopes,
        'expiresAt', expires_at) from made`,
    values: [
      id,
      wanted.clientId,
      wanted.principal,
      prefix,
      hashSecret(pepper, secret),
      wanted.scopes,
      wanted.expiresAtMs === undefined ? null : new Date(wanted.expiresAtMs),
      wanted.actor ?? 'system',
    ],
  });
  return { id, clientId: wanted.clientId, principal: wanted.principal, scopes: wanted.scopes, key: `capp_test_${prefix}_${secret}` };
}

interface KeyRow extends ApiKey {
  readonly secretHash: Buffer;
}

const NOBODY = Buffer.alloc(32);

/** The key that was presented, or null when it is malformed, unknown, expired or revoked. */
export async function findApiKey(db: Queryable, pepper: Uint8Array, presented: string, nowMs: number): Promise<ApiKey | null> {
  const [, prefix, secret] = FORM.exec(presented) ?? [];
  if (prefix === undefined || secret === undefined) return null;
  const { rows } = await db.query<KeyRow>({
    name: 'find_api_key',
    text: `select id, client_id as "clientId", principal, scopes, secret_hash as "secretHash" from api_keys
      where prefix = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`,
    values: [prefix, new Date(nowMs)],
  });
  const row = rows[0];
  // An unknown prefix costs the same hash and comparison as a known one.
  const matches = timingSafeEqual(hashSecret(pepper, secret), row?.secretHash ?? NOBODY);
  if (row === undefined || !matches) return null;
  return { id: row.id, clientId: row.clientId, principal: row.principal, scopes: row.scopes };
}

/** Revokes a key, in the name of `actor`; says whether there was one to revoke. */
export async function revokeApiKey(db: Queryable, id: string, nowMs: number, actor = 'system'): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'revoke_api_key',
    text: `with revoked as (update api_keys set revoked_at = $2 where id = $1 and revoked_at is null returning id, client_id, principal)
      insert into audit_events (client_id, actor, action, subject, details, created_at)
      select client_id, $3, 'key.revoked', 'key:' || id, jsonb_build_object('principal', principal), $2 from revoked`,
    values: [id, new Date(nowMs), actor],
  });
  return rowCount === 1;
}
