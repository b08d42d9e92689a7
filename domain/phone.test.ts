import fc from 'fast-check';
import { type CountryCode, parsePhoneNumberFromString } from 'libphonenumber-js/mobile';
import { describe, expect, it } from 'vitest';
import { isFault } from './errors.ts';
import { COUNTRIES, WALLETS } from './network.ts';
import { maskPhone, msisdn, nationalNumber, parsePhone, walletOfNational } from './phone.ts';
import type { Country } from './rail.ts';

const DAY = '2026-11-01';
const read = (text: string, country: Country) => parsePhone(text, country, DAY);

function codeOf(text: string, country: Country): string {
  try {
    read(text, country);
  } catch (error) {
    if (isFault(error)) return error.code;
    throw error;
  }
  return 'none';
}

describe('parsePhone', () => {
  it.each([
    '0712345678',
    '0712 345678',
    '0712-345-678',
    '712345678',
    '254712345678',
    '+254712345678',
    '+254 712 345 678',
    '+254 (712) 345-678',
    '00254712345678',
    '000254712345678',
    ' 0712345678 ',
    '0712\u00a0345\u00a0678',
  ])('reads %j as one number', (text) => {
    expect(read(text, 'KE')).toEqual({ e164: '+254712345678', country: 'KE', walletId: 'mpesa-ke' });
  });

  it.each([
    ['0772123456', 'UG', '+256772123456', 'mtn-ug'],
    ['0742123456', 'TZ', '+255742123456', 'vodacom-tz'],
    ['0788123456', 'RW', '+250788123456', 'mtn-rw'],
    ['0244123456', 'GH', '+233244123456', 'mtn-gh'],
    ['08031234567', 'NG', '+2348031234567', 'mtn-ng'],
    ['0707123456', 'CI', '+2250707123456', 'orange-ci'],
    ['+225 05 06 12 34 56', 'CI', '+2250506123456', 'mtn-ci'],
    ['771234567', 'SN', '+221771234567', 'orange-sn'],
    ['677 12 34 56', 'CM', '+237677123456', 'mtn-cm'],
    ['0966123456', 'ZM', '+260966123456', 'mtn-zm'],
    ['083 123 4567', 'ZA', '+27831234567', 'mtn-za'],
  ] as const)('reads %s in %s', (text, country, e164, walletId) => {
    expect(read(text, country)).toEqual({ e164, country, walletId });
  });

  it('reads what programs write as it reads what people write', () => {
    const outcome = (text: string, country: Country) => {
      const code = codeOf(text, country);
      return code === 'none' ? read(text, country) : code;
    };
    const digit = fc.integer({ min: 0, max: 9 }).map(String);
    const prefixes = WALLETS.flatMap((wallet) => wallet.nationalPrefixes.map((prefix) => [wallet.country, prefix] as const));
    const number = fc.tuple(
      fc.constantFrom(...prefixes),
      fc.constantFrom('', '', '', '0', '00'),
      fc.array(digit, { minLength: 4, maxLength: 9 }),
    );
    fc.assert(
      fc.property(number, fc.constantFrom(...COUNTRIES), ([[country, prefix], zeros, digits], other) => {
        const { callingCode } = COUNTRIES.find((each) => each.country === country) ?? other;
        const national = `${zeros}${prefix}${digits.join('')}`;
        for (const reader of [country, other.country]) {
          expect(outcome(`+${callingCode}${national}`, reader)).toEqual(outcome(`+${callingCode} ${national}`, reader));
          for (const text of [`+${callingCode}${national}`, national, `0${national}`]) {
            // Nigeria dials 009, and the library would take the 9 for no part of the number; two noughts mark any calling code here.
            const number = parsePhoneNumberFromString(text.replace(/^0{2,3}(?=[1-9])/, '+'), reader as CountryCode);
            const isOfReader = `+${number?.countryCallingCode}` === `+${COUNTRIES.find((each) => each.country === reader)?.callingCode}`;
            const found = outcome(text, reader);
            if (number?.isValid() !== true) expect([text, typeof found === 'object' && text.startsWith('0')]).toEqual([text, false]);
            else if (!isOfReader) expect([text, found]).toEqual([text, 'phone_country_mismatch']);
            else
              expect([text, typeof found === 'object' ? found.e164 : found]).toEqual([text, expect.stringMatching(/^wallet_unknown$|^\+/)]);
            if (typeof found === 'object' && number?.isValid() === true) expect(found.e164).toBe(number.number);
          }
        }
      }),
      { numRuns: 3_000 },
    );
  });

  it('keeps the zero of Côte d’Ivoire, in whatever way the number is written', () => {
    for (const text of ['0707123456', '2250707123456', '+2250707123456', '002250707123456']) {
      expect(nationalNumber(read(text, 'CI').e164)).toBe('0707123456');
    }
    expect(codeOf('+225707123456', 'CI')).toBe('phone_invalid');
  });

  it.each([
    ['', 'KE'],
    ['abc', 'KE'],
    ['0712 FLOWER', 'KE'],
    ['07123', 'KE'],
    ['071234567890', 'KE'],
    ['020 221 4455', 'KE'],
    ['+254 20 221 4455', 'KE'],
    ['0712345678 ext 5', 'KE'],
    ['0712+345678', 'KE'],
    ['++254712345678', 'KE'],
    ['٠٧١٢٣٤٥٦٧٨', 'KE'],
    ['0'.repeat(33), 'KE'],
    ['tel:+254712345678', 'KE'],
    ['0302 123456', 'GH'],
    ['+999712345678', 'KE'],
  ] as const)('refuses %j in %s', (text, country) => {
    expect(codeOf(text, country)).toBe('phone_invalid');
  });

  it.each([
    ['+256772123456', 'KE'],
    ['256772123456', 'KE'],
    ['00256772123456', 'KE'],
    ['+2250707123456', 'SN'],
    ['+447911123456', 'GH'],
  ] as const)('tells that %s is not of %s', (text, country) => {
    expect(codeOf(text, country)).toBe('phone_country_mismatch');
  });

  it.each([
    ['0721 455 318', 'UG'],
    ['0763 123456', 'KE'],
    ['0744 123456', 'KE'],
    ['70 123 45 67', 'SN'],
  ] as const)('finds no wallet for %s in %s', (text, country) => {
    expect(codeOf(text, country)).toBe('wallet_unknown');
  });

  it('refuses ten million digits at once', () => {
    expect(codeOf('0712345678'.repeat(1_000_000), 'KE')).toBe('phone_invalid');
  });

  it('never repeats the number in an error', () => {
    for (const text of ['07123', '+256772123456', '0721455318']) {
      try {
        read(text, 'UG');
        if (text !== '+256772123456') expect.unreachable();
      } catch (error) {
        expect(JSON.stringify(error) + String(error)).not.toMatch(/\d{3}/);
      }
    }
  });

  it('gives back its own E.164 form', () => {
    const digits = fc.integer({ min: 0, max: 9_999_999 });
    fc.assert(
      fc.property(fc.constantFrom(...WALLETS), digits, (wallet, rest) => {
        const { callingCode } = COUNTRIES.find((entry) => entry.country === wallet.country) ?? { callingCode: '' };
        const length = wallet.country === 'CI' || wallet.country === 'NG' ? 10 : 9;
        const prefix = wallet.nationalPrefixes[rest % wallet.nationalPrefixes.length] ?? '';
        const national =
          prefix +
          String(rest)
            .padStart(7, '0')
            .slice(-(length - prefix.length))
            .padStart(length - prefix.length, '0');
        const code = codeOf(`+${callingCode}${national}`, wallet.country);
        if (code !== 'none') {
          expect(code).toBe('phone_invalid');
          return;
        }
        const number = read(`+${callingCode}${national}`, wallet.country);
        // A longer prefix may give part of the wallet's range to another one.
        const longest = WALLETS.filter((other) => other.country === wallet.country)
          .flatMap((other) => other.nationalPrefixes.map((each) => ({ id: other.id, prefix: each })))
          .filter((other) => national.startsWith(other.prefix))
          .reduce((best, other) => (other.prefix.length > best.prefix.length ? other : best));
        expect(number.walletId).toBe(longest.id);
        expect(read(number.e164, wallet.country)).toEqual(number);
        expect(read(msisdn(number.e164), wallet.country)).toEqual(number);
        expect(nationalNumber(number.e164)).toBe(national);
      }),
    );
  });
});

describe('walletOfNational', () => {
  it.each([
    ['757123456', 'mpesa-ke'],
    ['756123456', 'airtel-ke'],
    ['120123456', 'telkom-ke'],
    ['110123456', 'mpesa-ke'],
    ['100123456', 'airtel-ke'],
  ])('lets the longest prefix win: %s is %s', (national, walletId) => {
    expect(walletOfNational(national, 'KE', DAY)).toBe(walletId);
  });

  it('tells blocks of one leading digit apart where operators share it', () => {
    expect(walletOfNational('717123456', 'ZA', DAY)).toBe('mtn-za');
    expect(walletOfNational('711123456', 'ZA', DAY)).toBe('vodacom-za');
    expect(walletOfNational('655123456', 'CM', DAY)).toBe('orange-cm');
    expect(walletOfNational('654123456', 'CM', DAY)).toBe('mtn-cm');
  });
});

describe('showing and handing on', () => {
  it('masks all but calling code and three digits', () => {
    expect(maskPhone('+254712345678')).toBe('+254••••••678');
    expect(maskPhone('+27831234567')).toBe('+27••••••567');
    expect(maskPhone('+2250707123456')).toBe('+225•••••••456');
  });

  it('shows nothing of what is no number of ours', () => {
    for (const text of ['', '+', '0712345678', '+12025550123', 'Wanjiru', '+25471']) expect(maskPhone(text)).toBe('•••');
  });

  it('hands numbers on without plus, or the national part alone', () => {
    expect(msisdn('+254712345678')).toBe('254712345678');
    expect(nationalNumber('+254712345678')).toBe('712345678');
    expect(() => msisdn('254712345678')).toThrow('phone_invalid');
    expect(() => nationalNumber('+12025550123')).toThrow('phone_invalid');
  });
});
