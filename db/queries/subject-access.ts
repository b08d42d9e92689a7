/** What is kept of one person beside who they are and their payments: for whoever asks what is kept of them. */
import type { Queryable } from '../connect.ts';

/** A leg of a payment is about the sender when it collects or refunds, and about the receiver when it pays out. */
const OWN_ATTEMPTS = `select a.* from payments p join attempts a on a.payment_id = p.id
  where (p.sender_id = $1 and a.leg in ('collection', 'refund')) or (p.receiver_id = $1 and a.leg = 'payout')`;

export interface SubjectAttempt {
  readonly id: string;
  readonly paymentId: string;
  readonly leg: string;
  readonly railId: string;
  readonly state: string;
  readonly reasonCode: string | null;
  readonly receipt: string | null;
  /** Ciphertext. */
  readonly handle: Buffer | null;
  readonly createdAt: Date;
  readonly resolvedAt: Date | null;
}

/** What was asked of operators about a person, oldest first. */
export async function listSubjectAttempts(db: Queryable, userId: string): Promise<SubjectAttempt[]> {
  const { rows } = await db.query<SubjectAttempt>({
    name: 'list_subject_attempts',
    text: `select id, payment_id as "paymentId", leg, rail_id as "railId", state, reason_code as "reasonCode", receipt,
        operator_handle as handle, created_at as "createdAt", resolved_at as "resolvedAt"
      from (${OWN_ATTEMPTS}) own order by created_at, id`,
    values: [userId],
  });
  return rows;
}

export interface SubjectCallback {
  readonly attemptId: string;
  readonly railId: string;
  readonly receivedAt: Date;
  readonly verdict: string | null;
  /** Ciphertext. */
  readonly body: Buffer;
}

/** What operators said of their own about those attempts, oldest first. */
export async function listSubjectCallbacks(db: Queryable, userId: string): Promise<SubjectCallback[]> {
  const { rows } = await db.query<SubjectCallback>({
    name: 'list_subject_callbacks',
    text: `select c.attempt_id as "attemptId", c.rail_id as "railId", c.received_at as "receivedAt", c.verdict, c.body
      from (${OWN_ATTEMPTS}) own join operator_callbacks c on c.attempt_id = own.id order by c.id`,
    values: [userId],
  });
  return rows;
}

export interface SubjectAnswer {
  readonly attemptId: string;
  readonly railId: string;
  readonly receivedAt: Date;
  readonly reasonCode: string;
  readonly body: Buffer;
}

/** What operators answered about those attempts that could not be used, oldest first. */
export async function listSubjectAnswers(db: Queryable, userId: string): Promise<SubjectAnswer[]> {
  const { rows } = await db.query<SubjectAnswer>({
    name: 'list_subject_answers',
    text: `select n.attempt_id as "attemptId", n.rail_id as "railId", n.received_at as "receivedAt", n.reason_code as "reasonCode", n.body
      from (${OWN_ATTEMPTS}) own join operator_answers n on n.attempt_id = own.id order by n.id`,
    values: [userId],
  });
  return rows;
}

export interface SubjectText {
  readonly paymentId: string;
  readonly topic: string;
  readonly state: string;
  readonly reasonCode: string | null;
  readonly gateway: string | null;
  readonly language: string | null;
  readonly segments: number | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

/** The texts that a person was sent about their payments, oldest first. */
export async function listSubjectTexts(db: Queryable, userId: string): Promise<SubjectText[]> {
  const { rows } = await db.query<SubjectText>({
    name: 'list_subject_texts',
    text: `select m.payment_id as "paymentId", m.topic, m.state, m.reason_code as "reasonCode", m.gateway, m.language, m.segments,
        m.created_at as "createdAt", m.ended_at as "endedAt"
      from payments p join sms_messages m on m.payment_id = p.id
      where (p.sender_id = $1 and m.role = 'sender') or (p.receiver_id = $1 and m.role = 'receiver') order by m.created_at, m.id`,
    values: [userId],
  });
  return rows;
}

export interface SubjectSession {
  readonly gateway: string;
  readonly paymentId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly expiresAt: Date;
  /** Ciphertext; null once the session is over. */
  readonly state: Buffer | null;
  /** Ciphertext. */
  readonly reply: Buffer;
}

/** The USSD sessions of a number at a client, oldest first. */
export async function listSubjectSessions(db: Queryable, clientId: string, phoneIndexes: readonly Buffer[]): Promise<SubjectSession[]> {
  const { rows } = await db.query<SubjectSession>({
    name: 'list_subject_sessions',
    text: `select gateway, payment_id as "paymentId", created_at as "createdAt", updated_at as "updatedAt", expires_at as "expiresAt", state, reply
      from ussd_sessions where client_id = $1 and phone_index = any($2::bytea[]) order by created_at, id`,
    values: [clientId, phoneIndexes],
  });
  return rows;
}

export interface SubjectWish {
  readonly language: string | null;
  /** Ciphertext. */
  readonly name: Buffer | null;
  readonly optedOutAt: Date | null;
  readonly optOutSource: string | null;
  readonly createdAt: Date;
}

/** What the holder of a number told of themselves, and whether they want texts. */
export async function listSubjectWishes(db: Queryable, phoneIndexes: readonly Buffer[]): Promise<SubjectWish[]> {
  const { rows } = await db.query<SubjectWish>({
    name: 'list_subject_wishes',
    text: `select language, name, opted_out_at as "optedOutAt", opt_out_source as "optOutSource", created_at as "createdAt"
      from subscribers where phone_index = any($1::bytea[]) order by created_at`,
    values: [phoneIndexes],
  });
  return rows;
}

export interface SubjectMandate {
  readonly id: string;
  /** Whether the number stands in its list of payees. */
  readonly isNamed: boolean;
  readonly notBefore: Date;
  readonly expiresAt: Date;
  readonly revokedAt: Date | null;
  /** Payments to the person that were counted under it. */
  readonly spends: number;
}

/** Mandates of a client that name a number as payee, or under which it was paid; `payeeIndexes` are hashed within that client. */
export async function listSubjectMandates(db: Queryable, clientId: string, payeeIndexes: readonly Buffer[]): Promise<SubjectMandate[]> {
  const { rows } = await db.query<SubjectMandate>({
    name: 'list_subject_mandates',
    text: `select m.id, coalesce(m.policy->'payees' ?| $3::text[], false) as "isNamed", m.not_before as "notBefore", m.expires_at as "expiresAt",
        m.revoked_at as "revokedAt", paid.count as spends
      from mandates m cross join lateral (
        select count(*)::int as count from mandate_spends s where s.mandate_id = m.id and s.payee_index = any($2::bytea[])) paid
      where m.client_id = $1 and (m.policy->'payees' ?| $3::text[] or paid.count > 0) order by m.created_at, m.id`,
    values: [clientId, payeeIndexes, payeeIndexes.map((each) => each.toString('hex'))],
  });
  return rows;
}

export interface SubjectHold {
  readonly reference: string;
  readonly placedAt: Date;
  readonly liftedAt: Date | null;
}

/** The holds that were ever placed over a person, oldest first. */
export async function listSubjectHolds(db: Queryable, userId: string): Promise<SubjectHold[]> {
  const { rows } = await db.query<SubjectHold>({
    name: 'list_subject_holds',
    text: `select reference, placed_at as "placedAt", lifted_at as "liftedAt" from legal_holds where user_id = $1 order by placed_at, id`,
    values: [userId],
  });
  return rows;
}
