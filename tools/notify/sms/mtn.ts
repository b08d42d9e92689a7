/**
 * Sending text messages over MTN's SMS v3 API. The answer says that the message was taken; what became of it comes as a
 * delivery report under the id we gave. Nothing says that a repeated id is sent once, so a message without an answer is
 * not sent again. Source: MTN's description of the SMS v3 API, and the four-digit codes of its gateway.
 */
import type { Clock } from '../../../domain/clock.ts';
import { msisdn } from '../../../domain/phone.ts';
import { createSend, type Fetch, type HttpAnswer, type HttpCall } from '../../mmo/http.ts';
import { askGrant } from '../../mmo/oauth.ts';
import { objectOf, parseObject, textOf } from '../../mmo/reading.ts';
import { callWithToken, memoryTokenVault, type TokenVault } from '../../mmo/tokens.ts';
import type { SmsOutcome, SmsSender } from '../gateways/gateway.ts';

export interface MtnSmsSettings {
  /** `https://api.mtn.com`. */
  readonly baseUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The short code that was given to us; the sender's name must be repeated here when there is one. */
  readonly serviceCode: string;
  readonly senderId?: string | undefined;
  readonly timeoutMs: number;
}

const TOKEN_PATH = '/v1/oauth/access_token?grant_type=client_credentials';

type Judged = Extract<SmsOutcome, { state: 'refused' | 'unknown' }>;

/** What their codes mean for a message. Where a part of theirs may have acted before it failed, it is not known. */
const CODES: Readonly<Record<string, Judged>> = {
  '1000': { state: 'refused', reasonCode: 'gateway_refused', retry: 'never' },
  '1001': { state: 'refused', reasonCode: 'gateway_refused', retry: 'never' },
  '1005': { state: 'refused', reasonCode: 'gateway_busy', retry: 'later' },
  '1007': { state: 'unknown', reasonCode: 'gateway_timeout' },
  '1012': { state: 'unknown', reasonCode: 'gateway_timeout' },
  '1013': { state: 'refused', reasonCode: 'gateway_busy', retry: 'later' },
  '2000': { state: 'unknown', reasonCode: 'gateway_error' },
  '3000': { state: 'unknown', reasonCode: 'gateway_error' },
  '3001': { state: 'unknown', reasonCode: 'gateway_error' },
  '3003': { state: 'unknown', reasonCode: 'gateway_timeout' },
  '3006': { state: 'refused', reasonCode: 'gateway_busy', retry: 'later' },
  '4000': { state: 'refused', reasonCode: 'credentials_refused', retry: 'later', alarm: true },
};

/** Makes the sender. */
export function mtnSms(
  deps: { readonly fetch: Fetch; readonly clock: Clock; readonly vault?: TokenVault },
  settings: MtnSmsSettings,
): SmsSender {
  const send = createSend({ fetch: deps.fetch, baseUrl: settings.baseUrl, timeoutMs: settings.timeoutMs });
  const vault = deps.vault ?? memoryTokenVault(deps.clock);
  const tokenCall: HttpCall = {
    method: 'POST',
    path: TOKEN_PATH,
    headers: { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' },
    body: new URLSearchParams({ client_id: settings.clientId, client_secret: settings.clientSecret }).toString(),
  };
  const fetchGrant = () => askGrant(send, tokenCall, deps.clock);
  return {
    gateway: 'mtn',
    async send({ to, text, correlator }) {
      const body = JSON.stringify({
        ...(settings.senderId === undefined ? {} : { senderAddress: settings.senderId }),
        receiverAddress: [msisdn(to)],
        message: text,
        clientCorrelatorId: correlator,
        serviceCode: settings.senderId ?? settings.serviceCode,
        requestDeliveryReceipt: true,
      });
      const answer = await callWithToken(
        (stale) => vault.take('mtn sms', stale, fetchGrant),
        (token) =>
          send({
            method: 'POST',
            path: '/v3/sms/messages/sms/outbound',
            headers: { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json', Accept: 'application/json' },
            body,
          }),
        ({ status }) => status === 401,
      );
      return mtnOutcome(answer);
    },
  };
}

/** What an answer means. */
export function mtnOutcome(answer: HttpAnswer): SmsOutcome {
  if (answer.kind === 'not_sent') {
    const credentials = answer.reason === 'credentials_refused';
    const refused = { state: 'refused', retry: 'later', reasonCode: credentials ? 'credentials_refused' : 'gateway_unreachable' } as const;
    return credentials ? { ...refused, alarm: true } : refused;
  }
  if (answer.kind === 'no_answer') return { state: 'unknown', reasonCode: `no_answer_${answer.reason}` };
  const body = parseObject(answer.body);
  const code = textOf(body, 'statusCode');
  if (answer.status === 401) return { state: 'refused', reasonCode: 'credentials_refused', retry: 'later', alarm: true };
  if (answer.status === 429) return { state: 'refused', reasonCode: 'gateway_busy', retry: 'later' };
  if (code === '0000' && answer.status < 300 && objectOf(body, 'data') !== undefined) return { state: 'accepted', gatewayId: null };
  const judged = code === null ? undefined : CODES[code];
  if (judged !== undefined) return judged;
  if (answer.status >= 400 && answer.status < 500 && answer.status !== 408 && code !== null)
    return { state: 'refused', reasonCode: 'gateway_refused', retry: 'never' };
  return {
    state: 'unknown',
    reasonCode: code === null ? `unreadable_answer_${answer.status}` : `unmapped_${code.replaceAll(/\D/g, '').slice(0, 8)}`,
  };
}
