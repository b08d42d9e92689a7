/** Africa's Talking as a sandbox: `POST /version1/messaging` in both its forms, and delivery reports as forms. */
import type { Answer, SandboxAnswer, SandboxRequest } from '../wire.ts';
import { fieldOf, json, parseBody } from '../wire.ts';
import { type Messaging, MESSAGING_ACCOUNT, takeText } from './messaging.ts';

interface Asked {
  readonly username: string;
  readonly to: readonly string[];
  readonly message: string;
  readonly from: string;
}

/** Answers a request to Africa's Talking. */
export async function serveAfricasTalking(messaging: Messaging, request: SandboxRequest): Promise<Answer> {
  const { username, apiKey } = MESSAGING_ACCOUNT.africastalking;
  const isBulk = request.path === '/version1/messaging/bulk';
  if (request.method !== 'POST' || !(isBulk || request.path === '/version1/messaging')) return text(404, 'Not Found');
  const asked = isBulk ? bulkOf(request.body) : formOf(request.body);
  if (request.headers['apikey'] !== apiKey || asked.username !== username) return text(401, 'The supplied authentication is invalid');
  if (asked.message === '' || asked.to.length === 0) return refusal('Missing parameters');
  if (asked.from !== '' && asked.from !== MESSAGING_ACCOUNT.africastalking.senderId) return refusal('InvalidSenderId');
  const [to = ''] = asked.to;
  // One receiver is what a gateway's faults can be told apart by; for several all goes well.
  if (asked.to.length > 1) {
    const entries = await Promise.all(asked.to.map((number) => send(messaging, asked, number)));
    return sent(entries.map(({ entry }) => entry));
  }
  return (await send(messaging, asked, to)).answer;
}

async function send(messaging: Messaging, asked: Asked, to: string): Promise<{ entry: Record<string, unknown>; answer: Answer }> {
  const refused = refusedEntry(messaging, to);
  if (refused !== null) return { entry: refused, answer: sent([refused]) };
  const messageId = `ATXid_${messaging.chance.text('0123456789abcdef', 32, 'message', to, messaging.count(`message ${to}`))}`;
  const entry = { statusCode: 101, number: to, status: 'Success', cost: 'KES 0.8000', messageId };
  const answer = await takeText(
    messaging,
    {
      gateway: 'africastalking',
      to,
      from: asked.from,
      text: asked.message,
      reportBody: (state) => ({
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({
          id: messageId,
          status: state === 'delivered' ? 'Success' : 'Failed',
          phoneNumber: to,
          networkCode: '99999',
          ...(state === 'failed' ? { failureReason: 'DeliveryFailure' } : {}),
          retryCount: '0',
        }).toString(),
      }),
    },
    sent([entry]),
  );
  return { entry, answer };
}

/** The entry of a receiver that gets nothing; null for one that does. */
function refusedEntry(messaging: Messaging, to: string): Record<string, unknown> | null {
  const entry = (statusCode: number, status: string) => ({ statusCode, number: to, status, cost: '0', messageId: 'None' });
  if (!/^\+[1-9]\d{6,14}$/.test(to)) return entry(403, 'InvalidPhoneNumber');
  switch (to.slice(-4)) {
    case '0101':
      return entry(406, 'UserInBlacklist');
    case '0102':
      // The route is back at the third try.
      return messaging.count(`route ${to}`) < 3 ? entry(407, 'CouldNotRoute') : null;
    case '0106':
      return entry(405, 'InsufficientBalance');
    default:
      return null;
  }
}

function formOf(body: string): Asked {
  const form = new URLSearchParams(body);
  const to = (form.get('to') ?? '').split(',').filter((number) => number !== '');
  return { username: form.get('username') ?? '', to, message: form.get('message') ?? '', from: form.get('from') ?? '' };
}

function bulkOf(body: string): Asked {
  const fields = parseBody(body) ?? {};
  const numbers = Array.isArray(fields['phoneNumbers']) ? fields['phoneNumbers'].filter((each) => typeof each === 'string') : [];
  return { username: fieldOf(fields, 'username'), to: numbers, message: fieldOf(fields, 'message'), from: fieldOf(fields, 'senderId') };
}

function sent(entries: readonly Record<string, unknown>[]): SandboxAnswer {
  const count = entries.filter((entry) => entry['statusCode'] === 101).length;
  return json(201, {
    SMSMessageData: { Message: `Sent to ${count}/${entries.length} Total Cost: KES ${(count * 0.8).toFixed(4)}`, Recipients: entries },
  });
}

function refusal(message: string): SandboxAnswer {
  return json(201, { SMSMessageData: { Message: message, Recipients: [] } });
}

function text(status: number, body: string): SandboxAnswer {
  return { status, headers: { 'content-type': 'text/plain' }, body };
}
