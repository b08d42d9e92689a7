import { describe, expect, it } from 'vitest';
import { parseObject } from '../reading.ts';
import { parseMtnMomoCallback } from './client.ts';
import { statusOutcome, submitRefusal } from './outcomes.ts';

const status = (body: object, leg: 'collection' | 'payout' = 'collection') => statusOutcome(parseObject(JSON.stringify(body)) ?? {}, leg);
const submitted = (code: number, body: string) => submitRefusal(code, body, parseObject(body), 'payout');

describe('status', () => {
  it('reads a reason as text and as an object', () => {
    expect(status({ status: 'FAILED', reason: 'APPROVAL_REJECTED' })).toMatchObject({
      reasonCode: 'payer_declined',
      retry: 'after_customer',
    });
    expect(status({ status: 'FAILED', reason: { code: 'APPROVAL_REJECTED', message: 'no' } })).toMatchObject({
      reasonCode: 'payer_declined',
    });
  });

  it('tells whose funds are short by the leg', () => {
    expect(status({ status: 'FAILED', reason: 'NOT_ENOUGH_FUNDS' }, 'collection')).toMatchObject({ retry: 'after_customer' });
    expect(status({ status: 'FAILED', reason: 'NOT_ENOUGH_FUNDS' }, 'payout')).toMatchObject({
      reasonCode: 'float_too_low',
      retry: 'later',
    });
  });

  it('lets the status decide: failed for an unknown reason, doubt for an unknown status', () => {
    expect(status({ status: 'FAILED', reason: 'BRAND_NEW' })).toMatchObject({ state: 'failed', reasonCode: 'unmapped:BRAND_NEW' });
    expect(status({ status: 'FAILED' })).toMatchObject({ state: 'failed' });
    expect(status({ status: 'PERHAPS' })).toMatchObject({ state: 'unknown', reasonCode: 'unmapped:PERHAPS' });
    expect(status({ reason: 'INTERNAL_PROCESSING_ERROR' })).toMatchObject({ state: 'unknown' });
  });

  it('doubts a success that carries a reason to fail', () => {
    expect(status({ status: 'SUCCESSFUL', reason: 'PAYER_NOT_FOUND', financialTransactionId: '1' })).toMatchObject({
      reasonCode: 'contradiction',
    });
  });

  it.each(['PENDING', 'CREATED', 'ONGOING', 'DELAYED', 'pending'])('%s is pending', (word) => {
    expect(status({ status: word }).state).toBe('pending');
  });
});

describe('answers to money calls', () => {
  it.each([
    [400, ''],
    [400, '{"code":"VALIDATION_ERROR"}'],
    [403, '{"statusCode":403,"message":"IP not allowed"}'],
    [429, '<html></html>'],
    [500, '{"code":"INVALID_CURRENCY"}'],
  ])('%i %s is a refusal another rail may not share', (code, body) => {
    expect(submitted(code, body)).toMatchObject({ state: 'failed', retry: 'later' });
  });

  it.each([
    [500, '{"code":"INTERNAL_PROCESSING_ERROR"}'],
    [503, '{"code":"SERVICE_UNAVAILABLE"}'],
    [400, '{"code":"INTERNAL_PROCESSING_ERROR"}'],
    [403, '{"code":"SERVICE_UNAVAILABLE"}'],
    [400, '{"code":"BRAND_NEW"}'],
    [502, '<html></html>'],
    [400, '<html></html>'],
    [200, '{}'],
    [500, ''],
  ])('%i %s leaves the money in doubt', (code, body) => {
    expect(submitted(code, body).state).toBe('unknown');
  });

  it('reads a duplicate as taken before', () => {
    expect(submitted(409, '').state).toBe('pending');
  });
});

describe('callbacks', () => {
  it('asks for an inquiry, names our reference, and reads amounts in the currency of the rail', () => {
    const body = JSON.stringify({
      externalId: 'ours',
      amount: '100',
      currency: 'UGX',
      payee: { partyIdType: 'MSISDN', partyId: '1' },
      status: 'SUCCESSFUL',
      financialTransactionId: '9',
    });
    const event = parseMtnMomoCallback(body, { currency: 'UGX' });
    expect(event).toMatchObject({ kind: 'payout', trust: 'confirm', ourReference: 'ours', operatorReference: '9' });
    expect(event.outcome).toMatchObject({ state: 'succeeded', amount: { minor: 100n, currency: 'UGX' } });
  });

  it.each(['{}', '{"status":"SUCCESSFUL"}', '{"payer":{}}', '<xml/>'])('refuses %s', (body) => {
    expect(() => parseMtnMomoCallback(body, { currency: 'UGX' })).toThrow(/malformed_body/);
  });
});
