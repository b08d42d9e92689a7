import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corridorBetween, feeFor, isCorridor, listCorridors } from './corridor.ts';
import { type Currency, minorPerMajor } from './currency.ts';
import { money } from './money.ts';
import { COUNTRIES, countryByCode } from './network.ts';
import type { Country } from './rail.ts';

const DAY = '2026-11-01';
const CORRIDORS = listCorridors(DAY);
const corridor = fc.constantFrom(...CORRIDORS);
const minor = fc.bigInt({ min: 0n, max: 10n ** 12n });
/** Rough units for one US dollar, for the size of an amount only. */
const PER_USD: Partial<Record<Currency, number>> = {
  KES: 129,
  UGX: 3_650,
  TZS: 2_500,
  RWF: 1_450,
  GHS: 11,
  NGN: 1_480,
  XOF: 560,
  XAF: 560,
  ZMW: 23,
  ZAR: 17.5,
};

describe('corridors', () => {
  it('connect every two countries, both ways, and no country with itself', () => {
    expect(CORRIDORS).toHaveLength(COUNTRIES.length * (COUNTRIES.length - 1));
    expect(new Set(CORRIDORS.map((each) => each.id)).size).toBe(CORRIDORS.length);
    for (const { country } of COUNTRIES) expect(() => corridorBetween(country, country, DAY)).toThrow('corridor_unavailable');
  });

  it('are known by name, and nothing else is', () => {
    for (const { id } of CORRIDORS) expect(isCorridor(id)).toBe(true);
    for (const text of ['KE-XX', 'FR-KE', 'KE-KE', 'KE', 'KE-UG-TZ', 'ke-ug', 'KE-UG\n', '-', '']) expect(isCorridor(text)).toBe(false);
  });

  it('carry the currencies of their ends, a date and a source', () => {
    for (const each of CORRIDORS) {
      expect(each.fromCurrency).toBe(countryByCode(each.fromCountry, DAY).currency);
      expect(each.toCurrency).toBe(countryByCode(each.toCountry, DAY).currency);
      expect(each.validFrom).toMatch(/^\d{4}-\d{2}-\d{2}$/);
      expect(each.source).not.toBe('');
    }
  });

  it('are found by their ends, from their day on', () => {
    expect(corridorBetween('KE', 'UG', DAY)).toMatchObject({ id: 'KE-UG', fromCurrency: 'KES', toCurrency: 'UGX' });
    expect(() => corridorBetween('KE', 'UG', '2020-01-01')).toThrow('corridor_unavailable');
    expect(() => corridorBetween('KE', 'FR' as Country, DAY)).toThrow('corridor_unavailable');
    expect(listCorridors('2020-01-01')).toEqual([]);
  });

  it('have a price list in order', () => {
    for (const { fee } of CORRIDORS) {
      expect(fee.fixedMinor > 0n && fee.minMinor >= fee.fixedMinor && fee.maxMinor > fee.minMinor).toBe(true);
      expect(fee.feeBps >= 50n && fee.feeBps <= 350n).toBe(true);
    }
  });
});

describe('feeFor', () => {
  it('is never negative, never more than the amount, never above the most, and grows with the amount', () => {
    fc.assert(
      fc.property(corridor, minor, minor, (each, a, b) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        const feeOf = (units: bigint) => feeFor(each, money(units, each.fromCurrency)).minor;
        expect(feeOf(less) <= feeOf(more)).toBe(true);
        expect(feeOf(less) >= 0n && feeOf(less) <= less && feeOf(less) <= each.fee.maxMinor).toBe(true);
        if (less >= each.fee.minMinor) expect(feeOf(less) >= each.fee.minMinor).toBe(true);
      }),
    );
  });

  it('leaves a little more of a bigger amount: a unit more sent never costs more than a unit more', () => {
    fc.assert(
      fc.property(corridor, minor, (each, units) => {
        const left = (sent: bigint) => sent - feeFor(each, money(sent, each.fromCurrency)).minor;
        expect(left(units + 1n) >= left(units)).toBe(true);
      }),
    );
  });

  it('costs 1 to 3.5 % of what people usually send', () => {
    fc.assert(
      fc.property(corridor, fc.double({ min: 5, max: 1_000, noNaN: true }), (each, usd) => {
        const units = BigInt(Math.round(usd * (PER_USD[each.fromCurrency] ?? 0))) * minorPerMajor(each.fromCurrency);
        const hundredths = (feeFor(each, money(units, each.fromCurrency)).minor * 1_000_000n) / units;
        expect(hundredths >= 9_500n && hundredths <= 35_000n).toBe(true);
      }),
    );
  });

  it('adds fixed part and share, rounded up to the minor unit', () => {
    const keUg = corridorBetween('KE', 'UG', DAY);
    expect(keUg.fee).toEqual({ fixedMinor: 500n, feeBps: 110n, minMinor: 1_000n, maxMinor: 300_000n });
    expect(feeFor(keUg, money(500_001n, 'KES')).minor).toBe(500n + 5_501n);
    expect(feeFor(keUg, money(10_000n, 'KES')).minor).toBe(1_000n);
    expect(feeFor(keUg, money(100_000_000n, 'KES')).minor).toBe(300_000n);
    expect(feeFor(keUg, money(700n, 'KES')).minor).toBe(700n);
    expect(feeFor(keUg, money(0n, 'KES')).minor).toBe(0n);
  });

  it('takes the source currency alone', () => {
    expect(() => feeFor(corridorBetween('SN', 'CM', DAY), money(10_000n, 'XAF'))).toThrow('currency_mismatch');
  });
});
