/** What is expected of the rows of a demo. */
import { expect, test } from 'vitest';
import type { Payment } from '../../sdk/index.ts';
import { type DemoReport, type DemoRow, isSound, paidPerSecond, unexpectedRows } from './report.ts';
import type { SettlementReport } from './settlement.ts';

const row = (paymentId: string | null, expect_: string, expectCode: string | null = null, codes: string[] = []): DemoRow => ({
  line: 2,
  referenceId: 'r',
  fromCountry: 'KE',
  toCountry: 'UG',
  expect: expect_,
  expectCode,
  paymentId,
  codes,
});
const payments = new Map(
  Object.entries({ a: ['paid', null], b: ['held', 'compliance_review'], c: ['paid', null] }).map(([id, [status, reasonCode]]) => [
    id,
    { status, reasonCode } as Payment,
  ]),
);

test('a row at another end than its file names is told, with what was found', () => {
  expect(unexpectedRows([row('a', 'paid'), row('b', 'held', 'compliance_review')], payments)).toEqual([]);
  expect(unexpectedRows([row('a', 'refunded', 'payout_failed')], payments)).toMatchObject([
    { expected: 'refunded (payout_failed)', found: 'paid' },
  ]);
  expect(unexpectedRows([row(null, 'invalid', 'phone_invalid', ['name_missing'])], payments)).toMatchObject([
    { expected: 'invalid (phone_invalid)', found: 'invalid (name_missing)' },
  ]);
});

test('a payment that people took elsewhere is no surprise', () => {
  const held = [row('c', 'held', 'compliance_review')];
  expect(unexpectedRows(held, payments)).toHaveLength(1);
  expect(unexpectedRows(held, payments, new Set(['c']))).toEqual([]);
});

test('throughput is that of payments that were paid, but for the slowest twentieth', () => {
  const paidAfter = (seconds: number) => ({ status: 'paid', completedAt: new Date(seconds * 1_000).toISOString() }) as Payment;
  const twenty = [...Array.from({ length: 19 }, (_, index) => paidAfter(1 + index / 2)), paidAfter(400)];
  expect(paidPerSecond(twenty, 0)).toBe(1.9);
  expect(paidPerSecond([...twenty, { status: 'failed', completedAt: null } as Payment].reverse(), 0)).toBe(1.9);
  expect(paidPerSecond([], 0)).toBeNull();
});

test.each<[string, boolean, Partial<SettlementReport>]>([
  ['settled as the chain has it', true, {}],
  ['a batch that is not settled', false, { unsettled: 1 }],
  ['books that differ from the chain', false, { ledgerIsChain: 'differs' }],
  ['batches on the chain that nobody compared', false, { ledgerIsChain: 'not_compared' }],
  ['no chain at all', true, { ledgerIsChain: 'not_compared', onChain: 0 }],
  ['batches that took too long', false, { meanMsToSettled: 300_000 }],
])('%s is sound: %s', (_, expected, settlement) => {
  const settled = { unsettled: 0, onChain: 3, ledgerIsChain: 'equal', meanMsToSettled: 80_000, ...settlement };
  expect(isSound({ unexpected: 0, other: 0, invariants: 'hold', settlement: settled } as DemoReport)).toBe(expected);
});
