/** ISO 3166-1 codes of all countries, of which those that CAPP serves (`network.ts`) are a few. Pure. */

/** Codes that `Intl` names though they are of no country: unions, test languages, and the unknown. */
const NO_COUNTRIES = new Set(['EU', 'EZ', 'QO', 'UN', 'XA', 'XB', 'ZZ']);

const LETTERS = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
const REGIONS = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });

/** The code in use for one in capital letters, which may be withdrawn: Zaire's is that of the Congo. Empty for what is no country. */
export function currentCountryCode(code: string): string {
  const current = new Intl.Locale(`und-${code}`).region ?? '';
  return NO_COUNTRIES.has(current) || REGIONS.of(current) === undefined ? '' : current;
}

/** Every code in use. */
export const COUNTRY_CODES: ReadonlySet<string> = new Set(
  LETTERS.flatMap((first) => LETTERS.map((second) => first + second)).filter((code) => currentCountryCode(code) === code),
);

/** The English name of a country by its code; empty for what is no country. */
export function countryNameOf(code: string): string {
  return COUNTRY_CODES.has(code) ? (REGIONS.of(code) ?? '') : '';
}
