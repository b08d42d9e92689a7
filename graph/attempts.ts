/**
 * Opening attempts: the fence before every effect. An attempt is committed, with the id the operator
 * will know us by, before anything is sent; a leg has one open attempt at a time.
 */
import type { PoolClient } from 'pg';
import type { QuoteTerms } from '../agents/agent.ts';
import { type GrantBasis, grantBasisColumns, grantBasisOf } from '../db/queries/grants.ts';
import type { GrantTerms } from '../domain/grant.ts';
import { derivedId } from '../domain/ids.ts';
import { issueGrant } from './grants.ts';
import type { GraphDeps } from './types.ts';

export interface NewAttempt extends Pick<GrantTerms, 'clientId' | 'paymentId' | 'leg' | 'railId' | 'amountMinor' | 'currency' | 'payeeId'> {
  /** The terms it travels at. */
  readonly quote: Pick<QuoteTerms, 'id' | 'policyVersion'>;
  /** The collection that a refund takes back by its operator's own operation. */
  readonly takesBack?: string | null;
}

const NEXT_SEQUENCE_SQL = `
select next.*, ${grantBasisColumns('next.payment_id', 'next.payee_id')} from (
  select wanted.payment_id, wanted.payee_id, coalesce(max(a.sequence), 0)::int + 1 as sequence
  from unnest($1::uuid[], $2::text[], $3::uuid[]) as wanted(payment_id, leg, payee_id)
  left join attempts a on a.payment_id = wanted.payment_id and a.leg = wanted.leg
  group by wanted.payment_id, wanted.payee_id) next`;

const INSERT_SQL = `
with granted as (insert into execution_grants (id, issued_at, expires_at, digests, seal) values ($12, $11, $13, $14, $15))
insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, callback_token_hash,
  takes_back, grant_id, grant_expires_at, created_at, updated_at)
select id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, token_hash, takes_back, $12, $13, $11, $11
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::text[], $7::uuid[], $8::bigint[], $9::text[], $10::bytea[],
  $16::uuid[]) as attempt(id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, token_hash, takes_back)`;

/**
 * Inserts one attempt for each entry, in the state `created`, and the grant that covers them all; gives their ids in the order of the entries.
 * At most one entry per payment. The index `attempts_one_alive` refuses a leg that has a try which has not failed.
 */
export async function openAttempts(tx: PoolClient, deps: GraphDeps, wanted: readonly NewAttempt[]): Promise<string[]> {
  if (wanted.length === 0) return [];
  const sequences = await tx.query<{ payment_id: string; sequence: number } & GrantBasis>({
    name: 'next_attempt_sequence',
    text: NEXT_SEQUENCE_SQL,
    values: [wanted.map((attempt) => attempt.paymentId), wanted.map((attempt) => attempt.leg), wanted.map((attempt) => attempt.payeeId)],
  });
  const nextOf = new Map(sequences.rows.map((row) => [row.payment_id, row]));
  const rows = wanted.map((attempt) => {
    const next = nextOf.get(attempt.paymentId);
    if (next === undefined) throw new RangeError(`payment ${attempt.paymentId} was not looked up`);
    const requestId = derivedId('attempt', attempt.paymentId, attempt.leg, String(next.sequence));
    return { ...attempt, sequence: next.sequence, requestId, terms: termsOf(attempt, requestId, next) };
  });
  const nowMs = deps.clock.now();
  const grant = issueGrant(
    deps.keyring,
    rows.map((row) => row.terms),
    nowMs,
  );
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
      new Date(nowMs),
      grant.id,
      new Date(grant.expiresAtMs),
      grant.digests,
      grant.seal,
      rows.map((row) => row.takesBack ?? null),
    ],
  });
  return rows.map((row) => row.requestId);
}

function termsOf(attempt: NewAttempt, attemptId: string, basis: GrantBasis): GrantTerms {
  const { clientId, paymentId, leg, railId, amountMinor, currency, payeeId, quote } = attempt;
  const bound = { clientId, paymentId, leg, railId, amountMinor, currency, payeeId, quoteId: quote.id, quotePolicy: quote.policyVersion };
  return { ...bound, attemptId, ...grantBasisOf(basis) };
}
