/** The line to Airtel in one country: token, headers, signatures, and what the client must remember about its PIN. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import type { Rail } from '../../../domain/rail.ts';
import { createSend, type Fetch, type HttpAnswer, type HttpCall } from '../http.ts';
import { readPublicKey } from '../public-key.ts';
import type { PinGuard } from '../pins.ts';
import { askGrant } from '../oauth.ts';
import { objectOf, parseObject, textOf } from '../reading.ts';
import { callWithToken, tokenNameOf, type TokenVault } from '../tokens.ts';
import { signatureHeaders } from './crypto.ts';
import { codesOf, SIGNATURE_REFUSALS } from './outcomes.ts';
import type { AirtelProfile } from './profile.ts';

export interface Airtel {
  readonly rail: Rail;
  readonly profile: AirtelProfile;
  readonly pinKey: KeyObject;
  readonly get: (path: string) => Promise<HttpAnswer>;
  /** Sends a body, signed where the country wants it so. */
  readonly post: (path: string, body: object) => Promise<HttpAnswer>;
  readonly pins: PinGuard;
}

interface SigningKey {
  readonly key: KeyObject;
  readonly validUntilMs: number;
}

type NotSent = HttpAnswer & { kind: 'not_sent' };

type Authorized = (call: (token: string) => Promise<HttpAnswer>) => Promise<HttpAnswer>;

/** Opens the line. Throws `config_invalid` when the key for the PIN cannot be read. */
export function connect(
  deps: { fetch: Fetch; clock: Clock; tokens: TokenVault; pins: PinGuard },
  rail: Rail,
  profile: AirtelProfile,
): Airtel {
  const send = createSend({ fetch: deps.fetch, baseUrl: profile.baseUrl, timeoutMs: profile.timeoutMs });
  const authorized: Authorized = (call) =>
    callWithToken(
      (stale) =>
        deps.tokens.take(tokenNameOf('airtel', profile.baseUrl, profile.clientId), stale, () =>
          askGrant(send, tokenCall(profile), deps.clock),
        ),
      call,
      refusesToken,
    );
  const headersOf = (token: string) => ({
    authorization: `Bearer ${token}`,
    accept: 'application/json',
    'x-country': rail.country,
    'x-currency': rail.currency,
  });
  const get = (path: string) => authorized((token) => send({ method: 'GET', path, headers: headersOf(token) }));
  const postText = (path: string, body: string, signature: Readonly<Record<string, string>>) =>
    authorized((token) =>
      send({ method: 'POST', path, headers: { ...headersOf(token), ...signature, 'content-type': 'application/json' }, body }),
    );
  const signed = signedPost(get, postText, deps.clock);
  return {
    rail,
    profile,
    pinKey: pinKeyOf(rail, profile),
    get,
    post: (path, body) => (profile.signing ? signed(path, JSON.stringify(body)) : postText(path, JSON.stringify(body), {})),
    pins: deps.pins,
  };
}

function pinKeyOf(rail: Rail, profile: AirtelProfile): KeyObject {
  try {
    return readPublicKey(profile.payout.publicKey);
  } catch (cause) {
    const field = `operators.${rail.id}.payout.publicKey`;
    throw fault('config_invalid', { field, detail: `${field} is no public key, neither PEM nor base64 of DER.`, cause });
  }
}

function tokenCall({ clientId, clientSecret }: AirtelProfile): HttpCall {
  return {
    method: 'POST',
    path: '/auth/oauth2/token',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ client_id: clientId, client_secret: clientSecret, grant_type: 'client_credentials' }),
  };
}

/** 401 with OAuth's own error; a firewall's 401 page says nothing about the token. */
function refusesToken(answer: HttpAnswer & { kind: 'answered' }): boolean {
  return answer.status === 401 && textOf(parseObject(answer.body), 'error') !== null;
}

/**
 * Posts with a signature. The key is fetched once and kept until it ends; when Airtel refuses a signature,
 * which it does before it looks at the request, it is fetched anew and the same body is sent once more.
 */
function signedPost(
  get: (path: string) => Promise<HttpAnswer>,
  postText: (path: string, body: string, signature: Readonly<Record<string, string>>) => Promise<HttpAnswer>,
  clock: Clock,
): (path: string, body: string) => Promise<HttpAnswer> {
  let held: SigningKey | null = null;
  const keyFor = async (): Promise<SigningKey | NotSent> => {
    if (held !== null && clock.now() < held.validUntilMs) return held;
    const given = await get('/v1/rsa/encryption-keys');
    held = readSigningKey(given, clock.now());
    // Without a key nothing is sent, for whatever reason there is none.
    return held ?? (given.kind === 'not_sent' ? given : { kind: 'not_sent', reason: 'unreachable' });
  };
  return async (path, body) => {
    const key = await keyFor();
    if ('kind' in key) return key;
    const answer = await postText(path, body, signatureHeaders(body, key.key));
    if (answer.kind !== 'answered' || !refusesSignature(answer.body)) return answer;
    held = null;
    const next = await keyFor();
    return 'kind' in next ? answer : postText(path, body, signatureHeaders(body, next.key));
  };
}

function refusesSignature(text: string): boolean {
  const body = parseObject(text);
  return body !== undefined && codesOf(body).some((code) => SIGNATURE_REFUSALS.includes(code));
}

/** A key is used up to this long before its end. Airtel does not say in which zone it writes the end: a day covers them all. */
const KEY_MARGIN_MS = 86_400_000;
/** What a key without a readable end, or with one that is near, is kept for. */
const KEY_LIFE_MS_MIN = 600_000;

/** The key of an answer, with the moment until which it is used; null when it holds none. */
function readSigningKey(answer: HttpAnswer, nowMs: number): SigningKey | null {
  if (answer.kind !== 'answered' || answer.status !== 200) return null;
  const data = objectOf(parseObject(answer.body), 'data');
  const text = textOf(data, 'key');
  if (text === null) return null;
  try {
    const untilMs = keyEndMs(textOf(data, 'valid_upto')) - KEY_MARGIN_MS;
    return { key: readPublicKey(text), validUntilMs: Math.max(untilMs, nowMs + KEY_LIFE_MS_MIN) };
  } catch {
    return null;
  }
}

/** `DD-MM-YYYY HH:mm:ss`, read as UTC; long ago for anything else. */
function keyEndMs(text: string | null): number {
  const [, day, month, year, time] = /^(\d\d)-(\d\d)-(\d{4}) (\d\d:\d\d:\d\d)$/.exec(text ?? '') ?? [];
  const ms = Date.parse(`${year}-${month}-${day}T${time}Z`);
  return Number.isNaN(ms) ? 0 : ms;
}
