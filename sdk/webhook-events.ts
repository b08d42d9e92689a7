/**
 * Receiving webhooks: whether one is from CAPP, and making some that are as good for a receiver's own
 * tests. Signatures are those of Standard Webhooks, made and checked by its library.
 */
import { Webhook } from 'standardwebhooks';
import { CappError } from './errors.ts';

/** What a webhook says. `data` of a `payment.…` event tells the payment, its status and amounts. */
export interface WebhookEvent<Data = Readonly<Record<string, unknown>>> {
  /** Of the event, not of the try: what was seen before is a repeat. */
  readonly id: string;
  /** `payment.paid` and so on. */
  readonly type: string;
  /** When it happened, ISO 8601. */
  readonly timestamp: string;
  readonly data: Data;
}

export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>;

/**
 * Checks a webhook and gives its event. `body` is the text as it came: parsed and written again it would
 * not verify. `secrets` is the endpoint's secret, or several while one is being replaced. Throws a
 * `CappError` with the code `webhook_invalid` for what is not signed with one of them, or is not from
 * within five minutes of now.
 */
export function verifyWebhook(body: string, headers: WebhookHeaders, secrets: string | readonly string[]): WebhookEvent {
  const signed = {
    'webhook-id': headerOf(headers, 'webhook-id'),
    'webhook-timestamp': headerOf(headers, 'webhook-timestamp'),
    'webhook-signature': headerOf(headers, 'webhook-signature'),
  };
  let failure: unknown;
  for (const secret of typeof secrets === 'string' ? [secrets] : secrets) {
    try {
      new Webhook(secret).verify(body, signed, { jsonParse: false });
      return { ...(JSON.parse(body) as Omit<WebhookEvent, 'id'>), id: signed['webhook-id'] };
    } catch (error) {
      failure = error;
    }
  }
  const reason = failure instanceof Error ? failure.message : 'There is no secret to check it with';
  throw new CappError('webhook_invalid', `The webhook cannot be trusted: ${reason}.`, { cause: failure });
}

function headerOf(headers: WebhookHeaders, name: string): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  const entry = Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof entry === 'string' ? entry : (entry?.[0] ?? '');
}

/** The headers CAPP would send with a body, for a receiver's own tests. */
export function webhookTestHeaders(message: {
  readonly secret: string;
  readonly body: string;
  readonly id?: string;
  /** The moment it claims to be sent; now unless told. */
  readonly at?: Date;
}): Readonly<Record<'webhook-id' | 'webhook-timestamp' | 'webhook-signature', string>> {
  const id = message.id ?? crypto.randomUUID();
  const at = message.at ?? new Date();
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': new Webhook(message.secret).sign(id, at, message.body),
  };
}
