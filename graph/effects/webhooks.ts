/**
 * Telling clients. Events of the outbox become deliveries, deliveries that are due are tried, each
 * endpoint within a limit of its own, so that one that hangs delays nobody but itself.
 */
import {
  type ClaimedDelivery,
  claimDeliveries,
  type Conclusion,
  concludeTry,
  giveUpAbandoned,
  requestOf,
} from '../../tools/notify/webhooks/deliver.ts';
import { planDeliveries } from '../../tools/notify/webhooks/plan.ts';
import { type SenderOptions, type SendResult, sendWebhook, type WebhookRequest } from '../../tools/notify/webhooks/send.ts';
import type { GraphDeps } from '../types.ts';
import { createPump, nameOf, type Pump } from './pump.ts';

/** Requests to one endpoint under way at most, per process. */
const PER_ENDPOINT_MAX = 8;
const TIMEOUT_MS = 15_000;
/** A try cannot be under way any more when its lease ends. */
const LEASE_MS = 2 * TIMEOUT_MS;

/** Sends one webhook, and says what came of it. */
export type WebhookSend = (request: WebhookRequest) => Promise<SendResult>;

/** A pump that delivers; `sender` changes how connections are made, for tests, and `given` sends in their place. */
export function webhookPump(deps: GraphDeps, sender: Partial<SenderOptions> = {}, given?: WebhookSend): Pump {
  const options: SenderOptions = { timeoutMs: TIMEOUT_MS, allowPrivate: deps.settings.webhookAllowPrivate, ...sender };
  const send = given ?? ((request: WebhookRequest) => sendWebhook(options, request));
  return createPump<ClaimedDelivery>({
    capacity: deps.settings.effectsMax,
    groupCapacity: PER_ENDPOINT_MAX,
    groupOf: (delivery) => delivery.endpoint_id,
    claim: (limit, saturated) => claimDeliveries(deps.pool, { limit, saturated, nowMs: deps.clock.now(), leaseMs: LEASE_MS }),
    work: (delivery) => deliver(deps, send, delivery),
    onError: (error) => deps.log.error({ what: 'webhook', error: nameOf(error) }, 'effect failed'),
  });
}

/** Plans what is new in the outbox, gives up what nobody waits for any more, and has the rest delivered. */
export async function workWebhooks(deps: GraphDeps, pump: Pump): Promise<void> {
  await planDeliveries(deps.pool, deps.clock.now(), deps.texting?.clientIds);
  if (deps.texting !== undefined) deps.notify('sms');
  await giveUpAbandoned(deps.pool, deps.clock.now());
  await pump.kick();
}

async function deliver(deps: GraphDeps, send: WebhookSend, delivery: ClaimedDelivery): Promise<void> {
  const startedAtMs = deps.clock.now();
  const result = await send(requestOf(deps.keyring, delivery, startedAtMs));
  const conclusion = await concludeTry(deps.pool, delivery, { result, startedAtMs, endedAtMs: deps.clock.now() });
  report(deps, delivery, conclusion);
}

function report(deps: GraphDeps, delivery: ClaimedDelivery, conclusion: Conclusion): void {
  const ids = { deliveryId: delivery.id, endpointId: delivery.endpoint_id, clientId: delivery.client_id };
  if (conclusion.end === 'lost') deps.log.info(ids, 'webhook taken over by another worker');
  if (conclusion.end !== 'given_up') return;
  deps.log.warn({ ...ids, topic: delivery.topic }, 'webhook given up');
  if (conclusion.disabled !== null) deps.log.warn({ ...ids, reason: conclusion.disabled }, 'webhook endpoint disabled');
}
