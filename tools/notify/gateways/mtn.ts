/**
 * What MTN's messaging gateway posts to us, and how it wants its USSD answered. Sources: MTN's descriptions of the
 * messaging USSD API 1.0.0 and the SMS v3 API. How a person's text message looks is in neither; it is read as the
 * delivery report names its fields. Nothing is signed.
 */
import { z } from 'zod';
import { fault } from '../../../domain/errors.ts';
import { checkFields, gatewayIdSchema, readJsonObject, subscriberSchema, typedSchema } from './form.ts';
import type { DeliveryReport, GatewayProtocol, UssdInput, UssdRequest } from './gateway.ts';

const textOrNumber = z.union([z.string().max(64), z.int().transform(String)]);

/** 0 begin · 1 continue · 2 end · 3 notification · 4 cancel · 5 timeout. */
const ussdSchema = z.object({
  sessionId: z.union([gatewayIdSchema, z.int().nonnegative().transform(String)]),
  messageType: textOrNumber.pipe(z.enum(['0', '1', '2', '3', '4', '5'])),
  msisdn: subscriberSchema,
  serviceCode: textOrNumber.pipe(z.string().min(1)),
  ussdString: typedSchema(400).optional(),
});

const STATES = {
  DELIVERED: 'delivered',
  DELETED: 'failed',
  EXPIRED: 'failed',
  REJECTED: 'failed',
  UNDELIVERED: 'failed',
  ACCEPTD: 'under_way',
  ENROUTE: 'under_way',
  UNKNOWN: 'under_way',
} as const satisfies Readonly<Record<string, DeliveryReport['state']>>;

const REASONS: Readonly<Record<string, string>> = { EXPIRED: 'receiver_unreachable', REJECTED: 'gateway_refused' };

const reportSchema = z.object({
  clientCorrelatorId: gatewayIdSchema,
  deliveryStatus: z.enum(Object.keys(STATES) as [keyof typeof STATES, ...(keyof typeof STATES)[]]),
  receiverAddress: subscriberSchema,
});

const inboundSchema = z.object({ senderAddress: subscriberSchema, message: typedSchema(2_000) });

export const mtnMessaging: GatewayProtocol = {
  name: 'mtn',
  mediaType: 'application/json',
  read(kind, body) {
    const fields = readJsonObject(body);
    switch (kind) {
      case 'ussd':
      case 'ussd-events':
        return { kind, request: requestOf(checkFields(ussdSchema, fields)) };
      case 'sms-reports': {
        const { clientCorrelatorId: id, deliveryStatus, receiverAddress: receiver } = checkFields(reportSchema, fields);
        const state = STATES[deliveryStatus];
        const reasonCode = state === 'failed' ? (REASONS[deliveryStatus] ?? 'delivery_failed') : null;
        return { kind, report: { key: { by: 'correlator', id }, receiver, state, reasonCode, optedOut: false } };
      }
      case 'sms-inbound': {
        const { senderAddress: sender, message: text } = checkFields(inboundSchema, fields);
        return { kind, text: { sender, text } };
      }
      case 'sms-opt-outs':
        throw fault('not_found', { internal: 'this gateway sends no opt-outs of its own' });
    }
  },
  answer: (request, reply, transactionId) => ({
    contentType: 'application/json; charset=utf-8',
    body: JSON.stringify({
      statusCode: '0000',
      statusMessage: 'Successful',
      transactionId,
      data: {
        inboundResponse: reply.text,
        userInputRequired: !reply.ends,
        // A number here, though it is text in what they send.
        messageType: reply.ends ? 2 : 1,
        serviceCode: request.serviceCode,
        msisdn: request.caller.slice(1),
      },
      _link: { self: { href: 'https://api.mtn.com/v1/messages/ussd/inbound' } },
    }),
  }),
  // Where somebody is and which card they hold is not ours to keep.
  redact: (body) => body.replaceAll(/("(?:imsi|cellId)"\s*:\s*)("(?:[^"\\]|\\.)*"|[^,}\s]+)/g, '$1""'),
};

function requestOf(fields: z.infer<typeof ussdSchema>): UssdRequest {
  const { sessionId, msisdn: caller, serviceCode, messageType, ussdString = '' } = fields;
  const inputs: Readonly<Record<string, UssdInput>> = { '0': { form: 'begin' }, '1': { form: 'newest', text: ussdString } };
  const input = inputs[messageType];
  return input === undefined ? { kind: 'over', sessionId, caller, serviceCode } : { kind: 'turn', sessionId, caller, serviceCode, input };
}
