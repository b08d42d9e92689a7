/**
 * Cohorts: payments that travel the graph together. A cohort is claimed by a lease; whoever loses the
 * lease can no longer change its payments.
 */
import type { Pool, PoolClient } from 'pg';
import type { CohortPayment, QuoteTerms, Route, WorkItem } from '../agents/agent.ts';
import { uuidArray } from '../db/arrays.ts';
import { WITHOUT_DISK } from '../db/connect.ts';
import type { RecordedDecision } from '../db/queries/decisions.ts';
import { fault } from '../domain/errors.ts';
import { newId } from '../domain/ids.ts';
import type { Leg, PaymentStatus } from '../domain/lifecycle.ts';
import type { ExchangeRateVerdict, RouteVerdict, Screening } from './agents.ts';
import type { GraphDeps } from './types.ts';

/** An attempt that reached its end and waits to be worked into its payment. */
export interface ResolvedAttempt {
  readonly id: string;
  readonly leg: Leg;
  readonly sequence: number;
  readonly railId: string;
  readonly state: 'succeeded' | 'failed';
  readonly amountMinor: bigint;
  readonly reasonCode: string | null;
  readonly retry: 'never' | 'later' | 'after_customer' | null;
  /** Nothing was sent for it. */
  readonly isUnsent: boolean;
  readonly sentAtMs: number;
  readonly resolvedAtMs: number;
}

/** One payment on its way through the graph. */
export interface Traveller extends WorkItem {
  readonly payment: CohortPayment;
  readonly quote?: QuoteTerms;
  readonly route?: Route;
  /** The pending transfer that holds its payout's float. */
  readonly reservationId: string | null;
  readonly refundRequested: boolean;
  readonly attempt?: ResolvedAttempt;
  /** What the agents said in this run, for their `apply` at the durable boundary. */
  readonly quoting?: ExchangeRateVerdict;
  readonly screening?: Screening;
  readonly routing?: RouteVerdict;
  /** The same as it will be recorded. */
  readonly decisions: readonly RecordedDecision[];
  /** Set when the payment leaves the cohort here, and why. */
  readonly leaves?: { readonly to: PaymentStatus | 'waits'; readonly reasonCode: string | null };
}

export interface Cohort {
  readonly id: string;
  readonly leaseToken: string;
  readonly travellers: readonly Traveller[];
}

interface PaymentRow {
  id: string;
  client_id: string;
  status: PaymentStatus;
  amount: bigint;
  from_currency: CohortPayment['fromCurrency'];
  to_currency: CohortPayment['toCurrency'];
  from_country: CohortPayment['fromCountry'];
  to_country: CohortPayment['toCountry'];
  funding: 'wallet' | 'balance';
  delivery: 'wallet' | 'balance';
  sender_id: string;
  receiver_id: string;
  sender_wallet: string;
  receiver_wallet: string;
  preference: CohortPayment['preference'];
  purpose: string;
  quote_id: string | null;
  /** Null where there is none, as of nearly every new payment: an empty array takes long to read. */
  collection_route: string[] | null;
  payout_route: string[] | null;
  collection_spent: string[] | null;
  payout_spent: string[] | null;
  reservation_id: string | null;
  refund_requested_at: Date | null;
  created_at: Date;
  released_by_case: string | null;
  target_amount: bigint | null;
  quote_amount: bigint | null;
  quote_fee: bigint | null;
  quote_exchanged: bigint | null;
  quote_rate: bigint | null;
  quote_mid_rate: bigint | null;
  quote_spread_bps: number | null;
  quote_created_at: Date | null;
  quote_expires_at: Date | null;
  quote_signature: Buffer | null;
  quote_policy: string | null;
  attempt_id: string | null;
  attempt_leg: Leg | null;
  attempt_sequence: number | null;
  attempt_rail: string | null;
  attempt_state: 'succeeded' | 'failed' | null;
  attempt_amount: bigint | null;
  attempt_reason: string | null;
  attempt_retry: ResolvedAttempt['retry'];
  attempt_is_unsent: boolean | null;
  attempt_sent_at: Date | null;
  attempt_resolved_at: Date | null;
}

const PAYMENT_COLUMNS = `
  p.id, p.client_id, p.status, p.amount, p.from_currency, p.to_currency, p.from_country, p.to_country, p.funding, p.delivery,
  p.sender_id, p.receiver_id, p.sender_wallet, p.receiver_wallet, p.preference, p.purpose, p.quote_id,
  nullif(p.collection_route, '{}') as collection_route, nullif(p.payout_route, '{}') as payout_route,
  nullif(p.collection_spent, '{}') as collection_spent, nullif(p.payout_spent, '{}') as payout_spent, p.reservation_id, p.refund_requested_at, p.created_at, p.target_amount,
  case when p.status in ('released', 'queued') then
    (select c.id from cases c where c.payment_id = p.id and c.status = 'released' order by c.closed_at desc limit 1) end as released_by_case,
  q.amount as quote_amount, q.fee_amount as quote_fee, q.target_amount as quote_exchanged, q.rate as quote_rate,
  q.mid_rate as quote_mid_rate, q.spread_bps as quote_spread_bps, q.created_at as quote_created_at, q.expires_at as quote_expires_at,
  q.signature as quote_signature, q.policy_version as quote_policy`;

const NO_ATTEMPT = `null::uuid as attempt_id, null as attempt_leg, null::smallint as attempt_sequence, null as attempt_rail,
  null as attempt_state, null::bigint as attempt_amount, null as attempt_reason, null as attempt_retry, null::boolean as attempt_is_unsent,
  null::timestamptz as attempt_sent_at, null::timestamptz as attempt_resolved_at`;

const CLAIM_BY_STATUS = `
select ${PAYMENT_COLUMNS}, ${NO_ATTEMPT}
from ${WITHOUT_DISK}, claim_payments($5, $2, $1, $3, $4) p left join quotes q on q.payment_id = p.id and q.id = p.quote_id
order by p.id`;

// A payment that could not be worked on is put off, or it would be claimed for ever before those behind it. The attempt is
// locked too, so that one that was worked in this very moment is seen as it is now.
const CLAIM_BY_OUTCOME = `
with picked as (
  select p.*, a.id as attempt_id from attempts a join payments p on p.id = a.payment_id
    join payments_by_status s on s.status = p.status and s.payment_id = p.id
  where a.state in ('succeeded', 'failed') and not a.applied and (s.lease_until is null or s.lease_until < $2)
    and (s.not_before is null or s.not_before <= $2)
  order by a.id limit $1
  for update of p, s, a skip locked
), leased as (
  update payments_by_status s set lease_token = $3, lease_until = $4 from picked where s.status = picked.status and s.payment_id = picked.id
)
select ${PAYMENT_COLUMNS},
  a.id as attempt_id, a.leg as attempt_leg, a.sequence as attempt_sequence, a.rail_id as attempt_rail, a.state as attempt_state,
  a.amount as attempt_amount, a.reason_code as attempt_reason, a.retry as attempt_retry, a.is_unsent as attempt_is_unsent,
  a.sent_at as attempt_sent_at, a.resolved_at as attempt_resolved_at
from ${WITHOUT_DISK}, picked p join attempts a on a.id = p.attempt_id left join quotes q on q.payment_id = p.id and q.id = p.quote_id
order by p.id`;

/** Claims payments that stand in one of the statuses, oldest first, up to `limit`; null when there are none. */
export async function claimByStatus(deps: GraphDeps, statuses: readonly PaymentStatus[], limit: number): Promise<Cohort | null> {
  const leaseToken = newId();
  const nowMs = deps.clock.now();
  const travellers: Traveller[] = [];
  for (const status of statuses) {
    if (travellers.length >= limit) break;
    const result = await deps.pool.query<PaymentRow>({
      name: 'claim_by_status',
      text: CLAIM_BY_STATUS,
      values: [limit - travellers.length, new Date(nowMs), leaseToken, new Date(nowMs + deps.settings.leaseMs), status],
    });
    for (const row of result.rows) travellers.push(travellerOf(row));
  }
  return travellers.length === 0 ? null : { id: newId(), leaseToken, travellers };
}

/** Claims payments one of whose attempts has ended and is not worked in yet; null when there are none. */
export async function claimByOutcome(deps: GraphDeps, limit: number): Promise<Cohort | null> {
  const leaseToken = newId();
  const nowMs = deps.clock.now();
  const result = await deps.pool.query<PaymentRow>({
    name: 'claim_by_outcome',
    text: CLAIM_BY_OUTCOME,
    values: [limit, new Date(nowMs), leaseToken, new Date(nowMs + deps.settings.leaseMs)],
  });
  if (result.rows.length === 0) return null;
  return { id: newId(), leaseToken, travellers: result.rows.map(travellerOf) };
}

/** A payment as the agents see it, whoever works on it; null when there is none. */
export async function readTraveller(pool: Pool, paymentId: string): Promise<Traveller | null> {
  const result = await pool.query<PaymentRow>({
    name: 'read_traveller',
    text: `select ${PAYMENT_COLUMNS}, ${NO_ATTEMPT}
      from payments p left join quotes q on q.payment_id = p.id and q.id = p.quote_id where p.id = $1`,
    values: [paymentId],
  });
  return result.rows[0] === undefined ? null : travellerOf(result.rows[0]);
}

/**
 * Locks payments of a cohort until the transaction ends, and makes sure that they are still its own. Throws
 * `lease_lost`. Whatever is written without a change of status has to ask here first.
 */
export async function assertLease(tx: PoolClient, cohort: Cohort, travellers: readonly Traveller[]): Promise<void> {
  if (travellers.length === 0) return;
  const held = await tx.query({
    name: 'assert_lease',
    // The lease is a column, as in the transitions, so that the planner looks each payment up.
    text: `with mine as materialized (select *, $3::uuid as lease from unnest($1::uuid[], $2::text[]) as mine(id, status))
           select 1 from mine join payments p on p.id = mine.id
             join payments_by_status s on s.status = mine.status and s.payment_id = mine.id
           where p.status = mine.status and s.lease_token = mine.lease for no key update of p, s`,
    values: [
      travellers.map((traveller) => traveller.payment.id),
      travellers.map((traveller) => traveller.payment.status),
      cohort.leaseToken,
    ],
  });
  if (held.rowCount !== travellers.length)
    throw fault('lease_lost', { internal: `${held.rowCount} of ${travellers.length} payments were still held` });
}

/** Puts payments off: whatever waits for something is looked at again after a while. */
export async function postpone(tx: PoolClient, deps: GraphDeps, ids: readonly string[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(
    `update payments_by_status s set not_before = $2 from payments p
     where p.id = any($1::uuid[]) and s.status = p.status and s.payment_id = p.id`,
    [ids, new Date(nowMs + deps.settings.retryDelayMs)],
  );
}

/** Gives back what a cohort still holds, so that the next run need not wait for the lease to end. */
export async function releaseCohort(pool: Pool, cohort: Cohort, notBefore: Date | null = null): Promise<void> {
  await pool.query({
    name: 'release_cohort',
    text: `update payments_by_status s set lease_token = null, lease_until = null, not_before = coalesce($3, s.not_before)
           from ${WITHOUT_DISK}, payments p
           where p.id = any($1::uuid[]) and p.status <> 'paid' and s.status = p.status and s.payment_id = p.id and s.lease_token = $2`,
    values: [uuidArray(cohort.travellers.map((traveller) => traveller.payment.id)), cohort.leaseToken, notBefore],
  });
}

function travellerOf(row: PaymentRow): Traveller {
  const quote = quoteOf(row);
  const attempt = attemptOf(row);
  const isRouted = row.collection_route !== null || row.payout_route !== null;
  return {
    payment: {
      id: row.id,
      clientId: row.client_id,
      status: row.status,
      amountMinor: row.amount,
      fromCurrency: row.from_currency,
      toCurrency: row.to_currency,
      fromCountry: row.from_country,
      toCountry: row.to_country,
      funding: row.funding,
      delivery: row.delivery,
      senderId: row.sender_id,
      receiverId: row.receiver_id,
      senderWallet: row.sender_wallet,
      receiverWallet: row.receiver_wallet,
      preference: row.preference,
      purpose: row.purpose,
      quoteId: row.quote_id,
      collectionSpent: row.collection_spent ?? [],
      payoutSpent: row.payout_spent ?? [],
      createdAtMs: row.created_at.getTime(),
      releasedByCase: row.released_by_case,
    },
    ...(quote === undefined ? {} : { quote }),
    ...(isRouted ? { route: { collection: row.collection_route ?? [], payout: row.payout_route ?? [] } } : {}),
    ...(attempt === undefined ? {} : { attempt }),
    reservationId: row.reservation_id,
    refundRequested: row.refund_requested_at !== null,
    decisions: [],
  };
}

/** The terms a payment was authorised at; before that there are none. */
function quoteOf(row: PaymentRow): QuoteTerms | undefined {
  if (row.target_amount === null || row.quote_amount === null || row.quote_id === null) return undefined;
  return {
    id: row.quote_id,
    amountMinor: row.quote_amount,
    feeMinor: row.quote_fee ?? 0n,
    exchangedMinor: row.quote_exchanged ?? 0n,
    targetMinor: row.target_amount,
    rate: row.quote_rate ?? 0n,
    midRate: row.quote_mid_rate ?? 0n,
    spreadBps: row.quote_spread_bps ?? 0,
    createdAtMs: row.quote_created_at?.getTime() ?? 0,
    expiresAtMs: row.quote_expires_at?.getTime() ?? 0,
    signature: row.quote_signature?.toString('hex') ?? '',
    policyVersion: row.quote_policy ?? '',
  };
}

function attemptOf(row: PaymentRow): ResolvedAttempt | undefined {
  if (row.attempt_id === null || row.attempt_leg === null || row.attempt_state === null) return undefined;
  return {
    id: row.attempt_id,
    leg: row.attempt_leg,
    sequence: row.attempt_sequence ?? 1,
    railId: row.attempt_rail ?? '',
    state: row.attempt_state,
    amountMinor: row.attempt_amount ?? 0n,
    reasonCode: row.attempt_reason,
    retry: row.attempt_retry,
    isUnsent: row.attempt_is_unsent ?? false,
    sentAtMs: row.attempt_sent_at?.getTime() ?? 0,
    resolvedAtMs: row.attempt_resolved_at?.getTime() ?? 0,
  };
}
