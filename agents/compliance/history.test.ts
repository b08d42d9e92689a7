import { describe, expect, test } from 'vitest';
import { compareAccepted, type PastPayment, senderFacts, sendersWithinDay, thresholdFacts } from './history.ts';
import { COMPLIANCE_POLICY } from './policy.ts';

const NOW_MS = Date.UTC(2026, 10, 20, 12);
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

function sent(agoMs: number, amountMinor = 100n, more: Partial<PastPayment> = {}): PastPayment {
  return { id: `p-${agoMs}`, senderId: 'a', amountMinor, currency: 'KES', createdAtMs: NOW_MS - agoMs, ...more };
}

test('counts and sums by window, this payment included', () => {
  const earlier = [sent(40 * DAY_MS), sent(29 * DAY_MS), sent(6 * DAY_MS), sent(23 * HOUR_MS), sent(59 * MINUTE_MS)];
  expect(senderFacts(earlier, sent(0), false)).toEqual({
    count1h: 2,
    count24h: 3,
    sum24hMinor: '300',
    sum7dMinor: '400',
    sum30dMinor: '500',
    truncated: false,
  });
});

test('a window ends before the payment that is a whole window old', () => {
  expect(senderFacts([sent(HOUR_MS), sent(DAY_MS)], sent(0), true)).toMatchObject({ count1h: 1, count24h: 2, truncated: true });
});

test('payments in another currency count, but are not added', () => {
  const facts = senderFacts([sent(MINUTE_MS, 9_999n, { currency: 'USD' })], sent(0), false);
  expect(facts).toMatchObject({ count1h: 2, sum24hMinor: '100' });
});

describe('the band below a threshold', () => {
  const threshold = { id: 'travel_rule', minor: 100_000n };
  const factsOf = (amountMinor: bigint, earlier: readonly PastPayment[] = []) =>
    thresholdFacts(earlier, sent(0, amountMinor), threshold, COMPLIANCE_POLICY.structuring);

  test.each([
    [69_999n, false],
    [70_000n, true],
    [99_900n, true],
    [99_901n, false],
    [100_000n, false],
  ])('%i in it: %s', (amountMinor, inBand) => {
    expect(factsOf(amountMinor)).toMatchObject({ inBand, count24h: inBand ? 1 : 0, count7d: inBand ? 1 : 0 });
  });

  test('adds up what was in it, in its currency, by window', () => {
    const earlier = [
      sent(8 * DAY_MS, 90_000n),
      sent(3 * DAY_MS, 80_000n),
      sent(HOUR_MS, 75_000n),
      sent(HOUR_MS, 10n),
      sent(1, 90_000n, { currency: 'USD' }),
    ];
    expect(factsOf(95_000n, earlier)).toEqual({
      id: 'travel_rule',
      thresholdMinor: '100000',
      inBand: true,
      count24h: 2,
      sum24hMinor: '170000',
      count7d: 3,
      sum7dMinor: '250000',
    });
  });
});

test('senders of a day are counted once each', () => {
  const earlier = [sent(25 * HOUR_MS, 1n, { senderId: 'old' }), sent(2, 1n, { senderId: 'b' }), sent(1, 1n, { senderId: 'b' }), sent(3)];
  expect(sendersWithinDay(earlier, sent(0))).toBe(2);
});

test('of two payments accepted at once the lower id is the earlier one', () => {
  expect(
    [sent(0, 1n, { id: 'b' }), sent(0, 1n, { id: 'a' }), sent(5, 1n, { id: 'c' })].sort(compareAccepted).map((each) => each.id),
  ).toEqual(['c', 'a', 'b']);
});
