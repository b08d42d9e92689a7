/** Reading payments and what belongs to them, for those who ask. Every function is bound to one client's rows. */
import type { Pool } from 'pg';
import type { AttemptState, Leg, PaymentStatus } from '../../domain/lifecycle.ts';
import type { Queryable } from '../connect.ts';
import type { SealedParties } from '../person-keys.ts';
import { partiesColumns } from './parties.ts';

export interface PaymentRow extends SealedParties {
  readonly id: string;
  readonly referenceId: string;
  readonly batchId: string | null;
  readonly status: PaymentStatus;
  readonly reasonCode: string | null;
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
  readonly feeAmount: bigint | null;
  readonly targetAmount: bigint | null;
  readonly funding: string;
  readonly delivery: string;
  readonly senderWallet: string;
  readonly receiverWallet: string;
  readonly preference: string;
  readonly purpose: string;
  readonly quoteId: string | null;
  readonly collectionRoute: readonly string[];
  readonly payoutRoute: readonly string[];
  readonly reservationId: string | null;
  readonly refundRequestedAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly authorizedAt: Date | null;
  readonly collectedAt: Date | null;
  readonly completedAt: Date | null;
}

const PAYMENT_COLUMNS = `id, reference_id as "referenceId", batch_id as "batchId", status, reason_code as "reasonCode", amount,
  from_currency as "fromCurrency", to_currency as "toCurrency", from_country as "fromCountry", to_country as "toCountry",
  fee_amount as "feeAmount", target_amount as "targetAmount", funding, delivery, sender_wallet as "senderWallet",
  receiver_wallet as "receiverWallet", ${partiesColumns('payments')}, preference, purpose, quote_id as "quoteId", collection_route as "collectionRoute",
  payout_route as "payoutRoute", reservation_id as "reservationId", refund_requested_at as "refundRequestedAt",
  created_at as "createdAt", updated_at as "updatedAt", authorized_at as "authorizedAt", collected_at as "collectedAt",
  completed_at as "completedAt"`;

/** A client's payment, or null. */
export async function findPayment(db: Queryable | Pool, clientId: string, paymentId: string): Promise<PaymentRow | null> {
  const result = await db.query<PaymentRow>({
    name: 'find_payment',
    text: `select ${PAYMENT_COLUMNS} from payments where id = $2 and client_id = $1`,
    values: [clientId, paymentId],
  });
  return result.rows[0] ?? null;
}

/** The client whose payment it is, for whoever runs the platform; null when there is no such payment. */
export async function findClientOfPayment(db: Queryable | Pool, paymentId: string): Promise<string | null> {
  const { rows } = await db.query<{ clientId: string }>({
    name: 'find_client_of_payment',
    text: 'select client_id as "clientId" from payments where id = $1',
    values: [paymentId],
  });
  return rows[0]?.clientId ?? null;
}

export interface PaymentFilter {
  readonly status?: string | undefined;
  readonly fromCountry?: string | undefined;
  readonly toCountry?: string | undefined;
  readonly createdFrom?: Date | undefined;
  /** Exclusive. */
  readonly createdBefore?: Date | undefined;
  readonly referenceId?: string | undefined;
  readonly batchId?: string | undefined;
}

/** A client's payments, newest first, from after a payment id on. */
export async function listPayments(
  db: Pool,
  clientId: string,
  filter: PaymentFilter,
  page: { readonly afterId: string | null; readonly limit: number },
): Promise<PaymentRow[]> {
  const values: unknown[] = [clientId];
  const conditions = ['client_id = $1'];
  const where = (condition: string, value: unknown): void => {
    if (value === undefined || value === null) return;
    values.push(value);
    conditions.push(condition.replace('?', `$${values.length}`));
  };
  where('from_country = ?', filter.fromCountry);
  where('to_country = ?', filter.toCountry);
  where('created_at >= ?', filter.createdFrom);
  where('created_at < ?', filter.createdBefore);
  where('reference_id = ?', filter.referenceId);
  where('batch_id = ?', filter.batchId);
  // Most payments of a client are paid: those are found in its own list, the others among the few that are not.
  where('status = ?', filter.status);
  const standing = `(select payment_id from payments_by_status where client_id = $1 and status = $${values.length}) standing`;
  const [from, id] =
    filter.status === undefined || filter.status === 'paid'
      ? ['payments', 'id']
      : [`${standing} join payments on id = standing.payment_id`, 'standing.payment_id'];
  where(`${id} < ?`, page.afterId);
  values.push(page.limit);
  const text = `select ${PAYMENT_COLUMNS} from ${from} where ${conditions.join(' and ')} order by ${id} desc limit $${values.length}`;
  return (await db.query<PaymentRow>(text, values)).rows;
}

export interface EventRow {
  readonly fromStatus: string | null;
  readonly toStatus: string;
  readonly reasonCode: string | null;
  readonly cause: string;
  readonly createdAt: Date;
}

/** Every change of a payment's status, oldest first. */
export async function findEvents(db: Pool, paymentId: string): Promise<EventRow[]> {
  const result = await db.query<EventRow>({
    name: 'find_events',
    text: `select from_status as "fromStatus", to_status as "toStatus", reason_code as "reasonCode", cause, created_at as "createdAt"
      from payment_events where payment_id = $1 order by id`,
    values: [paymentId],
  });
  return result.rows;
}

export interface AttemptRow {
  readonly id: string;
  readonly paymentId: string;
  readonly leg: Leg;
  readonly sequence: number;
  readonly railId: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly state: AttemptState;
  readonly receipt: string | null;
  readonly reasonCode: string | null;
  readonly inquiries: number;
  readonly nextInquiryAt: Date | null;
  readonly createdAt: Date;
  readonly sentAt: Date | null;
  readonly resolvedAt: Date | null;
  readonly contradictedAt: Date | null;
}

// The operator's handle stays where it is: it may hold the payer's number.
const ATTEMPT_COLUMNS = `id, payment_id as "paymentId", leg, sequence, rail_id as "railId", amount, currency, state, receipt,
  reason_code as "reasonCode", inquiries, next_inquiry_at as "nextInquiryAt", created_at as "createdAt", sent_at as "sentAt",
  resolved_at as "resolvedAt", contradicted_at as "contradictedAt"`;

/** Every try at an operator for a payment, in the order they were made. */
export async function findAttempts(db: Pool, paymentId: string): Promise<AttemptRow[]> {
  const result = await db.query<AttemptRow>({
    name: 'find_attempts',
    text: `select ${ATTEMPT_COLUMNS} from attempts where payment_id = $1 order by created_at, leg, sequence`,
    values: [paymentId],
  });
  return result.rows;
}

/** The states of an attempt whose outcome is not known yet: it was sent, and may have moved money. */
export const OPEN_STATES = ['sent', 'pending', 'unknown'] as const satisfies readonly AttemptState[];

/** A client's attempts in one state, or with `open` in any that is in doubt, newest first, from after an attempt id on. */
export async function listAttempts(
  db: Pool,
  clientId: string,
  state: AttemptState | 'open',
  page: { readonly after: { readonly createdAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<AttemptRow[]> {
  const result = await db.query<AttemptRow>({
    // The state stands in the text, so that the planner may use the indexes that hold only some states.
    name: `list_attempts_${state}`,
    text: `select ${ATTEMPT_COLUMNS} from attempts where client_id = $1
      and state in (${(state === 'open' ? OPEN_STATES : [state]).map((each) => `'${each}'`).join(', ')})
      and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid)) order by created_at desc, id desc limit $4`,
    values: [clientId, page.after?.createdAt ?? null, page.after?.id ?? null, page.limit],
  });
  return result.rows;
}

/** A client's attempts of which their operator has said otherwise than is recorded, newest first, from after an attempt id on. */
export async function listContradicted(
  db: Pool,
  clientId: string,
  page: { readonly after: { readonly createdAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<AttemptRow[]> {
  const result = await db.query<AttemptRow>({
    name: 'list_contradicted',
    text: `select ${ATTEMPT_COLUMNS} from attempts where client_id = $1 and contradicted_at is not null
      and ($2::timestamptz is null or (created_at, id) < ($2, $3::uuid)) order by created_at desc, id desc limit $4`,
    values: [clientId, page.after?.createdAt ?? null, page.after?.id ?? null, page.limit],
  });
  return result.rows;
}

/** The collection of a payment that waits for its payer, with what its operator gave for it, as ciphertext; null when none does. */
export async function findWaitingCollection(
  db: Pool,
  paymentId: string,
): Promise<{ readonly id: string; readonly railId: string; readonly handle: Buffer | null } | null> {
  const { rows } = await db.query<{ id: string; railId: string; handle: Buffer | null }>({
    name: 'find_waiting_collection',
    text: `select id, rail_id as "railId", operator_handle as handle from attempts
      where payment_id = $1 and leg = 'collection' and state in ('sent', 'pending', 'unknown')`,
    values: [paymentId],
  });
  return rows[0] ?? null;
}

export interface TransferRow {
  readonly id: string;
  readonly type: string;
  readonly reason: string;
  readonly debitAccount: string;
  readonly creditAccount: string;
  readonly amount: bigint;
  readonly currency: string;
  readonly pendingId: string | null;
  readonly linkId: string | null;
  readonly createdAt: Date;
}

/** Every transfer made for a payment, oldest first. */
export async function findTransfers(db: Pool, paymentId: string): Promise<TransferRow[]> {
  const result = await db.query<TransferRow>({
    name: 'find_transfers',
    text: `select t.id, t.type, t.reason, debit.code as "debitAccount", credit.code as "creditAccount", t.amount, t.currency,
        t.pending_id as "pendingId", t.link_id as "linkId", t.created_at as "createdAt"
      from transfers t join accounts debit on debit.id = t.debit_account_id join accounts credit on credit.id = t.credit_account_id
      where t.payment_id = $1 order by t.created_at, t.id`,
    values: [paymentId],
  });
  return result.rows;
}

/**
 * Notes that a client wants its money back, once, while the payment is in one of these statuses. `actor`
 * is the principal who asks, for the audit log.
 * Returns false when it is in none of them, or not this client's.
 */
export async function requestRefund(
  db: Pool,
  asked: { readonly clientId: string; readonly actor: string; readonly paymentId: string; readonly nowMs: number },
  statuses: readonly PaymentStatus[],
): Promise<boolean> {
  const result = await db.query({
    name: 'request_refund',
    text: `with asked as (
        update payments set refund_requested_at = coalesce(refund_requested_at, $4), updated_at = $4
        where id = $2 and client_id = $1 and status = any($3::text[]) returning client_id, id
      )
      insert into audit_events (client_id, actor, action, subject, payment_id, created_at)
      select client_id, $5, 'payment.refund_requested', 'payment:' || id, id, $4 from asked`,
    values: [asked.clientId, asked.paymentId, statuses, new Date(asked.nowMs), asked.actor],
  });
  return (result.rowCount ?? 0) > 0;
}

/** Locks a client's payment for a change; null when there is none. `leased` says that a worker holds it now. */
export async function lockPayment(
  tx: Queryable,
  clientId: string,
  paymentId: string,
  nowMs: number,
): Promise<{ readonly status: PaymentStatus; readonly reservationId: string | null; readonly leased: boolean } | null> {
  const locked = await tx.query<{ status: PaymentStatus; reservationId: string | null }>({
    name: 'lock_payment',
    text: `select status, reservation_id as "reservationId" from payments where id = $2 and client_id = $1 for update`,
    values: [clientId, paymentId],
  });
  const payment = locked.rows[0];
  if (payment === undefined) return null;
  // A statement of its own: the one that waited for the payment may have begun before its worker was through.
  const held = await tx.query<{ leased: boolean }>({
    name: 'lock_lease',
    text: `select coalesce(lease_until > $3, false) as leased from payments_by_status where status = $1 and payment_id = $2 for update`,
    values: [payment.status, paymentId, new Date(nowMs)],
  });
  return { ...payment, leased: held.rows[0]?.leased ?? false };
}

export interface Count {
  readonly key: string;
  readonly count: number;
}

/** How many payments stand in each status, over all clients; those that are paid are not counted. */
export async function countPayments(db: Pool): Promise<Count[]> {
  const result = await db.query<Count>('select status as key, count(*)::int as count from payments_by_status group by status');
  return result.rows;
}

export interface OpenAttempts {
  readonly railId: string;
  readonly state: 'sent' | 'pending' | 'unknown';
  readonly count: number;
  readonly oldestSentAt: Date;
}

/** Attempts whose outcome is not known, by rail and state, over all clients. Reads an index that holds only those. */
export async function countOpenAttempts(db: Pool): Promise<OpenAttempts[]> {
  const result = await db.query<OpenAttempts>({
    name: 'count_open_attempts',
    text: `select rail_id as "railId", state, count(*)::int as count, min(coalesce(sent_at, created_at)) as "oldestSentAt" from attempts
      where state in ('sent', 'pending', 'unknown') group by rail_id, state`,
  });
  return result.rows;
}

/** How many attempts there are per state, over all clients. */
export async function countAttempts(db: Pool): Promise<Count[]> {
  const result = await db.query<Count>('select state as key, count(*)::int as count from attempts group by state');
  return result.rows;
}

/** How many attempts their operator has contradicted since they ended, over all clients. */
export async function countContradicted(db: Pool): Promise<number> {
  const result = await db.query<{ count: number }>('select count(*)::int as count from attempts where contradicted_at is not null');
  return result.rows[0]?.count ?? 0;
}
