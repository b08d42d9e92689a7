/**
 * Whether an operator said, while it was asked about an attempt, that it was asked too much. It says so below what clients read, and a
 * client may have made several calls: so it is noted where answers come in, for whichever client is asking.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { OperatorClient } from './operator.ts';
import { unknown } from './reasons.ts';

const inquiries = new AsyncLocalStorage<{ isThrottled: boolean }>();

/** The codes of Daraja's and WSO2's gateways for too much, in answers of any error status. */
const TOO_MUCH = /"(?:errorCode|code)"\s*:\s*"?(?:500\.003\.0[23]|90080\d)"?/;

/** Notes an answer for the inquiry it was given to, if it was to one. */
export function noteAnswer(status: number, body: string): void {
  const inquiry = inquiries.getStore();
  if (inquiry !== undefined && (status === 429 || (status >= 400 && TOO_MUCH.test(body)))) inquiry.isThrottled = true;
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
