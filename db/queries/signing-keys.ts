/** The keys that sign access tokens. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';

export interface SigningKeyRow {
  readonly kid: string;
  /** PKCS #8 in PEM, encrypted. */
  readonly privateKey: Buffer;
  readonly publicJwk: Readonly<Record<string, string>>;
  readonly createdAt: Date;
  /** Since when another one signs; null for the one that does. */
  readonly retiredAt: Date | null;
}

/** The key that signs, and those retired after a moment, newest first. */
export async function findSigningKeys(db: Queryable | Pool, retiredAfterMs: number): Promise<SigningKeyRow[]> {
  const { rows } = await db.query<SigningKeyRow>({
    name: 'find_signing_keys',
    text: `select kid, private_key as "privateKey", public_jwk as "publicJwk", created_at as "createdAt", retired_at as "retiredAt"
      from signing_keys where retired_at is null or retired_at > $1 order by retired_at is not null, created_at desc`,
    values: [new Date(retiredAfterMs)],
  });
  return rows;
}

const ROTATE_LOCK = 7_263_004;

/**
 * Puts a new key in the place of the one that signs, in the caller's transaction. `only` rotates nothing when another process
 * has made a key since; says whether it did.
 */
export async function rotateSigningKey(
  tx: Queryable,
  key: Pick<SigningKeyRow, 'kid' | 'privateKey' | 'publicJwk'>,
  { nowMs, only, actor }: { readonly nowMs: number; readonly only: 'first' | 'always'; readonly actor: string },
): Promise<boolean> {
  await tx.query('select pg_advisory_xact_lock($1)', [ROTATE_LOCK]);
  const at = new Date(nowMs);
  if (only === 'first' && ((await tx.query('select 1 from signing_keys where retired_at is null')).rowCount ?? 0) > 0) return false;
  await tx.query('update signing_keys set retired_at = $1 where retired_at is null', [at]);
  await tx.query({
    text: `with made as (insert into signing_keys (kid, private_key, public_jwk, created_at) values ($1, $2, $3, $4) returning kid)
      insert into audit_events (actor, action, subject, created_at) select $5, 'signing_key.made', 'signing_key:' || kid, $4 from made`,
    values: [key.kid, key.privateKey, JSON.stringify(key.publicJwk), at, actor],
  });
  return true;
}
