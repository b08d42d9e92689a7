/** The answer of an OAuth 2.0 token endpoint, read the same way for every operator. */
import type { Clock } from '../../domain/clock.ts';
import { noteUnusable } from './exchange.ts';
import type { HttpAnswer, HttpCall, Send } from './http.ts';
import { parseObject, textOf } from './reading.ts';
import type { Grant } from './tokens.ts';

/** Form body of the client credentials grant (RFC 6749, 4.4). */
export const CLIENT_CREDENTIALS_FORM = 'grant_type=client_credentials';

/** A Basic authorization header. */
export function basicAuthorization(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/**
 * The token in an answer. Lifetimes come as a number or as text, in seconds. 400, 401 and 403 with a body
 * that can be read mean that our credentials are wrong; anything else may pass. An answer that holds no token is noted as unusable.
 */
function grantOf(answer: HttpAnswer, clock: Clock): Grant {
  if (answer.kind !== 'answered') return 'unavailable';
  const body = parseObject(answer.body);
  const isRefusal = [400, 401, 403].includes(answer.status) && body !== undefined;
  const value = textOf(body, 'access_token');
  const lifetimeS = Number(textOf(body, 'expires_in') ?? '0');
  const isGood = answer.status >= 200 && answer.status <= 299 && value !== null && lifetimeS > 0;
  if (isGood) return { value, expiresAtMs: clock.now() + lifetimeS * 1000 };
  noteUnusable(isRefusal ? 'token_refused' : 'token_unreadable');
  return isRefusal ? 'refused' : 'unavailable';
}

/** Asks for a token by the call of an operator's own token endpoint. */
export async function askGrant(send: Send, call: HttpCall, clock: Clock): Promise<Grant> {
  return grantOf(await send({ ...call, asksToken: true }), clock);
}
