/** Where a name is from, as far as the country that stands beside it tells: groups of countries whose names are built and written alike. Pure. */
import { countryCodes } from '../tools/sanctions/screening/countries.ts';

/** ISO 3166 codes by group; the languages are those whose names a reader meets most. */
const GROUPS: Readonly<Record<string, string>> = {
  'East Africa (Swahili, Luganda, Kinyarwanda)': 'KE TZ UG RW BI CD',
  'Nigeria (Yoruba, Hausa, Igbo)': 'NG',
  'Anglophone West Africa (Akan, Krio, Mandinka)': 'GH SL LR GM',
  'Francophone West and Central Africa': 'SN CI ML BF BJ TG NE GN CM TD GA CG CF GQ MG KM',
  'Horn and Sudans (Amharic, Somali, Arabic)': 'ET ER SO DJ SD SS',
  'Maghreb and Egypt (Arabic, French spelling)': 'MA DZ TN LY MR EG',
  'Lusophone Africa': 'MZ AO CV GW ST',
  'Southern Africa': 'ZA ZM ZW MW BW LS NA SZ MU',
};

const BY_CODE: ReadonlyMap<string, string> = new Map(
  Object.entries(GROUPS).flatMap(([group, codes]) => codes.split(' ').map((code) => [code, group] as const)),
);

/** The group of a country as lists and customers write it; `elsewhere` for others, `not told` for none. */
export function regionOf(country: string | null | undefined): string {
  const text = country?.trim() ?? '';
  if (text === '') return 'not told';
  return BY_CODE.get(countryCodes(text)[0] ?? '') ?? 'elsewhere';
}
