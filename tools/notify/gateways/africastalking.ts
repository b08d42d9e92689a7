/**
 * What Africa's Talking posts to us, and how it wants its USSD answered: forms in, `CON` or `END` out. Sources:
 * developers.africastalking.com (USSD, SMS notifications, delivery reports, opt-outs). No signature exists for any of
 * them.
 */
import { z } from 'zod';
import { fault } from '../../../domain/errors.ts';
import { checkFields, gatewayIdSchema, readForm, subscriberSchema, typedSchema } from './form.ts';
import type { DeliveryReport, GatewayProtocol, UssdReply } from './gateway.ts';

const ussdSchema = z.object({
  sessionId: gatewayIdSchema,
  phoneNumber: subscriberSchema,
  networkCode: z.string().max(16).optional(),
  serviceCode: z.string().min(1).max(64),
  /** Everything typed so far, joined by `*`; '' at the beginning. */
  text: typedSchema(1_000),
});

const endSchema = z.object({
  sessionId: gatewayIdSchema,
  phoneNumber: subscriberSchema,
  serviceCode: z.string().min(1).max(64),
  status: z.enum(['Success', 'Incomplete', 'Failed']),
});

const STATES = {
  Success: 'delivered',
  Failed: 'failed',
  Rejected: 'failed',
  Expired: 'failed',
  AbsentSubscriber: 'failed',
  Sent: 'under_way',
  Submitted: 'under_way',
  Buffered: 'under_way',
} as const satisfies Readonly<Record<string, DeliveryReport['state']>>;

/** Their words for a failure in ours. The misspelt one is spelt as they spell it. */
const REASONS: Readonly<Record<string, string>> = {
  InsufficientCredit: 'gateway_credit',
  InvalidLinkId: 'gateway_refused',
  UserIsInactive: 'receiver_unreachable',
  UserInBlackList: 'opted_out',
  UserAccountSuspended: 'receiver_unreachable',
  NotNetworkSubcriber: 'receiver_unknown',
  UserNotSubscribedToProduct: 'gateway_refused',
  UserDoesNotExist: 'receiver_unknown',
  DeliveryFailure: 'delivery_failed',
  DoNotDisturbRejection: 'do_not_disturb',
};

const reportSchema = z.object({
  id: gatewayIdSchema,
  status: z.enum(Object.keys(STATES) as [keyof typeof STATES, ...(keyof typeof STATES)[]]),
  phoneNumber: subscriberSchema,
  failureReason: z.string().max(64).optional(),
});

const inboundSchema = z.object({ from: subscriberSchema, text: typedSchema(2_000), to: z.string().max(32).optional() });
const optOutSchema = z.object({ senderId: z.string().max(32).optional(), phoneNumber: subscriberSchema });

export const africasTalking: GatewayProtocol = {
  name: 'africastalking',
  mediaType: 'application/x-www-form-urlencoded',
  read(kind, body) {
    const fields = readForm(body);
    switch (kind) {
      case 'ussd': {
        const { sessionId, phoneNumber: caller, serviceCode, text } = checkFields(ussdSchema, fields);
        return { kind, request: { kind: 'turn', sessionId, caller, serviceCode, input: { form: 'history', text } } };
      }
      case 'ussd-events': {
        const { sessionId, phoneNumber: caller, serviceCode } = checkFields(endSchema, fields);
        return { kind, request: { kind: 'over', sessionId, caller, serviceCode } };
      }
      case 'sms-reports':
        return { kind, report: reportOf(checkFields(reportSchema, fields)) };
      case 'sms-inbound': {
        const { from, text } = checkFields(inboundSchema, fields);
        return { kind, text: { sender: from, text } };
      }
      case 'sms-opt-outs':
        return { kind, optOut: { phone: checkFields(optOutSchema, fields).phoneNumber } };
    }
  },
  answer: (_request, reply) => ({ contentType: 'text/plain; charset=utf-8', body: ussdAnswer(reply) }),
  redact: (body) => body,
};

function reportOf({ id, status, phoneNumber, failureReason }: z.infer<typeof reportSchema>): DeliveryReport {
  const state = STATES[status];
  const given = failureReason === undefined ? undefined : REASONS[failureReason];
  const plain = status === 'Expired' || status === 'AbsentSubscriber' ? 'receiver_unreachable' : 'delivery_failed';
  const reasonCode = state === 'failed' ? (given ?? plain) : null;
  return { key: { by: 'gateway', id }, receiver: phoneNumber, state, reasonCode, optedOut: reasonCode === 'opted_out' };
}

/** The words that keep a session open, or end it, in front of the text. */
export function ussdAnswer(reply: UssdReply): string {
  return `${reply.ends ? 'END' : 'CON'} ${reply.text}`;
}

const fetchedSchema = z.object({
  SMSMessageData: z.object({
    Messages: z.array(z.object({ id: z.int(), from: subscriberSchema, text: typedSchema(2_000), to: z.string() })),
  }),
});

/** The messages in an answer to the inbox request (`GET /version1/messaging`), oldest first. Throws as `read` does. */
export function readInbox(body: string): readonly { readonly id: number; readonly sender: string; readonly text: string }[] {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw fault('malformed_body', { detail: 'The inbox is not JSON.' });
  }
  return checkFields(fetchedSchema, value).SMSMessageData.Messages.map(({ id, from, text }) => ({ id, sender: from, text }));
}
