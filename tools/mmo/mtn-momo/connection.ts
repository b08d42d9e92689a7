/** The line to MTN in one country: each product has a subscription key, an API user and a token of its own. */
import type { Clock } from '../../../domain/clock.ts';
import { fault } from '../../../domain/errors.ts';
import type { Rail } from '../../../domain/rail.ts';
import { createSend, type Fetch, type HttpAnswer, type HttpCall } from '../http.ts';
import { askGrant, basicAuthorization } from '../oauth.ts';
import { callWithToken, tokenNameOf, type TokenVault } from '../tokens.ts';
import type { MtnMomoAccount, MtnMomoProfile } from './profile.ts';

export interface MtnMomoDeps {
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly tokens: TokenVault;
}

export type Product = 'collection' | 'disbursement' | 'remittance';

export interface Momo {
  readonly rail: Rail;
  readonly profile: MtnMomoProfile;
  readonly get: (product: Product, path: string) => Promise<HttpAnswer>;
  readonly remove: (product: Product, path: string) => Promise<HttpAnswer>;
  readonly post: (product: Product, path: string, headers: Readonly<Record<string, string>>, body: object) => Promise<HttpAnswer>;
}

/** Opens the line. */
export function connect(deps: MtnMomoDeps, rail: Rail, profile: MtnMomoProfile): Momo {
  const send = createSend({ fetch: deps.fetch, baseUrl: profile.baseUrl, timeoutMs: profile.timeoutMs });
  const headersOf = (product: Product, token: string) => ({
    authorization: `Bearer ${token}`,
    'ocp-apim-subscription-key': accountOf(profile, product).subscriptionKey,
    'x-target-environment': profile.targetEnvironment,
  });
  const withToken = (product: Product, call: (token: string) => Promise<HttpAnswer>) =>
    callWithToken(
      (stale) =>
        deps.tokens.take(tokenNameOf('mtn_momo', profile.baseUrl, accountOf(profile, product).apiUser, product), stale, () =>
          askGrant(send, tokenCall(profile, product), deps.clock),
        ),
      call,
      (answer) => answer.status === 401,
    );
  return {
    rail,
    profile,
    get: (product, path) => withToken(product, (token) => send({ method: 'GET', path, headers: headersOf(product, token) })),
    remove: (product, path) => withToken(product, (token) => send({ method: 'DELETE', path, headers: headersOf(product, token) })),
    post: (product, path, headers, body) =>
      withToken(product, (token) =>
        send({
          method: 'POST',
          path,
          headers: { ...headersOf(product, token), ...headers, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        }),
      ),
  };
}

/** The account of a product. Throws `config_invalid` for remittance where it is not set up. */
export function accountOf(profile: MtnMomoProfile, product: Product): MtnMomoAccount {
  const account = profile[product];
  if (account === undefined) throw fault('config_invalid', { field: product, detail: `MTN's product ${product} is not set up.` });
  return account;
}

function tokenCall(profile: MtnMomoProfile, product: Product): HttpCall {
  const { apiUser, apiKey, subscriptionKey } = accountOf(profile, product);
  return {
    method: 'POST',
    path: `/${product}/token/`,
    headers: { authorization: basicAuthorization(apiUser, apiKey), 'ocp-apim-subscription-key': subscriptionKey },
    // An empty body is sent for its `Content-Length: 0`, without which MTN answers 411.
    body: '',
  };
}
