/**
 * Messaging gateways: who carries USSD sessions and text messages between people and us, in our words. Each
 * gateway's protocol stands in a file of its own; both come to the same shapes.
 */

export const GATEWAYS = ['africastalking', 'mtn'] as const;
export type GatewayName = (typeof GATEWAYS)[number];

/** What a gateway can post to us; also the last part of the address it posts to. */
export const MESSAGE_KINDS = ['ussd', 'ussd-events', 'sms-reports', 'sms-inbound', 'sms-opt-outs'] as const;
export type MessageKind = (typeof MESSAGE_KINDS)[number];

/** One turn of a USSD session, or its end, as a gateway tells it. */
export type UssdRequest = {
  readonly sessionId: string;
  /** E.164. */
  readonly caller: string;
  readonly serviceCode: string;
} & (
  | { readonly kind: 'turn'; readonly input: UssdInput }
  /** Nobody waits for an answer any more: hung up, timed out, or ended as we said. */
  | { readonly kind: 'over' }
);

/**
 * `history`: everything typed so far, joined by `*`; a repeat of a request is known by it. `begin` and `newest`: the
 * gateway tells only what was typed last, so a repeat looks like the same thing typed again.
 */
export type UssdInput =
  | { readonly form: 'history'; readonly text: string }
  | { readonly form: 'begin' }
  | { readonly form: 'newest'; readonly text: string };

export interface UssdReply {
  readonly text: string;
  readonly ends: boolean;
}

/** An answer on the wire. */
export interface WireAnswer {
  readonly contentType: string;
  readonly body: string;
}

/** What became of a text message, as a gateway reports it, later and in any order. */
export interface DeliveryReport {
  /** The gateway's own id of the message, or the one we gave it. */
  readonly key: { readonly by: 'gateway'; readonly id: string } | { readonly by: 'correlator'; readonly id: string };
  /** E.164. */
  readonly receiver: string;
  readonly state: 'delivered' | 'failed' | 'under_way';
  /** For a failure, a word of ours. */
  readonly reasonCode: string | null;
  /** The receiver has asked the gateway to be left alone. */
  readonly optedOut: boolean;
}

/** A text message from a person. */
export interface InboundText {
  /** E.164. */
  readonly sender: string;
  readonly text: string;
}

export interface OptOut {
  /** E.164. */
  readonly phone: string;
}

/** A message as it was read, by its kind. */
export type GatewayMessage =
  | { readonly kind: 'ussd' | 'ussd-events'; readonly request: UssdRequest }
  | { readonly kind: 'sms-reports'; readonly report: DeliveryReport }
  | { readonly kind: 'sms-inbound'; readonly text: InboundText }
  | { readonly kind: 'sms-opt-outs'; readonly optOut: OptOut };

/** How one gateway's messages are read and answered. */
export interface GatewayProtocol {
  readonly name: GatewayName;
  readonly mediaType: string;
  /** Reads a message. Throws `malformed_body`, `validation_failed`, and `not_found` for a kind the gateway does not send. */
  read(kind: MessageKind, body: string): GatewayMessage;
  /** Writes the answer to a turn of a session. */
  answer(request: UssdRequest, reply: UssdReply, transactionId: string): WireAnswer;
  /** The body with what must not be kept taken out, for the record of a refusal. */
  redact(body: string): string;
}

/** What came of one try to send a text message. */
export type SmsOutcome =
  /** The gateway has it. `gatewayId`: its id of the message, where it gives one. */
  | { readonly state: 'accepted'; readonly gatewayId: string | null }
  /** For sure not sent. `notBeforeMs`: the earliest moment at which another try can help. */
  | {
      readonly state: 'refused';
      readonly reasonCode: string;
      readonly retry: 'never' | 'later';
      readonly notBeforeMs?: number;
      readonly optedOut?: true;
      /** Something for the people who run CAPP to put right. */
      readonly alarm?: true;
    }
  /** It may have been sent. */
  | { readonly state: 'unknown'; readonly reasonCode: string };

export interface SmsMessage {
  /** E.164. */
  readonly to: string;
  readonly text: string;
  /** Our id of the message: a UUID, the same for every try. */
  readonly correlator: string;
}

/** One way to send text messages. Never throws for what the network or the gateway does. */
export interface SmsSender {
  readonly gateway: GatewayName;
  send(message: SmsMessage): Promise<SmsOutcome>;
}
