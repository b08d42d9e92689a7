/**
 * Opening attempts: the fence before every effect. An attempt is committed, with the id the operator
 * will know us by, before anything is sent; a leg has one open attempt at a time.
 */
import type { PoolClient } from 'pg';
import type { Currency } from '../domain/currency.ts';
import { derivedId } from '../domain/ids.ts';
import type { Leg } from '../domain/lifecycle.ts';
import type { GraphDeps } from './types.ts';

export interface NewAttempt {
  readonly clientId: string;
  readonly paymentId: string;
  readonly leg: Leg;
  readonly railId: string;
  readonly amountMinor: bigint;
  readonly currency: Currency;
}

const NEXT_SEQUENCE_SQL = `
select wanted.payment_id, coalesce(max(a.sequence), 0)::int + 1 as sequence
from unnest($1::uuid[], $2::text[]) as wanted(payment_id, leg)
left join attempts a on a.payment_id = wanted.payment_id and a.leg = wanted.leg
group by wanted.payment_id`;

const INSERT_SQL = `
insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, callback_token_hash, created_at, updated_at)
select id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, token_hash, $11, $11
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::text[], $7::uuid[], $8::bigint[], $9::text[], $10::bytea[])
  as attempt(id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, token_hash)`;

/**
 * Inserts one attempt for each entry, in the state `created`; gives their ids in the order of the entries.
 * At most one entry per payment. The index `attempts_one_alive` refuses a leg that has a try which has not failed.
 */
export async function openAttempts(tx: PoolClient, deps: GraphDeps, wanted: readonly NewAttempt[]): Promise<string[]> {
  if (wanted.length === 0) return [];
  const sequences = await tx.query<{ payment_id: string; sequence: number }>({
    name: 'next_attempt_sequence',
    text: NEXT_SEQUENCE_SQL,
    values: [wanted.map((attempt) => attempt.paymentId), wanted.map((attempt) => attempt.leg)],
  });
  const sequenceOf = new Map(sequences.rows.map((row) => [row.payment_id, row.sequence]));
  const rows = wanted.map((attempt) => {
    const sequence = sequenceOf.get(attempt.paymentId) ?? 1;
    const requestId = derivedId('attempt', attempt.paymentId, attempt.leg, String(sequence));
    return { ...attempt, sequence, requestId };
  });
  await tx.query({
    name: 'open_attempts',
    text: INSERT_SQL,
    values: [
      rows.map((row) => row.requestId),
      rows.map((row) => row.clientId),
      rows.map((row) => row.paymentId),
      rows.map((row) => row.leg),
      rows.map((row) => row.sequence),
      rows.map((row) => row.railId),
      rows.map((row) => row.requestId),
      rows.map((row) => row.amountMinor),
      rows.map((row) => row.currency),
      rows.map((row) => deps.callbacks.tokenHash(row.requestId)),
      new Date(deps.clock.now()),
    ],
  });
  return rows.map((row) => row.requestId);
}
