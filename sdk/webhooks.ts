/** Webhook endpoints: where CAPP tells a client what becomes of its payments, and what it told. */
import { type Page, type PageOptions, pages } from './pages.ts';
import { jsonBody, type RequestOptions, type Transport, type WriteOptions } from './transport.ts';

export interface WebhookEndpoint {
  readonly id: string;
  readonly url: string;
  /** None means everything. */
  readonly topics: readonly string[];
  readonly status: 'enabled' | 'disabled';
  readonly disabledReason: 'client' | 'failing' | 'gone' | null;
  readonly disabledAt: string | null;
  readonly previousSecretUntil: string | null;
  readonly health: {
    readonly failuresInRow: number;
    readonly failingSince: string | null;
    readonly lastSuccessAt: string | null;
    readonly lastFailureAt: string | null;
    readonly lastFailureCode: string | null;
  };
  readonly createdAt: string;
  readonly updatedAt: string;
}

export interface WebhookEndpointWithSecret extends WebhookEndpoint {
  /** Shown this once. */
  readonly secret: string;
}

export interface WebhookDelivery {
  readonly id: string;
  readonly endpointId: string;
  readonly paymentId: string | null;
  /** The `webhook-id` header. */
  readonly eventId: string;
  readonly topic: string;
  readonly state: 'waiting' | 'delivered' | 'given_up';
  readonly reasonCode: string | null;
  readonly tries: number;
  readonly nextAttemptAt: string | null;
  readonly createdAt: string;
  readonly endedAt: string | null;
}

export interface WebhookDeliveryFile extends WebhookDelivery {
  readonly body: string;
  readonly attempts: readonly {
    readonly at: string;
    readonly durationMs: number;
    readonly status: number | null;
    readonly code: string | null;
  }[];
}

export interface DeliveryFilter {
  readonly state?: WebhookDelivery['state'];
  readonly paymentId?: string;
}

/** What to send again: everything that failed, or the events from one moment to before another (ISO 8601). */
export type WebhookReplay = { readonly which: 'failed' } | { readonly which: 'range'; readonly from: string; readonly to: string };

export function createWebhooks(transport: Transport) {
  const pathOf = (id: string, verb = ''): string => `/v1/webhook-endpoints/${encodeURIComponent(id)}${verb}`;
  const deliveryPathOf = (id: string, verb = ''): string => `/v1/webhook-deliveries/${encodeURIComponent(id)}${verb}`;
  const post = <T>(path: string, options: WriteOptions, body?: unknown): Promise<T> =>
    transport.json<T>({ method: 'POST', path, ...(body === undefined ? {} : { body: jsonBody(body) }), ...options });
  const deliveries = (endpointId: string, filter: DeliveryFilter = {}, options: PageOptions = {}): Promise<Page<WebhookDelivery>> => {
    const { signal, ...place } = options;
    const query = { ...filter, ...place };
    return transport.json<Page<WebhookDelivery>>({
      method: 'GET',
      path: pathOf(endpointId, '/deliveries'),
      query,
      ...(signal ? { signal } : {}),
    });
  };
  return {
    /** Its answer is the only one that carries the secret. */
    create: (endpoint: { readonly url: string; readonly topics?: readonly string[] }, options: WriteOptions = {}) =>
      post<WebhookEndpointWithSecret>('/v1/webhook-endpoints', options, endpoint),
    list: async (options: RequestOptions = {}) =>
      (await transport.json<{ readonly items: readonly WebhookEndpoint[] }>({ method: 'GET', path: '/v1/webhook-endpoints', ...options }))
        .items,
    get: (id: string, options: RequestOptions = {}) => transport.json<WebhookEndpoint>({ method: 'GET', path: pathOf(id), ...options }),
    update: (id: string, change: Pick<WebhookEndpoint, 'url' | 'topics' | 'status'>, options: RequestOptions = {}) =>
      transport.json<WebhookEndpoint>({ method: 'PUT', path: pathOf(id), body: jsonBody(change), ...options }),
    delete: (id: string, options: RequestOptions = {}) =>
      transport.json<{ readonly id: string; readonly deleted: true }>({ method: 'DELETE', path: pathOf(id), ...options }),
    /** The secret before signs as well for `overlapHours`; 24 unless told. */
    rotateSecret: (id: string, rotation: { readonly overlapHours?: number } = {}, options: WriteOptions = {}) =>
      post<WebhookEndpointWithSecret>(pathOf(id, '/rotate-secret'), options, rotation),
    /** Puts a test event on its way. */
    test: (id: string, options: WriteOptions = {}) => post<WebhookDeliveryFile>(pathOf(id, '/test'), options),
    /** One page of what an endpoint was told, newest first. */
    deliveries,
    eachDelivery: (endpointId: string, filter: DeliveryFilter = {}, options: PageOptions = {}) =>
      pages((cursor) => deliveries(endpointId, filter, { ...options, ...cursor })),
    delivery: (id: string, options: RequestOptions = {}) =>
      transport.json<WebhookDeliveryFile>({ method: 'GET', path: deliveryPathOf(id), ...options }),
    replayDelivery: (id: string, options: WriteOptions = {}) => post<WebhookDeliveryFile>(deliveryPathOf(id, '/replay'), options),
    replay: (endpointId: string, replay: WebhookReplay, options: WriteOptions = {}) =>
      post<{ readonly replayed: number }>(pathOf(endpointId, '/replay'), options, replay),
  };
}
