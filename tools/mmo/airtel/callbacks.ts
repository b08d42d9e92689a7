/**
 * Reads what Airtel posts to the application's address: `{transaction, hash?}`. Callbacks may be missing,
 * early or repeated, and a failure they tell must be confirmed, so an enquiry decides in every case.
 */
import { fault } from '../../../domain/errors.ts';
import type { CallbackEvent } from '../operator.ts';
import { objectOf, parseCallbackObject, textOf } from '../reading.ts';
import { unknown, unmapped } from '../reasons.ts';
import { hasRightHash } from './crypto.ts';
import { type Codes, statusOutcome } from './outcomes.ts';

/**
 * Reads a callback body. With the portal's key, throws `callback_unverified` for one that does not carry
 * its right hash; throws `malformed_body` for what Airtel cannot have sent.
 */
export function parseAirtelCallback(text: string, key: string | undefined, codes: Codes): CallbackEvent {
  const body = parseCallbackObject(text);
  const transaction = objectOf(body, 'transaction');
  const ourReference = textOf(transaction, 'id');
  const status = textOf(transaction, 'status_code');
  if (ourReference === null || status === null) throw fault('malformed_body', { detail: 'The callback lacks its transaction.' });
  if (key !== undefined && !hasRightHash(text, textOf(body, 'hash') ?? '', key)) throw fault('callback_unverified');
  return {
    kind: 'inquiry',
    outcome: statusOutcome(body, codes) ?? unknown(unmapped(status)),
    ourReference,
    operatorReference: textOf(transaction, 'airtel_money_id'),
    trust: 'confirm',
  };
}
