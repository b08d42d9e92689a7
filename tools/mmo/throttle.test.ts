import { expect, it } from 'vitest';
import { isThrottled, noteAnswer, tellThrottled } from './throttle.ts';
import type { InquiryRequest, OperatorClient, Outcome } from './operator.ts';
import { pending, unknown } from './reasons.ts';

const WSO2 = '{"fault":{"code":"900803","message":"Message throttled out"}}';
const DARAJA = '{"requestId":"1","errorCode": "500.003.02","errorMessage":"System is busy"}';

it.each([
  [429, 'anything', true],
  [200, WSO2, true],
  [500, WSO2, true],
  [200, '{"fault":{"code":900801}}', true],
  [500, DARAJA, true],
  [200, DARAJA, false],
  [200, '{"fault":{"code":"900901"}}', false],
  [200, '{"data":{"code":"900801","amount":"90080"}}', false],
  [503, '<html>90080</html>', false],
])('%s %s is too much: %s', (status, body, expected) => {
  expect(isThrottled({ status, body })).toBe(expected);
});

it('tells the doubt of the inquiry that was answered so from any other, and of no inquiry beside it', async () => {
  const inquire = async ({ requestId }: InquiryRequest): Promise<Outcome> => {
    await Promise.resolve();
    noteAnswer({ status: requestId === 'calm' ? 404 : 200, body: WSO2.replace('900803', requestId === 'calm' ? '404' : '900803') });
    return requestId === 'known' ? pending() : unknown('inquiry_failed', { transactionId: requestId });
  };
  const client = tellThrottled({ inquire } as unknown as OperatorClient);
  const ask = (requestId: string) => client.inquire({ requestId } as unknown as InquiryRequest);
  expect(await Promise.all(['busy', 'calm', 'known'].map(ask))).toEqual([
    unknown('busy', { transactionId: 'busy' }),
    unknown('inquiry_failed', { transactionId: 'calm' }),
    pending(),
  ]);
});
