/**
 * Webhooks out: where a client wants to be told, the log of what it was told, and telling it again. The
 * secret that signs is shown when it is made and never after.
 *
 * Every act first reads its endpoint as the tenant, so that another client's is not found whatever the statement says; it is then done
 * over connections that change rows of that client alone.
 */
import { z } from '@hono/zod-openapi';
import {
  deleteEndpoint,
  findDelivery,
  findEndpoint,
  insertEndpoint,
  listDeliveries,
  listEndpoints,
  rotateSecret,
  updateEndpoint,
} from '../../../db/queries/webhooks.ts';
import { fault } from '../../../domain/errors.ts';
import { newId } from '../../../domain/ids.ts';
import { SECRET_CONTEXT } from '../../../tools/notify/webhooks/deliver.ts';
import { replayDelivery, replayFailed, replayRange, sendTest } from '../../../tools/notify/webhooks/replay.ts';
import { newSecret } from '../../../tools/notify/webhooks/signature.ts';
import { checkTarget } from '../../../tools/notify/webhooks/target.ts';
import { CURSOR_UUID, decodeCursor, encodeCursor } from '../cursor.ts';
import type { ApiDeps, Caller } from '../deps.ts';
import { addHeader } from '../headers.ts';
import { answers, idParam, idParams, nextCursor, pageOf, pageQuery } from '../http.ts';
import { type Api, mount } from '../mount.ts';
import {
  DELIVERY_STATES,
  deliveryFileOut,
  deliveryFileSchema,
  deliveryOut,
  deliverySchema,
  endpointOut,
  endpointSchema,
  endpointWithSecretSchema,
  topicsSchema,
} from '../resources/webhooks.ts';

const ENDPOINTS_MAX = 20;
const HOUR_MS = 3_600_000;
const OVERLAP_HOURS = 24;
const OVERLAP_HOURS_MAX = 168;

const urlSchema = z
  .string()
  .max(2_048)
  .openapi({ description: 'An `https` address on the public internet.', example: 'https://example.com/capp' });
const createSchema = z.strictObject({ url: urlSchema, topics: topicsSchema.default([]) }).openapi('WebhookEndpointCreation');
const changeSchema = z
  .strictObject({ url: urlSchema, topics: topicsSchema, status: z.enum(['enabled', 'disabled']) })
  .openapi('WebhookEndpointChange');
const rotationSchema = z
  .strictObject({ overlapHours: z.int().min(0).max(OVERLAP_HOURS_MAX).default(OVERLAP_HOURS) })
  .openapi('WebhookSecretRotation');
const replaySchema = z
  .discriminatedUnion('which', [
    z.strictObject({ which: z.literal('failed') }),
    z.strictObject({ which: z.literal('range'), from: z.iso.datetime(), to: z.iso.datetime() }),
  ])
  .openapi('WebhookReplay', { description: '`range`: every event from one moment to before another, told before or not.' });

/** Mounts the routes of webhooks. */
export function mountWebhooks(api: Api): void {
  mountCreation(api);
  mountEndpoints(api);
  mountRotation(api);
  mountDeliveries(api);
  mountReplays(api);
}

function mountCreation(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, z.infer<typeof createSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/webhook-endpoints',
      operationId: 'createWebhookEndpoint',
      tag: 'Webhooks',
      summary: 'Name an address that is to be told what becomes of payments',
      scope: 'webhooks:write',
      idempotent: true,
      body: { schema: createSchema },
      responses: { 201: answers('The endpoint with its secret, which is shown this once.', endpointWithSecretSchema) },
      refusals: ['webhook_target_refused', 'webhook_endpoints_full'],
    },
    async ({ c, caller, body }) => {
      await checkTarget(body.url, targetPolicy(deps));
      const secret = newSecret();
      const row = await insertEndpoint(
        deps.tenants.writing(caller.clientId),
        {
          id: newId(),
          clientId: caller.clientId,
          url: body.url,
          secret: deps.keyring.encrypt(secret, SECRET_CONTEXT),
          topics: body.topics,
          actor: caller.principal,
          nowMs: deps.clock.now(),
        },
        ENDPOINTS_MAX,
      );
      if (row === null) throw fault('webhook_endpoints_full', { detail: `A client has at most ${ENDPOINTS_MAX} webhook endpoints.` });
      c.set('logged', { endpointId: row.id, principal: caller.principal });
      addHeader(c, 'Location', `/v1/webhook-endpoints/${row.id}`);
      return { status: 201, body: { ...endpointOut(row), secret } };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/webhook-endpoints',
      operationId: 'listWebhookEndpoints',
      tag: 'Webhooks',
      summary: 'List the webhook endpoints',
      scope: 'webhooks:read',
      responses: { 200: answers('Every endpoint, oldest first.', z.object({ items: z.array(endpointSchema) })) },
    },
    async ({ caller }) => ({
      status: 200,
      body: { items: (await listEndpoints(deps.tenants.of(caller.clientId), caller.clientId)).map(endpointOut) },
    }),
  );
}

function targetPolicy(deps: ApiDeps): { readonly allowPrivate: boolean } {
  return { allowPrivate: deps.webhookAllowPrivate ?? false };
}

function mountEndpoints(api: Api): void {
  const { deps } = api;
  const path = '/v1/webhook-endpoints/{id}';
  mount(
    api,
    {
      method: 'get',
      path,
      operationId: 'getWebhookEndpoint',
      tag: 'Webhooks',
      summary: 'Read a webhook endpoint and its health',
      scope: 'webhooks:read',
      params: idParams,
      responses: { 200: answers('The endpoint.', endpointSchema) },
    },
    async ({ c, caller }) => ({ status: 200, body: endpointOut(await load(deps, caller, idParam(c))) }),
  );
  mount<z.ZodType, z.infer<typeof changeSchema>>(
    api,
    {
      method: 'put',
      path,
      operationId: 'updateWebhookEndpoint',
      tag: 'Webhooks',
      summary: 'Change a webhook endpoint, disable it, enable it again',
      description: 'What waits for an endpoint that is disabled is given up; it can be replayed once the endpoint is enabled again.',
      scope: 'webhooks:write',
      params: idParams,
      body: { schema: changeSchema },
      responses: { 200: answers('The endpoint.', endpointSchema) },
      refusals: ['webhook_target_refused'],
    },
    async ({ c, caller, body }) => {
      const endpointId = idParam(c);
      await checkTarget(body.url, targetPolicy(deps));
      await load(deps, caller, endpointId);
      const row = await updateEndpoint(deps.tenants.writing(caller.clientId), {
        clientId: caller.clientId,
        endpointId,
        ...body,
        actor: caller.principal,
        nowMs: deps.clock.now(),
      });
      if (row === null) throw fault('not_found');
      c.set('logged', { endpointId, principal: caller.principal });
      return { status: 200, body: endpointOut(row) };
    },
  );
  mount(
    api,
    {
      method: 'delete',
      path,
      operationId: 'deleteWebhookEndpoint',
      tag: 'Webhooks',
      summary: 'Take a webhook endpoint away',
      description: 'What waits for it is given up; the log of its deliveries stays.',
      scope: 'webhooks:write',
      params: idParams,
      responses: { 200: answers('It is gone.', z.object({ id: z.uuid(), deleted: z.literal(true) })) },
    },
    async ({ c, caller }) => {
      const { id: endpointId } = await load(deps, caller, idParam(c));
      const act = { clientId: caller.clientId, endpointId, actor: caller.principal, nowMs: deps.clock.now() };
      if (!(await deleteEndpoint(deps.tenants.writing(caller.clientId), act))) throw fault('not_found');
      c.set('logged', { endpointId, principal: caller.principal });
      return { status: 200, body: { id: endpointId, deleted: true } };
    },
  );
}

async function load(deps: ApiDeps, caller: Caller, endpointId: string) {
  const row = await findEndpoint(deps.tenants.of(caller.clientId), caller.clientId, endpointId);
  if (row === null) throw fault('not_found');
  return row;
}

/** An endpoint of the caller's as an act on it takes it. Throws `not_found`. */
async function endpointOf(deps: ApiDeps, caller: Caller, endpointId: string) {
  const { id } = await load(deps, caller, endpointId);
  return { clientId: caller.clientId, endpointId: id, actor: caller.principal };
}

function mountRotation(api: Api): void {
  const { deps } = api;
  mount<z.ZodType, z.infer<typeof rotationSchema>>(
    api,
    {
      method: 'post',
      path: '/v1/webhook-endpoints/{id}/rotate-secret',
      operationId: 'rotateWebhookSecret',
      tag: 'Webhooks',
      summary: 'Replace the signing secret',
      description: `Both secrets sign while they overlap: ${OVERLAP_HOURS} hours unless told, ${OVERLAP_HOURS_MAX} at most.`,
      scope: 'webhooks:write',
      idempotent: true,
      params: idParams,
      body: { schema: rotationSchema, required: false },
      responses: { 200: answers('The endpoint with its new secret, which is shown this once.', endpointWithSecretSchema) },
    },
    async ({ c, caller, body }) => {
      const [endpointId, nowMs, secret] = [idParam(c), deps.clock.now(), newSecret()];
      await load(deps, caller, endpointId);
      const row = await rotateSecret(deps.tenants.writing(caller.clientId), {
        clientId: caller.clientId,
        endpointId,
        secret: deps.keyring.encrypt(secret, SECRET_CONTEXT),
        overlapUntilMs: nowMs + body.overlapHours * HOUR_MS,
        actor: caller.principal,
        nowMs,
      });
      if (row === null) throw fault('not_found');
      c.set('logged', { endpointId, principal: caller.principal });
      return { status: 200, body: { ...endpointOut(row), secret } };
    },
  );
}

function mountDeliveries(api: Api): void {
  const { deps } = api;
  mount(
    api,
    {
      method: 'get',
      path: '/v1/webhook-endpoints/{id}/deliveries',
      operationId: 'listWebhookDeliveries',
      tag: 'Webhooks',
      summary: 'List what an endpoint was told, newest first',
      scope: 'webhooks:read',
      params: idParams,
      query: z.strictObject({ ...pageQuery, state: z.enum(DELIVERY_STATES).optional(), paymentId: z.uuid().optional() }),
      responses: { 200: answers('A page of deliveries.', pageOf(deliverySchema)) },
    },
    async ({ c, caller, query: { limit, cursor, state, paymentId } }) => {
      const { id: endpointId } = await load(deps, caller, idParam(c));
      const list = `webhook deliveries ${JSON.stringify([endpointId, state, paymentId])}`;
      const [at, id] = cursor === undefined ? [] : decodeCursor(list, cursor, [/^\d{4}-[\dT:.-]+Z$/, CURSOR_UUID]);
      const after = at === undefined || id === undefined ? null : { createdAt: new Date(at), id };
      const rows = await listDeliveries(
        deps.tenants.listing(caller.clientId),
        caller.clientId,
        { endpointId, state, paymentId },
        { after, limit },
      );
      const encode = (last: (typeof rows)[number]) => encodeCursor(list, [last.createdAt.toISOString(), last.id]);
      return { status: 200, body: { items: rows.map(deliveryOut), nextCursor: nextCursor(rows, limit, encode) } };
    },
  );
  mount(
    api,
    {
      method: 'get',
      path: '/v1/webhook-deliveries/{id}',
      operationId: 'getWebhookDelivery',
      tag: 'Webhooks',
      summary: 'Read a delivery with its body and every try',
      scope: 'webhooks:read',
      params: idParams,
      responses: { 200: answers('The delivery.', deliveryFileSchema) },
    },
    async ({ c, caller }) => ({ status: 200, body: await deliveryFile(deps, caller, idParam(c)) }),
  );
}

async function deliveryFile(deps: ApiDeps, caller: Caller, deliveryId: string) {
  const row = await findDelivery(deps.tenants.of(caller.clientId), caller.clientId, deliveryId);
  if (row === null) throw fault('not_found');
  return deliveryFileOut(row);
}

function mountReplays(api: Api): void {
  const { deps } = api;
  const shared = { tag: 'Webhooks', scope: 'webhooks:write', idempotent: true, params: idParams } as const;
  mount(
    api,
    {
      ...shared,
      method: 'post',
      path: '/v1/webhook-deliveries/{id}/replay',
      operationId: 'replayWebhookDelivery',
      summary: 'Send one delivery again',
      responses: { 202: answers('On its way again.', deliveryFileSchema) },
      refusals: ['webhook_endpoint_disabled', 'webhook_delivery_waiting'],
    },
    async ({ c, caller }) => {
      const { id: deliveryId } = await deliveryFile(deps, caller, idParam(c));
      await replayDelivery(
        deps.tenants.writing(caller.clientId),
        { clientId: caller.clientId, deliveryId, actor: caller.principal },
        deps.clock.now(),
      );
      deps.notify('webhooks');
      return { status: 202, body: await deliveryFile(deps, caller, deliveryId) };
    },
  );
  mount<z.ZodType, z.infer<typeof replaySchema>>(
    api,
    {
      ...shared,
      method: 'post',
      path: '/v1/webhook-endpoints/{id}/replay',
      operationId: 'replayWebhookDeliveries',
      summary: 'Send everything again that failed, or that happened in a stretch of time',
      body: { schema: replaySchema },
      responses: { 202: answers('How many deliveries are on their way again.', z.object({ replayed: z.int() })) },
      refusals: ['webhook_endpoint_disabled'],
    },
    async ({ c, caller, body }) => {
      const endpoint = await endpointOf(deps, caller, idParam(c));
      const nowMs = deps.clock.now();
      const replayed =
        body.which === 'failed'
          ? await replayFailed(deps.tenants.writing(caller.clientId), endpoint, nowMs)
          : await replayRange(deps.tenants.writing(caller.clientId), endpoint, { from: new Date(body.from), to: new Date(body.to) }, nowMs);
      deps.notify('webhooks');
      return { status: 202, body: { replayed } };
    },
  );
  mount(
    api,
    {
      ...shared,
      method: 'post',
      path: '/v1/webhook-endpoints/{id}/test',
      operationId: 'testWebhookEndpoint',
      summary: 'Send a test event',
      responses: { 202: answers('On its way.', deliveryFileSchema) },
      refusals: ['webhook_endpoint_disabled'],
    },
    async ({ c, caller }) => {
      const deliveryId = await sendTest(
        deps.tenants.writing(caller.clientId),
        await endpointOf(deps, caller, idParam(c)),
        deps.clock.now(),
      );
      deps.notify('webhooks');
      return { status: 202, body: await deliveryFile(deps, caller, deliveryId) };
    },
  );
}
