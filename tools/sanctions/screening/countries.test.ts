import { describe, expect, test } from 'vitest';
import { COUNTRIES } from '../../../domain/network.ts';
import { countryCodes } from './countries.ts';
import { compareIdentifiers } from './identifiers.ts';

describe('a country is known', () => {
  test('by the code and the name of every country of the network', () => {
    expect(COUNTRIES.length).toBeGreaterThan(5);
    for (const { country, name } of COUNTRIES) {
      expect([country, country.toLowerCase(), name, name.toUpperCase(), `(a) ${name}`].map(countryCodes)).toEqual(Array(5).fill([country]));
    }
  });

  test('by the name that Intl has for every code in use, though withdrawn ones have it too', () => {
    const names = new Intl.DisplayNames(['en'], { type: 'region' });
    for (const code of [
      'FR',
      'GB',
      'CD',
      'BJ',
      'BF',
      'RS',
      'RU',
      'DE',
      'ZW',
      'VN',
      'YE',
      'MM',
      'TL',
      'VU',
      'CW',
      'TR',
      'BA',
      'ST',
      'CI',
      'GW',
    ]) {
      expect(countryCodes(names.of(code) ?? '')).toEqual([code]);
    }
  });

  test.each([
    ['Russian Federation', ['RU']],
    ['Korea, North', ['KP']],
    ["Democratic People's Republic of Korea", ['KP']],
    ['Democratic People’s Republic of Korea (DPRK)', ['KP']],
    ['Congo, Democratic Republic of the', ['CD']],
    ['Democratic Republic of the Congo', ['CD']],
    ['Iran (Islamic Republic of)', ['IR']],
    ['United Kingdom of Great Britain and Northern Ireland', ['GB']],
    ['Myanmar/ Burma', ['MM']],
    ['Turkey', ['TR']],
    ['Cote dIvoire', ['CI']],
    ['St. Kitts and Nevis', ['KN']],
    ['Saint Kitts and Nevis', ['KN']],
    ['Belarusian', ['BY']],
    ['Ukrainian, Russian', ['UA', 'RU']],
    ['Syrian/Iranian', ['SY', 'IR']],
    ['(a) German, (b) Moroccan', ['DE', 'MA']],
    ['Jordanian (presumed)', ['JO']],
    ['Russian and Ukrainian', ['RU', 'UA']],
    ['ZR', ['CD']],
    ['UK', ['GB']],
    ['SU', ['RU']],
  ])('%s', (text, codes) => {
    expect(countryCodes(text)).toEqual(codes);
  });

  test.each(['ZZ', 'XA', 'EU', 'AA', 'Unknown Region', 'Wakanda', 'Congolese', '', '1', 'constructor', '('.repeat(100_000)])(
    'not by %j',
    (text) => {
      expect(countryCodes(text)).toEqual([]);
    },
  );
});

test.each([
  ['FR', 'France', 'same country'],
  ['RU', 'Russian Federation', 'same country'],
  ['Congo - Kinshasa', 'CD', 'same country'],
  ['Benin', 'BJ', 'same country'],
  ['KE', 'Ugandan', 'another country'],
])('%s against %s: %s', (asked, listed, ground) => {
  expect(compareIdentifiers({ countries: [asked] }, { countries: [listed] }).grounds).toEqual([ground]);
});
