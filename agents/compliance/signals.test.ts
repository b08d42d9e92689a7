import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { PastPayment } from './history.ts';
import { isRound, type SignalReadings, signalsOf } from './signals.ts';

const NOW_MS = Date.UTC(2026, 10, 20, 12);
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function sentAgo(agoMs: number, change: Partial<PastPayment> = {}): PastPayment {
  return {
    id: `p${agoMs}`,
    senderId: 's',
    receiverId: 'r',
    amountMinor: 123_456n,
    currency: 'KES',
    createdAtMs: NOW_MS - agoMs,
    ...change,
  };
}

function readings(change: Partial<SignalReadings> = {}): SignalReadings {
  return {
    at: { id: 'now', senderId: 's', receiverId: 'r', amountMinor: 1_234_567n, currency: 'KES', createdAtMs: NOW_MS },
    sent: [],
    inflows: [],
    toReceiver: [],
    lastBeforeMs: null,
    senderSinceMs: null,
    amountUsdMinor: null,
    travelRuleMinor: 12_967_469n,
    band: { lowBps: 7_000, highBps: 9_990 },
    corridorRisk: 0,
    travelRule: null,
    isOriginatorVerified: true,
    ...change,
  };
}

describe('signals', () => {
  test('of a first payment say little', () => {
    expect(signalsOf(readings())).toEqual({ isNewReceiver: true });
    expect(signalsOf(readings({ senderSinceMs: NOW_MS - 3 * DAY_MS })).senderAgeDays).toBe(3);
  });

  test('a silence counts from the payment before, and not at all within the month', () => {
    expect(signalsOf(readings({ lastBeforeMs: NOW_MS - 100.5 * DAY_MS })).dormantDays).toBe(100);
    expect(signalsOf(readings({ lastBeforeMs: NOW_MS - 100 * DAY_MS, sent: [sentAgo(DAY_MS)] })).dormantDays).toBeUndefined();
  });

  test('a receiver is new who was not paid in the month', () => {
    expect(signalsOf(readings({ sent: [sentAgo(20 * DAY_MS)] })).isNewReceiver).toBeUndefined();
    expect(signalsOf(readings({ sent: [sentAgo(20 * DAY_MS, { receiverId: 'other' })] })).isNewReceiver).toBe(true);
  });

  test('different receivers of a day are counted, this one included', () => {
    const sent = [
      sentAgo(1, { receiverId: 'a' }),
      sentAgo(2, { receiverId: 'a' }),
      sentAgo(3, { receiverId: 'b' }),
      sentAgo(DAY_MS, { receiverId: 'c' }),
    ];
    expect(signalsOf(readings({ sent })).receivers24h).toBe(3);
  });

  test('money that came in and goes out is set against it, to the minute', () => {
    const inflows = [
      { amountMinor: 1_000_000n, currency: 'KES', createdAtMs: NOW_MS - 90 * MINUTE_MS },
      { amountMinor: 500_000n, currency: 'KES', createdAtMs: NOW_MS - 30 * MINUTE_MS },
      { amountMinor: 900_000n, currency: 'UGX', createdAtMs: NOW_MS - MINUTE_MS },
      { amountMinor: 900_000n, currency: 'KES', createdAtMs: NOW_MS - DAY_MS },
    ];
    const sent = [sentAgo(100 * MINUTE_MS, { amountMinor: 999n }), sentAgo(60 * MINUTE_MS, { amountMinor: 115_433n })];
    expect(signalsOf(readings({ inflows, sent }))).toMatchObject({
      received24hMinor: '1500000',
      minutesSinceReceived: 30,
      passThroughBps: 9_000,
    });
  });

  test('an amount is set against the mean of at least three', () => {
    const three = [1, 2, 3].map((at) => sentAgo(at * DAY_MS, { amountMinor: 100_000n }));
    expect(signalsOf(readings({ sent: three })).amountToMeanBps).toBe(123_456);
    expect(signalsOf(readings({ sent: three.slice(1) })).amountToMeanBps).toBeUndefined();
  });

  test('round amounts are counted among the last five', () => {
    const sent = [1, 2, 3, 4, 5, 6].map((at) => sentAgo(at, { amountMinor: 500_000n }));
    expect(signalsOf(readings({ sent })).roundOfLast5).toBe(4);
  });

  test('amounts just below the travel rule that reach one receiver add up', () => {
    const at = { ...readings().at, amountMinor: 10_000_000n };
    const toReceiver = [sentAgo(1, { senderId: 'x', amountMinor: 11_000_000n }), sentAgo(2, { senderId: 'y', amountMinor: 1n })];
    expect(signalsOf(readings({ at, toReceiver }))).toMatchObject({ bandToReceiver24h: 2, bandSumToReceiver24hMinor: '21000000' });
    expect(signalsOf(readings({ toReceiver })).bandToReceiver24h).toBeUndefined();
  });

  test('what the travel rule lacks is told only where it applies', () => {
    expect(signalsOf(readings({ isOriginatorVerified: false }))).toEqual({ isNewReceiver: true });
    const travelRule = { missing: ['originator_identity'], missingNext: ['beneficiary_town'] };
    expect(signalsOf(readings({ travelRule, isOriginatorVerified: false }))).toMatchObject({
      travelRuleMissing: travelRule.missing,
      travelRuleMissingNext: travelRule.missingNext,
      isOriginatorUnverified: true,
    });
    const complete = signalsOf(readings({ travelRule: { missing: [], missingNext: [] } }));
    expect(complete).toEqual({ isNewReceiver: true });
  });

  test('what comes later has no part', () => {
    const later = fc.array(
      fc.integer({ min: 1, max: 10_000_000 }).map((ms) => ({ amountMinor: 5n, currency: 'KES', createdAtMs: NOW_MS + ms })),
    );
    fc.assert(
      fc.property(later, (inflows) => {
        expect(signalsOf(readings({ inflows }))).toEqual(signalsOf(readings()));
      }),
    );
  });
});

test.each([
  [50_000n, true],
  [1_200_000n, true],
  [99n, true],
  [123_000n, false],
  [100_001n, false],
])('%s is round: %s', (amount, expected) => {
  expect(isRound(amount)).toBe(expected);
});
