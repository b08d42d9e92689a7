/** Every column that the field keys themselves seal, as what data keys and texts are wrapped by is elsewhere. */
import type { Queryable } from '../connect.ts';

/**
 * What becomes of what an older field key sealed. `rewrapped`: the rotation of wrapping keys seals it anew; `renewed`: the rotation of
 * data keys puts it under a data key; `ages`: it is never changed, and deleted by age; `stays`: it is never changed, and kept for as long
 * as the law asks, from before texts had keys of their own.
 */
export type SealedFate = 'rewrapped' | 'renewed' | 'ages' | 'stays';

export interface SealedPlace {
  readonly table: string;
  readonly column: string;
  /** What is authenticated with the ciphertext. */
  readonly context: string;
  readonly fate: SealedFate;
}

const place = (fate: SealedFate, context: string, column?: string): SealedPlace => {
  const [table = '', own = ''] = context.split('.');
  return { table, column: column ?? own, context, fate };
};

export const SEALED_PLACES: readonly SealedPlace[] = [
  place('rewrapped', 'logins.totp_secret'),
  place('rewrapped', 'signing_keys.private_key'),
  place('rewrapped', 'webhook_endpoints.secret'),
  place('rewrapped', 'webhook_endpoints.secret', 'previous_secret'),
  place('rewrapped', 'subscribers.name'),
  place('rewrapped', 'attempts.operator_handle'),
  place('rewrapped', 'operator_tokens.token'),
  place('rewrapped', 'ussd_sessions.state'),
  place('rewrapped', 'ussd_sessions.reply'),
  place('rewrapped', 'gateway_records.body'),
  place('renewed', 'users.name'),
  place('renewed', 'users.phone'),
  place('renewed', 'payments.parties'),
  place('ages', 'operator_callbacks.body'),
  place('ages', 'operator_answers.body'),
  place('stays', 'case_decisions.note'),
  place('stays', 'case_information.answer'),
  place('stays', 'reports.content'),
  place('stays', 'statements.body'),
];

/** How many ciphertexts of a place each field key sealed. A first byte of 0 is no field key: a data key, or the key of a text, sealed that. */
export async function countSealed(db: Queryable, { table, column }: SealedPlace): Promise<{ keyId: number; sealed: bigint }[]> {
  const { rows } = await db.query<{ keyId: number; sealed: bigint }>(
    `select get_byte(${column}, 0) as "keyId", count(*) as sealed from ${table} where length(${column}) > 0 and get_byte(${column}, 0) <> 0
     group by 1 order by 1`,
  );
  return rows;
}

/** Blocks of a table, as many as it has now. */
export async function countBlocks(db: Queryable, { table }: SealedPlace): Promise<number> {
  const { rows } = await db.query<{ blocks: number }>(
    `select (pg_relation_size($1::regclass) / current_setting('block_size')::int)::int as blocks`,
    [table],
  );
  return rows[0]?.blocks ?? 0;
}

/** What other keys than this one sealed of a place, within some blocks of its table; `at` names the row as it stands. */
export async function findOlderSealed(
  db: Queryable,
  { table, column }: SealedPlace,
  range: { readonly currentId: number; readonly fromBlock: number; readonly toBlock: number },
): Promise<{ at: string; sealed: Buffer }[]> {
  const { rows } = await db.query<{ at: string; sealed: Buffer }>(
    `select ctid::text as at, ${column} as sealed from ${table} where ctid >= $1::tid and ctid < $2::tid
       and length(${column}) > 0 and get_byte(${column}, 0) not in (0, $3)`,
    [`(${range.fromBlock},0)`, `(${range.toBlock},0)`, range.currentId],
  );
  return rows;
}

/** Puts the same words under another key in place, where the bytes are still there that were read. Gives how many. */
export async function changeSealed(
  db: Queryable,
  { table, column }: SealedPlace,
  changes: readonly { readonly at: string; readonly before: Buffer; readonly sealed: Buffer }[],
): Promise<number> {
  const result = await db.query(
    `update ${table} set ${column} = given.sealed from unnest($1::text[], $2::bytea[], $3::bytea[]) as given(at, before, sealed)
     where ${table}.ctid = any($1::tid[]) and ${table}.ctid = given.at::tid and ${table}.${column} = given.before`,
    [changes.map(({ at }) => at), changes.map(({ before }) => before), changes.map(({ sealed }) => sealed)],
  );
  return result.rowCount ?? 0;
}
