import { describe, expect, it } from 'vitest';
import { parseObject } from '../reading.ts';
import { parseGsmaCallback } from './client.ts';
import { submitRefusal, transactionOutcome } from './outcomes.ts';

const submitted = (status: number, body: unknown, leg: 'collection' | 'payout' = 'collection') =>
  submitRefusal(status, parseObject(typeof body === 'string' ? body : JSON.stringify(body)), leg);
const error = (errorCategory: string, errorCode: string) => ({ errorCategory, errorCode });
const types = { collectionType: 'merchantpay', payoutType: 'disbursement' } as const;

describe('answers to money calls', () => {
  it.each([
    [400, error('businessRule', 'insufficientFunds'), 'collection', 'insufficient_funds'],
    [400, error('businessRule', 'insufficientFunds'), 'payout', 'float_too_low'],
    [400, error('BusinessRule', 'dailyValueLimitExceeded'), 'collection', 'payer_limit'],
    [400, error('businessRule', 'monthlyVolumeLimitExceeded'), 'payout', 'receiver_limit'],
    [401, error('authorisation', 'requestDeclined'), 'collection', 'payer_declined'],
    [404, error('identification', 'identifierError'), 'payout', 'wallet_not_found'],
    [400, error('validation', 'formatError'), 'payout', 'rail_misconfigured'],
    [429, '', 'payout', 'operator_busy'],
  ] as const)('%i %j on a %s is a refusal: %s', (status, body, leg, reason) => {
    expect(submitted(status, body, leg)).toMatchObject({ state: 'failed', reasonCode: reason });
  });

  it.each([
    [500, error('internal', 'genericError')],
    [503, error('serviceUnavailable', 'genericError')],
    [400, error('Internal', 'genericError')],
    [400, error('serviceUnavailable', 'genericError')],
    [400, '<html></html>'],
    [400, error('newCategory', 'newCode')],
    [302, error('businessRule', 'insufficientFunds')],
  ])('%i %j leaves the money in doubt', (status, body) => {
    expect(submitted(status, body).state).toBe('unknown');
  });

  it('reads a duplicate as taken before', () => {
    expect(submitted(400, error('businessRule', 'duplicateRequest')).state).toBe('pending');
  });
});

describe('transactions', () => {
  it.each([
    ['Completed', 'succeeded'],
    ['PENDING', 'pending'],
    ['declined', 'failed'],
    ['reversed', 'unknown'],
    ['on holiday', 'unknown'],
  ])('%s is %s', (transactionStatus, state) => {
    expect(transactionOutcome({ transactionStatus, transactionReference: 'r' }).state).toBe(state);
  });
});

describe('callbacks', () => {
  it('reads a finished transaction and names our reference', () => {
    const body = {
      amount: '50.00',
      currency: 'KES',
      type: 'merchantpay',
      transactionStatus: 'completed',
      transactionReference: 'r',
      requestingOrganisationTransactionReference: 'ours',
    };
    const event = parseGsmaCallback(JSON.stringify(body), { currency: 'KES' }, types);
    expect(event).toMatchObject({ kind: 'collection', ourReference: 'ours', trust: 'confirm' });
    expect(event.outcome).toMatchObject({ state: 'succeeded', amount: { minor: 5000n, currency: 'KES' } });
  });

  it.each(['{}', '{"errorCode":"x"}', 'PUT'])('refuses %s', (body) => {
    expect(() => parseGsmaCallback(body, { currency: 'KES' }, types)).toThrow(/malformed_body/);
  });
});
