/** Payments for tests of agents against a database: written as they stand, past intake and with made-up parties. */
import type { Pool } from 'pg';
import { derivedId, newId } from '../domain/ids.ts';
import type { CohortPayment, QuoteTerms, Route, WorkItem } from './agent.ts';

export interface SeededPayment extends WorkItem {
  readonly quote: QuoteTerms;
  readonly route: Route;
}

export interface SeedOptions {
  readonly payment?: Partial<CohortPayment>;
  readonly targetMinor?: bigint;
  readonly route?: Route;
  /** When it was paid, for payments that are. */
  readonly completedAtMs?: number;
}

const CLIENT_ID = derivedId('client for tests');
const USER_ID = derivedId('user for tests');

/** Empties every table that holds what happened, append-only ones too: much quicker than another database. */
export async function emptyDatabase(pool: Pool): Promise<void> {
  const connection = await pool.connect();
  try {
    await connection.query('begin');
    // Without this the triggers that guard append-only tables refuse to truncate them.
    await connection.query('set local session_replication_role = replica');
    await connection.query('truncate clients, accounts, settlement_windows, settlement_strays, rail_health cascade');
    await connection.query('commit');
  } finally {
    connection.release();
  }
}

/** A work item that exists nowhere: KES 1,000 from M-Pesa Kenya to MTN Uganda. */
export function someItem(nowMs: number, options: SeedOptions = {}): SeededPayment {
  const payment: CohortPayment = {
    id: newId(),
    clientId: CLIENT_ID,
    status: 'accepted',
    amountMinor: 100_000n,
    fromCurrency: 'KES',
    toCurrency: 'UGX',
    fromCountry: 'KE',
    toCountry: 'UG',
    funding: 'wallet',
    delivery: 'wallet',
    senderId: USER_ID,
    receiverId: USER_ID,
    senderWallet: 'mpesa-ke',
    receiverWallet: 'mtn-ug',
    preference: 'cheapest',
    purpose: 'family_support',
    quoteId: null,
    collectionSpent: [],
    payoutSpent: [],
    createdAtMs: nowMs,
    releasedByCase: null,
    ...options.payment,
  };
  const targetMinor = options.targetMinor ?? 28_000n;
  const quote: QuoteTerms = {
    id: newId(),
    amountMinor: payment.amountMinor,
    feeMinor: 0n,
    exchangedMinor: targetMinor,
    targetMinor,
    rate: 28n * 10n ** 12n,
    midRate: 28n * 10n ** 12n,
    spreadBps: 0,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + 60_000,
    signature: '',
    policyVersion: 'test',
  };
  return { payment, quote, route: options.route ?? { collection: ['mpesa-ke'], payout: ['mtn-ug', 'hub-ug'] } };
}

/** Writes work items as payments of one client, with their terms. */
export async function seedPayments(pool: Pool, items: readonly SeededPayment[], options: SeedOptions = {}): Promise<void> {
  await pool.query(`insert into clients (id, name) values ($1, 'tests') on conflict do nothing`, [CLIENT_ID]);
  await pool.query(
    `insert into users (id, client_id, phone, phone_index, name, country, wallet_id) values ($1, $2, '', '', '', 'KE', 'mpesa-ke') on conflict do nothing`,
    [USER_ID, CLIENT_ID],
  );
  for (const { payment, quote, route } of items) {
    await pool.query(
      `insert into payments (id, client_id, reference_id, fingerprint, status, amount, from_currency, to_currency, from_country, to_country,
        target_amount, funding, delivery, sender_id, receiver_id, sender_wallet, receiver_wallet, parties, collection_route, payout_route,
        created_at, completed_at)
       values ($1::uuid, $2, $1::uuid::text, '', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, '', $15, $16, $17, $18)`,
      [
        payment.id,
        payment.clientId,
        payment.status,
        payment.amountMinor,
        payment.fromCurrency,
        payment.toCurrency,
        payment.fromCountry,
        payment.toCountry,
        quote.targetMinor,
        payment.funding,
        payment.delivery,
        payment.senderId,
        payment.senderWallet,
        payment.receiverWallet,
        route.collection,
        route.payout,
        new Date(payment.createdAtMs),
        options.completedAtMs === undefined ? null : new Date(options.completedAtMs),
      ],
    );
    await pool.query('insert into payment_events (client_id, payment_id, to_status, cause) values ($1, $2, $3, $4)', [
      payment.clientId,
      payment.id,
      payment.status,
      'sweeper',
    ]);
  }
}
