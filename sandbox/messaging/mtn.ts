/** MTN's messaging gateway as a sandbox: its token, `POST /v3/sms/messages/sms/outbound`, and delivery reports as JSON. */
import type { Tokens } from '../tokens.ts';
import type { Answer, SandboxAnswer, SandboxRequest } from '../wire.ts';
import { bearerToken, fieldOf, json, parseBody } from '../wire.ts';
import { type Messaging, MESSAGING_ACCOUNT, takeText } from './messaging.ts';

const SCOPE = 'mtn messaging';
const CORRELATOR_LENGTH_MAX = 36;

/** Answers a request to MTN's messaging gateway. */
export async function serveMtnMessaging(messaging: Messaging, tokens: Tokens, request: SandboxRequest): Promise<Answer> {
  if (request.path === '/v1/oauth/access_token' && request.method === 'POST') return giveToken(tokens, request);
  if (request.path !== '/v3/sms/messages/sms/outbound' || request.method !== 'POST')
    return problem(messaging, request, 404, '1000', 'Not found');
  if (!tokens.isLive(SCOPE, bearerToken(request.headers['authorization']))) return problem(messaging, request, 401, '4000', 'Unauthorized');
  const body = parseBody(request.body);
  const receivers = body === null || !Array.isArray(body['receiverAddress']) ? [] : body['receiverAddress'];
  const [receiver] = receivers;
  const correlator = body === null ? '' : fieldOf(body, 'clientCorrelatorId');
  const isWhole = body !== null && receivers.length === 1 && fieldOf(body, 'message') !== '' && fieldOf(body, 'serviceCode') !== '';
  if (
    !isWhole ||
    typeof receiver !== 'string' ||
    !/^[1-9]\d{6,14}$/.test(receiver) ||
    correlator === '' ||
    correlator.length > CORRELATOR_LENGTH_MAX
  )
    return problem(messaging, request, 400, '1001', 'Request error');
  if (receiver.endsWith('0102') && messaging.count(`route ${receiver}`) < 3)
    return problem(messaging, request, 429, '3006', 'Rate limited');
  if (receiver.endsWith('0101')) return problem(messaging, request, 400, '1001', 'The receiver is on the do-not-disturb list');
  if (receiver.endsWith('0106')) return problem(messaging, request, 403, '4000', 'The account may not send');
  const atMs = messaging.scheduler.now();
  const from = fieldOf(body, 'senderAddress') || fieldOf(body, 'serviceCode');
  const wantsReport = body['requestDeliveryReceipt'] === true;
  const taken = {
    gateway: 'mtn',
    to: `+${receiver}`,
    from,
    text: fieldOf(body, 'message'),
    reportBody: (state: 'delivered' | 'failed') => ({
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        clientCorrelatorId: correlator,
        deliveryStatus: state === 'delivered' ? 'DELIVERED' : 'UNDELIVERED',
        details: '',
        completedDate: new Date(messaging.scheduler.now()).toISOString(),
        id: 1,
        error: '000',
        senderAddress: from,
        receiverAddress: receiver,
        submittedDate: new Date(atMs).toISOString(),
      }),
    }),
  } as const;
  const answer = json(200, {
    statusCode: '0000',
    statusMessage: 'Sucessful',
    transactionId: transactionIdOf(messaging),
    data: { status: 'PENDING' },
  });
  return takeText(wantsReport ? messaging : { ...messaging, callbackBase: () => null }, taken, answer);
}

function giveToken(tokens: Tokens, request: SandboxRequest): SandboxAnswer {
  const form = new URLSearchParams(request.body);
  const { clientId, clientSecret } = MESSAGING_ACCOUNT.mtn;
  if (request.query.get('grant_type') !== 'client_credentials') return json(400, { error: 'unsupported_grant_type' });
  if (form.get('client_id') !== clientId || form.get('client_secret') !== clientSecret) return json(401, { error: 'invalid_client' });
  const { token, lifetimeS } = tokens.issue(SCOPE);
  return json(200, { access_token: token, token_type: 'BearerToken', expires_in: String(lifetimeS) });
}

function problem(messaging: Messaging, request: SandboxRequest, status: number, statusCode: string, statusMessage: string): SandboxAnswer {
  const { method, path } = request;
  const timestamp = new Date(messaging.scheduler.now()).toISOString();
  return json(status, { statusCode, statusMessage, transactionId: transactionIdOf(messaging), timestamp, path, method });
}

function transactionIdOf(messaging: Messaging): string {
  return messaging.chance.text('0123456789abcdef', 20, 'transaction', messaging.count('transaction'));
}
