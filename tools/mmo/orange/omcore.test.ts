import { describe, expect, it } from 'vitest';
import { parseReading, type ReadingObject } from '../reading.ts';
import { omcoreOutcome } from './omcore.ts';

const outcomeOf = (leg: 'collection' | 'payout', data: object) =>
  omcoreOutcome(parseReading(JSON.stringify({ payToken: 'MP1', txnid: 'MP.1', ...data })) as ReadingObject, leg);

describe('the status of a payment in Cameroon', () => {
  it.each([
    ['collection', { status: 'SUCCESSFULL', inittxnstatus: '200', confirmtxnstatus: '200' }, 'succeeded', undefined],
    ['collection', { status: 'SUCCESSFULL', inittxnstatus: '200', confirmtxnstatus: null }, 'succeeded', undefined],
    ['collection', { status: 'SUCCESSFULL', inittxnstatus: '200', confirmtxnstatus: '60019' }, 'unknown', 'contradiction'],
    ['collection', { status: 'FAILED', inittxnstatus: '200', confirmtxnstatus: null }, 'failed', 'payer_declined'],
    ['collection', { status: 'FAILED', inittxnstatus: 60019 }, 'failed', 'insufficient_funds'],
    ['collection', { status: 'FAILED', inittxnstatus: '200', confirmtxnstatus: '200' }, 'unknown', 'contradiction'],
    ['collection', { status: 'EXPIRED' }, 'failed', 'payer_no_answer'],
    ['collection', { status: 'PENDING', inittxnstatus: '60019' }, 'pending', undefined],
    ['payout', { status: 'SUCCESSFULL', txnstatus: '200' }, 'succeeded', undefined],
    ['payout', { status: 'SUCCESSFULL', txnstatus: '60030' }, 'unknown', 'contradiction'],
    ['payout', { status: 'FAILED', txnstatus: '60019' }, 'failed', 'float_too_low'],
    ['payout', { status: 'FAILED', txnstatus: '60030' }, 'failed', 'unmapped:60030'],
    ['payout', { status: 'FAILED', txnstatus: '200' }, 'unknown', 'contradiction'],
    ['payout', { status: 'FAILED' }, 'failed', 'operator_refused'],
    ['payout', { status: 'EXPIRED' }, 'failed', 'operator_refused'],
    ['payout', { status: 'REVERSED' }, 'unknown', 'unmapped:REVERSED'],
  ] as const)('%s %j is %s: %s', (leg, data, state, reasonCode) => {
    expect(outcomeOf(leg, data)).toMatchObject({ state, ...(reasonCode === undefined ? {} : { reasonCode }) });
  });
});
