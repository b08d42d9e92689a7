/**
 * Sending again what was sent before, or was not: one delivery, all that failed, or everything of a
 * stretch of time. The outbox keeps every event, so an endpoint that was away can be told all it missed.
 */
import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../../db/connect.ts';
import { recordAuditEvents } from '../../../db/queries/audit.ts';
import { fault } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { deliveryOf, insertDeliveries, type WantedEvent } from './plan.ts';
import { eventBody, TEST_TOPIC } from './topics.ts';

export interface EndpointOfClient {
  readonly clientId: string;
  readonly endpointId: string;
  /** Who has it told again. */
  readonly actor: string;
}

/** Events that one replay of a range takes at most. */
export const REPLAY_EVENTS_MAX = 10_000;

const AGAIN = `state = 'waiting', reason_code = null, tries = 0, first_try_at = null, lease_token = null, ended_at = null`;

async function tell(tx: PoolClient, endpoint: EndpointOfClient, action: string, details: Readonly<Record<string, unknown>>, nowMs: number) {
  const { clientId, endpointId, actor } = endpoint;
  await recordAuditEvents(tx, [{ clientId, actor, action, subject: `webhook:${endpointId}`, details }], nowMs);
}

/** Sends one delivery again. Throws `not_found`, `webhook_endpoint_disabled`, `webhook_delivery_waiting`. */
export async function replayDelivery(
  pool: Pool,
  { clientId, deliveryId, actor }: { readonly clientId: string; readonly deliveryId: string; readonly actor: string },
  nowMs: number,
): Promise<void> {
  await withTransaction(pool, async (tx) => {
    const found = await tx.query<{ endpoint_id: string; state: string }>(
      'select endpoint_id, state from webhook_deliveries where id = $1 and client_id = $2',
      [deliveryId, clientId],
    );
    const row = found.rows[0];
    if (row === undefined) throw fault('not_found');
    const endpoint = { clientId, endpointId: row.endpoint_id, actor };
    await assertEnabled(tx, endpoint);
    const again = await tx.query(
      `update webhook_deliveries set ${AGAIN}, next_attempt_at = $2, updated_at = $2 where id = $1 and state <> 'waiting'`,
      [deliveryId, new Date(nowMs)],
    );
    if (again.rowCount !== 1) throw fault('webhook_delivery_waiting');
    await tell(tx, endpoint, 'webhook.replayed', { deliveryId }, nowMs);
  });
}

/** Sends everything again that an endpoint was given up on; resolves with how many deliveries. Throws as above. */
export async function replayFailed(pool: Pool, endpoint: EndpointOfClient, nowMs: number): Promise<number> {
  return withTransaction(pool, async (tx) => {
    await assertEnabled(tx, endpoint);
    const again = await tx.query(
      `update webhook_deliveries set ${AGAIN}, next_attempt_at = $2, updated_at = $2 where endpoint_id = $1 and state = 'given_up'`,
      [endpoint.endpointId, new Date(nowMs)],
    );
    const replayed = again.rowCount ?? 0;
    await tell(tx, endpoint, 'webhook.replayed', { which: 'failed', replayed }, nowMs);
    return replayed;
  });
}

// Planned events only: the others are on their way to the endpoint by themselves.
const RANGE_SQL = `
select o.id, o.client_id, o.payment_id, o.topic, o.payload, o.created_at, e.id as endpoint_id
from webhook_endpoints e join outbox o on o.client_id = e.client_id and (cardinality(e.topics) = 0 or o.topic = any(e.topics))
where e.id = $1 and o.created_at >= $2 and o.created_at < $3 and o.planned_at is not null order by o.id limit $4`;

/**
 * Sends the events of a stretch of time to an endpoint, whether it was told of them before or not;
 * resolves with how many. Throws `validation_failed` when there are more than one replay takes.
 */
export async function replayRange(
  pool: Pool,
  endpoint: EndpointOfClient,
  range: { readonly from: Date; readonly to: Date },
  nowMs: number,
): Promise<number> {
  return withTransaction(pool, async (tx) => {
    await assertEnabled(tx, endpoint);
    const events = await tx.query<WantedEvent>(RANGE_SQL, [endpoint.endpointId, range.from, range.to, REPLAY_EVENTS_MAX + 1]);
    if (events.rows.length > REPLAY_EVENTS_MAX) {
      throw fault('validation_failed', {
        field: 'to',
        detail: `The range holds more than ${REPLAY_EVENTS_MAX} events; take a shorter one.`,
      });
    }
    const again = await tx.query(
      `update webhook_deliveries set ${AGAIN}, next_attempt_at = $3, updated_at = $3
       where endpoint_id = $1 and outbox_id = any($2::bigint[]) and state <> 'waiting'`,
      [endpoint.endpointId, events.rows.map((row) => row.id), new Date(nowMs)],
    );
    const fresh = await insertDeliveries(tx, events.rows.map(deliveryOf), nowMs);
    const replayed = (again.rowCount ?? 0) + fresh.length;
    await tell(tx, endpoint, 'webhook.replayed', { which: 'range', ...range, replayed }, nowMs);
    return replayed;
  });
}

/** Puts a test event on its way to an endpoint and gives the delivery's id. Throws as above. */
export async function sendTest(pool: Pool, endpoint: EndpointOfClient, nowMs: number): Promise<string> {
  return withTransaction(pool, async (tx) => {
    await assertEnabled(tx, endpoint);
    const body = eventBody(TEST_TOPIC, new Date(nowMs), { endpointId: endpoint.endpointId });
    const [id] = await insertDeliveries(
      tx,
      [
        {
          clientId: endpoint.clientId,
          endpointId: endpoint.endpointId,
          outboxId: null,
          paymentId: null,
          eventId: newId(),
          topic: TEST_TOPIC,
          body,
        },
      ],
      nowMs,
    );
    if (id === undefined) throw fault('internal', { internal: 'a test delivery was not written' });
    await tell(tx, endpoint, 'webhook.tested', { deliveryId: id }, nowMs);
    return id;
  });
}

async function assertEnabled(tx: PoolClient, endpoint: Pick<EndpointOfClient, 'clientId' | 'endpointId'>): Promise<void> {
  const found = await tx.query<{ status: string }>(
    'select status from webhook_endpoints where id = $1 and client_id = $2 and deleted_at is null',
    [endpoint.endpointId, endpoint.clientId],
  );
  const row = found.rows[0];
  if (row === undefined) throw fault('not_found');
  if (row.status !== 'enabled') throw fault('webhook_endpoint_disabled');
}
