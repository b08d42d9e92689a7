/**
 * Trying deliveries and writing down what became of each. A delivery is claimed for as long as a try can
 * take; whoever claims it after that takes it over. Receivers can get an event twice, never out of order
 * within a payment.
 */
import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import type { Keyring } from '../../../db/keyring.ts';
import { newId } from '../../../domain/ids.ts';
import { insertDeliveries } from './plan.ts';
import { nextTryAtMs } from './schedule.ts';
import type { SendResult, WebhookRequest } from './send.ts';
import { signedHeaders } from './signature.ts';
import { DISABLED_TOPIC, eventBody } from './topics.ts';

/** Where secrets are kept; both columns share a context, for a rotation moves one into the other. */
export const SECRET_CONTEXT = 'webhook_endpoints.secret';

export interface ClaimedDelivery {
  readonly id: string;
  readonly lease_token: string;
  readonly client_id: string;
  readonly endpoint_id: string;
  readonly outbox_id: bigint | null;
  readonly payment_id: string | null;
  readonly event_id: string;
  readonly topic: string;
  readonly body: string;
  readonly tries: number;
  readonly first_try_at: Date;
  readonly url: string;
  readonly secret: Buffer;
  readonly previous_secret: Buffer | null;
  readonly previous_secret_until: Date | null;
}

/**
 * Of each payment the first that waits. It is asked for as a row of its own: looking for anything earlier, a planner that takes few to wait
 * joined by whatever index, and read all that waited for each.
 */
const CLAIM_SQL = `
with due as (
  select d.id from webhook_deliveries d
  where d.state = 'waiting' and d.next_attempt_at <= $2 and d.endpoint_id <> all($4::uuid[])
    and (d.outbox_id is null or d.payment_id is null or d.outbox_id = (select first.outbox_id from webhook_deliveries first
      where first.state = 'waiting' and first.endpoint_id = d.endpoint_id and first.payment_id = d.payment_id
      order by first.outbox_id limit 1))
    and exists (select 1 from webhook_endpoints e where e.id = d.endpoint_id and e.status = 'enabled' and e.deleted_at is null)
  order by d.next_attempt_at, d.id limit $1 for update skip locked
)
update webhook_deliveries d set lease_token = $5, next_attempt_at = $3, first_try_at = coalesce(d.first_try_at, $2), updated_at = $2
from due, webhook_endpoints e where d.id = due.id and e.id = d.endpoint_id
returning d.id, d.lease_token, d.client_id, d.endpoint_id, d.outbox_id, d.payment_id, d.event_id, d.topic, d.body, d.tries, d.first_try_at,
  e.url, e.secret, e.previous_secret, e.previous_secret_until`;

/** Claims deliveries that are due, none of an endpoint in `saturated`. */
export async function claimDeliveries(
  pool: Pool,
  claim: { readonly limit: number; readonly nowMs: number; readonly leaseMs: number; readonly saturated: readonly string[] },
): Promise<readonly ClaimedDelivery[]> {
  const result = await pool.query<ClaimedDelivery>({
    name: 'claim_webhook_deliveries',
    text: CLAIM_SQL,
    values: [claim.limit, new Date(claim.nowMs), new Date(claim.nowMs + claim.leaseMs), claim.saturated, newId()],
  });
  // A statement gives back what it changed in the order of its plan.
  return result.rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** The request a delivery makes, signed at this moment. */
export function requestOf(keyring: Keyring, delivery: ClaimedDelivery, nowMs: number): WebhookRequest {
  const overlap = delivery.previous_secret !== null && (delivery.previous_secret_until?.getTime() ?? 0) > nowMs;
  const sealed = [delivery.secret, ...(overlap && delivery.previous_secret !== null ? [delivery.previous_secret] : [])];
  const secrets = sealed.map((secret) => keyring.decrypt(secret, SECRET_CONTEXT));
  const { body, url } = delivery;
  return { url, body, headers: { ...signedHeaders(secrets, { id: delivery.event_id, atMs: nowMs, body }) } };
}

export interface Tried {
  readonly result: SendResult;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
}

/** `lost`: somebody else had taken the delivery over. */
export type Conclusion =
  | { readonly end: 'delivered' | 'waiting' | 'lost' }
  | { readonly end: 'given_up'; readonly disabled: 'failing' | 'gone' | null };

interface Verdict {
  readonly state: 'delivered' | 'waiting' | 'given_up';
  readonly reasonCode: 'retries_spent' | 'endpoint_gone' | null;
  readonly nextAtMs: number | null;
  readonly status: number | null;
  /** Why the try failed; null for one that did not. */
  readonly code: string | null;
}

/** What a try means: 2xx is delivered, 410 means never again, everything else is tried again while tries are left. */
export function judgeTry(delivery: { readonly id: string; readonly tries: number }, tried: Tried): Verdict {
  const { result, endedAtMs } = tried;
  const status = result.kind === 'answered' ? result.status : null;
  if (status !== null && status >= 200 && status < 300) return { state: 'delivered', reasonCode: null, nextAtMs: null, status, code: null };
  const code = result.kind === 'answered' ? `http_${result.status}` : result.code;
  if (status === 410) return { state: 'given_up', reasonCode: 'endpoint_gone', nextAtMs: null, status, code };
  const retryAfterMs = result.kind === 'answered' ? result.retryAfterMs : null;
  const nextAtMs = nextTryAtMs(delivery.id, delivery.tries + 1, endedAtMs, retryAfterMs);
  if (nextAtMs === null) return { state: 'given_up', reasonCode: 'retries_spent', nextAtMs, status, code };
  return { state: 'waiting', reasonCode: null, nextAtMs, status, code };
}

/** Writes down a try: the delivery, its successors, its event, and the endpoint's health, together. */
export async function concludeTry(pool: Pool, delivery: ClaimedDelivery, tried: Tried): Promise<Conclusion> {
  const verdict = judgeTry(delivery, tried);
  return withTransaction(pool, async (tx) => {
    // Always in the order event, delivery, endpoint: two who conclude at once must not wait for each other.
    if (verdict.state !== 'waiting') await lockEvents(tx, [delivery.outbox_id]);
    if (!(await writeTry(tx, delivery, tried, verdict))) return { end: 'lost' };
    await moveSuccessors(tx, delivery, verdict, tried.endedAtMs);
    if (verdict.state !== 'waiting') await publishEvents(tx, [delivery.outbox_id], tried.endedAtMs);
    if (verdict.code === null) {
      await noteSuccess(tx, delivery.endpoint_id, tried.endedAtMs);
      return { end: 'delivered' };
    }
    const failingSince = await noteFailure(tx, delivery.endpoint_id, verdict.code, tried.startedAtMs);
    if (verdict.state === 'waiting') return { end: 'waiting' };
    // Not one try got through in all the days of this delivery.
    const dead = failingSince !== null && failingSince.getTime() <= delivery.first_try_at.getTime();
    const reason = verdict.reasonCode === 'endpoint_gone' ? 'gone' : dead ? 'failing' : null;
    const disabled = reason !== null && (await disable(tx, delivery, reason, tried.endedAtMs)) ? reason : null;
    return { end: 'given_up', disabled };
  });
}

/** How many tries a delivery's log keeps; replays can add to it without end. */
const LOG_ENTRIES_MAX = 50;

async function writeTry(tx: PoolClient, delivery: ClaimedDelivery, tried: Tried, verdict: Verdict): Promise<boolean> {
  const entry = {
    at: new Date(tried.startedAtMs).toISOString(),
    durationMs: tried.endedAtMs - tried.startedAtMs,
    status: verdict.status,
    code: verdict.code,
  };
  const result = await tx.query({
    name: 'conclude_webhook_try',
    text: `update webhook_deliveries set state = $3, reason_code = $4, tries = tries + 1, next_attempt_at = $5, lease_token = null,
        attempt_log = (case when jsonb_array_length(attempt_log) >= ${LOG_ENTRIES_MAX} then attempt_log - 0 else attempt_log end) || $6::jsonb,
        ended_at = case when $3 = 'waiting' then null else $7::timestamptz end, updated_at = $7
      where id = $1 and lease_token = $2 and state = 'waiting'`,
    values: [
      delivery.id,
      delivery.lease_token,
      verdict.state,
      verdict.reasonCode,
      verdict.nextAtMs === null ? null : new Date(verdict.nextAtMs),
      JSON.stringify(entry),
      new Date(tried.endedAtMs),
    ],
  });
  return result.rowCount === 1;
}

/** What waits behind a delivery is due with it: at its next try, or now that it has ended. */
async function moveSuccessors(tx: PoolClient, delivery: ClaimedDelivery, verdict: Verdict, nowMs: number): Promise<void> {
  if (delivery.payment_id === null) return;
  await tx.query({
    name: 'move_webhook_successors',
    text: `update webhook_deliveries set next_attempt_at = case when $4 then greatest(next_attempt_at, $5) when tries = 0 then $5 else next_attempt_at end
      where state = 'waiting' and endpoint_id = $1 and payment_id = $2 and outbox_id > $3`,
    values: [
      delivery.endpoint_id,
      delivery.payment_id,
      delivery.outbox_id,
      verdict.state === 'waiting',
      new Date(verdict.nextAtMs ?? nowMs),
    ],
  });
}

async function lockEvents(tx: PoolClient, outboxIds: readonly (bigint | null)[]): Promise<void> {
  await tx.query({
    name: 'lock_outbox',
    text: 'select id from outbox where id = any($1::bigint[]) order by id for update',
    values: [outboxIds.filter((id) => id !== null)],
  });
}

/** An event is published once no endpoint waits for it any more. Its row must be locked. */
async function publishEvents(tx: PoolClient, outboxIds: readonly (bigint | null)[], nowMs: number): Promise<void> {
  await tx.query({
    name: 'publish_outbox',
    text: `update outbox o set published_at = $2 where o.id = any($1::bigint[]) and o.published_at is null
      and not exists (select 1 from webhook_deliveries d where d.outbox_id = o.id and d.state = 'waiting')`,
    values: [outboxIds.filter((id) => id !== null), new Date(nowMs)],
  });
}

/** A busy endpoint's row would be everybody's bottleneck: a success is noted when it changes something. */
async function noteSuccess(tx: PoolClient, endpointId: string, nowMs: number): Promise<void> {
  await tx.query({
    name: 'note_webhook_success',
    text: `update webhook_endpoints set failures_in_row = 0, failing_since = null, last_success_at = $2
      where id = $1 and (failures_in_row > 0 or last_success_at is null or last_success_at < $2::timestamptz - interval '10 seconds')`,
    values: [endpointId, new Date(nowMs)],
  });
}

async function noteFailure(tx: PoolClient, endpointId: string, code: string, startedAtMs: number): Promise<Date | null> {
  const result = await tx.query<{ failing_since: Date | null }>({
    name: 'note_webhook_failure',
    text: `update webhook_endpoints set failures_in_row = failures_in_row + 1, failing_since = coalesce(failing_since, $3),
        last_failure_at = $3, last_failure_code = $2 where id = $1 returning failing_since`,
    values: [endpointId, code, new Date(startedAtMs)],
  });
  return result.rows[0]?.failing_since ?? null;
}

/** Disables an endpoint and tells the client's others; false when it was disabled before. */
async function disable(tx: PoolClient, delivery: ClaimedDelivery, reason: 'failing' | 'gone', nowMs: number): Promise<boolean> {
  const result = await tx.query({
    name: 'disable_webhook_endpoint',
    text: `update webhook_endpoints set status = 'disabled', disabled_reason = $2, disabled_at = $3, updated_at = $3
      where id = $1 and status = 'enabled'`,
    values: [delivery.endpoint_id, reason, new Date(nowMs)],
  });
  if (result.rowCount !== 1) return false;
  const subject = `webhook:${delivery.endpoint_id}`;
  const act = { clientId: delivery.client_id, actor: 'system', action: 'webhook.disabled', subject, details: { reason } };
  await recordAuditEvents(tx, [act], nowMs);
  const others = await tx.query<{ id: string }>({
    name: 'endpoints_to_tell',
    text: `select id from webhook_endpoints where client_id = $1 and id <> $2 and status = 'enabled' and deleted_at is null
      and (cardinality(topics) = 0 or $3 = any(topics))`,
    values: [delivery.client_id, delivery.endpoint_id, DISABLED_TOPIC],
  });
  const eventId = newId();
  const body = eventBody(DISABLED_TOPIC, new Date(nowMs), { endpointId: delivery.endpoint_id, reason });
  const notice = { clientId: delivery.client_id, outboxId: null, paymentId: null, eventId, topic: DISABLED_TOPIC, body };
  await insertDeliveries(
    tx,
    others.rows.map(({ id }) => ({ ...notice, endpointId: id })),
    nowMs,
  );
  return true;
}

const ABANDONED_AT_ONCE = 1_000;

/** Gives up what waits for endpoints that are disabled or deleted; resolves with how many deliveries. */
export async function giveUpAbandoned(pool: Pool, nowMs: number): Promise<number> {
  return withTransaction(pool, async (tx) => {
    const found = await tx.query<{ id: string; outbox_id: bigint | null }>({
      name: 'abandoned_webhook_deliveries',
      text: `select d.id, d.outbox_id from webhook_endpoints e join webhook_deliveries d on d.endpoint_id = e.id and d.state = 'waiting'
        where e.status = 'disabled' or e.deleted_at is not null limit $1`,
      values: [ABANDONED_AT_ONCE],
    });
    if (found.rows.length === 0) return 0;
    const outboxIds = found.rows.map((row) => row.outbox_id);
    await lockEvents(tx, outboxIds);
    const ended = await tx.query({
      name: 'give_up_webhook_deliveries',
      text: `update webhook_deliveries set state = 'given_up', reason_code = 'endpoint_disabled', next_attempt_at = null, lease_token = null,
          ended_at = $2, updated_at = $2 where id = any($1::uuid[]) and state = 'waiting'`,
      values: [found.rows.map((row) => row.id), new Date(nowMs)],
    });
    await publishEvents(tx, outboxIds, nowMs);
    return ended.rowCount ?? 0;
  });
}
