/**
 * The contract every mobile money operator client keeps. A client knows a base URL and a `fetch`; it
 * cannot tell a sandbox from the real thing.
 *
 * Outcomes are of four kinds, and only two are ends. `unknown` means that nobody can tell yet whether
 * money moved; it is inquired until it converges and never treated as failed.
 */
import type { Money } from '../../domain/money.ts';
import type { BalanceAnswer } from './balances.ts';

/** When the same thing may be tried again: never, after a while, or once the customer has acted. */
export type OperatorRetry = 'never' | 'later' | 'after_customer';

/** Ids an inquiry needs, as the operator gave them. May hold the payer's number: encrypted at rest, never logged. */
export type OperatorHandle = Readonly<Record<string, string>>;

export type Outcome =
  | { readonly state: 'succeeded'; readonly receipt: string; readonly amount: Money | null; readonly handle?: OperatorHandle }
  | {
      readonly state: 'failed';
      readonly reasonCode: string;
      readonly retry: OperatorRetry;
      readonly handle?: OperatorHandle;
      /** Nothing was sent: the failure says nothing of how the operator does. */
      readonly isUnsent?: true;
    }
  | { readonly state: 'pending'; readonly handle?: OperatorHandle }
  | { readonly state: 'unknown'; readonly reasonCode: string; readonly handle?: OperatorHandle };

/** What one try of a leg asks of an operator. */
export interface EffectRequest {
  /** Ours, derived from payment, leg and sequence: a UUID with the shape of version 4. */
  readonly requestId: string;
  readonly amount: Money;
  /** E.164 with plus. */
  readonly phone: string;
  /** Where the operator is to call back: unguessable, one per attempt. */
  readonly callbackUrl: string;
  /** When the attempt was marked as sent. Nothing leaves for it any more once that is too long ago (`patience.ts`). */
  readonly sentAtMs: number;
  /** Short text for the customer's prompt and statement, without names. */
  readonly note: string;
  /**
   * Keeps ids that must outlive this process before the call that moves money leaves: without them the
   * call could not be inquired. The client sends nothing when it rejects.
   */
  readonly remember: (handle: OperatorHandle) => Promise<void>;
}

/** Gives the money of a collection back to its payer. The amount is all of it, or part where the operator takes parts. */
export interface RefundRequest extends EffectRequest {
  readonly original: { readonly requestId: string; readonly receipt: string; readonly amount: Money };
}

export type OperatorLeg = 'collection' | 'payout' | 'refund';

/** What an inquiry may go by. `sentAtMs` tells how long the operator has had. */
export interface InquiryRequest {
  readonly requestId: string;
  /** `refund`: what `refund` sent, not a refund that went out as a payout. */
  readonly leg: OperatorLeg;
  readonly amount: Money;
  readonly handle: OperatorHandle;
  readonly sentAtMs: number;
  readonly nowMs: number;
  /** For answers that come by callback (M-Pesa Transaction Status). */
  readonly callbackUrl: string;
}

/**
 * A callback put into our words. With `trust: 'confirm'` an inquiry decides before anything is believed;
 * the handle in its outcome may hold ids that were lost with an answer, so it is merged into the
 * attempt's first. With `trust: 'sufficient'` the outcome stands, once `ourReference` is the attempt's
 * request id and an amount, where there is one, is the attempt's amount.
 */
export interface CallbackEvent {
  /** `inquiry`: the late answer to an inquiry, or a message that does not tell which leg it is about. */
  readonly kind: OperatorLeg | 'inquiry';
  readonly outcome: Outcome;
  /** The request id as the operator repeats it; null where it repeats none. One that is not the attempt's belongs elsewhere. */
  readonly ourReference: string | null;
  readonly operatorReference: string | null;
  readonly trust: 'confirm' | 'sufficient';
  /** Whether a shortened reference in the message is that of a request; where the message has one. */
  readonly isAbout?: (requestId: string) => boolean;
  /** The customer paid without being asked: besides this payment there may be one that was asked for. */
  readonly isUnasked?: true;
}

/** A payment that a customer makes by themselves, without being asked. */
export interface OwnPayment {
  readonly transactionId: string;
  readonly amount: Money;
  /** Whether it goes to an account of ours. */
  readonly isForUs: boolean;
  /** Between which request ids the one lies that it pays for, both included; null when what they entered names none. */
  readonly requests: { readonly first: string; readonly last: string } | null;
}

export const OWN_PAYMENT_REFUSALS = ['account_unknown', 'amount_differs', 'receiver_differs', 'unreadable'] as const;
export type OwnPaymentRefusal = (typeof OWN_PAYMENT_REFUSALS)[number];

/** What an operator asks and tells about payments that customers make by themselves. */
export interface OwnPayments {
  /** Reads what is asked before such a payment, and told after it. Throws `malformed_body`. */
  readonly read: (body: string) => OwnPayment;
  /** How the operator wants to hear whether a payment may be made; null: it may. */
  readonly answer: (refusal: OwnPaymentRefusal | null) => { readonly status: number; readonly body: string; readonly contentType: string };
}

/** A payment of a customer's as the operator's own statement has it. */
export interface StatedPayment {
  readonly operatorReference: string;
  readonly amount: Money;
  /** Null where the statement does not tell it. */
  readonly occurredAtMs: number | null;
}

/** Where a collection can be paid more than once, what the operator's statement tells of that. */
export interface StatedPayments {
  /** How long after a payment the statement may still lack it, milliseconds. */
  readonly settlesWithinMs: number;
  /** All payments that name the collection. Null when the statement cannot be read now, or no longer reaches back so far. */
  readonly paymentsFor: (request: InquiryRequest) => Promise<readonly StatedPayment[] | null>;
}

/** What an operator can do and how, as far as others have to know. */
export interface Capabilities {
  /** How a payer approves: a prompt on the handset, or a page that somebody must lead them to. */
  readonly approval: 'prompt' | 'redirect';
  /** Whether the same request id sent again is the same payment. What is not repeatable is never sent twice. */
  readonly repeatable: { readonly collection: boolean; readonly payout: boolean };
  /** `operation`: the operator takes a collection back · `payout`: the money goes out as a payout. */
  readonly refund: 'operation' | 'payout';
  /** Whether part of a collection can be given back. */
  readonly refundsParts: boolean;
  /**
   * Whether what the operation gave back goes by our own request id, in inquiries, messages and statements. Where it does not, a lost
   * answer would leave it in doubt until people have looked, so the platform sends the money back as a payout.
   */
  readonly refundByRequest: boolean;
  /** `callback`: it has to be asked for and comes by a message. */
  readonly balance: 'answer' | 'callback' | 'none';
  /** What can be learnt about a wallet before money is sent. */
  readonly walletCheck: 'name' | 'active' | 'none';
  /** What of a callback proves its sender, besides the address it comes to. */
  readonly callbackProof: 'hash' | 'token' | 'none';
  /** Whether each attempt has a callback address of its own, or the operator knows one for all. */
  readonly callbackAddress: 'attempt' | 'application';
}

/** What an operator says of a wallet, without whose it is; `unknown` when it cannot be told now. */
export type WalletState = 'active' | 'inactive' | 'absent' | 'unknown';

export interface OperatorClient {
  readonly railId: string;
  readonly capabilities: Capabilities;
  /** Asks the payer for money. Resolves for every answer and for none; throws only on a programming error. */
  collect(request: EffectRequest): Promise<Outcome>;
  /** Pays money out to a wallet; refunds too, where money goes back as a payment of its own. */
  disburse(request: EffectRequest): Promise<Outcome>;
  /** Gives a collection back by the operator's own operation, or as a payout where it has none. */
  refund(request: RefundRequest): Promise<Outcome>;
  /** Asks what became of an earlier request. `pending` and `unknown` both mean: ask again. */
  inquire(request: InquiryRequest): Promise<Outcome>;
  /** Looks a wallet up by its E.164 number; only where the operator offers that. */
  walletState?(phone: string): Promise<WalletState>;
  /**
   * Our balance at the operator, or null when it cannot be told. What an operator tells by a message may be a moment old: not older than
   * having been asked for at `notBeforeMs`, where that is given.
   */
  balance(terms?: { readonly notBeforeMs: number }): Promise<Money | null>;
  /** Reads the message that tells a balance, only where it comes by one. Throws `malformed_body` for what the operator cannot have sent. */
  readBalance?(body: string): BalanceAnswer;
  /** Reads a raw callback body. Throws `malformed_body` for what the operator cannot have sent. */
  parseCallback(body: string): CallbackEvent;
  /** The body with which this operator wants its callback answered. */
  readonly callbackAnswer: { readonly status: number; readonly body: string; readonly contentType: string };
  /** Only where customers can pay by themselves and the operator tells of it. */
  readonly ownPayments?: OwnPayments;
  /** Only where one collection can be paid more than once. */
  readonly stated?: StatedPayments;
}
