import { describe, expect, it } from 'vitest';
import { CURRENCIES, exponentOf, isCurrency, minorPerMajor, parseCurrency } from './currency.ts';
import { Fault } from './errors.ts';

describe('currencies', () => {
  it('have the exponents of ISO 4217', () => {
    const whole = CURRENCIES.filter((code) => exponentOf(code) === 0);
    expect(whole).toEqual(['RWF', 'UGX', 'XAF', 'XOF']);
    expect(CURRENCIES.filter((code) => exponentOf(code) === 2)).toHaveLength(CURRENCIES.length - whole.length);
    for (const code of CURRENCIES) expect(minorPerMajor(code)).toBe(exponentOf(code) === 0 ? 1n : 100n);
  });

  it('agree with the runtime about the decimal places of those it still knows', () => {
    // ICU follows use, not ISO 4217, where cents have gone out of use; the ledger keeps to ISO.
    const outOfUse = ['CDF', 'TZS', 'MWK', 'MZN'];
    for (const code of CURRENCIES.filter((each) => !outOfUse.includes(each))) {
      const { maximumFractionDigits } = new Intl.NumberFormat('en', { style: 'currency', currency: code }).resolvedOptions();
      expect([code, maximumFractionDigits]).toEqual([code, exponentOf(code)]);
    }
  });

  it.each(['', 'kes', 'KSH', 'XXX', 'toString', '__proto__', 'constructor', 'KES '])('does not know %j', (code) => {
    expect(isCurrency(code)).toBe(false);
    expect(() => parseCurrency(code)).toThrow(Fault);
  });

  it('reads what it knows and repeats nothing of what could be no currency', () => {
    expect(parseCurrency('KES')).toBe('KES');
    expect(() => parseCurrency('XTS')).toThrow(/^unknown_currency: XTS is not/);
    expect(() => parseCurrency('Wanjiru')).toThrow(/^unknown_currency: That is not/);
  });
});
