/**
 * Text messages and what became of them. A message is claimed before its first byte leaves, and only who holds the claim
 * writes down what came of it; a claim that ends without a word leaves it unknown. A final state is never left.
 */
import type { Pool } from 'pg';
import type { Queryable } from '../connect.ts';
import type { SealedParties } from '../person-keys.ts';
import { partiesColumns } from './parties.ts';

export type SmsState = 'queued' | 'sending' | 'accepted' | 'delivered' | 'failed' | 'unknown' | 'suppressed';

export const SMS_STATES: readonly SmsState[] = ['queued', 'sending', 'accepted', 'delivered', 'failed', 'unknown', 'suppressed'];

export interface ClaimedSms extends SealedParties {
  readonly id: string;
  readonly leaseToken: string;
  readonly clientId: string;
  readonly paymentId: string;
  readonly topic: string;
  readonly role: 'sender' | 'receiver';
  readonly tries: number;
  readonly createdAt: Date;
  readonly amount: bigint;
  readonly fromCurrency: string;
  readonly targetAmount: bigint | null;
  readonly toCurrency: string;
  readonly fromCountry: string;
  readonly toCountry: string;
}

/** Claims messages that are due. From here on each counts as sent until somebody says otherwise. */
export async function claimSms(
  db: Pool,
  claim: { readonly limit: number; readonly nowMs: number; readonly leaseMs: number; readonly leaseToken: string },
): Promise<ClaimedSms[]> {
  const { rows } = await db.query<ClaimedSms>({
    name: 'claim_sms',
    text: `with due as (
        select id from sms_messages where state = 'queued' and next_attempt_at <= $2 order by next_attempt_at, id limit $1 for update skip locked
      ), claimed as (
        update sms_messages m set state = 'sending', tries = tries + 1, next_attempt_at = null, lease_token = $4, lease_until = $3, updated_at = $2
        from due where m.id = due.id
        returning m.id, m.lease_token, m.client_id, m.payment_id, m.topic, m.role, m.tries, m.created_at
      )
      select c.id, c.lease_token as "leaseToken", c.client_id as "clientId", c.payment_id as "paymentId", c.topic, c.role, c.tries,
        c.created_at as "createdAt", p.amount, p.from_currency as "fromCurrency", p.target_amount as "targetAmount",
        p.to_currency as "toCurrency", p.from_country as "fromCountry", p.to_country as "toCountry", ${partiesColumns('p')}
      from claimed c join payments p on p.id = c.payment_id`,
    values: [claim.limit, new Date(claim.nowMs), new Date(claim.nowMs + claim.leaseMs), claim.leaseToken],
  });
  return rows;
}

/** Notes over which gateway a claimed message is about to go, to whom, and how long it is. False when the claim was lost. */
export async function noteSmsSent(
  db: Pool,
  message: Pick<ClaimedSms, 'id' | 'leaseToken'>,
  sent: { readonly gateway: string; readonly phoneIndex: Buffer; readonly language: string; readonly segments: number },
): Promise<boolean> {
  const result = await db.query({
    name: 'note_sms_sent',
    text: `update sms_messages set gateway = $3, phone_index = $4, language = $5, segments = $6
      where id = $1 and lease_token = $2 and state = 'sending'`,
    values: [message.id, message.leaseToken, sent.gateway, sent.phoneIndex, sent.language, sent.segments],
  });
  return result.rowCount === 1;
}

export interface SmsConclusion {
  readonly state: 'queued' | 'accepted' | 'failed' | 'unknown' | 'suppressed';
  readonly reasonCode: string | null;
  readonly gatewayId: string | null;
  /** When to try again, for `queued`. */
  readonly nextAtMs: number | null;
}

/** Writes down what came of a claimed message. False when the claim was lost, or a report was quicker. */
export async function concludeSms(
  db: Pool,
  message: Pick<ClaimedSms, 'id' | 'leaseToken'>,
  conclusion: SmsConclusion,
  nowMs: number,
): Promise<boolean> {
  const result = await db.query({
    name: 'conclude_sms',
    text: `update sms_messages set state = $3, reason_code = $4, gateway_id = coalesce($5, gateway_id), next_attempt_at = $6, lease_token = null,
        lease_until = null, updated_at = $7, ended_at = case when $3 in ('failed', 'suppressed') then $7::timestamptz end
      where id = $1 and lease_token = $2 and state = 'sending'`,
    values: [
      message.id,
      message.leaseToken,
      conclusion.state,
      conclusion.reasonCode,
      conclusion.gatewayId,
      conclusion.nextAtMs === null ? null : new Date(conclusion.nextAtMs),
      new Date(nowMs),
    ],
  });
  return result.rowCount === 1;
}

/** Messages whose sender died on the way: they may have gone out, and are not sent again. Resolves with how many. */
export async function abandonSms(db: Pool, nowMs: number): Promise<number> {
  const result = await db.query({
    name: 'abandon_sms',
    text: `update sms_messages set state = 'unknown', reason_code = 'worker_lost', lease_token = null, lease_until = null, updated_at = $1
      where state = 'sending' and lease_until < $1`,
    values: [new Date(nowMs)],
  });
  return result.rowCount ?? 0;
}

export interface SmsReport {
  readonly gateway: string;
  readonly by: 'gateway' | 'correlator';
  readonly id: string;
  readonly phoneIndex: Buffer;
  readonly state: 'delivered' | 'failed' | 'under_way';
  readonly reasonCode: string | null;
}

/** `unknown`: no message of ours is known by this id and number. `repeated`: it had its end already. */
export async function applySmsReport(db: Queryable, report: SmsReport, nowMs: number): Promise<'applied' | 'repeated' | 'unknown'> {
  const { rows } = await db.query<{ known: boolean; moved: boolean }>({
    name: 'apply_sms_report',
    text: `with known as (
        select id from sms_messages where gateway = $1 and phone_index = $4
          and (id = $8::uuid or ($2 = 'gateway' and gateway_id = $3))
      ), moved as (
        update sms_messages m set state = case when $5 = 'under_way' then 'accepted' else $5 end, reason_code = $6, lease_token = null,
          lease_until = null, updated_at = $7, ended_at = case when $5 <> 'under_way' then $7::timestamptz end
        from known where m.id = known.id and m.state in ('sending', 'accepted', 'unknown') returning m.id
      )
      select exists(select 1 from known) as known, exists(select 1 from moved) as moved`,
    values: [
      report.gateway,
      report.by,
      report.id,
      report.phoneIndex,
      report.state,
      report.reasonCode,
      new Date(nowMs),
      report.by === 'correlator' && UUID.test(report.id) ? report.id : null,
    ],
  });
  const { known, moved } = rows[0] ?? { known: false, moved: false };
  return moved ? 'applied' : known ? 'repeated' : 'unknown';
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

export interface SmsRow {
  readonly id: string;
  readonly paymentId: string;
  readonly topic: string;
  readonly role: 'sender' | 'receiver';
  readonly state: SmsState;
  readonly reasonCode: string | null;
  readonly gateway: string | null;
  readonly language: string | null;
  readonly segments: number | null;
  readonly tries: number;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly endedAt: Date | null;
}

const ROW_COLUMNS = `id, payment_id as "paymentId", topic, role, state, reason_code as "reasonCode", gateway, language, segments, tries,
  created_at as "createdAt", updated_at as "updatedAt", ended_at as "endedAt"`;

/** Messages, newest first, of one client and one payment where these are given. */
export async function listSms(
  db: Queryable,
  filter: { readonly clientId?: string | undefined; readonly paymentId?: string | undefined; readonly state?: SmsState | undefined },
  page: { readonly after: { readonly createdAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<SmsRow[]> {
  const values: unknown[] = [page.limit];
  const conditions: string[] = [];
  const where = (condition: string, ...given: unknown[]): void => {
    if (given.some((value) => value === undefined)) return;
    conditions.push(condition.replaceAll(/\?/g, () => `$${values.push(given.shift())}`));
  };
  where('client_id = ?', filter.clientId);
  where('payment_id = ?', filter.paymentId);
  where('state = ?', filter.state);
  if (page.after !== null) where('(created_at, id) < (?, ?::uuid)', page.after.createdAt, page.after.id);
  const filtered = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`;
  const text = `select ${ROW_COLUMNS} from sms_messages ${filtered} order by created_at desc, id desc limit $1`;
  return (await db.query<SmsRow>(text, values)).rows;
}

/** Messages by state. */
export async function countSms(db: Queryable): Promise<{ readonly state: SmsState; readonly count: number }[]> {
  const { rows } = await db.query<{ state: SmsState; count: number }>({
    name: 'count_sms',
    text: 'select state, count(*)::int as count from sms_messages group by state',
  });
  return rows;
}
