/** Webhook endpoints and deliveries, as callers see them. */
import { z } from '@hono/zod-openapi';
import type { DeliveryFile, DeliveryRow, EndpointRow } from '../../../db/queries/webhooks.ts';
import { WEBHOOK_TOPICS } from '../../../tools/notify/webhooks/topics.ts';
import { idSchema, momentOut, momentSchema } from './common.ts';

export const DELIVERY_STATES = ['waiting', 'delivered', 'given_up'] as const;

export const topicsSchema = z
  .array(z.enum(WEBHOOK_TOPICS as [string, ...string[]]))
  .max(WEBHOOK_TOPICS.length)
  .openapi({ description: 'What the endpoint is told about; none means everything.', example: ['payment.paid', 'payment.failed'] });

export const endpointSchema = z
  .object({
    id: idSchema,
    url: z.string(),
    topics: z.array(z.string()),
    status: z.enum(['enabled', 'disabled']),
    disabledReason: z
      .enum(['client', 'failing', 'gone'])
      .nullable()
      .openapi({ description: '`failing`: no try got through in three days. `gone`: it answered 410.' }),
    disabledAt: momentSchema.nullable(),
    previousSecretUntil: momentSchema.nullable().openapi({ description: 'Until then the secret before the last rotation signs as well.' }),
    health: z.object({
      failuresInRow: z.int(),
      failingSince: momentSchema.nullable(),
      lastSuccessAt: momentSchema.nullable(),
      lastFailureAt: momentSchema.nullable(),
      lastFailureCode: z.string().nullable().openapi({ example: 'http_500' }),
    }),
    createdAt: momentSchema,
    updatedAt: momentSchema,
  })
  .openapi('WebhookEndpoint');

export const secretSchema = z.string().openapi({ description: 'Shown this once.', example: 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' });
export const endpointWithSecretSchema = endpointSchema.extend({ secret: secretSchema }).openapi('WebhookEndpointWithSecret');

export function endpointOut(row: EndpointRow): z.infer<typeof endpointSchema> {
  return {
    id: row.id,
    url: row.url,
    topics: [...row.topics],
    status: row.status,
    disabledReason: row.disabledReason,
    disabledAt: momentOut(row.disabledAt),
    previousSecretUntil: momentOut(row.previousSecretUntil),
    health: {
      failuresInRow: row.failuresInRow,
      failingSince: momentOut(row.failingSince),
      lastSuccessAt: momentOut(row.lastSuccessAt),
      lastFailureAt: momentOut(row.lastFailureAt),
      lastFailureCode: row.lastFailureCode,
    },
    createdAt: momentOut(row.createdAt),
    updatedAt: momentOut(row.updatedAt),
  };
}

export const deliverySchema = z
  .object({
    id: idSchema,
    endpointId: idSchema,
    paymentId: idSchema.nullable(),
    eventId: idSchema.openapi({ description: 'The `webhook-id` header: the same for every try, replay and endpoint.' }),
    topic: z.string().openapi({ example: 'payment.paid' }),
    state: z.enum(DELIVERY_STATES),
    reasonCode: z.string().nullable().openapi({ description: '`retries_spent`, `endpoint_disabled` or `endpoint_gone`.' }),
    tries: z.int(),
    nextAttemptAt: momentSchema.nullable(),
    createdAt: momentSchema,
    endedAt: momentSchema.nullable(),
  })
  .openapi('WebhookDelivery');

export function deliveryOut(row: DeliveryRow): z.infer<typeof deliverySchema> {
  return {
    id: row.id,
    endpointId: row.endpointId,
    paymentId: row.paymentId,
    eventId: row.eventId,
    topic: row.topic,
    state: row.state,
    reasonCode: row.reasonCode,
    tries: row.tries,
    nextAttemptAt: momentOut(row.nextAttemptAt),
    createdAt: momentOut(row.createdAt),
    endedAt: momentOut(row.endedAt),
  };
}

export const deliveryFileSchema = deliverySchema
  .extend({
    body: z.string().openapi({ description: 'As it was signed and sent.' }),
    attempts: z.array(
      z.object({
        at: momentSchema,
        durationMs: z.int(),
        status: z.int().nullable().openapi({ description: 'The HTTP status, if there was an answer.' }),
        code: z.string().nullable().openapi({ description: 'Why the try failed; null for one that did not.', example: 'timeout' }),
      }),
    ),
  })
  .openapi('WebhookDeliveryFile');

export function deliveryFileOut(row: DeliveryFile): z.infer<typeof deliveryFileSchema> {
  return { ...deliveryOut(row), body: row.body, attempts: row.attemptLog.map((each) => ({ ...each })) };
}
