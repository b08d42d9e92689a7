/** The languages people are spoken to by text, and which one a country's people are met in before they chose. */
import type { Country } from '../../domain/rail.ts';

export const LANGUAGES = ['en', 'sw', 'fr'] as const;
export type Language = (typeof LANGUAGES)[number];

/** Says whether a text is one of the languages. */
export function isLanguage(text: string | null): text is Language {
  return text !== null && (LANGUAGES as readonly string[]).includes(text);
}

/** Where French or Swahili is what official letters are written in; English everywhere else. */
const BY_COUNTRY: Readonly<Partial<Record<Country, Language>>> = { CD: 'fr', CI: 'fr', CM: 'fr', SN: 'fr', TZ: 'sw' };

/** The language for somebody who never chose one, by the country of their number. */
export function languageOfCountry(country: Country): Language {
  return BY_COUNTRY[country] ?? 'en';
}
