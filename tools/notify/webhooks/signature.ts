/**
 * Signatures by the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`, made by the
 * specification's own library. While a rotated secret overlaps with its successor, both sign.
 */
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** The specification asks for 24 to 64 bytes. */
const SECRET_BYTES = 32;

/** A new signing secret in the specification's form, `whsec_` and base64. */
export function newSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`;
}

export interface SignedHeaders {
  readonly 'webhook-id': string;
  /** Seconds since the epoch. */
  readonly 'webhook-timestamp': string;
  readonly 'webhook-signature': string;
}

/** The headers that prove a body to whoever holds one of the secrets. */
export function signedHeaders(
  secrets: readonly string[],
  message: { readonly id: string; readonly atMs: number; readonly body: string },
): SignedHeaders {
  const at = new Date(message.atMs);
  return {
    'webhook-id': message.id,
    'webhook-timestamp': String(Math.floor(message.atMs / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(message.id, at, message.body)).join(' '),
  };
}
