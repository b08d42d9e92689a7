/** Whether an operator's answer says that it is asked too much: each says so in a way of its own. */
import { objectOf, parseObject, textOf } from './reading.ts';

/** Daraja's codes for too much, in answers of an error status. */
const DARAJA_TOO_MUCH = /"errorCode"\s*:\s*"500\.003\.0[23]"/;

/** Whether an answer says that its operator was asked too much, and the request went no further. WSO2's gateways say so by 900800 to 900808, with any status. */
export function isThrottled({ status, body }: { readonly status: number; readonly body: string }): boolean {
  if (status === 429 || (status >= 400 && DARAJA_TOO_MUCH.test(body))) return true;
  return body.includes('90080') && /^90080\d$/.test(textOf(objectOf(parseObject(body), 'fault'), 'code') ?? '');
}
