import { expect, it } from 'vitest';
import { isThrottled } from './throttle.ts';

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
