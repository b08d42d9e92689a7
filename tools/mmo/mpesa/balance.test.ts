import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { HttpAnswer } from '../http.ts';
import { accountsOf, readToldBalance, requestBalance } from './balance.ts';
import type { Daraja } from './daraja.ts';

const packed =
  'Working Account|KES|700000.00|700000.00|0.00|0.00&Utility Account|KES|228037.00|228037.05|0.00|0.00&Charges Paid Account|KES|-1540.00|-1540.00|0.00|0.00';
const result = (fields: object) => JSON.stringify({ Result: { ResultCode: '0', ConversationID: 'AG_1', ...fields } });
const parameters = (value: string) => ({
  ResultParameters: {
    ResultParameter: [
      { Key: 'BOCompletedTime', Value: '1' },
      { Key: 'AccountBalance', Value: value },
    ],
  },
});
const kes = (minor: bigint) => ({ amount: { minor, currency: 'KES' } });

describe('a message that tells a balance', () => {
  it.each([
    ['what is available of the account named', ['Utility Account'], kes(22_803_705n)],
    ['the sum of several', ['Utility Account', 'Working Account'], kes(92_803_705n)],
    ['nothing where one of them is missing', ['Utility Account', 'Merchant Account'], { reasonCode: 'unreadable_answer' }],
    ['nothing of one below zero', ['Charges Paid Account'], { reasonCode: 'unreadable_answer' }],
  ])('says %s', (_what, accounts, expected) => {
    expect(readToldBalance(result(parameters(packed)), accounts)).toEqual(expected);
  });

  it('may have one parameter as an object, and a code as a number', () => {
    const one = { ResultCode: 0, ResultParameters: { ResultParameter: { Key: 'AccountBalance', Value: 'Utility Account|KES|5|5|0|0' } } };
    expect(readToldBalance(result(one), ['Utility Account'])).toEqual(kes(500n));
  });

  it.each([
    ['credentials that are refused', result({ ResultCode: 2001 }), { reasonCode: 'rail_misconfigured' }],
    ['a code nobody knows', result({ ResultCode: '77' }), { reasonCode: 'unmapped:77' }],
    ['a success without accounts', result({}), { reasonCode: 'unreadable_answer' }],
    ['a queue that gave up', '{"ConversationID":"AG_1"}', { reasonCode: 'queue_timeout' }],
    ['the same, wrapped', '{"Result":{"OriginatorConversationID":"x"}}', { reasonCode: 'queue_timeout' }],
  ])('tells none: %s', (_what, text, expected) => {
    expect(readToldBalance(text, ['Utility Account'])).toEqual(expected);
  });

  it.each(['', '[]', '<html>', '{}', '{"Result":{}}'])('is none: %s', (text) => {
    expect(() => readToldBalance(text, ['Utility Account'])).toThrow(expect.objectContaining({ code: 'malformed_body' }));
  });
});

it('holds an account that cannot be read for one of which nobody knows what it holds', () => {
  expect(accountsOf('Utility Account|KES|x|NaN|0|0&&Working Account')).toEqual(
    new Map([
      ['Utility Account', null],
      ['', null],
      ['Working Account', null],
    ]),
  );
});

it.each<[string, HttpAnswer, boolean]>([
  ['an acknowledgement', { kind: 'answered', status: 200, headers: new Headers(), body: '{"ResponseCode":"0"}' }, true],
  ['a refusal', { kind: 'answered', status: 400, headers: new Headers(), body: '{"errorCode":"400.002.02"}' }, false],
  ['no connection', { kind: 'not_sent', reason: 'unreachable' }, false],
  ['silence, after which its message may come all the same', { kind: 'no_answer', reason: 'timeout' }, true],
])('waits for the message or not, after %s', async (_what, answer, isAwaited) => {
  const { publicKey: key } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const profile = { b2c: { initiatorName: 'capp', initiatorPassword: 'x' } };
  const daraja = { profile, key, call: async () => answer } as unknown as Daraja;
  expect(await requestBalance(daraja, '600992', 'https://capp.test/v1/balances/1')).toBe(isAwaited);
});
