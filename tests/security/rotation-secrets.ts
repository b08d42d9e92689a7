/**
 * What the field keys themselves seal and everybody depends on: the second factor of a login, the key that signs tokens, the secret that
 * signs webhooks. Left under the old key, and used over the public API once that key is gone.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { BenchPlatform } from '../../bench/platform.ts';
import type { Keyring } from '../../db/keyring.ts';
import { DEMO_CLIENT_ID } from '../../db/seed.ts';
import { systemClock } from '../../domain/clock.ts';
import { createCapp, verifyWebhook } from '../../sdk/index.ts';
import { PASSWORD, storeLogin } from './people.ts';

const PRINCIPAL = 'operator:rotation';
/** Of payments the endpoint is told nothing. */
const TOPICS = ['payment.cancelled'];

export interface LeftSecrets {
  /** Status of a login, and of a read with the token that it gave; 0 for what was not tried. */
  logIn(url: string): Promise<{ readonly login: number; readonly read: number; readonly sameSigningKey: boolean }>;
  /** Asks for a test event. */
  askForEvent(bench: BenchPlatform): Promise<void>;
  /** Events that came to the receiver, signed with the secret that the client was shown, and others. */
  readonly events: { readonly signed: number; readonly unsigned: number };
  close(): Promise<void>;
}

/** Leaves them at a platform that goes by the old keys, `keyring`. It must send webhooks to this machine. */
export async function leaveSecrets({ platform, pool }: BenchPlatform, keyring: Keyring): Promise<LeftSecrets> {
  const events = { signed: 0, unsigned: 0 };
  let secret = '';
  const receiver = createServer((request, response) => {
    void request.toArray().then((parts: Buffer[]) => {
      events[isSigned(Buffer.concat(parts).toString('utf8'), request.headers, secret) ? 'signed' : 'unsigned'] += 1;
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => void receiver.listen(0, '127.0.0.1', resolve));
  const capp = (bench: Pick<BenchPlatform, 'platform'>) =>
    createCapp({ baseUrl: bench.platform.url, apiKey: bench.platform.keys['client:demo'] ?? '' });
  const endpoint = await capp({ platform }).webhooks.create({
    url: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hooks`,
    topics: TOPICS,
  });
  secret = endpoint.secret;
  const login = { clientId: DEMO_CLIENT_ID, principal: PRINCIPAL, roles: ['operator'] } as const;
  const codeAt = await storeLogin({ pool, keyring }, login, systemClock.now());
  const signingKey = await signingKeyOf(platform.url);
  if (signingKey === null) throw new Error('no key signs tokens before the rotation');
  return {
    events,
    logIn: async (url) => {
      const answer = await post(`${url}/v1/session`, { principal: PRINCIPAL, password: PASSWORD, code: codeAt(systemClock.now()) });
      const { access_token: token = '' } = (await answer.json()) as { access_token?: string };
      const read = answer.ok ? await fetch(`${url}/v1/payments?limit=1`, { headers: { authorization: `Bearer ${token}` } }) : null;
      await read?.arrayBuffer();
      return { login: answer.status, read: read?.status ?? 0, sameSigningKey: (await signingKeyOf(url)) === signingKey };
    },
    askForEvent: async (bench) => void (await capp(bench).webhooks.test(endpoint.id)),
    close: () => new Promise((resolve) => receiver.close(() => resolve())),
  };
}

function isSigned(body: string, headers: Readonly<Record<string, string | string[] | undefined>>, secret: string): boolean {
  try {
    return verifyWebhook(body, headers, secret).type === 'webhook.test';
  } catch {
    return false;
  }
}

/** The name of the key that signs tokens now; asked for, it is made where there is none. Null where the API cannot tell. */
async function signingKeyOf(url: string): Promise<string | null> {
  const answer = await fetch(`${url}/.well-known/jwks.json`);
  const { keys = [] } = (await answer.json()) as { keys?: { kid: string }[] };
  return keys[0]?.kid ?? null;
}

function post(url: string, body: unknown): Promise<Response> {
  return fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
}
