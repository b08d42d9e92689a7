/** The line to one of Orange's hosts: its token, its headers, and how it refuses a token. */
import type { Clock } from '../../../domain/clock.ts';
import type { Rail } from '../../../domain/rail.ts';
import { createSend, type Fetch, type HttpAnswer, type HttpCall } from '../http.ts';
import type { EffectRequest, InquiryRequest, Outcome } from '../operator.ts';
import type { Money } from '../../../domain/money.ts';
import type { PinGuard } from '../pins.ts';
import { askGrant } from '../oauth.ts';
import { objectOf, parseObject, textOf } from '../reading.ts';
import { callWithToken, tokenNameOf, type TokenVault } from '../tokens.ts';

export interface OrangeDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly tokens: TokenVault;
  readonly pins: PinGuard;
}

/** One leg over one variant. */
export interface Half {
  submit(request: EffectRequest): Promise<Outcome>;
  inquire(request: InquiryRequest): Promise<Outcome>;
  balance(): Promise<Money | null>;
}

/** What a half works with besides its own settings. */
export interface HalfDeps extends OrangeDeps {
  readonly rail: Rail;
  readonly leg: 'collection' | 'payout';
  readonly timeoutMs: number;
  readonly absentAfterMs: number;
}

export type Line = (method: 'GET' | 'POST', path: string, body?: object, headers?: Readonly<Record<string, string>>) => Promise<HttpAnswer>;

interface LineOptions {
  readonly baseUrl: string;
  /** Our id at the host: one token per id, whichever rail or leg uses it. */
  readonly clientId: string;
  readonly tokenCall: HttpCall;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Opens a line. */
export function createLine(deps: HalfDeps, options: LineOptions): Line {
  const send = createSend({ fetch: deps.fetch, baseUrl: options.baseUrl, timeoutMs: deps.timeoutMs });
  const name = tokenNameOf('orange', options.baseUrl, options.clientId);
  return (method, path, body, headers = {}) =>
    callWithToken(
      (stale) => deps.tokens.take(name, stale, () => askGrant(send, options.tokenCall, deps.clock)),
      (token) =>
        send({
          method,
          path,
          headers: {
            authorization: `Bearer ${token}`,
            accept: 'application/json',
            ...options.headers,
            ...headers,
            ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          },
          ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        }),
      refusesToken,
    );
}

/** WSO2 gateways say so by number, some with HTTP 200: 900901 to 900904. Everybody else by 401. */
export function refusesToken(answer: HttpAnswer & { kind: 'answered' }): boolean {
  if (answer.status === 401) return true;
  const code = textOf(objectOf(parseObject(answer.body), 'fault'), 'code') ?? '';
  return /^90090[1-4]$/.test(code);
}

/** The status and the object of an answer of the 200s; null for any other. */
export function goodBody(answer: HttpAnswer) {
  if (answer.kind !== 'answered' || answer.status < 200 || answer.status > 299) return null;
  return parseObject(answer.body) ?? null;
}
