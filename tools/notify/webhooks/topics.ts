/** What endpoints can be told about, and how an event looks on the wire. */
import { ANNOUNCED, APPROVAL_TOPIC } from '../../../db/queries/transitions.ts';

export const TEST_TOPIC = 'webhook.test';
/** An officer asks something about a held payment. */
export const INFORMATION_TOPIC = 'payment.information_requested';
export const DISABLED_TOPIC = 'webhook_endpoint.disabled';

/** Topics an endpoint can ask for; a test comes whatever it asked for. */
export const WEBHOOK_TOPICS: readonly string[] = [
  ...ANNOUNCED.map((status) => `payment.${status}`),
  APPROVAL_TOPIC,
  INFORMATION_TOPIC,
  DISABLED_TOPIC,
];

/** The body of an event by the Standard Webhooks specification. `data` carries no personal data. */
export function eventBody(topic: string, at: Date, data: unknown): string {
  return JSON.stringify({ type: topic, timestamp: at.toISOString(), data });
}
