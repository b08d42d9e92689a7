import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURRENCIES, type Currency, exponentOf } from './currency.ts';
import { isFault } from './errors.ts';
import {
  add,
  allocate,
  basisPoints,
  divide,
  formatAmount,
  MINOR_MAX,
  type Money,
  money,
  parseAmount,
  type Rounding,
  subtract,
  truncateToPlaces,
} from './money.ts';

const currency = fc.constantFrom<Currency>(...CURRENCIES);
const minor = fc.bigInt({ min: 0n, max: 10n ** 15n });
const anyMinor = fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n });
const rounding = fc.constantFrom<Rounding>('down', 'up', 'half_even');

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return isFault(error) ? error.code : String(error);
  }
  return 'none';
}

describe('parseAmount and formatAmount', () => {
  it('format then parse gives the same money', () => {
    fc.assert(
      fc.property(minor, currency, (units, code) => {
        const value = money(units, code);
        expect(parseAmount(formatAmount(value), code)).toEqual(value);
      }),
    );
  });

  it('writes exactly the places of the currency', () => {
    fc.assert(
      fc.property(anyMinor, currency, (units, code) => {
        const text = formatAmount(money(units, code));
        expect(text).toMatch(exponentOf(code) === 0 ? /^-?\d+$/ : /^-?\d+\.\d{2}$/);
        expect(text.startsWith('-')).toBe(units < 0n);
      }),
    );
  });

  it.each([
    ['1250.50', 'KES', 125_050n],
    ['1250.5', 'KES', 125_050n],
    ['0.01', 'GHS', 1n],
    ['007', 'UGX', 7n],
    ['5.000', 'UGX', 5n],
    [' 12 ', 'XOF', 12n],
  ] as const)('reads %s %s', (text, code, units) => {
    expect(parseAmount(text, code).minor).toBe(units);
  });

  it.each(['', '.5', '5.', '1e3', '+5', '-5', '1,000', '0x10', '٣', 'NaN', 'Infinity', '1 000', '1'.repeat(17)])(
    'refuses %j as malformed',
    (text) => {
      expect(codeOf(() => parseAmount(text, 'KES'))).toBe('amount_malformed');
    },
  );

  it.each([
    ['1.001', 'KES'],
    ['1.5', 'UGX'],
    ['0.1', 'XAF'],
  ] as const)('refuses %s %s as too precise', (text, code) => {
    expect(codeOf(() => parseAmount(text, code))).toBe('amount_too_precise');
  });

  it('writes amounts below one major unit with their zero', () => {
    expect(formatAmount(money(5n, 'KES'))).toBe('0.05');
    expect(formatAmount(money(-5n, 'KES'))).toBe('-0.05');
    expect(formatAmount(money(0n, 'RWF'))).toBe('0');
  });
});

describe('money', () => {
  it('holds what the database holds and not more', () => {
    expect(money(MINOR_MAX, 'UGX').minor).toBe(MINOR_MAX);
    expect(codeOf(() => money(MINOR_MAX + 1n, 'UGX'))).toBe('amount_out_of_range');
    expect(codeOf(() => money(-MINOR_MAX - 1n, 'UGX'))).toBe('amount_out_of_range');
    expect(codeOf(() => add(money(MINOR_MAX, 'UGX'), money(1n, 'UGX')))).toBe('amount_out_of_range');
  });

  it('subtract undoes add', () => {
    fc.assert(
      fc.property(anyMinor, anyMinor, currency, (a, b, code) => {
        expect(subtract(add(money(a, code), money(b, code)), money(b, code))).toEqual(money(a, code));
      }),
    );
  });

  it('never mixes currencies, not even XOF and XAF', () => {
    expect(codeOf(() => add(money(1n, 'XOF'), money(1n, 'XAF')))).toBe('currency_mismatch');
    expect(codeOf(() => subtract(money(1n, 'KES'), money(1n, 'UGX')))).toBe('currency_mismatch');
  });
});

describe('divide', () => {
  const divisor = fc.bigInt({ min: 1n, max: 10n ** 12n });

  it('stays within one unit of the exact quotient, on the named side', () => {
    fc.assert(
      fc.property(anyMinor, divisor, rounding, (numerator, by, how) => {
        const error = divide(numerator, by, how) * by - numerator;
        if (how === 'down') expect(error <= 0n && error > -by).toBe(true);
        if (how === 'up') expect(error >= 0n && error < by).toBe(true);
        if (how === 'half_even') expect((error < 0n ? -error : error) * 2n <= by).toBe(true);
      }),
    );
  });

  it('takes halves to the even neighbour', () => {
    expect([1n, 3n, 5n, 7n, -1n, -3n].map((half) => divide(half, 2n, 'half_even'))).toEqual([0n, 2n, 2n, 4n, 0n, -2n]);
  });

  it('rounds down towards minus infinity', () => {
    expect(divide(-1n, 2n, 'down')).toBe(-1n);
    expect(divide(-1n, 2n, 'up')).toBe(0n);
  });

  it('refuses a divisor that is not positive', () => {
    expect(() => divide(1n, 0n, 'down')).toThrow(RangeError);
    expect(() => divide(1n, -1n, 'down')).toThrow(RangeError);
  });
});

describe('basisPoints', () => {
  it('is never more than one unit from the exact share, and up is never less than down', () => {
    fc.assert(
      fc.property(minor, fc.bigInt({ min: 0n, max: 10_000n }), currency, (units, bps, code) => {
        const down = basisPoints(money(units, code), bps, 'down').minor;
        const up = basisPoints(money(units, code), bps, 'up').minor;
        expect(up - down).toBe((units * bps) % 10_000n === 0n ? 0n : 1n);
        expect(up <= units).toBe(true);
      }),
    );
  });

  it('takes 1.5 % of 99.99', () => {
    expect(basisPoints(money(9_999n, 'KES'), 150n, 'up').minor).toBe(150n);
    expect(basisPoints(money(9_999n, 'KES'), 150n, 'down').minor).toBe(149n);
  });
});

describe('truncateToPlaces', () => {
  it('never adds, leaves less than one step, and is done after once', () => {
    fc.assert(
      fc.property(minor, currency, fc.integer({ min: 0, max: 3 }), (units, code, places) => {
        const value = money(units, code);
        const cut = truncateToPlaces(value, places);
        const step = 10n ** BigInt(Math.max(0, exponentOf(code) - places));
        expect(cut.minor % step).toBe(0n);
        expect(value.minor - cut.minor >= 0n && value.minor - cut.minor < step).toBe(true);
        expect(truncateToPlaces(cut, places)).toEqual(cut);
      }),
    );
  });

  it('cuts shillings to whole ones', () => {
    expect(truncateToPlaces(money(125_099n, 'KES'), 0).minor).toBe(125_000n);
    expect(truncateToPlaces(money(125_099n, 'UGX'), 0).minor).toBe(125_099n);
  });
});

describe('allocate', () => {
  const weights = fc
    .array(fc.bigInt({ min: 0n, max: 10n ** 6n }), { minLength: 1, maxLength: 20 })
    .filter((list) => list.some((weight) => weight > 0n));

  it('loses nothing and invents nothing', () => {
    fc.assert(
      fc.property(anyMinor, currency, weights, (units, code, shares) => {
        const parts = allocate(money(units, code), shares);
        expect(parts).toHaveLength(shares.length);
        expect(parts.reduce((sum: Money, part) => add(sum, part), money(0n, code))).toEqual(money(units, code));
      }),
    );
  });

  it('gives each part its share to within one unit, and nothing to a weight of zero', () => {
    fc.assert(
      fc.property(minor, weights, (units, shares) => {
        const total = shares.reduce((sum, share) => sum + share, 0n);
        for (const [index, part] of allocate(money(units, 'KES'), shares).entries()) {
          const share = shares[index] ?? 0n;
          const off = part.minor * total - units * share;
          expect(off > -total && off < total).toBe(true);
          if (share === 0n) expect(part.minor).toBe(0n);
        }
      }),
    );
  });

  it('gives the left-over units to the largest remainders, ties in order', () => {
    expect(allocate(money(100n, 'KES'), [1n, 1n, 1n]).map((part) => part.minor)).toEqual([34n, 33n, 33n]);
    expect(allocate(money(10n, 'KES'), [1n, 2n, 4n]).map((part) => part.minor)).toEqual([1n, 3n, 6n]);
  });

  it('refuses weights that split nothing', () => {
    expect(() => allocate(money(1n, 'KES'), [])).toThrow(RangeError);
    expect(() => allocate(money(1n, 'KES'), [0n])).toThrow(RangeError);
    expect(() => allocate(money(1n, 'KES'), [1n, -1n])).toThrow(RangeError);
  });
});
