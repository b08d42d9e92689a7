/** Rows for tests: a client, a person, a payment at any point of its life, with plain values where a test does not care. */
import { randomBytes } from 'node:crypto';
import type { Currency } from '../domain/currency.ts';
import { newId } from '../domain/ids.ts';
import type { AttemptState, Leg, PaymentStatus } from '../domain/lifecycle.ts';
import type { Queryable } from './connect.ts';
import type { Keyring } from './keyring.ts';
import type { Person } from './person-keys.ts';
import type { NewPerson } from './queries/intake.ts';

/** Makes a client and returns its id. */
export async function insertClient(db: Queryable, name = `client ${newId()}`): Promise<string> {
  const id = newId();
  await db.query('insert into clients (id, name) values ($1, $2)', [id, name]);
  return id;
}

/** Makes a person of a client and returns the id. Phone and name are random bytes: nothing of a person is in it. */
export async function insertUser(db: Queryable, clientId: string, country = 'KE', walletId = 'mpesa-ke'): Promise<string> {
  const id = newId();
  await db.query('insert into users (id, client_id, phone, phone_index, name, country, wallet_id) values ($1, $2, $3, $4, $5, $6, $7)', [
    id,
    clientId,
    randomBytes(40),
    randomBytes(16),
    randomBytes(40),
    country,
    walletId,
  ]);
  return id;
}

/** Somebody new as the way in stores them, without country and wallet. */
export function newPerson(keyring: Keyring, clientId: string, given: Person): Omit<NewPerson, 'country' | 'walletId'> {
  const { key, wrapped } = keyring.people.create();
  const phoneIndex = keyring.blindIndex(given.phone, clientId);
  return { candidateId: newId(), clientId, phoneIndex, person: keyring.people.seal(key, given), dataKey: wrapped };
}

export interface PaymentFixture {
  readonly clientId: string;
  readonly status?: PaymentStatus;
  readonly amount?: bigint;
  readonly feeAmount?: bigint;
  readonly targetAmount?: bigint;
  readonly fromCurrency?: Currency;
  readonly toCurrency?: Currency;
  readonly senderId?: string;
  readonly receiverId?: string;
  readonly referenceId?: string;
  /** Random bytes unless given. */
  readonly fingerprint?: Buffer;
  readonly funding?: 'wallet' | 'balance';
  readonly delivery?: 'wallet' | 'balance';
  /** Ciphertext of names and numbers; random bytes unless given. */
  readonly parties?: Buffer;
}

/** Stores a payment from Kenya to Uganda, in the status given, without events, attempts or transfers. */
export async function insertPayment(db: Queryable, fixture: PaymentFixture): Promise<string> {
  const id = newId();
  const senderId = fixture.senderId ?? (await insertUser(db, fixture.clientId));
  const receiverId = fixture.receiverId ?? (await insertUser(db, fixture.clientId, 'UG', 'mtn-ug'));
  await db.query(
    `insert into payments (id, client_id, reference_id, fingerprint, status, amount, fee_amount, target_amount, from_currency, to_currency,
        from_country, to_country, sender_id, receiver_id, sender_wallet, receiver_wallet, parties, funding, delivery)
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'KE', 'UG', $11, $12, 'mpesa-ke', 'mtn-ug', $13, $14, $15)`,
    [
      id,
      fixture.clientId,
      fixture.referenceId ?? `ref-${id}`,
      fixture.fingerprint ?? randomBytes(32),
      fixture.status ?? 'accepted',
      fixture.amount ?? 100_000n,
      fixture.feeAmount ?? null,
      fixture.targetAmount ?? null,
      fixture.fromCurrency ?? 'KES',
      fixture.toCurrency ?? 'UGX',
      senderId,
      receiverId,
      fixture.parties ?? randomBytes(60),
      fixture.funding ?? 'wallet',
      fixture.delivery ?? 'wallet',
    ],
  );
  return id;
}

export interface AttemptFixture {
  readonly clientId: string;
  readonly paymentId: string;
  readonly leg: Leg;
  readonly sequence?: number;
  readonly railId?: string;
  readonly requestId?: string;
  readonly amount?: bigint;
  readonly currency?: Currency;
  readonly state?: AttemptState;
  readonly applied?: boolean;
  /** Databases of older schemas know nothing of it. */
  readonly takesBack?: string;
}

/** Stores an attempt and returns its id. */
export async function insertAttempt(db: Queryable, fixture: AttemptFixture): Promise<string> {
  const id = newId();
  const { state = 'created', takesBack } = fixture;
  const ended = state === 'succeeded' || state === 'failed';
  await db.query(
    `insert into attempts (id, client_id, payment_id, leg, sequence, rail_id, request_id, amount, currency, state, callback_token_hash,
        applied, sent_at, resolved_at${takesBack === undefined ? '' : ', takes_back'})
      values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14${takesBack === undefined ? '' : ', $15'})`,
    [
      id,
      fixture.clientId,
      fixture.paymentId,
      fixture.leg,
      fixture.sequence ?? 1,
      fixture.railId ?? (fixture.leg === 'payout' ? 'mtn-ug' : 'mpesa-ke'),
      fixture.requestId ?? newId(),
      fixture.amount ?? 100_000n,
      fixture.currency ?? (fixture.leg === 'payout' ? 'UGX' : 'KES'),
      state,
      randomBytes(32),
      fixture.applied ?? false,
      state === 'created' ? null : new Date(),
      ended ? new Date() : null,
      ...(takesBack === undefined ? [] : [takesBack]),
    ],
  );
  return id;
}
