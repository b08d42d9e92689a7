/**
 * What is known of a party besides the name: it raises the score of a namesake who agrees, and lowers that
 * of one who does not. A date of birth tells most, a document number settles it, a country hardly anything.
 */
import { countryCodes } from './countries.ts';

export interface Identifiers {
  /** ISO 8601-2: `1953-07-05`, `1953`, `1953~`, `1953/1955`. */
  readonly datesOfBirth?: readonly string[];
  /** ISO 3166-1 codes, English names, or what the people of a country are called. */
  readonly countries?: readonly string[];
  /** Numbers of passports and other documents. */
  readonly ids?: readonly string[];
}

export interface Adjustment {
  /** Added to the score of the names. */
  readonly change: number;
  /** Sentences without the values themselves. */
  readonly grounds: readonly string[];
}

const SAME_DATE = 0.04;
const SAME_YEAR = 0.02;
const YEARS_APART = -0.06;
const YEARS_FAR_APART = -0.2;
const SAME_COUNTRY = 0.01;
const OTHER_COUNTRY = -0.01;
const SAME_DOCUMENT = 0.2;
const FAR_APART_YEARS = 10;

/** The most that what is known of a party can add to a score, but for a document: whoever carries one is found by it. */
export const RAISE_MAX = SAME_DATE + SAME_COUNTRY;

/** Compares what is known of a party with what a list says; nothing known on either side changes nothing. */
export function compareIdentifiers(asked: Identifiers, listed: Identifiers): Adjustment {
  const parts = [
    compareBirth(asked.datesOfBirth ?? [], listed.datesOfBirth ?? []),
    compareCountries(asked, listed),
    compareIds(asked, listed),
  ];
  const known = parts.filter((part) => part !== null);
  return { change: known.reduce((sum, part) => sum + part.change, 0), grounds: known.map((part) => part.ground) };
}

interface Part {
  readonly change: number;
  readonly ground: string;
}

interface Span {
  readonly from: number;
  readonly to: number;
  /** The full date where there is one. */
  readonly date: string | null;
}

function spanOf(text: string): Span[] {
  const years = [...text.matchAll(/\d{4}/g)].map((match) => Number(match[0]));
  const [first] = years;
  const last = years.at(-1);
  if (first === undefined || last === undefined) return [];
  const doubt = text.includes('~') ? 1 : 0;
  const isRange = text.includes('/');
  return [{ from: first - doubt, to: (isRange ? last : first) + doubt, date: /^\d{4}-\d{2}-\d{2}$/.test(text) ? text : null }];
}

/** The best that any date on one side makes of any date on the other: lists give several for one party. */
function compareBirth(asked: readonly string[], listed: readonly string[]): Part | null {
  const [own, theirs] = [asked.flatMap(spanOf), listed.flatMap(spanOf)];
  if (own.length === 0 || theirs.length === 0) return null;
  if (own.some((one) => one.date !== null && theirs.some((other) => other.date === one.date))) {
    return { change: SAME_DATE, ground: 'born on the same day' };
  }
  const gaps = own.flatMap((one) => theirs.map((other) => Math.max(0, one.from - other.to, other.from - one.to)));
  const years = Math.min(...gaps);
  if (years === 0) return { change: SAME_YEAR, ground: 'born in the same year' };
  if (years === 1) return { change: 0, ground: 'born one year apart' };
  return { change: years >= FAR_APART_YEARS ? YEARS_FAR_APART : YEARS_APART, ground: `born ${years} years apart` };
}

/** Whether a text means a country that can be compared. */
export function isCountryKnown(text: string): boolean {
  return countryCodes(text).length > 0;
}

function compareCountries(asked: Identifiers, listed: Identifiers): Part | null {
  const [own, theirs] = [(asked.countries ?? []).flatMap(countryCodes), (listed.countries ?? []).flatMap(countryCodes)];
  if (own.length === 0 || theirs.length === 0) return null;
  return own.some((code) => theirs.includes(code))
    ? { change: SAME_COUNTRY, ground: 'same country' }
    : { change: OTHER_COUNTRY, ground: 'another country' };
}

const ID_LETTERS_MIN = 5;

/** Numbers of documents in the one form in which they are compared; short ones tell nothing. */
export function plainIds({ ids = [] }: Identifiers): string[] {
  return ids.map((id) => id.replace(/[^a-z0-9]/gi, '').toUpperCase()).filter((id) => id.length >= ID_LETTERS_MIN && /\d/.test(id));
}

function compareIds(asked: Identifiers, listed: Identifiers): Part | null {
  const theirs = new Set(plainIds(listed));
  return plainIds(asked).some((id) => theirs.has(id)) ? { change: SAME_DOCUMENT, ground: 'same document number' } : null;
}
