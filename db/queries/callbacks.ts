/** Keeping what operators send back, word for word, before anybody reads it. */
import type { Pool } from 'pg';

export interface NewCallback {
  readonly railId: string;
  /** SHA-256 of the token in the address that was called. */
  readonly tokenHash: Buffer;
  /** Ciphertext. */
  readonly body: Buffer;
  readonly bodyDigest: Buffer;
  readonly sourceAddress: string;
}

/**
 * Stores callbacks and says, in the order given, whether an attempt of that rail awaits each. Those
 * that no attempt awaits are quarantined at once.
 */
export async function storeCallbacks(db: Pool, callbacks: readonly NewCallback[], nowMs: number): Promise<boolean[]> {
  const column = <T>(pick: (each: NewCallback) => T): T[] => callbacks.map(pick);
  const result = await db.query<{ place: number; known: boolean }>({
    name: 'store_callbacks',
    text: `with matched as (
        select called.*, attempts.id as attempt_id
        from unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::text[]) with ordinality
          as called(rail_id, token_hash, body, body_digest, source_address, place)
        left join attempts on attempts.callback_token_hash = called.token_hash and attempts.rail_id = called.rail_id
      ), stored as (
        insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address, received_at, processed_at, verdict, reason_code)
        select rail_id, attempt_id, body, body_digest, source_address, $6::timestamptz,
          case when attempt_id is null then $6::timestamptz end, case when attempt_id is null then 'quarantined' end,
          case when attempt_id is null then 'callback_unknown' end
        from matched order by place
      )
      select place::int, attempt_id is not null as known from matched`,
    values: [
      column((each) => each.railId),
      column((each) => each.tokenHash),
      column((each) => each.body),
      column((each) => each.bodyDigest),
      column((each) => each.sourceAddress),
      new Date(nowMs),
    ],
  });
  const known = new Set(result.rows.filter((row) => row.known).map((row) => row.place));
  return callbacks.map((_, index) => known.has(index + 1));
}
