import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CURRENCIES, type Currency, exponentOf } from './currency.ts';
import { money } from './money.ts';
import { convert, crossRate, formatRate, parseRate, RATE_SCALE } from './rate.ts';

const currency = fc.constantFrom<Currency>(...CURRENCIES);
const rate = fc.bigInt({ min: 1n, max: 10n ** 17n });
const minor = fc.bigInt({ min: 0n, max: 10n ** 11n });

describe('parseRate and formatRate', () => {
  it('format then parse gives the same rate', () => {
    fc.assert(
      fc.property(rate, (scaled) => {
        expect(parseRate(formatRate(scaled))).toBe(scaled);
      }),
    );
  });

  it.each([
    ['1', RATE_SCALE],
    ['129.67469522', 129_674_695_220_000n],
    ['1.3e-7', 130_000n],
    ['2.5E2', 250n * RATE_SCALE],
    ['0.0000000000015', 2n],
  ] as const)('reads %s', (text, scaled) => {
    expect(parseRate(text)).toBe(scaled);
  });

  it.each(['0', '-1', '', 'abc', '1.', '.5', '1e', '1e999', '0.0000000000001', 'NaN'])('refuses %j', (text) => {
    expect(() => parseRate(text)).toThrow('rate_malformed');
  });

  it('writes no trailing zeros', () => {
    expect(formatRate(RATE_SCALE)).toBe('1');
    expect(formatRate(130_000n)).toBe('0.00000013');
  });
});

describe('convert', () => {
  it('never pays more for less', () => {
    fc.assert(
      fc.property(minor, minor, currency, currency, rate, (a, b, from, to, scaled) => {
        const [less, more] = a < b ? [a, b] : [b, a];
        const paid = (units: bigint) => convert(money(units, from), to, scaled, 'down').minor;
        expect(paid(less) <= paid(more)).toBe(true);
      }),
    );
  });

  it('rounds down by less than one minor unit', () => {
    fc.assert(
      fc.property(minor, currency, currency, rate, (units, from, to, scaled) => {
        const got = convert(money(units, from), to, scaled, 'down').minor;
        const divisor = RATE_SCALE * 10n ** BigInt(exponentOf(from));
        const exact = units * scaled * 10n ** BigInt(exponentOf(to));
        expect(got * divisor <= exact && (got + 1n) * divisor > exact).toBe(true);
      }),
    );
  });

  it('there and back never makes money', () => {
    fc.assert(
      fc.property(minor, currency, currency, rate, (units, from, to, scaled) => {
        const back = (RATE_SCALE * RATE_SCALE) / scaled;
        const home = convert(convert(money(units, from), to, scaled, 'down'), from, back, 'down');
        expect(home.minor <= units).toBe(true);
      }),
    );
  });

  it('is the identity at one within a currency', () => {
    expect(convert(money(125_050n, 'KES'), 'KES', RATE_SCALE, 'down')).toEqual(money(125_050n, 'KES'));
  });

  it('turns shillings with cents into shillings without', () => {
    expect(convert(money(125_050n, 'KES'), 'UGX', parseRate('28.4'), 'down')).toEqual(money(35_514n, 'UGX'));
    expect(convert(money(35_514n, 'UGX'), 'KES', parseRate('0.0352'), 'up')).toEqual(money(125_010n, 'KES'));
  });
});

describe('crossRate', () => {
  it('divides the units per dollar', () => {
    expect(formatRate(crossRate(parseRate('129'), parseRate('3650')))).toBe('28.294573643411');
  });

  it('is one between equals', () => {
    fc.assert(
      fc.property(rate, (scaled) => {
        expect(crossRate(scaled, scaled)).toBe(RATE_SCALE);
      }),
    );
  });
});
