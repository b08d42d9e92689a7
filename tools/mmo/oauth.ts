/** The answer of an OAuth 2.0 token endpoint, read the same way for every operator. */
import type { Clock } from '../../domain/clock.ts';
import type { HttpAnswer } from './http.ts';
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
 * that can be read mean that our credentials are wrong; anything else may pass.
 */
export function grantOf(answer: HttpAnswer, clock: Clock): Grant {
  if (answer.kind !== 'answered') return 'unavailable';
  const body = parseObject(answer.body);
  if ([400, 401, 403].includes(answer.status)) return body === undefined ? 'unavailable' : 'refused';
  const value = textOf(body, 'access_token');
  const lifetimeS = Number(textOf(body, 'expires_in') ?? '0');
  if (answer.status < 200 || answer.status > 299 || value === null || !(lifetimeS > 0)) return 'unavailable';
  return { value, expiresAtMs: clock.now() + lifetimeS * 1000 };
}
