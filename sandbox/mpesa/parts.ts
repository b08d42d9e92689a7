/** What all of Daraja's calls in the sandbox share: the account, refusals, acknowledgements. */
import type { OperatorKey } from '../keys.ts';
import type { Refusals, SandboxRail } from '../rail.ts';
import { json, type SandboxAnswer } from '../wire.ts';

const EAT_OFFSET_MS = 3 * 3_600_000;

export interface MpesaAccount {
  readonly consumerKey: string;
  readonly consumerSecret: string;
  readonly shortCode: string;
  readonly passkey: string;
  readonly payoutShortCode: string;
  readonly initiatorName: string;
  readonly initiatorPassword: string;
}

/** Where we want to be asked and told about payments that customers make by themselves. */
export interface C2bAddresses {
  readonly validationUrl: string;
  readonly confirmationUrl: string;
  /** What becomes of a payment when our validation does not answer. */
  readonly withoutAnswer: 'Completed' | 'Cancelled';
}

export interface Daraja {
  readonly rail: SandboxRail;
  readonly account: MpesaAccount;
  readonly key: OperatorKey;
  /** Null until they are registered; they last as long as the sandbox runs. */
  readonly c2b: { addresses: C2bAddresses | null; isPullRegistered: boolean };
}

export function problem(daraja: Daraja, status: number, errorCode: string, errorMessage: string): SandboxAnswer {
  const requestId = daraja.rail.chance.text('0123456789abcdef', 16, 'problem', daraja.rail.count('problem'));
  return json(status, { requestId, errorCode, errorMessage });
}

export function refusals(daraja: Daraja): Refusals {
  return {
    error: problem(daraja, 500, '500.003.1001', 'Internal Server Error'),
    busy: problem(daraja, 500, '500.003.02', 'System is busy. Please try again in few minutes.'),
    staleToken: problem(daraja, 404, '404.001.03', 'Invalid Access Token'),
  };
}

export function invalid(daraja: Daraja, field: string): SandboxAnswer {
  return problem(daraja, 400, '400.002.02', `Bad Request - Invalid ${field}`);
}

export function conversationIdOf(rail: SandboxRail, ...names: readonly (string | number)[]): string {
  const day = new Date(rail.scheduler.now() + EAT_OFFSET_MS).toISOString().slice(0, 10).replaceAll('-', '');
  return `AG_${day}_${rail.chance.text('0123456789abcdef', 20, 'conversation', ...names)}`;
}

export function acknowledge(conversationId: string, originatorConversationId: string): SandboxAnswer {
  return json(200, {
    ConversationID: conversationId,
    OriginatorConversationID: originatorConversationId,
    ResponseCode: '0',
    ResponseDescription: 'Accept the service request successfully.',
  });
}
