/** Payments that were paid, as settlement finds them. */
import type { Pool } from 'pg';
import { newId } from '../../domain/ids.ts';
import { type SeededPayment, type SeedOptions, seedPayments, someItem } from '../testing.ts';

export type Leg = 'collection' | 'payout' | 'refund';

export interface AttemptFixture {
  readonly leg: Leg;
  readonly state: string;
  readonly railId: string;
  /** 1 unless given. */
  readonly sequence?: number | undefined;
}

/** Writes a try of one leg of a payment. */
export async function insertAttempt(pool: Pool, { payment, quote }: SeededPayment, fixture: AttemptFixture): Promise<void> {
  const { leg, state, railId, sequence = 1 } = fixture;
  const [amount, currency] = leg === 'payout' ? [quote.targetMinor, payment.toCurrency] : [payment.amountMinor, payment.fromCurrency];
  await pool.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, callback_token_hash)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [newId(), payment.clientId, payment.id, leg, sequence, railId, newId(), amount, currency, state, Buffer.from(newId())],
  );
}

/** Writes a payment that was collected over M-Pesa and paid out over MTN Uganda. */
export async function insertPaid(pool: Pool, nowMs: number, options: SeedOptions = {}): Promise<SeededPayment> {
  const item = someItem(nowMs, { ...options, payment: { status: 'paid', ...options.payment } });
  await seedPayments(pool, [item], { completedAtMs: nowMs });
  if (item.payment.funding === 'wallet') await insertAttempt(pool, item, { leg: 'collection', state: 'succeeded', railId: 'mpesa-ke' });
  if (item.payment.delivery === 'wallet') await insertAttempt(pool, item, { leg: 'payout', state: 'succeeded', railId: 'mtn-ug' });
  return item;
}
