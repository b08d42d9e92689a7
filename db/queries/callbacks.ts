/** Keeping what operators send back, word for word, before anybody reads it. */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';

/** Where callbacks are encrypted for, and where the ids are that operators gave an attempt. */
export const CALLBACK_CONTEXT = 'operator_callbacks.body';
export const HANDLE_CONTEXT = 'attempts.operator_handle';

export interface NewCallback {
  readonly railId: string;
  /** SHA-256 of the token in the address that was called; null for the address that all attempts of a rail share. */
  readonly tokenHash: Buffer | null;
  /** Why it is set aside unread; it may be read unless given. */
  readonly refusal?: string;
  /** Ciphertext. */
  readonly body: Buffer;
  readonly bodyDigest: Buffer;
  readonly sourceAddress: string;
}

/**
 * Stores callbacks and says, in the order given, whether each is to be read: an attempt of that rail awaits it,
 * or it came to the rail's shared address, where only its reader can tell. All others are quarantined at once.
 */
export async function storeCallbacks(db: Pool, callbacks: readonly NewCallback[], nowMs: number): Promise<boolean[]> {
  const column = <T>(pick: (each: NewCallback) => T): T[] => callbacks.map(pick);
  const result = await db.query<{ place: number; known: boolean }>({
    name: 'store_callbacks',
    text: `with matched as (
        select called.*, attempts.id as attempt_id,
          case when called.refusal is not null then called.refusal
            when called.token_hash is not null and attempts.id is null then 'callback_unknown' end as reason
        from unnest($1::text[], $2::bytea[], $3::bytea[], $4::bytea[], $5::text[], $7::text[]) with ordinality
          as called(rail_id, token_hash, body, body_digest, source_address, refusal, place)
        left join attempts on attempts.callback_token_hash = called.token_hash and attempts.rail_id = called.rail_id
      ), stored as (
        insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address, received_at, processed_at, verdict, reason_code)
        select rail_id, attempt_id, body, body_digest, source_address, $6::timestamptz,
          case when reason is not null then $6::timestamptz end, case when reason is not null then 'quarantined' end, reason
        from matched order by place
      )
      select place::int, reason is null as known from matched`,
    values: [
      column((each) => each.railId),
      column((each) => each.tokenHash),
      column((each) => each.body),
      column((each) => each.bodyDigest),
      column((each) => each.sourceAddress),
      new Date(nowMs),
      column((each) => each.refusal ?? null),
    ],
  });
  const known = new Set(result.rows.filter((row) => row.known).map((row) => row.place));
  return callbacks.map((_, index) => known.has(index + 1));
}

/** An attempt that a customer may be paying for by themselves. */
export interface AwaitedCollection {
  readonly id: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly state: string;
}

/** The collection over a rail whose request id lies between two, both included; null when there is none, or more than one. */
export async function findCollectionBetween(
  db: Pool,
  railId: string,
  requests: { readonly first: string; readonly last: string },
): Promise<AwaitedCollection | null> {
  const { rows } = await db.query<AwaitedCollection>({
    name: 'find_collection_between',
    text: `select id, amount, currency, state from attempts
      where rail_id = $1 and leg = 'collection' and request_id between $2::uuid and $3::uuid limit 2`,
    values: [railId, requests.first, requests.last],
  });
  return rows.length === 1 ? (rows[0] ?? null) : null;
}

/** A message that was judged as it came, or is still to be read (`verdict` null). */
export interface JudgedMessage {
  readonly railId: string;
  readonly attemptId: string | null;
  readonly verdict: 'matched' | 'duplicate' | 'quarantined' | null;
  readonly reasonCode: string | null;
  /** Ciphertext. */
  readonly body: Buffer;
  readonly bodyDigest: Buffer;
  readonly sourceAddress: string;
}

/** Stores a message with its verdict. */
export async function storeMessage(db: Pool, message: JudgedMessage, nowMs: number): Promise<void> {
  const { railId, attemptId, verdict, reasonCode, body, bodyDigest, sourceAddress } = message;
  await db.query({
    name: 'store_message',
    text: `insert into operator_callbacks (rail_id, attempt_id, body, body_digest, source_address, received_at, processed_at, verdict, reason_code)
      values ($1, $2, $3, $4, $5, $6::timestamptz, case when $7::text is not null then $6::timestamptz end, $7::text, $8)`,
    values: [railId, attemptId, body, bodyDigest, sourceAddress, new Date(nowMs), verdict, reasonCode],
  });
}

/** A callback as people look at it: not its body, which names people. */
export interface CallbackView {
  readonly id: bigint;
  readonly railId: string;
  readonly attemptId: string | null;
  readonly sourceAddress: string;
  readonly receivedAt: Date;
  readonly processedAt: Date | null;
  readonly verdict: string | null;
  readonly reasonCode: string | null;
}

/** Callbacks of a client's attempts, and those that no attempt claims, newest first, from before an id on. */
export async function listCallbacks(
  db: Pool,
  clientId: string,
  filter: { readonly railId?: string | undefined; readonly verdict?: string | undefined },
  page: { readonly before: string | null; readonly limit: number },
): Promise<CallbackView[]> {
  const result = await db.query<CallbackView>({
    name: 'list_callbacks',
    text: `select c.id, c.rail_id as "railId", c.attempt_id as "attemptId", c.source_address as "sourceAddress",
        c.received_at as "receivedAt", c.processed_at as "processedAt", c.verdict, c.reason_code as "reasonCode"
      from operator_callbacks c left join attempts a on a.id = c.attempt_id
      where (c.attempt_id is null or a.client_id = $1) and ($2::text is null or c.rail_id = $2)
        and ($3::text is null or c.verdict = $3) and ($4::bigint is null or c.id < $4)
      order by c.id desc limit $5`,
    values: [clientId, filter.railId ?? null, filter.verdict ?? null, page.before, page.limit],
  });
  return result.rows;
}

/** Callbacks that were set aside last, whoever's, for whoever runs the platform. */
export async function listQuarantined(db: Queryable, limit: number): Promise<CallbackView[]> {
  const { rows } = await db.query<CallbackView>({
    name: 'list_quarantined_callbacks',
    text: `select c.id, c.rail_id as "railId", c.attempt_id as "attemptId", c.source_address as "sourceAddress",
        c.received_at as "receivedAt", c.processed_at as "processedAt", c.verdict, c.reason_code as "reasonCode"
      from operator_callbacks c where c.verdict = 'quarantined' order by c.id desc limit $1`,
    values: [limit],
  });
  return rows;
}

/** What an operator sent, as it is sealed, and whose attempt it is about. */
export interface SealedMessage {
  readonly body: Buffer;
  readonly clientId: string | null;
  readonly paymentId: string | null;
}

/** The body of a callback, for whoever runs the platform; null when there is none. */
export async function findCallbackBody(db: Queryable, id: string): Promise<SealedMessage | null> {
  const { rows } = await db.query<SealedMessage>({
    name: 'find_callback_body',
    text: `select c.body, a.client_id as "clientId", a.payment_id as "paymentId" from operator_callbacks c
      left join attempts a on a.id = c.attempt_id where c.id = $1`,
    values: [id],
  });
  return rows[0] ?? null;
}

/** Callbacks set aside since a moment, by rail and reason. */
export async function countQuarantined(
  db: Pool,
  sinceMs: number,
): Promise<readonly { readonly railId: string; readonly reasonCode: string; readonly count: number }[]> {
  const result = await db.query<{ railId: string; reasonCode: string; count: number }>({
    name: 'count_quarantined_callbacks',
    text: `select rail_id as "railId", coalesce(reason_code, 'unknown') as "reasonCode", count(*)::int as count from operator_callbacks
      where verdict = 'quarantined' and received_at >= $1 group by 1, 2`,
    values: [new Date(sinceMs)],
  });
  return result.rows;
}
