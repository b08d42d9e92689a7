import { describe, expect, test } from 'vitest';
import { CURRENCIES, exponentOf } from '../../domain/currency.ts';
import { listCorridors } from '../../domain/corridor.ts';
import { parseRate } from '../../domain/rate.ts';
import { COMPLIANCE_POLICY, fatfStanding, policyByVersion, reportingThresholds, tierLimits } from './policy.ts';

const DAY = '2026-11-20';

describe('limits of a tier', () => {
  test.each([
    ['KE', 'KES', 1, { singleMinor: 25_000_000n, dailyMinor: 50_000_000n, monthlyMinor: null }],
    ['UG', 'UGX', 0, { singleMinor: 1_000_000n, dailyMinor: 3_000_000n }],
    ['UG', 'UGX', 1, { singleMinor: 3_000_000n, dailyMinor: 10_000_000n }],
    ['UG', 'UGX', 9, { singleMinor: 5_000_000n, dailyMinor: 20_000_000n }],
    ['GH', 'GHS', 0, { singleMinor: null, dailyMinor: 300_000n, monthlyMinor: 1_000_000n }],
    ['MW', 'MWK', 1, { dailyCount: 10, balanceMinor: 100_000_000n }],
  ] as const)('%s %s %i', (country, currency, tier, limits) => {
    expect(tierLimits(country, currency, tier, DAY)).toMatchObject(limits);
  });

  test('count from their day on; before the first entry the first one counts', () => {
    expect(tierLimits('KE', 'KES', 1, '2001-01-01')).toMatchObject({ validFrom: '2023-08-01' });
  });

  test('are unknown for a country or currency without data', () => {
    expect(tierLimits('KE', 'USD', 1, DAY)).toBeNull();
    expect(tierLimits('XX', 'KES', 1, DAY)).toBeNull();
  });

  test('exist for both ends of every corridor', () => {
    for (const { fromCountry, fromCurrency, toCountry, toCurrency } of listCorridors(DAY)) {
      expect(tierLimits(fromCountry, fromCurrency, 1, DAY)).not.toBeNull();
      expect(tierLimits(toCountry, toCurrency, 1, DAY)).not.toBeNull();
    }
  });
});

describe('reporting thresholds', () => {
  const idsOf = (country: string, currency: (typeof CURRENCIES)[number]) =>
    reportingThresholds(country, currency, DAY, new Map()).map((each) => each.id);

  test('are the travel rule everywhere and the reports of the country', () => {
    expect(idsOf('ZM', 'ZMW')).toEqual(['travel_rule']);
    expect(idsOf('TZ', 'TZS')).toEqual(['travel_rule', 'transfer_report', 'cash_report']);
    expect(idsOf('NG', 'NGN')).toEqual(['travel_rule', 'cash_report', 'transfer_abroad']);
  });

  test('in USD follow the rate at hand, or the dated reference', () => {
    const travelRule = (rates: ReadonlyMap<'KES', bigint>) =>
      reportingThresholds('KE', 'KES', DAY, rates).find((each) => each.id === 'travel_rule')?.minor;
    expect(travelRule(new Map())).toBe(12_967_469n);
    expect(travelRule(new Map([['KES', parseRate('130')]]))).toBe(13_000_000n);
    expect(reportingThresholds('CD', 'USD', DAY, new Map())).toEqual([{ id: 'travel_rule', minor: 100_000n }]);
  });

  test('can be told in every currency', () => {
    for (const currency of CURRENCIES) {
      const minor = reportingThresholds('ZM', currency, DAY, new Map())[0]?.minor ?? 0n;
      expect(minor).toBeGreaterThan(10n ** BigInt(exponentOf(currency)) * 500n);
    }
  });
});

test('the FATF lists are dated', () => {
  expect(fatfStanding('IR', DAY)).toEqual({ standing: 'black', asOf: '2026-06-19' });
  expect(fatfStanding('KE', DAY).standing).toBe('grey');
  expect(fatfStanding('UG', DAY).standing).toBe('none');
  expect(fatfStanding('NG', DAY).standing).toBe('none');
});

test('the policy in force can be found by its version', () => {
  expect(policyByVersion(COMPLIANCE_POLICY.version)).toBe(COMPLIANCE_POLICY);
  expect(policyByVersion('compliance-1900.1')).toBeUndefined();
});
