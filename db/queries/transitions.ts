/**
 * The one way a payment changes its status: set-wise, with its event, and with what its client is to
 * be told, in the transaction that made it true.
 */
import type { PoolClient } from 'pg';
import { NEUTRAL_REASONS } from '../../domain/disclosure.ts';
import { fault } from '../../domain/errors.ts';
import { assertMayFollow, type PaymentStatus } from '../../domain/lifecycle.ts';
import { plainArray, textArray, uuidArray } from '../arrays.ts';

export interface Transition {
  readonly paymentId: string;
  readonly from: PaymentStatus;
  readonly to: PaymentStatus;
  /** A code of the error catalogue when something stands in the way, else null. */
  readonly reasonCode: string | null;
  /** `client`, `cohort:<id>`, `attempt:<id>`, `case:<id>`, `sweeper`. */
  readonly cause: string;
  /** What the payment is authorised at, written with the step: one update of a row costs a fraction of several. */
  readonly terms?: AuthorisedTerms;
}

export interface AuthorisedTerms {
  readonly quoteId: string;
  readonly feeMinor: bigint;
  readonly targetMinor: bigint;
  /** Rail ids, best first. */
  readonly collectionRoute: readonly string[];
  readonly payoutRoute: readonly string[];
  readonly reservationId: string | null;
}

/** What a client is told when a payer must be led to an operator's page. */
export const APPROVAL_TOPIC = 'payment.approval_required';

/** Statuses that a client is told about. */
export const ANNOUNCED: readonly PaymentStatus[] = ['held', 'released', 'paid', 'refunded', 'rejected', 'failed', 'cancelled'];

/** Why a payment moved, as its client is told. */
const REASON_FOR_CLIENTS = `case reason ${Object.entries(NEUTRAL_REASONS)
  .map(([code, told]) => `when '${code}' then '${told}'`)
  .join(' ')} else reason end`;

// Whoever follows the payments into `payments_by_status` looks at the lease on the way, without looking for its row once more.
/** The statement, with the columns that are set besides the status and the parameters they come from. */
const transitionSql = (columns: string, parameters: string, assignments: string): string => `
with change as materialized (
  select change.* from (select set_config('capp.lease', coalesce($7::text, ''), true)) fence,
    unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[]${parameters}) as change(id, from_status, to_status, reason, cause${columns})
), moved as (
  update payments p set${assignments}
    status = change.to_status,
    reason_code = change.reason,
    updated_at = $6::timestamptz,
    authorized_at = case when change.to_status in ('authorized', 'paid') then coalesce(p.authorized_at, $6) else p.authorized_at end,
    collected_at = case when change.to_status in ('collected', 'paid') then coalesce(p.collected_at, $6) else p.collected_at end,
    completed_at = case when change.to_status in ('paid', 'refunded', 'rejected', 'failed', 'cancelled') then $6 else p.completed_at end
  from change
  where p.id = change.id and p.status = change.from_status
    and (p.refund_requested_at is null or change.from_status <> 'collected' or change.to_status = 'refunding')
  returning p.id, p.client_id, p.reference_id, p.amount, p.from_currency, p.target_amount, p.to_currency,
    change.from_status, change.to_status, change.reason, change.cause
), events as (
  insert into payment_events (client_id, payment_id, from_status, to_status, reason_code, cause, created_at)
  select client_id, id, from_status, to_status, reason, cause, $6 from moved
), announced as (
  insert into outbox (client_id, payment_id, topic, payload, created_at)
  select client_id, id, 'payment.' || to_status, jsonb_build_object(
    'paymentId', id, 'referenceId', reference_id, 'status', to_status, 'reasonCode', ${REASON_FOR_CLIENTS},
    'amountMinor', amount::text, 'fromCurrency', from_currency,
    'targetAmountMinor', target_amount::text, 'toCurrency', to_currency, 'at', $6), $6
  from moved where to_status = any($8::text[])
)
select count(*)::int as count from moved`;

const TRANSITION_SQL = transitionSql('', '', '');

// Rail ids carry no commas.
const AUTHORISE_SQL = transitionSql(
  ', quote_id, fee, target, collection, payout, reservation_id',
  ', $9::uuid[], $10::bigint[], $11::bigint[], $12::text[], $13::text[], $14::uuid[]',
  `
    quote_id = coalesce(change.quote_id, p.quote_id),
    fee_amount = coalesce(change.fee, p.fee_amount),
    target_amount = coalesce(change.target, p.target_amount),
    collection_route = coalesce(string_to_array(change.collection, ','), p.collection_route),
    payout_route = coalesce(string_to_array(change.payout, ','), p.payout_route),
    reservation_id = coalesce(change.reservation_id, p.reservation_id),`,
);

/**
 * Moves payments from one status to the next, writes their events and outbox rows.
 *
 * `leaseToken` fences a slow worker: rows that another has taken over since do not move; nor does money go on to the
 * receiver that its client has asked back meanwhile. Throws
 * `illegal_transition` for a step the lifecycle does not know, and `lease_lost` unless every single
 * payment moved, so that the caller's transaction rolls back as a whole.
 */
export async function transitionPayments(
  tx: PoolClient,
  transitions: readonly Transition[],
  options: { readonly nowMs: number; readonly leaseToken: string | null },
): Promise<void> {
  if (transitions.length === 0) return;
  for (const transition of transitions) assertMayFollow(transition.from, transition.to);
  const authorises = transitions.some((transition) => transition.terms !== undefined);
  const result = await tx.query<{ count: number }>({
    name: authorises ? 'authorise_payments' : 'transition_payments',
    text: authorises ? AUTHORISE_SQL : TRANSITION_SQL,
    values: [
      uuidArray(transitions.map((transition) => transition.paymentId)),
      plainArray(transitions.map((transition) => transition.from)),
      plainArray(transitions.map((transition) => transition.to)),
      textArray(transitions.map((transition) => transition.reasonCode)),
      textArray(transitions.map((transition) => transition.cause)),
      new Date(options.nowMs),
      options.leaseToken,
      ANNOUNCED,
      ...(authorises ? termsColumns(transitions) : []),
    ],
  });
  const moved = result.rows[0]?.count ?? 0;
  if (moved !== transitions.length) {
    throw fault('lease_lost', { internal: `${moved} of ${transitions.length} payments were still where they were expected` });
  }
}

function termsColumns(transitions: readonly Transition[]): unknown[] {
  const column = <T>(pick: (terms: AuthorisedTerms) => T): (T | null)[] =>
    transitions.map(({ terms }) => (terms === undefined ? null : pick(terms)));
  return [
    uuidArray(column((terms) => terms.quoteId)),
    plainArray(column((terms) => terms.feeMinor)),
    plainArray(column((terms) => terms.targetMinor)),
    textArray(column((terms) => terms.collectionRoute.join(','))),
    textArray(column((terms) => terms.payoutRoute.join(','))),
    uuidArray(column((terms) => terms.reservationId)),
  ];
}
