/** What Daraja posts: STK callbacks, B2C results and Transaction Status results, in the forms of 2026. */
import { minorPerMajor } from '../../domain/currency.ts';
import type { Failure } from '../fates.ts';
import type { Transaction } from '../journal.ts';
import type { CallbackMessage, SandboxRail } from '../rail.ts';

const EAT_OFFSET_MS = 3 * 3_600_000;

/** Codes are numbers, but for some. */
type Result = readonly [number | string, string];

/** Result code and text of a failed prompt. */
const STK_RESULTS: Readonly<Record<Failure, Result>> = {
  declined: [1032, 'Request cancelled by user'],
  no_funds: [1, 'The balance is insufficient for the transaction.'],
  cannot_receive: [8, 'The receiver balance would exceed the maximum.'],
  unavailable: [26, 'System busy. Traffic blocking condition in place.'],
  float_too_low: [1, 'The balance is insufficient for the transaction.'],
  below_minimum: [2, 'The amount is less than the minimum transaction value.'],
  above_maximum: [3, 'The amount is greater than the maximum transaction value.'],
  bad_credential: [2001, 'The initiator information is invalid.'],
  no_answer: [1037, 'DS timeout user cannot be reached.'],
  expired: [1019, 'Transaction has expired.'],
  wrong_pin: [2001, 'The initiator information is invalid.'],
  payer_limit: [4, 'The amount would exceed the daily transfer limit.'],
  receiver_limit: [8, 'The receiver balance would exceed the maximum.'],
  wallet_not_found: ['SFC_IC0003', 'The operator does not exist.'],
  operator_error: [1025, 'An error occurred while sending a push request.'],
};

/** Result code and text of a failed payout. */
const B2C_RESULTS: Readonly<Record<Failure, Result>> = {
  ...STK_RESULTS,
  declined: [26, 'System busy. Traffic blocking condition in place.'],
  cannot_receive: [2040, 'Credit Party customer type is not supported by the service.'],
  // Nobody is asked anything in a payout.
  no_answer: [26, 'System busy. Traffic blocking condition in place.'],
  expired: [26, 'System busy. Traffic blocking condition in place.'],
  operator_error: [26, 'System busy. Traffic blocking condition in place.'],
};

export function stkResultOf(transaction: Transaction): Result {
  return resultOf(STK_RESULTS, transaction);
}

function resultOf(results: Readonly<Record<Failure, Result>>, { failure, code }: Transaction): Result {
  if (failure === null) return [0, 'The service request is processed successfully.'];
  const [usual, text] = results[failure];
  if (code === undefined || code === null) return [usual, text];
  return [/^\d{1,9}$/.test(code) ? Number(code) : code, text];
}

export function digitsOfTime(ms: number): string {
  return new Date(ms + EAT_OFFSET_MS).toISOString().slice(0, 19).replaceAll(/\D/g, '');
}

/** `YYYY-MM-DDTHH:mm:ssZ`, as the statement writes the time in Nairobi. */
export function statementTime(ms: number): string {
  return `${new Date(ms + EAT_OFFSET_MS).toISOString().slice(0, 19)}Z`;
}

/** `DD.MM.YYYY HH:mm:ss` in Nairobi. */
function dottedTime(ms: number): string {
  const [date = '', time = ''] = new Date(ms + EAT_OFFSET_MS).toISOString().slice(0, 19).split('T');
  return `${date.split('-').toReversed().join('.')} ${time}`;
}

/** Shillings with two places, as the statement writes them. */
export function shillings(minor: bigint): string {
  const per = minorPerMajor('KES');
  return `${minor / per}.${(minor % per).toString().padStart(2, '0')}`;
}

/** Daraja writes amounts as JSON numbers; whole shillings are exact in one. */
function shillingsNumber(minor: bigint): number {
  return Number(minor / minorPerMajor('KES'));
}

function post(url: string, body: unknown, shortCode: string): CallbackMessage {
  return { method: 'POST', url, headers: { 'content-type': 'application/json', businessshortcode: shortCode }, body: JSON.stringify(body) };
}

/** The message about the end of a transaction. */
export function endMessage(rail: SandboxRail, transaction: Transaction, shortCode: string): CallbackMessage | null {
  if (transaction.callbackUrl === null) return null;
  const payout = () => (transaction.notes['reverses'] === undefined ? b2cResult(rail, transaction) : reversalResult(transaction));
  return post(transaction.callbackUrl, transaction.kind === 'collection' ? stkCallback(transaction) : payout(), shortCode);
}

function stkCallback(transaction: Transaction): unknown {
  const [code, text] = stkResultOf(transaction);
  const success = {
    CallbackMetadata: {
      Item: [
        { Name: 'Amount', Value: shillingsNumber(transaction.amountMinor) },
        { Name: 'MpesaReceiptNumber', Value: transaction.id },
        { Name: 'Balance' },
        { Name: 'TransactionDate', Value: Number(digitsOfTime(transaction.settledAtMs ?? 0)) },
        { Name: 'PhoneNumber', Value: Number(transaction.phone) },
      ],
    },
  };
  return {
    Body: {
      stkCallback: {
        MerchantRequestID: transaction.names['merchantRequestId'],
        CheckoutRequestID: transaction.names['checkoutRequestId'],
        ResultCode: code,
        ResultDesc: text,
        ...(code === 0 ? success : {}),
      },
    },
  };
}

function b2cResult(rail: SandboxRail, transaction: Transaction): unknown {
  const [code, text] = resultOf(B2C_RESULTS, transaction);
  const parameters = [
    { Key: 'TransactionAmount', Value: shillingsNumber(transaction.amountMinor) },
    { Key: 'TransactionReceipt', Value: transaction.id },
    { Key: 'ReceiverPartyPublicName', Value: `${transaction.phone} - SANDBOX CUSTOMER` },
    { Key: 'TransactionCompletedDateTime', Value: dottedTime(transaction.settledAtMs ?? 0) },
    { Key: 'B2CUtilityAccountAvailableFunds', Value: shillingsNumber(rail.balanceMinor()) },
    { Key: 'B2CWorkingAccountAvailableFunds', Value: 0 },
    { Key: 'B2CRecipientIsRegisteredCustomer', Value: 'Y' },
    { Key: 'B2CChargesPaidAccountAvailableFunds', Value: 0 },
  ];
  return {
    Result: {
      ResultType: 0,
      ResultCode: code,
      ResultDesc: text,
      OriginatorConversationID: transaction.ourReference,
      ConversationID: transaction.names['conversationId'],
      TransactionID: transaction.id,
      ...(code === 0 ? { ResultParameters: { ResultParameter: parameters } } : {}),
      ReferenceData: { ReferenceItem: { Key: 'QueueTimeoutURL', Value: 'https://internalsandbox.invalid/mpesa/b2cresults/v1/submit' } },
    },
  };
}

/** The result of a reversal. */
function reversalResult(transaction: Transaction): unknown {
  const parameters = [
    { Key: 'Amount', Value: shillingsNumber(transaction.amountMinor) },
    { Key: 'TransCompletedTime', Value: Number(digitsOfTime(transaction.settledAtMs ?? 0)) },
    { Key: 'OriginalTransactionID', Value: transaction.notes['reverses'] },
    { Key: 'Charge', Value: 0 },
  ];
  return {
    Result: {
      ResultType: 0,
      ResultCode: transaction.state === 'succeeded' ? 0 : 1,
      ResultDesc: 'The service request is processed.',
      OriginatorConversationID: transaction.ourReference,
      ConversationID: transaction.names['conversationId'],
      TransactionID: transaction.id,
      ResultParameters: { ResultParameter: parameters },
      ReferenceData: {
        ReferenceItem: { Key: 'QueueTimeoutURL', Value: 'https://internalsandbox.invalid/mpesa/reversalresults/v1/submit' },
      },
    },
  };
}

export interface StatusQuery {
  readonly url: string;
  readonly occasion: string;
  readonly originatorConversationId: string;
  readonly conversationId: string;
  readonly shortCode: string;
}

/** The result of Transaction Status about a transaction, or about none. */
export function statusMessage(query: StatusQuery, transaction: Transaction | undefined): CallbackMessage {
  const found = transaction === undefined ? {} : { ResultParameters: { ResultParameter: statusParameters(transaction, query.shortCode) } };
  const body = {
    Result: {
      ResultType: 0,
      ResultCode: transaction === undefined ? 'R000002' : 0,
      ResultDesc: transaction === undefined ? 'The OriginalTransactionID is invalid.' : 'The service request is processed successfully.',
      OriginatorConversationID: query.originatorConversationId,
      ConversationID: query.conversationId,
      TransactionID: transaction?.id ?? 'OA00000000',
      ...found,
      ReferenceData: { ReferenceItem: { Key: 'Occasion', Value: query.occasion } },
    },
  };
  return post(query.url, body, query.shortCode);
}

/** The result of Transaction Status for an initiator whose credential is not the right one: as of a payout, it comes later. */
export function refusedStatusMessage(query: StatusQuery): CallbackMessage {
  const body = {
    Result: {
      ResultType: 0,
      ResultCode: 2001,
      ResultDesc: 'The initiator information is invalid.',
      OriginatorConversationID: query.originatorConversationId,
      ConversationID: query.conversationId,
      TransactionID: 'OA00000000',
      ReferenceData: { ReferenceItem: { Key: 'Occasion', Value: query.occasion } },
    },
  };
  return post(query.url, body, query.shortCode);
}

function statusParameters(transaction: Transaction, shortCode: string): readonly unknown[] {
  const status = { pending: 'Initiated', succeeded: 'Completed', failed: 'Declined' }[transaction.state];
  return [
    { Key: 'ReceiptNo', Value: transaction.id },
    { Key: 'Conversation ID', Value: transaction.names['conversationId'] },
    { Key: 'FinalisedTime', Value: Number(digitsOfTime(transaction.settledAtMs ?? transaction.atMs)) },
    { Key: 'Amount', Value: shillingsNumber(transaction.amountMinor) },
    { Key: 'TransactionStatus', Value: status },
    { Key: 'ReasonType', Value: 'Business Payment to Customer via API' },
    { Key: 'TransactionReason' },
    { Key: 'DebitPartyCharges', Value: '' },
    { Key: 'DebitAccountType', Value: 'Utility Account' },
    { Key: 'InitiatedTime', Value: Number(digitsOfTime(transaction.atMs)) },
    { Key: 'Originator Conversation ID', Value: transaction.ourReference },
    { Key: 'CreditPartyName', Value: `${transaction.phone} - SANDBOX CUSTOMER` },
    { Key: 'DebitPartyName', Value: `${shortCode} - Sandbox` },
  ];
}
