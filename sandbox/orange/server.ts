/** Orange's three services behind one door: the group's web payment, Cameroon's omcoreapis, Sonatel's eWallet. */
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, SandboxRail } from '../rail.ts';
import { type Answer, basicCredentials, bearerToken, json, page, type SandboxAnswer, type SandboxRequest } from '../wire.ts';
import { omcoreMessageOf, serveOmcore } from './omcore.ts';
import { serveSonatel, sonatelMessageOf } from './sonatel.ts';
import type { OrangeFace } from './types.ts';
import { serveWebpay, webpayMessageOf } from './webpay.ts';

type Service = 'webpay' | 'omcore' | 'sonatel';

const TOKEN_PATHS: Readonly<Record<string, Service>> = { '/oauth/v3/token': 'webpay', '/token': 'omcore', '/oauth/token': 'sonatel' };

/** Answers a request to Orange. */
export async function serveOrange(face: OrangeFace, request: SandboxRequest): Promise<Answer> {
  const { rail } = face;
  const tokenOf = TOKEN_PATHS[request.path];
  if (tokenOf !== undefined && request.method === 'POST') return giveToken(face, tokenOf, request);
  const service = serviceOf(request.path);
  if (service === null) return json(404, { code: 60, message: 'Resource not found', description: 'There is no such resource.' });
  if (rail.mode === 'refusing' || !rail.tokens.isLive(service, bearerToken(request.headers['authorization']))) return refusedToken(service);
  if (service === 'webpay') return serveWebpay(face, request);
  return service === 'omcore' ? serveOmcore(face, request) : serveSonatel(face, request);
}

function serviceOf(path: string): Service | null {
  if (path.startsWith('/orange-money-webpay/')) return 'webpay';
  if (path.startsWith('/omcoreapis/')) return 'omcore';
  return path.startsWith('/api/') ? 'sonatel' : null;
}

/** The WSO2 gateway of Cameroon says so with HTTP 200 at times; the others with 401. */
function refusedToken(service: Service): SandboxAnswer {
  if (service === 'omcore') return json(200, { fault: { code: 900901, message: 'Invalid Credentials', description: 'Access failure' } });
  if (service === 'webpay') return json(401, { code: 42, message: 'Expired credentials', description: 'The token is not valid any more.' });
  return json(401, { type: '/unauthorized', title: 'Unauthorized', instance: '/', status: '401', code: '10', detail: 'failed' });
}

function giveToken({ rail, account }: OrangeFace, service: Service, request: SandboxRequest): SandboxAnswer {
  if (rail.mode === 'refusing') return page(503);
  const form = new URLSearchParams(request.body);
  if (form.get('grant_type') !== 'client_credentials') return json(400, { error: 'unsupported_grant_type' });
  const given =
    service === 'sonatel'
      ? { user: form.get('client_id') ?? '', password: form.get('client_secret') ?? '' }
      : basicCredentials(request.headers['authorization']);
  if (given?.user !== account.clientId || given.password !== account.clientSecret) return json(401, { error: 'invalid_client' });
  const { token, lifetimeS } = rail.tokens.issue(service);
  return json(200, { token_type: 'Bearer', access_token: token, expires_in: lifetimeS });
}

/** The message about the end of a transaction, in the form of the service that took it. */
export function orangeMessageOf(rail: SandboxRail, transaction: Transaction): CallbackMessage | null {
  if (transaction.callbackUrl === null) return null;
  switch (transaction.notes['service']) {
    case 'webpay':
      return webpayMessageOf(transaction);
    case 'omcore':
      return omcoreMessageOf(rail, transaction);
    default:
      return sonatelMessageOf(rail, transaction);
  }
}
