/** The index keys that the database was written with, by a digest from which no key can be found. */
import type { Queryable } from '../connect.ts';

export interface KnownIndexKey {
  readonly keyCheck: Buffer;
  readonly namedAt: Date;
  readonly retiredAt: Date | null;
  /** Whether a rotation of indexes began after it was retired and came to its end: nobody is found by it alone any more. */
  readonly isReplaced: boolean;
}

const INDEX_KEYS_LOCK = 7_263_007;

/** Has this transaction alone decide which keys are known. */
export async function lockIndexKeys(tx: Queryable): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1)', [INDEX_KEYS_LOCK]);
}

/** Every index key that was named so far, the oldest first. */
export async function listIndexKeys(db: Queryable): Promise<KnownIndexKey[]> {
  const { rows } = await db.query<KnownIndexKey>(
    `select key_check as "keyCheck", named_at as "namedAt", retired_at as "retiredAt",
       exists (select from key_jobs where kind = 'index' and started_at >= retired_at and finished_at is not null) as "isReplaced"
     from index_keys order by named_at, key_check`,
  );
  return rows;
}

/** Notes keys that were not known, and which of those that are named are retired since when. */
export async function nameIndexKeys(
  tx: Queryable,
  keys: readonly { readonly check: Buffer; readonly retiredAtMs: number | null }[],
  nowMs: number,
): Promise<void> {
  const values = [keys.map(({ check }) => check), keys.map(({ retiredAtMs }) => (retiredAtMs === null ? null : new Date(retiredAtMs)))];
  await tx.query(
    `insert into index_keys (key_check, named_at, retired_at) select given.key_check, $3, given.retired_at
     from unnest($1::bytea[], $2::timestamptz[]) as given(key_check, retired_at) on conflict (key_check) do nothing`,
    [...values, new Date(nowMs)],
  );
  await tx.query(
    `update index_keys set retired_at = given.retired_at from unnest($1::bytea[], $2::timestamptz[]) as given(key_check, retired_at)
     where index_keys.key_check = given.key_check and index_keys.retired_at is null and given.retired_at is not null`,
    values,
  );
}
