/** Idempotency keys: who may run a request, and the answers of those that ran. Set-wise. */
import type { Pool } from 'pg';

export interface IdempotencyClaim {
  readonly clientId: string;
  readonly key: string;
  readonly fingerprint: Buffer;
}

/** `claimed`: run it · otherwise what an earlier request with the key left behind. */
export type ClaimVerdict =
  | { readonly claimed: true }
  | { readonly claimed: false; readonly fingerprint: Buffer; readonly answer: { readonly status: number; readonly body: string } | null };

const KEPT = `client_id as "clientId", idempotency_keys.key, fingerprint, response_status as "status", response_body as "body"`;

interface KeptRow {
  readonly clientId: string;
  readonly key: string;
  readonly fingerprint: Buffer;
  readonly status: number | null;
  readonly body: string | null;
}

/**
 * Claims keys, in the order given. A key that was claimed by the same request and never answered is
 * claimed again once its lock has run out. No key may be named twice in one call.
 */
export async function claimIdempotencyKeys(
  db: Pool,
  claims: readonly IdempotencyClaim[],
  nowMs: number,
  lockMs: number,
): Promise<ClaimVerdict[]> {
  const sorted = [...claims].sort((a, b) => (`${a.clientId}${a.key}` < `${b.clientId}${b.key}` ? -1 : 1));
  const won = await db.query<{ clientId: string; key: string }>({
    name: 'claim_idempotency_keys',
    text: `insert into idempotency_keys as kept (client_id, key, fingerprint, locked_until, created_at)
      select client_id, key, fingerprint, $4, $5 from unnest($1::uuid[], $2::text[], $3::bytea[]) as claim(client_id, key, fingerprint)
      on conflict (client_id, key) do update set locked_until = excluded.locked_until
        where kept.response_status is null and kept.locked_until <= $5 and kept.fingerprint = excluded.fingerprint
      returning client_id as "clientId", key`,
    values: [
      sorted.map((claim) => claim.clientId),
      sorted.map((claim) => claim.key),
      sorted.map((claim) => claim.fingerprint),
      new Date(nowMs + lockMs),
      new Date(nowMs),
    ],
  });
  const wonKeys = new Set(won.rows.map((row) => `${row.clientId}${row.key}`));
  const lost = claims.filter((claim) => !wonKeys.has(`${claim.clientId}${claim.key}`));
  const kept = new Map((lost.length === 0 ? [] : await findKept(db, lost)).map((row) => [`${row.clientId}${row.key}`, row]));
  return claims.map((claim) => {
    const row = kept.get(`${claim.clientId}${claim.key}`);
    if (!row) return { claimed: wonKeys.has(`${claim.clientId}${claim.key}`) } as ClaimVerdict;
    const answer = row.status === null || row.body === null ? null : { status: row.status, body: row.body };
    return { claimed: false, fingerprint: row.fingerprint, answer };
  });
}

async function findKept(db: Pool, claims: readonly IdempotencyClaim[]): Promise<KeptRow[]> {
  const result = await db.query<KeptRow>({
    name: 'find_idempotency_keys',
    text: `select ${KEPT} from unnest($1::uuid[], $2::text[]) as claim(client, wanted)
      join idempotency_keys on client_id = client and idempotency_keys.key = wanted`,
    values: [claims.map((claim) => claim.clientId), claims.map((claim) => claim.key)],
  });
  return result.rows;
}

export interface IdempotentAnswer {
  readonly clientId: string;
  readonly key: string;
  readonly status: number;
  readonly body: string;
}

/** Keeps the answers of requests that ran. */
export async function keepAnswers(db: Pool, kept: readonly IdempotentAnswer[]): Promise<void> {
  await db.query({
    name: 'keep_idempotent_answers',
    text: `update idempotency_keys set response_status = answer.status, response_body = answer.body
      from unnest($1::uuid[], $2::text[], $3::smallint[], $4::text[]) as answer(client_id, key, status, body)
      where idempotency_keys.client_id = answer.client_id and idempotency_keys.key = answer.key`,
    values: [
      kept.map((each) => each.clientId),
      kept.map((each) => each.key),
      kept.map((each) => each.status),
      kept.map((each) => each.body),
    ],
  });
}

/** Lets go of a claimed key whose request failed on our side, so that it can be tried again at once. */
export async function releaseIdempotencyKey(db: Pool, clientId: string, key: string): Promise<void> {
  await db.query('delete from idempotency_keys where client_id = $1 and key = $2 and response_status is null', [clientId, key]);
}

/** Forgets keys that are older than their promise, some thousands at a time. */
export async function forgetIdempotencyKeys(db: Pool, beforeMs: number): Promise<void> {
  await db.query(
    `delete from idempotency_keys where ctid = any(array(select ctid from idempotency_keys where created_at < $1 limit 5000))`,
    [new Date(beforeMs)],
  );
}
