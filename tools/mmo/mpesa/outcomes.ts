/**
 * Every code Daraja is known to send, and what it means for money. A code that is not here is unknown.
 * Source: Daraja 3.0 portal texts of 2025 and 2026; codes some guides list from the older SOAP service
 * are left out on purpose.
 */
import type { OperatorHandle, Outcome } from '../operator.ts';
import { objectOf, type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, type Reason, unknown, unmapped } from '../reasons.ts';

type CodeTable = Readonly<Record<string, Reason>>;

/** Result codes of STK Push, in its callback and its query. 0 is success; 4999 is "still processing". */
export const STK_CODES: CodeTable = {
  1: 'insufficient_funds',
  2: 'amount_below_minimum',
  3: 'amount_above_maximum',
  4: 'payer_limit',
  8: 'rail_limit',
  17: 'repeated_too_soon',
  26: 'operator_busy',
  1001: 'wallet_busy',
  1019: 'payer_no_answer',
  1025: 'operator_error',
  1031: 'payer_no_answer',
  1032: 'payer_declined',
  1037: 'payer_no_answer',
  2001: 'wrong_pin',
  2028: 'rail_misconfigured',
  8006: 'rail_misconfigured',
  9999: 'operator_error',
  SFC_IC0003: 'wallet_not_found',
};

/** Result codes of B2C. 0 is success. */
export const B2C_CODES: CodeTable = {
  1: 'float_too_low',
  2: 'amount_below_minimum',
  3: 'amount_above_maximum',
  4: 'rail_limit',
  8: 'receiver_limit',
  11: 'rail_misconfigured',
  17: 'repeated_too_soon',
  21: 'rail_misconfigured',
  26: 'operator_busy',
  2001: 'rail_misconfigured',
  2006: 'account_inactive',
  2028: 'rail_misconfigured',
  2040: 'wallet_not_found',
  8006: 'rail_misconfigured',
  SFC_IC0003: 'wallet_not_found',
};

/** Result codes of a reversal. 0 is success. */
const REVERSAL_CODES: CodeTable = {
  1: 'float_too_low',
  11: 'rail_misconfigured',
  21: 'rail_misconfigured',
  26: 'operator_busy',
  2001: 'rail_misconfigured',
  2006: 'account_inactive',
  2028: 'rail_misconfigured',
  8006: 'rail_misconfigured',
  R000002: 'receipt_missing',
};

/** Synchronous refusals of the gateway: nothing was done. Codes whose text decides are not in here. */
const ERROR_CODES: CodeTable = {
  '400.002.02': 'rail_misconfigured',
  '400.002.05': 'rail_misconfigured',
  '400.003.01': 'operator_unavailable',
  '400.008.01': 'rail_misconfigured',
  '400.008.02': 'rail_misconfigured',
  '401.002.01': 'operator_unavailable',
  '404.001.01': 'rail_misconfigured',
  '404.001.03': 'operator_unavailable',
  '404.001.04': 'rail_misconfigured',
  '404.002.01': 'rail_misconfigured',
  '404.003.01': 'rail_misconfigured',
  '405.001': 'rail_misconfigured',
  '500.003.02': 'operator_busy',
  '500.003.03': 'operator_busy',
};

/** Codes by which Daraja refuses a token; the call did nothing and is made once more with a new one. */
export const TOKEN_REFUSALS: readonly string[] = ['400.003.01', '401.002.01', '404.001.03'];

/** What a non-zero STK result code means. */
export function stkFailure(code: string, handle?: OperatorHandle): Outcome {
  if (code === '4999') return pending(handle);
  return fromTable(STK_CODES, code, handle);
}

/** What a non-zero B2C result code means. */
export function b2cFailure(code: string, handle?: OperatorHandle): Outcome {
  return fromTable(B2C_CODES, code, handle);
}

/** What a non-zero result code of a reversal means. R000001, "reversed already", does not tell by whom. */
export function reversalFailure(code: string, handle?: OperatorHandle): Outcome {
  if (code === 'R000001' || code === '0') return unknown(code === '0' ? 'contradiction' : 'reversed', handle);
  return fromTable(REVERSAL_CODES, code, handle);
}

function fromTable(table: CodeTable, code: string, handle?: OperatorHandle): Outcome {
  const reason = Object.hasOwn(table, code) ? table[code] : undefined;
  return reason === undefined ? unknown(unmapped(code), handle) : failed(reason, handle);
}

/**
 * What an answer to a money call means when it is not an acknowledgement: a refusal by a known code is a
 * failure, a duplicate was taken before, everything else may have moved money.
 */
export function submitRefusal(status: number, body: ReadingObject | undefined): Outcome {
  if (body === undefined) return unknown('unreadable_answer');
  const code = textOf(body, 'errorCode');
  if (code !== null) return errorOutcome(code, textOf(body, 'errorMessage') ?? '');
  const faultText = apigeeFaultOf(body);
  if (faultText !== null) return gatewayFault(status, faultText);
  return unknown(status >= 500 ? 'operator_error' : 'unreadable_answer');
}

function errorOutcome(code: string, message: string): Outcome {
  if (code === '400.002.02' && /phone\s*number|party[ab]|msisdn/i.test(message)) return failed('phone_invalid');
  if (code === '500.002.1001' && /duplicate/i.test(message)) return pending();
  if (code === '500.001.1001') {
    if (/merchant does not exist|wrong credentials/i.test(message)) return failed('rail_misconfigured');
    if (/unable to lock subscriber/i.test(message)) return failed('wallet_busy');
    return unknown('operator_error');
  }
  const reason = Object.hasOwn(ERROR_CODES, code) ? ERROR_CODES[code] : undefined;
  return reason === undefined ? unknown(unmapped(code)) : failed(reason);
}

/** The text of an Apigee gateway fault, or null when the body is none. */
function apigeeFaultOf(body: ReadingObject): string | null {
  const gatewayFaultObject = objectOf(body, 'fault');
  if (gatewayFaultObject === undefined) return null;
  const detail = textOf(objectOf(gatewayFaultObject, 'detail'), 'errorcode') ?? '';
  return `${detail} ${textOf(gatewayFaultObject, 'faultstring') ?? ''}`;
}

function gatewayFault(status: number, text: string): Outcome {
  if (/spikearrest|quota/i.test(text) || status === 429) return failed('operator_busy');
  if (/invalid_?access_?token|access token expired/i.test(text.replaceAll(' ', '_'))) return failed('operator_unavailable');
  if (status === 401 || status === 403 || status === 404) return failed('rail_misconfigured');
  return unknown('operator_error');
}
