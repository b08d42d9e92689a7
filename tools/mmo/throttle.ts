/**
 * Whether an operator said, while it was asked about an attempt, that it was asked too much. It says so below what clients read, and a
 * client may have made several calls: so it is noted where answers come in, for whichever client is asking.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { OperatorClient } from './operator.ts';
import { objectOf, parseObject, textOf } from './reading.ts';
import { unknown } from './reasons.ts';

const inquiries = new AsyncLocalStorage<{ isThrottled: boolean }>();

/** Daraja's codes for too much, in answers of an error status. */
const DARAJA_TOO_MUCH = /"errorCode"\s*:\s*"500\.003\.0[23]"/;

/** Whether an answer says that its operator was asked too much, and the request went no further. WSO2's gateways say so by 900800 to 900808, with any status. */
export function isThrottled({ status, body }: { readonly status: number; readonly body: string }): boolean {
  if (status === 429 || (status >= 400 && DARAJA_TOO_MUCH.test(body))) return true;
  return body.includes('90080') && /^90080\d$/.test(textOf(objectOf(parseObject(body), 'fault'), 'code') ?? '');
}

/** Notes an answer for the inquiry it was given to, if it was to one. */
export function noteAnswer(answer: { readonly status: number; readonly body: string }): void {
  const inquiry = inquiries.getStore();
  if (inquiry !== undefined && isThrottled(answer)) inquiry.isThrottled = true;
}

/** The client with inquiries that tell doubt because the operator was asked too much from any other. */
export function tellThrottled(client: OperatorClient): OperatorClient {
  return {
    ...client,
    inquire: async (request) => {
      const inquiry = { isThrottled: false };
      const outcome = await inquiries.run(inquiry, () => client.inquire(request));
      return inquiry.isThrottled && outcome.state === 'unknown' ? unknown('busy', outcome.handle) : outcome;
    },
  };
}
