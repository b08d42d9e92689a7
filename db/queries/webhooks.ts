/** Webhook endpoints and the log of their deliveries, as clients manage and read them. */
import type { Pool } from 'pg';

export interface EndpointRow {
  readonly id: string;
  readonly url: string;
  readonly topics: readonly string[];
  readonly status: 'enabled' | 'disabled';
  readonly disabledReason: 'client' | 'failing' | 'gone' | null;
  readonly disabledAt: Date | null;
  readonly previousSecretUntil: Date | null;
  readonly failuresInRow: number;
  readonly failingSince: Date | null;
  readonly lastSuccessAt: Date | null;
  readonly lastFailureAt: Date | null;
  readonly lastFailureCode: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

const COLUMNS = `id, url, topics, status, disabled_reason as "disabledReason", disabled_at as "disabledAt",
  previous_secret_until as "previousSecretUntil", failures_in_row as "failuresInRow", failing_since as "failingSince",
  last_success_at as "lastSuccessAt", last_failure_at as "lastFailureAt", last_failure_code as "lastFailureCode",
  created_at as "createdAt", updated_at as "updatedAt"`;

/** The act of `$actor` on the endpoint that `changed` gives; of its address the host alone, as a path may hold a secret of the client's. */
const told = (action: string, actor: string, at: string, details: string): string => `told as (
    insert into audit_events (client_id, actor, action, subject, details, created_at)
    select client_id, ${actor}::text, '${action}', 'webhook:' || id, ${details}, ${at}::timestamptz from changed)`;

const standing = (host: string): string => `jsonb_build_object('host', ${host}::text, 'topics', to_jsonb(topics), 'status', status)`;

/** The host of an address as it is connected to: of what may be written in its place no pattern knows all. */
const hostIn = (url: string): string => new URL(url).host;

export interface NewEndpoint {
  readonly id: string;
  readonly clientId: string;
  readonly url: string;
  /** Ciphertext. */
  readonly secret: Buffer;
  readonly topics: readonly string[];
  /** Who makes it. */
  readonly actor: string;
  readonly nowMs: number;
}

/** Stores an endpoint; null when the client has `countMax` already. Two at the same moment can pass that together. */
export async function insertEndpoint(db: Pool, endpoint: NewEndpoint, countMax: number): Promise<EndpointRow | null> {
  const result = await db.query<EndpointRow>({
    name: 'insert_webhook_endpoint',
    text: `with changed as (
        insert into webhook_endpoints (id, client_id, url, secret, topics, created_at, updated_at)
        select $1::uuid, $2::uuid, $3, $4::bytea, $5::text[], $6::timestamptz, $6
        where (select count(*) from webhook_endpoints where client_id = $2 and deleted_at is null) < $7 returning *
      ), ${told('webhook.created', '$8', '$6', standing('$9'))}
      select ${COLUMNS} from changed`,
    values: [
      endpoint.id,
      endpoint.clientId,
      endpoint.url,
      endpoint.secret,
      endpoint.topics,
      new Date(endpoint.nowMs),
      countMax,
      endpoint.actor,
      hostIn(endpoint.url),
    ],
  });
  return result.rows[0] ?? null;
}

/** A client's endpoint, or null. */
export async function findEndpoint(db: Pool, clientId: string, endpointId: string): Promise<EndpointRow | null> {
  const result = await db.query<EndpointRow>({
    name: 'find_webhook_endpoint',
    text: `select ${COLUMNS} from webhook_endpoints where id = $2 and client_id = $1 and deleted_at is null`,
    values: [clientId, endpointId],
  });
  return result.rows[0] ?? null;
}

/** A client's endpoints, oldest first. */
export async function listEndpoints(db: Pool, clientId: string): Promise<EndpointRow[]> {
  const result = await db.query<EndpointRow>({
    name: 'list_webhook_endpoints',
    text: `select ${COLUMNS} from webhook_endpoints where client_id = $1 and deleted_at is null order by created_at, id`,
    values: [clientId],
  });
  return result.rows;
}

export interface EndpointChange {
  readonly clientId: string;
  readonly endpointId: string;
  readonly url: string;
  readonly topics: readonly string[];
  readonly status: 'enabled' | 'disabled';
  /** Who changes it. */
  readonly actor: string;
  readonly nowMs: number;
}

/** Changes an endpoint; one that is enabled again begins with a clean record. Null when there is none. */
export async function updateEndpoint(db: Pool, change: EndpointChange): Promise<EndpointRow | null> {
  const result = await db.query<EndpointRow>({
    name: 'update_webhook_endpoint',
    text: `with changed as (update webhook_endpoints set url = $3, topics = $4, status = $5, updated_at = $6,
        disabled_reason = case when $5 = 'enabled' then null else coalesce(disabled_reason, 'client') end,
        disabled_at = case when $5 = 'enabled' then null else coalesce(disabled_at, $6) end,
        failures_in_row = case when $5 = 'enabled' and status = 'disabled' then 0 else failures_in_row end,
        failing_since = case when $5 = 'enabled' and status = 'disabled' then null else failing_since end
      where id = $2 and client_id = $1 and deleted_at is null returning *), ${told('webhook.changed', '$7', '$6', standing('$8'))}
      select ${COLUMNS} from changed`,
    values: [
      change.clientId,
      change.endpointId,
      change.url,
      change.topics,
      change.status,
      new Date(change.nowMs),
      change.actor,
      hostIn(change.url),
    ],
  });
  return result.rows[0] ?? null;
}

/** Takes an endpoint away; its log stays. False when there is none. */
export async function deleteEndpoint(
  db: Pool,
  {
    clientId,
    endpointId,
    actor,
    nowMs,
  }: { readonly clientId: string; readonly endpointId: string; readonly actor: string; readonly nowMs: number },
): Promise<boolean> {
  const result = await db.query({
    name: 'delete_webhook_endpoint',
    text: `with changed as (
        update webhook_endpoints set deleted_at = $3, updated_at = $3 where id = $2 and client_id = $1 and deleted_at is null returning *
      ), ${told('webhook.deleted', '$4', '$3', `'{}'::jsonb`)}
      select id from changed`,
    values: [clientId, endpointId, new Date(nowMs), actor],
  });
  return result.rowCount === 1;
}

/** Puts a new secret (ciphertext) in place; the one before signs as well until `overlapUntilMs`. Null when there is no endpoint. */
export async function rotateSecret(
  db: Pool,
  rotation: {
    readonly clientId: string;
    readonly endpointId: string;
    readonly secret: Buffer;
    readonly overlapUntilMs: number;
    /** Who rotates it. */
    readonly actor: string;
    readonly nowMs: number;
  },
): Promise<EndpointRow | null> {
  const result = await db.query<EndpointRow>({
    name: 'rotate_webhook_secret',
    text: `with changed as (
        update webhook_endpoints set previous_secret = secret, previous_secret_until = $4, secret = $3, updated_at = $5
        where id = $2 and client_id = $1 and deleted_at is null returning *
      ), ${told('webhook.secret_rotated', '$6', '$5', `jsonb_build_object('beforeUntil', previous_secret_until)`)}
      select ${COLUMNS} from changed`,
    values: [
      rotation.clientId,
      rotation.endpointId,
      rotation.secret,
      new Date(rotation.overlapUntilMs),
      new Date(rotation.nowMs),
      rotation.actor,
    ],
  });
  return result.rows[0] ?? null;
}

export interface DeliveryRow {
  readonly id: string;
  readonly endpointId: string;
  readonly paymentId: string | null;
  readonly eventId: string;
  readonly topic: string;
  readonly state: 'waiting' | 'delivered' | 'given_up';
  readonly reasonCode: string | null;
  readonly tries: number;
  readonly nextAttemptAt: Date | null;
  readonly createdAt: Date;
  readonly endedAt: Date | null;
}

export interface DeliveryFile extends DeliveryRow {
  readonly body: string;
  readonly attemptLog: readonly {
    readonly at: string;
    readonly durationMs: number;
    readonly status: number | null;
    readonly code: string | null;
  }[];
}

const DELIVERY_COLUMNS = `id, endpoint_id as "endpointId", payment_id as "paymentId", event_id as "eventId", topic, state,
  reason_code as "reasonCode", tries, next_attempt_at as "nextAttemptAt", created_at as "createdAt", ended_at as "endedAt"`;

/** An endpoint's deliveries, newest first, from after a place on. */
export async function listDeliveries(
  db: Pool,
  clientId: string,
  filter: { readonly endpointId: string; readonly state?: string | undefined; readonly paymentId?: string | undefined },
  page: { readonly after: { readonly createdAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<DeliveryRow[]> {
  const result = await db.query<DeliveryRow>({
    name: 'list_webhook_deliveries',
    text: `select ${DELIVERY_COLUMNS} from webhook_deliveries where client_id = $1 and endpoint_id = $2
        and ($3::text is null or state = $3) and ($4::uuid is null or payment_id = $4)
        and ($5::timestamptz is null or (created_at, id) < ($5, $6::uuid))
      order by created_at desc, id desc limit $7`,
    values: [
      clientId,
      filter.endpointId,
      filter.state ?? null,
      filter.paymentId ?? null,
      page.after?.createdAt ?? null,
      page.after?.id ?? null,
      page.limit,
    ],
  });
  return result.rows;
}

/** A client's delivery with its body and every try, or null. */
export async function findDelivery(db: Pool, clientId: string, deliveryId: string): Promise<DeliveryFile | null> {
  const result = await db.query<DeliveryFile>({
    name: 'find_webhook_delivery',
    text: `select ${DELIVERY_COLUMNS}, body, attempt_log as "attemptLog" from webhook_deliveries where id = $2 and client_id = $1`,
    values: [clientId, deliveryId],
  });
  return result.rows[0] ?? null;
}

/** How many deliveries wait, and how many endpoints were disabled for failing, over all clients. */
export async function countWebhooks(db: Pool): Promise<{ readonly waiting: number; readonly disabled: number }> {
  const result = await db.query<{ waiting: number; disabled: number }>({
    name: 'count_webhooks',
    text: `select (select count(*)::int from webhook_deliveries where state = 'waiting') as waiting,
      (select count(*)::int from webhook_endpoints where deleted_at is null and disabled_reason in ('failing', 'gone')) as disabled`,
  });
  return result.rows[0] ?? { waiting: 0, disabled: 0 };
}
