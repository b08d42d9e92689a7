/**
 * Transaction states and error codes of the GSMA Mobile Money API 1.2 in our words. States are free
 * text there and their case varies, so they are compared in lower case.
 */
import type { OperatorHandle, Outcome } from '../operator.ts';
import { type ReadingObject, textOf } from '../reading.ts';
import { failed, pending, type Reason, unknown, unmapped } from '../reasons.ts';

type Leg = 'collection' | 'payout';

const CODES_OF_BOTH: Readonly<Record<string, Reason>> = {
  requestdeclined: 'payer_declined',
  lessthantransactionminvalue: 'amount_below_minimum',
  greaterthantransactionmaxvalue: 'amount_above_maximum',
  maxbalanceexceeded: 'receiver_limit',
  samepartieserror: 'operator_refused',
  incorrectstate: 'account_inactive',
  underpaymentnotallowed: 'operator_refused',
  overpaymentnotallowed: 'operator_refused',
  ratelimiterror: 'operator_busy',
  transactiontypeerror: 'rail_misconfigured',
  nomandateauthority: 'rail_misconfigured',
  linkviolation: 'operator_refused',
  countryoforiginnotpermitted: 'operator_refused',
  nationalitynotpermitted: 'operator_refused',
  iddocumentnotsupported: 'operator_refused',
  issuingcountrynotsupported: 'operator_refused',
  quotehasexpired: 'operator_refused',
  identifiererror: 'wallet_not_found',
  lengtherror: 'rail_misconfigured',
  formaterror: 'rail_misconfigured',
  negativevalue: 'rail_misconfigured',
  currencynotsupported: 'rail_misconfigured',
  mandatoryvaluenotsupplied: 'rail_misconfigured',
  invalidoffset: 'rail_misconfigured',
  clientauthorisationerror: 'rail_misconfigured',
  servicingpartyauthorisationerror: 'operator_refused',
  requestingpartyauthorisationerror: 'rail_misconfigured',
};

/** The debit party is the customer in a collection and we ourselves in a payout. */
const CODES_OF_LEG: Readonly<Record<Leg, Readonly<Record<string, Reason>>>> = {
  collection: { insufficientfunds: 'insufficient_funds' },
  payout: { insufficientfunds: 'float_too_low', incorrectstate: 'wallet_cannot_receive' },
};

/** Volume and value limits are the customer's: of the payer in a collection, of the receiver in a payout. */
const LIMIT_CODE = /^(daily|weekly|monthly)(volume|value)limitexceeded$|^accountmaxtotal(volume|value)exceeded$/;

/** What the error object of a finished failure means; `generic` ones go by their category. */
export function errorReason(error: ReadingObject, leg: Leg): Reason | null {
  const code = textOf(error, 'errorCode')?.toLowerCase() ?? '';
  const category = textOf(error, 'errorCategory')?.toLowerCase() ?? '';
  if (LIMIT_CODE.test(code)) return leg === 'collection' ? 'payer_limit' : 'receiver_limit';
  if (Object.hasOwn(CODES_OF_LEG[leg], code)) return CODES_OF_LEG[leg][code] ?? null;
  if (Object.hasOwn(CODES_OF_BOTH, code)) return CODES_OF_BOTH[code] ?? null;
  if (category === 'serviceunavailable') return 'operator_busy';
  if (category === 'internal') return 'operator_error';
  if (category === 'businessrule' || category === 'authorisation' || category === 'identification') return 'operator_refused';
  return category === 'validation' ? 'rail_misconfigured' : null;
}

export function isErrorObject(body: ReadingObject): boolean {
  return textOf(body, 'errorCategory') !== null && textOf(body, 'errorCode') !== null;
}

/** The failure of a request whose state the operator calls failed: final, whatever the error says. */
export function finalFailure(error: ReadingObject | undefined, leg: Leg): Outcome {
  if (error === undefined) return failed('operator_refused');
  const reason = errorReason(error, leg);
  if (reason !== null) return failed(reason);
  return { state: 'failed', reasonCode: unmapped(textOf(error, 'errorCode') ?? 'no_code'), retry: 'later' };
}

/** Categories of the operator's own trouble, behind which money may have moved, whatever the HTTP status. */
const OF_ITS_OWN: readonly string[] = ['internal', 'serviceunavailable'];

/** What an answer other than 201 and 202 to a money call means. */
export function submitRefusal(status: number, body: ReadingObject | undefined, leg: Leg): Outcome {
  if (status === 429) return failed('operator_busy');
  if (body === undefined || !isErrorObject(body)) return unknown(status >= 500 ? 'operator_error' : 'unreadable_answer');
  if (textOf(body, 'errorCode')?.toLowerCase() === 'duplicaterequest') return pending();
  const category = textOf(body, 'errorCategory')?.toLowerCase() ?? '';
  if (status >= 500 || status < 400 || OF_ITS_OWN.includes(category)) return unknown('operator_error');
  const reason = errorReason(body, leg);
  return reason === null ? unknown(unmapped(textOf(body, 'errorCode') ?? 'no_code')) : failed(reason);
}

/** What a transaction object says, its amount aside. */
export function transactionOutcome(body: ReadingObject, handle?: OperatorHandle): Outcome {
  const status = textOf(body, 'transactionStatus')?.toLowerCase();
  switch (status) {
    case 'completed': {
      const receipt = textOf(body, 'transactionReceipt') ?? textOf(body, 'transactionReference');
      if (receipt === null) return unknown('contradiction', handle);
      return { state: 'succeeded', receipt, amount: null, ...(handle ? { handle } : {}) };
    }
    case 'pending':
    case 'in progress':
      return pending(handle);
    case 'declined':
    case 'rejected':
    case 'failed':
      return failed('operator_refused', handle);
    // Money went there and back; people have to look.
    case 'reversed':
      return unknown('reversed', handle);
    default:
      return unknown(unmapped(status ?? 'no_status'), handle);
  }
}
