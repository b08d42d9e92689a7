/**
 * From the outbox to deliveries: each event gets one delivery for every endpoint of its client that
 * wants to hear of it, in the order in which the events of a payment were written. An event that nobody
 * wants to hear of is done with at once. Where people are told by text as well, their messages are queued in
 * the same look at the event, so that each event is looked at once.
 */
import type { Pool, PoolClient } from 'pg';
import { withTransaction } from '../../../db/connect.ts';
import { derivedId, newId } from '../../../domain/ids.ts';
import { SMS_PAIRS } from '../sms/texts.ts';
import { eventBody } from './topics.ts';

export interface PlannedDelivery {
  readonly clientId: string;
  readonly endpointId: string;
  readonly outboxId: bigint | null;
  readonly paymentId: string | null;
  readonly eventId: string;
  readonly topic: string;
  readonly body: string;
}

/** An event of the outbox with an endpoint that wants it. */
export interface WantedEvent {
  readonly id: bigint;
  readonly client_id: string;
  readonly payment_id: string;
  readonly topic: string;
  readonly payload: unknown;
  readonly created_at: Date;
  readonly endpoint_id: string;
}

const EVENTS_AT_ONCE = 1_000;

// One planner at a time: two could write the events of one payment the wrong way round.
const LOCK_SQL = `select pg_try_advisory_xact_lock(hashtextextended('webhook planning', 0)) as locked`;

const PICK_SQL = `
with picked as (
  select id, client_id, payment_id, topic, payload, created_at from outbox where planned_at is null order by id limit $1 for update
), wanted as (
  select picked.*, e.id as endpoint_id from picked join webhook_endpoints e on e.client_id = picked.client_id
    and e.status = 'enabled' and e.deleted_at is null and (cardinality(e.topics) = 0 or picked.topic = any(e.topics))
), marked as (
  update outbox o set planned_at = $2, published_at = case when exists (select 1 from wanted where wanted.id = o.id) then o.published_at else $2 end
  from picked where o.id = picked.id returning o.id
), texted as (
  insert into sms_messages (id, client_id, payment_id, outbox_id, topic, role, next_attempt_at, created_at, updated_at)
  select gen_random_uuid(), picked.client_id, picked.payment_id, picked.id, picked.topic, pair.role, $2, $2, $2
  from picked join unnest($4::text[], $5::text[]) as pair(topic, role) on pair.topic = picked.topic
  where picked.client_id = any($3::uuid[]) on conflict (outbox_id, role) do nothing
)
select (select count(*)::int from marked) as events, coalesce(
  (select json_agg(json_build_object('id', id::text, 'endpoint_id', endpoint_id) order by id) from wanted), '[]') as wanted`;

/**
 * Plans what the outbox holds; resolves with the number of events planned. People in the payments of `textedClients` get
 * text messages.
 */
export async function planDeliveries(pool: Pool, nowMs: number, textedClients: readonly string[] = []): Promise<number> {
  let planned = 0;
  for (;;) {
    const events = await withTransaction(pool, (tx) => planSome(tx, nowMs, textedClients));
    planned += events;
    if (events < EVENTS_AT_ONCE) return planned;
  }
}

async function planSome(tx: PoolClient, nowMs: number, textedClients: readonly string[]): Promise<number> {
  const lock = await tx.query<{ locked: boolean }>(LOCK_SQL);
  if (lock.rows[0]?.locked !== true) return 0;
  const picked = await tx.query<{ events: number; wanted: { id: string; endpoint_id: string }[] }>({
    name: 'pick_outbox',
    text: PICK_SQL,
    values: [EVENTS_AT_ONCE, new Date(nowMs), textedClients, SMS_PAIRS.map(([topic]) => topic), SMS_PAIRS.map(([, role]) => role)],
  });
  const { events, wanted } = picked.rows[0] ?? { events: 0, wanted: [] };
  await insertDeliveries(tx, (await loadEvents(tx, wanted)).map(deliveryOf), nowMs);
  return events;
}

/** The events of the outbox with the endpoints that want them, in the order given. */
async function loadEvents(tx: PoolClient, wanted: readonly { id: string; endpoint_id: string }[]): Promise<readonly WantedEvent[]> {
  if (wanted.length === 0) return [];
  const result = await tx.query<WantedEvent>({
    name: 'load_wanted_events',
    text: `select o.id, o.client_id, o.payment_id, o.topic, o.payload, o.created_at, wanted.endpoint_id
      from unnest($1::bigint[], $2::uuid[]) with ordinality as wanted(id, endpoint_id, place) join outbox o on o.id = wanted.id order by place`,
    values: [wanted.map(({ id }) => id), wanted.map(({ endpoint_id }) => endpoint_id)],
  });
  return result.rows;
}

/** The delivery of an event to an endpoint. The event's id is the same at every endpoint. */
export function deliveryOf(event: WantedEvent): PlannedDelivery {
  return {
    clientId: event.client_id,
    endpointId: event.endpoint_id,
    outboxId: event.id,
    paymentId: event.payment_id,
    eventId: derivedId('webhook event', event.id.toString()),
    topic: event.topic,
    body: eventBody(event.topic, event.created_at, event.payload),
  };
}

// What comes after an event that still waits is not looked at before it.
const INSERT_SQL = `
insert into webhook_deliveries (id, client_id, endpoint_id, outbox_id, payment_id, event_id, topic, body, next_attempt_at, created_at, updated_at)
select planned.*, coalesce((select max(earlier.next_attempt_at) from webhook_deliveries earlier where earlier.state = 'waiting'
    and earlier.endpoint_id = planned.endpoint_id and earlier.payment_id = planned.payment_id and earlier.outbox_id < planned.outbox_id), $9), $9, $9
from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::bigint[], $5::uuid[], $6::uuid[], $7::text[], $8::text[])
  as planned(id, client_id, endpoint_id, outbox_id, payment_id, event_id, topic, body)
on conflict (endpoint_id, outbox_id) where outbox_id is not null do nothing
returning id`;

/** Writes deliveries that wait for their first try; gives the ids of those that did not exist. */
export async function insertDeliveries(tx: PoolClient, planned: readonly PlannedDelivery[], nowMs: number): Promise<string[]> {
  if (planned.length === 0) return [];
  const column = <T>(pick: (each: PlannedDelivery) => T): T[] => planned.map(pick);
  const result = await tx.query<{ id: string }>({
    name: 'insert_webhook_deliveries',
    text: INSERT_SQL,
    values: [
      column(() => newId()),
      column((each) => each.clientId),
      column((each) => each.endpointId),
      column((each) => each.outboxId),
      column((each) => each.paymentId),
      column((each) => each.eventId),
      column((each) => each.topic),
      column((each) => each.body),
      new Date(nowMs),
    ],
  });
  return result.rows.map((row) => row.id);
}
