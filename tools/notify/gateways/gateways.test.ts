import { describe, expect, it } from 'vitest';
import { readForm } from './form.ts';
import type { MessageKind } from './gateway.ts';
import { africasTalking, ussdAnswer } from './africastalking.ts';
import { mtnMessaging } from './mtn.ts';

const form = (fields: Record<string, string>): string => new URLSearchParams(fields).toString();
const TURN = { sessionId: 'ATUid_1', phoneNumber: '+254712345678', networkCode: '63902', serviceCode: '*384*1#', text: '1*2' };
const MTN_TURN = {
  sessionId: '01235',
  messageType: '1',
  msisdn: '254712345678',
  serviceCode: '321123',
  ussdString: '2',
  cellId: '',
  imsi: '',
};
const REPORT = { id: 'ATXid_1', status: 'Success', phoneNumber: '+254712345678', networkCode: '63902' };
const MTN_REPORT = { clientCorrelatorId: 'c-1', deliveryStatus: 'DELIVERED', receiverAddress: '256772345678' };

describe("Africa's Talking", () => {
  it('reads a turn, with or without the plus, in any order, with fields it does not know', () => {
    const expected = {
      kind: 'turn',
      sessionId: 'ATUid_1',
      caller: '+254712345678',
      serviceCode: '*384*1#',
      input: { form: 'history', text: '1*2' },
    };
    expect(africasTalking.read('ussd', form(TURN))).toEqual({ kind: 'ussd', request: expected });
    const other = form({ new: 'field', text: '1*2', serviceCode: '*384*1#', phoneNumber: '254712345678', sessionId: 'ATUid_1' });
    expect(africasTalking.read('ussd', other)).toEqual({ kind: 'ussd', request: expected });
  });

  it('answers with CON or END in front', () => {
    expect(ussdAnswer({ text: 'Hello', ends: false })).toBe('CON Hello');
    expect(ussdAnswer({ text: 'Bye', ends: true })).toBe('END Bye');
  });

  it.each<[MessageKind, string, string]>([
    ['ussd', '', 'validation_failed'],
    ['ussd', '{"sessionId":"x"}', 'validation_failed'],
    ['ussd', 'sessionId=%ZZ', 'malformed_body'],
    ['ussd', 'sessionId=%', 'malformed_body'],
    ['ussd', `${form(TURN)}&sessionId=other`, 'malformed_body'],
    ['ussd', `${form(TURN)}&extra=%FF%FE`, 'malformed_body'],
    ['ussd', form({ ...TURN, phoneNumber: 'me' }), 'validation_failed'],
    ['ussd', form({ ...TURN, phoneNumber: '+0' }), 'validation_failed'],
    ['ussd', form({ ...TURN, sessionId: '' }), 'validation_failed'],
    ['ussd', form({ ...TURN, sessionId: 'a b' }), 'validation_failed'],
    ['ussd', form({ ...TURN, text: '1'.repeat(1_001) }), 'validation_failed'],
    ['ussd', form({ ...TURN, text: '1\u0000' }), 'validation_failed'],
    ['ussd', form({ sessionId: 'ATUid_1', phoneNumber: '+254712345678', serviceCode: '*384*1#' }), 'validation_failed'],
    ['ussd-events', form({ ...TURN, status: 'Perhaps' }), 'validation_failed'],
    ['sms-reports', form({ ...REPORT, status: 'Eaten' }), 'validation_failed'],
    ['sms-reports', form({ ...REPORT, id: '' }), 'validation_failed'],
    ['sms-inbound', form({ from: 'nobody', text: 'STOP' }), 'validation_failed'],
    ['sms-opt-outs', form({ senderId: 'CAPP' }), 'validation_failed'],
  ])('%s %j is refused as %s', (kind, body, _code) => {
    expect(() => africasTalking.read(kind, body)).toThrow(expect.objectContaining({ code: _code }));
  });

  it.each([
    ['Success', undefined, 'delivered', null],
    ['Failed', 'DeliveryFailure', 'failed', 'delivery_failed'],
    ['Failed', 'UserInBlackList', 'failed', 'opted_out'],
    ['Failed', 'SomethingNew', 'failed', 'delivery_failed'],
    ['Rejected', 'NotNetworkSubcriber', 'failed', 'receiver_unknown'],
    ['Expired', undefined, 'failed', 'receiver_unreachable'],
    ['AbsentSubscriber', undefined, 'failed', 'receiver_unreachable'],
    ['Sent', undefined, 'under_way', null],
    ['Submitted', undefined, 'under_way', null],
    ['Buffered', undefined, 'under_way', null],
  ])('%s (%s) is %s', (status, failureReason, state, reasonCode) => {
    const body = form({ ...REPORT, status, ...(failureReason === undefined ? {} : { failureReason }) });
    expect(africasTalking.read('sms-reports', body)).toMatchObject({ report: { state, reasonCode, optedOut: reasonCode === 'opted_out' } });
  });
});

describe("MTN's gateway", () => {
  it.each([
    ['0', { kind: 'turn', input: { form: 'begin' } }],
    ['1', { kind: 'turn', input: { form: 'newest', text: '2' } }],
    [1, { kind: 'turn', input: { form: 'newest', text: '2' } }],
    ['2', { kind: 'over' }],
    ['4', { kind: 'over' }],
    ['5', { kind: 'over' }],
  ])('reads message type %j', (messageType, expected) => {
    expect(mtnMessaging.read('ussd', JSON.stringify({ ...MTN_TURN, messageType }))).toMatchObject({
      request: { ...expected, caller: '+254712345678', sessionId: '01235' },
    });
  });

  it.each<[MessageKind, unknown, string]>([
    ['ussd', '{', 'malformed_body'],
    ['ussd', '[]', 'malformed_body'],
    ['ussd', '"text"', 'malformed_body'],
    ['ussd', '<html></html>', 'malformed_body'],
    ['ussd', {}, 'validation_failed'],
    ['ussd', { ...MTN_TURN, messageType: '9' }, 'validation_failed'],
    ['ussd', { ...MTN_TURN, messageType: true }, 'validation_failed'],
    ['ussd', { ...MTN_TURN, msisdn: 254712345678 }, 'validation_failed'],
    ['ussd', { ...MTN_TURN, sessionId: null }, 'validation_failed'],
    ['ussd', { ...MTN_TURN, ussdString: ['1'] }, 'validation_failed'],
    ['ussd', { ...MTN_TURN, ussdString: 'x'.repeat(401) }, 'validation_failed'],
    ['sms-reports', { ...MTN_REPORT, deliveryStatus: 'LOST' }, 'validation_failed'],
    ['sms-reports', { ...MTN_REPORT, receiverAddress: [] }, 'validation_failed'],
    ['sms-inbound', { senderAddress: '256772345678' }, 'validation_failed'],
    ['sms-opt-outs', {}, 'not_found'],
  ])('%s %j is refused as %s', (kind, body, code) => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    expect(() => mtnMessaging.read(kind, text)).toThrow(expect.objectContaining({ code }));
  });

  it.each([
    ['DELIVERED', 'delivered'],
    ['DELETED', 'failed'],
    ['EXPIRED', 'failed'],
    ['REJECTED', 'failed'],
    ['UNDELIVERED', 'failed'],
    ['ACCEPTD', 'under_way'],
    ['ENROUTE', 'under_way'],
    ['UNKNOWN', 'under_way'],
  ])('%s is %s', (deliveryStatus, state) => {
    expect(mtnMessaging.read('sms-reports', JSON.stringify({ ...MTN_REPORT, deliveryStatus }))).toMatchObject({
      report: { state, key: { by: 'correlator', id: 'c-1' }, receiver: '+256772345678' },
    });
  });

  it('keeps neither card nor place of anybody', () => {
    const body = '{"imsi":"639021234567890","cellId" : "12\\"34","x":{"imsi":63902},"msisdn":"254712345678"}';
    expect(mtnMessaging.redact(body)).toBe('{"imsi":"","cellId" : "","x":{"imsi":""},"msisdn":"254712345678"}');
  });
});

it('a form keeps empty values, and plus signs as spaces', () => {
  expect({ ...readForm('a=&b=x+y&c=%2B1') }).toEqual({ a: '', b: 'x y', c: '+1' });
});
