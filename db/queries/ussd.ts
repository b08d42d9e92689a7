/** USSD sessions: each step written once, over the step before it. */
import type { Queryable } from '../connect.ts';
import type { SealedParties } from '../person-keys.ts';
import { nobodyHeldOf } from './holds.ts';
import { partiesColumns } from './parties.ts';

/** Where the place in the menu is encrypted for, and what was answered last. */
export const USSD_STATE_CONTEXT = 'ussd_sessions.state';
export const USSD_REPLY_CONTEXT = 'ussd_sessions.reply';

export interface UssdSessionRow {
  readonly id: string;
  readonly clientId: string;
  readonly phoneIndex: Buffer;
  readonly step: number;
  readonly inputLength: number;
  readonly inputDigest: Buffer;
  /** Ciphertext; null once the session is over. */
  readonly state: Buffer | null;
  /** Ciphertext. */
  readonly reply: Buffer;
  readonly paymentId: string | null;
  readonly updatedAt: Date;
  readonly expiresAt: Date;
}

const COLUMNS = `id, client_id as "clientId", phone_index as "phoneIndex", step, input_length as "inputLength", input_digest as "inputDigest",
  state, reply, payment_id as "paymentId", updated_at as "updatedAt", expires_at as "expiresAt"`;

/** A session by the gateway's own id of it. */
export async function findUssdSession(db: Queryable, gateway: string, sessionId: string): Promise<UssdSessionRow | null> {
  const { rows } = await db.query<UssdSessionRow>({
    name: 'find_ussd_session',
    text: `select ${COLUMNS} from ussd_sessions where gateway = $1 and session_id = $2`,
    values: [gateway, sessionId],
  });
  return rows[0] ?? null;
}

export interface UssdStep {
  readonly inputLength: number;
  readonly inputDigest: Buffer;
  readonly state: Buffer | null;
  readonly reply: Buffer;
  readonly paymentId: string | null;
  readonly expiresAtMs: number;
}

/**
 * Writes the first step of a session. An id that a gateway uses again is a new session once the one before has
 * expired. False when somebody else wrote it, or the one before has not expired.
 */
export async function startUssdSession(
  db: Queryable,
  session: UssdStep & {
    readonly id: string;
    readonly gateway: string;
    readonly sessionId: string;
    readonly clientId: string;
    readonly phoneIndex: Buffer;
  },
  nowMs: number,
): Promise<boolean> {
  const result = await db.query({
    name: 'start_ussd_session',
    text: `insert into ussd_sessions as s (id, gateway, session_id, client_id, phone_index, step, input_length, input_digest, state, reply,
        payment_id, expires_at, created_at, updated_at)
      values ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9, $10, $11, $12, $12)
      on conflict (gateway, session_id) do update set id = excluded.id, client_id = excluded.client_id, phone_index = excluded.phone_index,
        step = 1, input_length = excluded.input_length, input_digest = excluded.input_digest, state = excluded.state, reply = excluded.reply,
        payment_id = excluded.payment_id, expires_at = excluded.expires_at, created_at = excluded.created_at, updated_at = excluded.updated_at
      where s.expires_at <= excluded.created_at`,
    values: [
      session.id,
      session.gateway,
      session.sessionId,
      session.clientId,
      session.phoneIndex,
      session.inputLength,
      session.inputDigest,
      session.state,
      session.reply,
      session.paymentId,
      new Date(session.expiresAtMs),
      new Date(nowMs),
    ],
  });
  return result.rowCount === 1;
}

/** Writes the step after `step`; false when somebody else wrote it first. */
export async function stepUssdSession(
  db: Queryable,
  over: { readonly id: string; readonly step: number },
  next: UssdStep,
  nowMs: number,
): Promise<boolean> {
  const result = await db.query({
    name: 'step_ussd_session',
    text: `update ussd_sessions set step = step + 1, input_length = $3, input_digest = $4, state = $5, reply = $6, payment_id = $7,
        expires_at = $8, updated_at = $9 where id = $1 and step = $2`,
    values: [
      over.id,
      over.step,
      next.inputLength,
      next.inputDigest,
      next.state,
      next.reply,
      next.paymentId,
      new Date(next.expiresAtMs),
      new Date(nowMs),
    ],
  });
  return result.rowCount === 1;
}

/** Ends a session of this caller that nobody waits for any more; what it was about is forgotten. */
export async function closeUssdSession(
  db: Queryable,
  session: { readonly gateway: string; readonly sessionId: string; readonly phoneIndex: Buffer },
  nowMs: number,
): Promise<boolean> {
  const result = await db.query({
    name: 'close_ussd_session',
    text: `update ussd_sessions set state = null, updated_at = $4 where gateway = $1 and session_id = $2 and phone_index = $3 and state is not null`,
    values: [session.gateway, session.sessionId, session.phoneIndex, new Date(nowMs)],
  });
  return result.rowCount === 1;
}

/** Deletes sessions that expired before a moment, but of those who are held; resolves with how many, of at most a thousand at once. */
export async function forgetUssdSessions(db: Queryable, beforeMs: number): Promise<number> {
  const result = await db.query({
    name: 'forget_ussd_sessions',
    text: `delete from ussd_sessions where id in
      (select id from ussd_sessions where expires_at < $1 and ${nobodyHeldOf('payment_id')} order by expires_at limit 1000)`,
    values: [new Date(beforeMs)],
  });
  return result.rowCount ?? 0;
}

export interface SentPaymentRow extends SealedParties {
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly status: string;
}

/** The newest payments that the holder of a number sent through a client. `phoneIndex` is hashed within that client. */
export async function listSentPayments(db: Queryable, clientId: string, phoneIndex: Buffer, limit: number): Promise<SentPaymentRow[]> {
  const { rows } = await db.query<SentPaymentRow>({
    name: 'list_sent_payments',
    text: `select p.amount, p.from_currency as "fromCurrency", p.status, ${partiesColumns('p')} from users u join payments p on p.sender_id = u.id
      where u.client_id = $1 and u.phone_index = $2 order by p.created_at desc, p.id desc limit $3`,
    values: [clientId, phoneIndex, limit],
  });
  return rows;
}
