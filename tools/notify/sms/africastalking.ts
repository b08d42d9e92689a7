/**
 * Sending text messages over Africa's Talking. 201 is the answer to every request that was understood; what became
 * of the message stands in the entry of its receiver. The API has no idempotency key: without an answer the message
 * may have gone out, and is not sent again. Source: developers.africastalking.com, "Send SMS".
 */
import { z } from 'zod';
import type { Clock } from '../../../domain/clock.ts';
import { createSend, type Fetch, type HttpAnswer } from '../../mmo/http.ts';
import type { SmsMessage, SmsOutcome, SmsSender } from '../gateways/gateway.ts';

export interface AfricasTalkingSmsSettings {
  /** `https://api.africastalking.com`, or that of their sandbox. */
  readonly baseUrl: string;
  readonly username: string;
  readonly apiKey: string;
  /** Short code or alphanumeric sender that was approved; theirs when missing. */
  readonly senderId?: string | undefined;
  readonly timeoutMs: number;
}

type Refusal = Omit<Extract<SmsOutcome, { state: 'refused' }>, 'state'>;

/** Entries that are not accepted, by their status code. 100 to 102 are: processed, sent, queued. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  401: { reasonCode: 'gateway_refused', retry: 'never' },
  402: { reasonCode: 'sender_refused', retry: 'never', alarm: true },
  403: { reasonCode: 'receiver_unknown', retry: 'never' },
  404: { reasonCode: 'receiver_unknown', retry: 'never' },
  405: { reasonCode: 'gateway_credit', retry: 'later', alarm: true },
  406: { reasonCode: 'opted_out', retry: 'never', optedOut: true },
  407: { reasonCode: 'no_gateway_route', retry: 'later' },
  409: { reasonCode: 'do_not_disturb', retry: 'later' },
  500: { reasonCode: 'gateway_error', retry: 'later' },
  501: { reasonCode: 'gateway_error', retry: 'later' },
  502: { reasonCode: 'gateway_error', retry: 'later' },
};

const answerSchema = z.object({
  SMSMessageData: z.object({
    Message: z.string().optional(),
    Recipients: z.array(z.object({ statusCode: z.int(), number: z.string(), messageId: z.string().optional() })),
  }),
});

/** Makes the sender. */
export function africasTalkingSms(deps: { readonly fetch: Fetch; readonly clock: Clock }, settings: AfricasTalkingSmsSettings): SmsSender {
  const send = createSend({ fetch: deps.fetch, baseUrl: settings.baseUrl, timeoutMs: settings.timeoutMs });
  return {
    gateway: 'africastalking',
    async send(message) {
      const answer = await send({
        method: 'POST',
        path: '/version1/messaging',
        headers: {
          apiKey: settings.apiKey,
          Accept: 'application/json',
          'Content-Type': 'application/x-www-form-urlencoded',
        },
        body: formOf(settings, message),
      });
      return africasTalkingOutcome(answer, deps.clock.now());
    },
  };
}

function formOf({ username, senderId }: AfricasTalkingSmsSettings, { to, text }: SmsMessage): string {
  const fields = { username, to, message: text, ...(senderId === undefined ? {} : { from: senderId }), bulkSMSMode: '1', enqueue: '1' };
  return new URLSearchParams(fields).toString();
}

/** What an answer means for the one receiver that was asked for. */
export function africasTalkingOutcome(answer: HttpAnswer, nowMs: number): SmsOutcome {
  if (answer.kind === 'not_sent') return { state: 'refused', reasonCode: 'gateway_unreachable', retry: 'later' };
  if (answer.kind === 'no_answer') return { state: 'unknown', reasonCode: `no_answer_${answer.reason}` };
  const { status } = answer;
  if (status === 401 || status === 403) return { state: 'refused', reasonCode: 'credentials_refused', retry: 'later', alarm: true };
  if (status === 409) return { state: 'refused', ...disturbing(nowMs) };
  if (status === 429) return { state: 'refused', reasonCode: 'gateway_busy', retry: 'later' };
  if (status >= 400 && status < 500) return { state: 'refused', reasonCode: 'gateway_refused', retry: 'never' };
  const parsed = answerSchema.safeParse(parseJson(answer.body));
  // A page in front of them, or an error of theirs: the message may have got past it.
  if (!parsed.success || status >= 300) return { state: 'unknown', reasonCode: `unreadable_answer_${status}` };
  const [entry, second] = parsed.data.SMSMessageData.Recipients;
  if (entry === undefined) return { state: 'refused', reasonCode: 'gateway_refused', retry: 'later', alarm: true };
  if (second !== undefined) return { state: 'unknown', reasonCode: 'unreadable_answer_receivers' };
  if (entry.statusCode >= 100 && entry.statusCode <= 102) return { state: 'accepted', gatewayId: entry.messageId ?? null };
  if (entry.statusCode === 409) return { state: 'refused', ...disturbing(nowMs) };
  const refusal = REFUSALS[entry.statusCode];
  return refusal === undefined ? { state: 'unknown', reasonCode: `unmapped_${entry.statusCode}` } : { state: 'refused', ...refusal };
}

const DAY_MS = 86_400_000;
/** Nigeria's hours without such messages end at 8 in the morning, which is 7 by UTC. */
const MORNING_MS = 7 * 3_600_000;

function disturbing(nowMs: number): Refusal {
  const today = Math.floor(nowMs / DAY_MS) * DAY_MS + MORNING_MS;
  return { reasonCode: 'do_not_disturb', retry: 'later', notBeforeMs: today > nowMs ? today : today + DAY_MS };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
