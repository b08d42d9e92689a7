/** Letting go of reservations whose time is over, where letting go is safe. */
import type { PoolClient } from 'pg';
import { derivedId } from '../../domain/ids.ts';
import { type PaymentStatus, TERMINAL_STATUSES } from '../../domain/lifecycle.ts';
import { post } from './post.ts';

export interface ExpiredReservation {
  /** The pending transfer. */
  readonly pendingId: string;
  readonly paymentId: string | null;
  /** Where the payment stands; an authorised one has lost what it was to be paid from, and the caller must move it on. */
  readonly status: PaymentStatus | null;
}

/** While a payment collects or pays out, its reservation stays, however long the operator takes. */
const EXPIRABLE: readonly PaymentStatus[] = ['accepted', 'held', 'released', 'queued', 'authorized', ...TERMINAL_STATUSES];

/** Pending transfers that one call expires at most. */
export const EXPIRED_AT_ONCE_MAX = 500;

// Those that must stay are left out here already: enough of them would otherwise keep the rest from ever being looked at.
const CANDIDATES_SQL = `
select pending.id as "pendingId", pending.payment_id as "paymentId" from transfers pending
left join payments p on p.id = pending.payment_id
where pending.type = 'pending' and pending.expires_at > $2 and pending.expires_at <= $1
  and (p.id is null or p.status = any($3::text[]))
  and not exists (select 1 from transfers ended where ended.pending_id = pending.id)
order by pending.expires_at limit ${EXPIRED_AT_ONCE_MAX}`;

// A payment that a worker holds right now is left to the worker; one that is paid nobody holds.
const LOCK_SQL = `
with free as materialized (
  select payment_id, status from payments_by_status
  where payment_id = any($1::uuid[]) and status = any($2::text[]) and (lease_until is null or lease_until <= $3)
  for no key update skip locked
)
select p.id, p.status from payments p left join free on free.payment_id = p.id
where p.id = any($1::uuid[]) and p.status = any($2::text[]) and (p.status = 'paid' or free.status = p.status)
order by p.id for no key update of p skip locked`;

/**
 * Expires up to `EXPIRED_AT_ONCE_MAX` pending transfers whose time was over at `nowMs`, and says which.
 *
 * `sinceMs` spares a regular caller the past: what expired before it is taken to be dealt with. The first
 * call of a process leaves it out. Should another transaction end one of them in the same moment, this
 * one throws `transfer_not_pending` and the next call finds the rest.
 */
export async function expireReservations(tx: PoolClient, nowMs: number, sinceMs = 0): Promise<ExpiredReservation[]> {
  const candidates = await tx.query<{ pendingId: string; paymentId: string | null }>({
    name: 'ledger_expire_candidates',
    text: CANDIDATES_SQL,
    values: [new Date(nowMs), new Date(sinceMs), EXPIRABLE],
  });
  if (candidates.rows.length === 0) return [];
  const paymentIds = candidates.rows.flatMap(({ paymentId }) => paymentId ?? []);
  const locked = await tx.query<{ id: string; status: PaymentStatus }>({
    name: 'ledger_expire_lock',
    text: LOCK_SQL,
    values: [paymentIds, EXPIRABLE, new Date(nowMs)],
  });
  const statuses = new Map(locked.rows.map(({ id, status }) => [id, status]));
  const expired = candidates.rows
    .filter(({ paymentId }) => paymentId === null || statuses.has(paymentId))
    .map(({ pendingId, paymentId }) => ({ pendingId, paymentId, status: paymentId === null ? null : (statuses.get(paymentId) ?? null) }));
  await post(
    tx,
    expired.map(({ pendingId }) => ({ id: derivedId('expire', pendingId), type: 'expire', pendingId })),
  );
  return expired;
}
