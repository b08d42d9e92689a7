import { constants, generateKeyPairSync, privateDecrypt } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFault } from '../../../domain/errors.ts';
import { derivedId } from '../../../domain/ids.ts';
import { money } from '../../../domain/money.ts';
import { parseObject } from '../reading.ts';
import { occasionOf, parseMpesaCallback } from './callbacks.ts';
import {
  accountReferenceOf,
  kenyanMsisdn,
  passwordOf,
  readAccountReference,
  requestRangeOf,
  securityCredentialOf,
  shillingsOf,
  timestampOf,
} from './fields.ts';
import { submitRefusal } from './outcomes.ts';

const REQUEST_ID = derivedId('payment', 'payout', '1');

describe('fields', () => {
  it('writes times in Nairobi, over midnight too', () => {
    expect(timestampOf(Date.UTC(2021, 5, 28, 6, 24, 8))).toBe('20210628092408');
    expect(timestampOf(Date.UTC(2026, 11, 31, 22, 0, 0))).toBe('20270101010000');
  });

  it('makes the password as published for the public test passkey', () => {
    const passkey = 'bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919';
    expect(passwordOf('174379', passkey, '20210628092408')).toBe(
      'MTc0Mzc5YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIwMjEwNjI4MDkyNDA4',
    );
  });

  it('derives references of 12 safe characters, the same each time, different for different requests', () => {
    expect(accountReferenceOf(REQUEST_ID)).toMatch(/^[0-9A-HJKMNP-TV-Z]{12}$/);
    expect(accountReferenceOf(REQUEST_ID)).toBe(accountReferenceOf(REQUEST_ID));
    const { first, last } = requestRangeOf(accountReferenceOf(REQUEST_ID));
    expect(first <= REQUEST_ID && REQUEST_ID <= last).toBe(true);
    expect([accountReferenceOf(first), accountReferenceOf(last)]).toEqual(Array(2).fill(accountReferenceOf(REQUEST_ID)));
    expect(readAccountReference('0i1l-2o3 4abcz')).toBe('01112034ABCZ');
    for (const text of [null, '', 'SCHOOL FEES', '0123456789A', '0123456789ABC', '0123456789AU'])
      expect(readAccountReference(text)).toBeNull();
    const many = Array.from({ length: 2_000 }, (_, index) => accountReferenceOf(derivedId('r', String(index))));
    expect(new Set(many).size).toBe(2_000);
  });

  it('writes whole shillings, and nothing else', () => {
    expect(shillingsOf(money(1_050_00n, 'KES'))).toBe('1050');
    for (const amount of [money(50n, 'KES'), money(0n, 'KES'), money(-100n, 'KES'), money(100n, 'UGX')])
      expect(() => shillingsOf(amount)).toThrow();
  });

  it('takes Kenyan mobile numbers only', () => {
    expect(kenyanMsisdn('+254712345678')).toBe('254712345678');
    expect(kenyanMsisdn('+254112345678')).toBe('254112345678');
    for (const phone of ['0712345678', '+254212345678', '+25471234567', '+256712345678']) expect(kenyanMsisdn(phone)).toBeNull();
  });

  it('encrypts the initiator password with PKCS #1 v1.5, differently each time', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const [first, second] = [securityCredentialOf('Safaricom999!', publicKey), securityCredentialOf('Safaricom999!', publicKey)];
    expect(first).not.toBe(second);
    const plain = privateDecrypt({ key: privateKey, padding: constants.RSA_PKCS1_PADDING }, Buffer.from(first, 'base64'));
    expect(plain.toString()).toBe('Safaricom999!');
  });
});

const stk = (code: unknown, items?: unknown) =>
  JSON.stringify({
    Body: {
      stkCallback: {
        MerchantRequestID: 'm-1',
        CheckoutRequestID: 'ws_CO_1',
        ResultCode: code,
        ResultDesc: 'text',
        ...(items === undefined ? {} : { CallbackMetadata: { Item: items } }),
      },
    },
  });

const result = (fields: object) =>
  JSON.stringify({ Result: { ResultType: 0, ConversationID: 'AG_1', OriginatorConversationID: REQUEST_ID, ...fields } });

describe('callbacks', () => {
  it('reads items by name in any order and keeps the ids an inquiry needs', () => {
    const event = parseMpesaCallback(
      stk('0', [{ Name: 'MpesaReceiptNumber', Value: 'ABC1234567' }, { Name: 'Balance' }, { Name: 'Amount', Value: 5.0 }]),
      [],
    );
    expect(event).toMatchObject({ kind: 'collection', trust: 'confirm', operatorReference: 'ABC1234567' });
    expect(event.outcome).toEqual({
      state: 'succeeded',
      receipt: 'ABC1234567',
      amount: { minor: 500n, currency: 'KES' },
      handle: { checkoutRequestId: 'ws_CO_1', merchantRequestId: 'm-1', receipt: 'ABC1234567' },
    });
  });

  it('doubts a success without its receipt, and a code nobody knows', () => {
    expect(parseMpesaCallback(stk(0), []).outcome).toMatchObject({ state: 'unknown', reasonCode: 'contradiction' });
    const withoutAmount = stk(0, [{ Name: 'MpesaReceiptNumber', Value: 'ABC1234567' }]);
    expect(parseMpesaCallback(withoutAmount, []).outcome).toMatchObject({ state: 'unknown', reasonCode: 'contradiction' });
    expect(parseMpesaCallback(stk(424242), []).outcome).toMatchObject({ state: 'unknown', reasonCode: 'unmapped:424242' });
  });

  it('reads a payout result with one parameter as an object, a text code and our reference', () => {
    const event = parseMpesaCallback(result({ ResultCode: '1', TransactionID: 'X', ReferenceData: { ReferenceItem: { Key: 'a' } } }), []);
    // Whoever could say falsely that a payout failed could have it made twice.
    expect(event).toMatchObject({ kind: 'payout', ourReference: REQUEST_ID, trust: 'confirm' });
    expect(event.outcome).toMatchObject({ state: 'failed', reasonCode: 'float_too_low', retry: 'later', handle: { toldCode: '1' } });
  });

  it.each([
    ['a payout', [{ Key: 'TransactionReceipt', Value: 'ABC1234567' }]],
    ['a reversal', [{ Key: 'OriginalTransactionID', Value: 'ABC1234567' }]],
  ])('doubts the success of %s without its amount', (_what, parameters) => {
    const told = result({ ResultCode: '0', TransactionID: 'X', ResultParameters: { ResultParameter: parameters } });
    expect(parseMpesaCallback(told, []).outcome).toMatchObject({ state: 'unknown', reasonCode: 'contradiction' });
  });

  it('believes no result without asking that does not name our request', () => {
    const paid = [
      { Key: 'TransactionReceipt', Value: 'ABC1234567' },
      { Key: 'TransactionAmount', Value: '10.00' },
    ];
    const status = [
      { Key: 'TransactionStatus', Value: 'Completed' },
      { Key: 'ReceiptNo', Value: 'ABC1234567' },
      { Key: 'Amount', Value: '10.00' },
    ];
    for (const parameters of [paid, status]) {
      const fields = { ResultCode: '0', OriginatorConversationID: undefined, ResultParameters: { ResultParameter: parameters } };
      expect(parseMpesaCallback(result(fields), [])).toMatchObject({
        ourReference: null,
        trust: 'confirm',
        outcome: { state: 'succeeded' },
      });
    }
  });

  it('takes a balance for the outcome of no attempt', () => {
    const parameters = [{ Key: 'AccountBalance', Value: 'Utility Account|KES|5.00|5.00|0.00|0.00' }];
    const balance = result({ ResultCode: '0', TransactionID: 'X', ResultParameters: { ResultParameter: parameters } });
    expect(() => parseMpesaCallback(balance, [])).toThrow(expect.objectContaining({ code: 'malformed_body' }));
  });

  it('believes why a payout failed once its status says that it did', () => {
    const declined = (occasion: string) =>
      parseMpesaCallback(
        result({
          ResultCode: 0,
          ResultParameters: { ResultParameter: [{ Key: 'TransactionStatus', Value: 'Declined' }] },
          ReferenceData: { ReferenceItem: { Key: 'Occasion', Value: occasion } },
        }),
        [],
      );
    const event = declined(occasionOf(REQUEST_ID, false, '1'));
    expect(event).toMatchObject({ kind: 'inquiry', ourReference: REQUEST_ID, trust: 'sufficient' });
    expect(event.outcome).toMatchObject({ state: 'failed', reasonCode: 'float_too_low', retry: 'later' });
    expect(declined(occasionOf(REQUEST_ID, false)).outcome).toMatchObject({ state: 'failed', reasonCode: 'operator_refused' });
    expect(declined(occasionOf(REQUEST_ID, true, '99999')).outcome).toMatchObject({ state: 'failed', reasonCode: 'operator_refused' });
  });

  it('believes refused credentials when the question after the payout is refused for the same', () => {
    const refused = (code: string, occasion: string) =>
      parseMpesaCallback(result({ ResultCode: code, ReferenceData: { ReferenceItem: { Key: 'Occasion', Value: occasion } } }), []).outcome;
    expect(refused('2001', occasionOf(REQUEST_ID, false, '2001'))).toMatchObject({ state: 'failed', reasonCode: 'rail_misconfigured' });
    expect(refused('2001', occasionOf(REQUEST_ID, false))).toMatchObject({ state: 'unknown' });
    expect(refused('1', occasionOf(REQUEST_ID, false, '1'))).toMatchObject({ state: 'unknown' });
  });

  it('does not take the result of another product for a paid payout', () => {
    const reversal = result({ ResultCode: 0, ResultParameters: { ResultParameter: [{ Key: 'Amount', Value: 1 }] } });
    expect(parseMpesaCallback(reversal, []).outcome.state).toBe('unknown');
  });

  it.each([
    ['Completed', 'succeeded'],
    ['Declined', 'failed'],
    ['Pending Authorized', 'pending'],
    ['Half way', 'unknown'],
  ])('reads the transaction status %s as %s', (status, state) => {
    const parameters = [
      { Key: 'TransactionStatus', Value: status },
      { Key: 'ReceiptNo', Value: 'LGR919G2AV' },
      { Key: 'Amount', Value: '1,000.00' },
      { Key: 'Originator Conversation ID', Value: REQUEST_ID },
    ];
    const event = parseMpesaCallback(
      result({ OriginatorConversationID: '1-2-3', ResultCode: 0, ResultParameters: { ResultParameter: parameters } }),
      [],
    );
    expect(event).toMatchObject({ kind: 'inquiry', ourReference: REQUEST_ID, trust: 'sufficient', outcome: { state } });
  });

  it.each([
    ['no amount', []],
    ['an amount that cannot be read', [{ Key: 'Amount', Value: 'KES 1000' }]],
    ['an amount in hundredths of cents', [{ Key: 'Amount', Value: '1000.0001' }]],
  ])('takes a completed transaction with %s for no proof', (_what, amounts) => {
    const parameters = [{ Key: 'TransactionStatus', Value: 'Completed' }, { Key: 'ReceiptNo', Value: 'LGR919G2AV' }, ...amounts];
    const body = { ResultCode: 0, ResultParameters: { ResultParameter: parameters } };
    expect(parseMpesaCallback(result(body), []).outcome).toMatchObject({ state: 'unknown', reasonCode: 'contradiction' });
  });

  it('ends an attempt Safaricom never saw only on the last inquiry and for a configured code', () => {
    const answer = (last: boolean) =>
      result({
        OriginatorConversationID: '1-2-3',
        ResultCode: 'R000002',
        ReferenceData: { ReferenceItem: { Key: 'Occasion', Value: occasionOf(REQUEST_ID, last) } },
      });
    expect(parseMpesaCallback(answer(true), ['R000002'])).toMatchObject({
      ourReference: REQUEST_ID,
      outcome: { reasonCode: 'never_received' },
    });
    expect(parseMpesaCallback(answer(false), ['R000002']).outcome.state).toBe('unknown');
    expect(parseMpesaCallback(answer(true), []).outcome.state).toBe('unknown');
  });

  it('takes anything with an id at the time-out address for doubt, never for a failure', () => {
    const event = parseMpesaCallback(JSON.stringify({ OriginatorConversationID: REQUEST_ID, message: 'timeout' }), []);
    expect(event).toMatchObject({ ourReference: REQUEST_ID, trust: 'confirm', outcome: { state: 'unknown', reasonCode: 'queue_timeout' } });
  });

  it('refuses every other body with a code, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (body) => {
        try {
          parseMpesaCallback(body, []);
        } catch (error) {
          expect(isFault(error, 'malformed_body')).toBe(true);
        }
      }),
    );
  });
});

const refusal = (status: number, body: string) => submitRefusal(status, parseObject(body));
const error = (errorCode: string, errorMessage = '') => JSON.stringify({ requestId: '1', errorCode, errorMessage });

describe('answers to money calls', () => {
  it.each([
    [500, error('500.003.02'), 'operator_busy'],
    [400, error('400.002.02', 'Bad Request - Invalid PhoneNumber'), 'phone_invalid'],
    [500, error('500.001.1001', 'Merchant does not exist'), 'rail_misconfigured'],
    [500, error('500.001.1001', 'Unable to lock subscriber, a transaction is already in process'), 'wallet_busy'],
    [
      429,
      '{"fault":{"faultstring":"Spike arrest violation","detail":{"errorcode":"policies.ratelimit.SpikeArrestViolation"}}}',
      'operator_busy',
    ],
    [401, '{"fault":{"faultstring":"Invalid API call as no apiproduct match found"}}', 'rail_misconfigured'],
  ])('%i %s is a refusal: %s', (status, body, reason) => {
    expect(refusal(status, body)).toMatchObject({ state: 'failed', reasonCode: reason });
  });

  it.each([
    [500, error('500.003.1001', 'Internal Server Error')],
    [500, error('500.001.1001', 'Something new')],
    [500, error('500.002.1001', 'Service is currently under maintenance')],
    [400, error('499.999.99', 'Never seen')],
    [502, '<html>Bad Gateway</html>'],
    [200, ''],
    [403, '<html>Request blocked</html>'],
    [500, '{"fault":{"faultstring":"Execution failed"}}'],
    [200, '{"ResponseCode":"7"}'],
  ])('%i %s leaves the money in doubt', (status, body) => {
    expect(refusal(status, body).state).toBe('unknown');
  });
});
