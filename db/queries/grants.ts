/** Execution grants: what they bind, read from the rows themselves; and the grants as they are kept. */
import type { Pool } from 'pg';
import type { Currency } from '../../domain/currency.ts';
import type { ExecutionGrant, GrantTerms } from '../../domain/grant.ts';
import type { Leg } from '../../domain/lifecycle.ts';
import type { Queryable } from '../connect.ts';

/** The last screening of a payment, in the words of `screenedBy`. `paymentId` is a column. */
const screenedBySql = (paymentId: string): string =>
  `(select concat_ws(' ', c.list_version, c.rule_set) from compliance_records c where c.payment_id = ${paymentId} order by c.id desc limit 1)`;

/** The releases of a payment, one id after the other. */
const approvalsSql = (paymentId: string): string =>
  `(select string_agg(d.id::text, ' ' order by d.id) from case_decisions d where d.payment_id = ${paymentId} and d.verdict = 'release')`;

/** What a grant binds that no traveller of a cohort carries, for rows that name a payment and whose wallet it is. */
export const grantBasisColumns = (paymentId: string, payeeId: string): string => `
  (select encode(u.phone_index, 'hex') from users u where u.id = ${payeeId}) as payee_index,
  ${screenedBySql(paymentId)} as screened_by, ${approvalsSql(paymentId)} as approvals`;

export interface GrantBasis {
  readonly payee_index: string | null;
  readonly screened_by: string | null;
  readonly approvals: string | null;
}

/** Whose wallet an attempt `a` of a payment `p` is about. A refund goes back to whoever paid. */
const PAYEE = `case a.leg when 'payout' then p.receiver_id else p.sender_id end`;

/** The terms of an attempt `a` of a payment `p`, as the rows say at this moment. */
export const GRANT_TERMS_COLUMNS = `
  a.id, a.client_id, p.client_id as owner_id, a.payment_id, a.leg, a.rail_id, a.amount, a.currency, ${PAYEE} as payee_id, p.quote_id, a.grant_id,
  (select q.policy_version from quotes q where q.id = p.quote_id) as quote_policy, ${grantBasisColumns('a.payment_id', PAYEE)}`;

/** The number that an attempt `a` of a payment `p` is about, sealed, and the wrapped data key that opens it. */
export const PAYEE_NUMBER_COLUMNS = `p.parties, (select u.data_key from users u where u.id = ${PAYEE}) as party_key`;

export interface PayeeNumberRow {
  readonly parties: Buffer;
  readonly party_key: Buffer | null;
}

export interface GrantTermsRow extends GrantBasis {
  readonly id: string;
  readonly client_id: string;
  /** The client of the payment. */
  readonly owner_id: string;
  readonly payment_id: string;
  readonly leg: Leg;
  readonly rail_id: string;
  readonly amount: bigint;
  readonly currency: Currency;
  readonly payee_id: string;
  readonly quote_id: string | null;
  readonly quote_policy: string | null;
  readonly grant_id: string | null;
}

/** The terms that a row makes. */
export function grantTermsOf(row: GrantTermsRow): GrantTerms {
  return {
    attemptId: row.id,
    clientId: row.client_id,
    paymentId: row.payment_id,
    leg: row.leg,
    railId: row.rail_id,
    amountMinor: row.amount,
    currency: row.currency,
    payeeId: row.payee_id,
    quoteId: row.quote_id ?? '',
    quotePolicy: row.quote_policy ?? '',
    ...grantBasisOf(row),
  };
}

/** The part of the terms that a basis makes. */
export function grantBasisOf(row: GrantBasis): Pick<GrantTerms, 'payeeIndex' | 'screenedBy' | 'approvals'> {
  return {
    payeeIndex: row.payee_index ?? '',
    screenedBy: row.screened_by ?? '',
    approvals: row.approvals === null ? [] : row.approvals.split(' '),
  };
}

export interface SealedGrant extends ExecutionGrant {
  readonly seal: Buffer;
}

/** Grants by their ids; those that are not there are left out. */
export async function findGrants(db: Queryable | Pool, ids: readonly string[]): Promise<SealedGrant[]> {
  const result = await db.query<{ id: string; issued_at: Date; expires_at: Date; digests: Buffer; seal: Buffer }>({
    name: 'find_grants',
    text: 'select id, issued_at, expires_at, digests, seal from execution_grants where id = any($1::uuid[])',
    values: [ids],
  });
  return result.rows.map((row) => ({
    id: row.id,
    issuedAtMs: row.issued_at.getTime(),
    expiresAtMs: row.expires_at.getTime(),
    digests: row.digests,
    seal: row.seal,
  }));
}

/** Locks attempts that wait to be sent and whose grant has run out, or that have none; with their terms as they are now. */
export async function lockLapsed(tx: Queryable, now: Date, limit: number): Promise<(GrantTermsRow & PayeeNumberRow)[]> {
  const result = await tx.query<GrantTermsRow & PayeeNumberRow>({
    name: 'lock_lapsed_attempts',
    text: `with lapsed as materialized (
        select a.id from attempts a where a.state = 'created' and (a.grant_expires_at is null or a.grant_expires_at <= $1)
        order by a.id limit $2 for update skip locked)
      select ${GRANT_TERMS_COLUMNS}, ${PAYEE_NUMBER_COLUMNS}
      from lapsed join attempts a on a.id = lapsed.id join payments p on p.id = a.payment_id order by a.id`,
    values: [now, limit],
  });
  return result.rows;
}

/** Keeps a grant in place of the lapsed ones of some attempts. */
export async function replaceGrant(tx: Queryable, grant: SealedGrant, attemptIds: readonly string[]): Promise<void> {
  await tx.query({
    name: 'replace_grant',
    text: `with granted as (insert into execution_grants (id, issued_at, expires_at, digests, seal) values ($2, $3, $4, $5, $6))
      update attempts set grant_id = $2, grant_expires_at = $4, updated_at = $3 where id = any($1::uuid[]) and state = 'created'`,
    values: [attemptIds, grant.id, new Date(grant.issuedAtMs), new Date(grant.expiresAtMs), grant.digests, grant.seal],
  });
}

/** Ends attempts that nothing was sent for: they failed for sure. */
export async function refuseUnsent(tx: Queryable, attemptIds: readonly string[], now: Date): Promise<void> {
  await tx.query({
    name: 'refuse_unsent',
    text: `update attempts set state = 'failed', reason_code = 'grant_refused', retry = 'later', resolved_at = $2, updated_at = $2
      where id = any($1::uuid[]) and state = 'created'`,
    values: [attemptIds, now],
  });
}
