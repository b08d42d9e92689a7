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
  /** What every request must be signed with; null when none has to be. */
  readonly requestKey: { readonly id: string; readonly publicJwk: Readonly<Record<string, string>> } | null;
}

export interface NewApiKey {
  readonly clientId: string;
  readonly principal: string;
  /** Of domain/scopes.ts. */
  readonly scopes: readonly string[];
  /** Never unless given. */
  readonly expiresAtMs?: number;
  /** A public Ed25519 key with which every request by this key is to be signed; none unless given. */
  readonly requestKey?: ApiKey['requestKey'];
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
  const requestKey = wanted.requestKey ?? null;
  if (requestKey !== null) {
    await db.query({
      name: 'keep_request_key',
      text: 'insert into request_keys (id, client_id, public_jwk) values ($1, $2, $3) on conflict (id) do nothing',
      values: [requestKey.id, wanted.clientId, JSON.stringify(requestKey.publicJwk)],
    });
  }
  const [id, prefix, secret] = [newId(), randomBytes(6).toString('hex'), randomBytes(24).toString('hex')];
  await db.query({
    name: 'create_api_key',
    text: `with made as (
        insert into api_keys (id, client_id, principal, prefix, secret_hash, scopes, expires_at, request_key_id)
        values ($1, $2, $3, $4, $5, $6, $7, $9) returning id, client_id, principal, prefix, scopes, expires_at, request_key_id
      )
      insert into audit_events (client_id, actor, action, subject, details)
      select client_id, $8, 'key.created', 'key:' || id, jsonb_build_object('principal', principal, 'prefix', prefix, 'scopes', scopes,
        'expiresAt', expires_at) || jsonb_strip_nulls(jsonb_build_object('requestKey', request_key_id)) from made`,
    values: [
      id,
      wanted.clientId,
      wanted.principal,
      prefix,
      hashSecret(pepper, secret),
      wanted.scopes,
      wanted.expiresAtMs === undefined ? null : new Date(wanted.expiresAtMs),
      wanted.actor ?? 'system',
      requestKey?.id ?? null,
    ],
  });
  return {
    id,
    clientId: wanted.clientId,
    principal: wanted.principal,
    scopes: wanted.scopes,
    requestKey,
    key: `capp_test_${prefix}_${secret}`,
  };
}

interface KeyRow extends Omit<ApiKey, 'requestKey'> {
  readonly secretHash: Buffer;
  readonly requestKeyId: string | null;
  readonly publicJwk: Readonly<Record<string, string>> | null;
}

const NOBODY = Buffer.alloc(32);

/** The key that was presented, or null when it is malformed, unknown, expired or revoked. */
export async function findApiKey(db: Queryable, pepper: Uint8Array, presented: string, nowMs: number): Promise<ApiKey | null> {
  const [, prefix, secret] = FORM.exec(presented) ?? [];
  if (prefix === undefined || secret === undefined) return null;
  const { rows } = await db.query<KeyRow>({
    name: 'find_api_key',
    text: `select k.id, k.client_id as "clientId", principal, scopes, secret_hash as "secretHash", request_key_id as "requestKeyId",
        r.public_jwk as "publicJwk" from api_keys k left join request_keys r on r.id = k.request_key_id and r.client_id = k.client_id
      where prefix = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`,
    values: [prefix, new Date(nowMs)],
  });
  const row = rows[0];
  // An unknown prefix costs the same hash and comparison as a known one.
  const matches = timingSafeEqual(hashSecret(pepper, secret), row?.secretHash ?? NOBODY);
  if (row === undefined || !matches) return null;
  const { id, clientId, principal, scopes, requestKeyId, publicJwk } = row;
  if (requestKeyId === null) return { id, clientId, principal, scopes, requestKey: null };
  // A key that is to be signed with one that is not there is good for nothing.
  return publicJwk === null ? null : { id, clientId, principal, scopes, requestKey: { id: requestKeyId, publicJwk } };
}

/** Takes a nonce of a signed request, once until it expires, and forgets some that have. False when it was taken before. */
export async function takeNonce(
  db: Queryable,
  taken: { readonly keyId: string; readonly nonce: string; readonly expiresAtMs: number; readonly nowMs: number },
): Promise<boolean> {
  const { rowCount } = await db.query({
    name: 'take_request_nonce',
    text: `with old as (
        delete from request_nonces where (key_id, nonce) in (select key_id, nonce from request_nonces where expires_at < $4 limit 10)
      )
      insert into request_nonces (key_id, nonce, expires_at) values ($1, $2, $3) on conflict do nothing`,
    values: [taken.keyId, taken.nonce, new Date(taken.expiresAtMs), new Date(taken.nowMs)],
  });
  return rowCount === 1;
}

/** Notes that keys were used, each at most once in so many minutes that the database hardly notices. Their ids. */
export async function noteKeyUses(db: Queryable, ids: readonly string[], nowMs: number): Promise<void> {
  await db.query({
    name: 'note_key_uses',
    text: `insert into api_key_uses (key_id, last_used_at) select id, $2 from unnest($1::uuid[]) as used(id)
      on conflict (key_id) do update set last_used_at = excluded.last_used_at
      where api_key_uses.last_used_at < excluded.last_used_at`,
    values: [ids, new Date(nowMs)],
  });
}

/**
 * Makes a key that may do what another may, and lets the other expire at a moment, in the caller's transaction. Null when there is
 * no such key in force.
 */
export async function rotateApiKey(
  tx: Queryable,
  pepper: Uint8Array,
  wanted: { readonly id: string; readonly oldUntilMs: number; readonly nowMs: number; readonly actor: string },
): Promise<(ApiKey & { readonly key: string }) | null> {
  const { rows } = await tx.query<Omit<ApiKey, 'id'>>({
    name: 'let_api_key_expire',
    text: `update api_keys set expires_at = least(expires_at, $2) where id = $1 and revoked_at is null and (expires_at is null or expires_at > $3)
      returning client_id as "clientId", principal, scopes, (
        select jsonb_build_object('id', r.id, 'publicJwk', r.public_jwk) from request_keys r where r.id = request_key_id) as "requestKey"`,
    values: [wanted.id, new Date(wanted.oldUntilMs), new Date(wanted.nowMs)],
  });
  const [old] = rows;
  return old === undefined ? null : createApiKey(tx, pepper, { ...old, actor: wanted.actor });
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
