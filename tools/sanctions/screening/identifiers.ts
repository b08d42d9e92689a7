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
  /** Sentences by class, from which no value can be read. */
  readonly grounds: readonly string[];
  readonly agreement: Agreement;
}

/** How what is known of two parties compares, by class; what is not known of both is left out. */
export type Agreement = {
  readonly birth?: BirthAgreement;
  readonly country?: 'same' | 'other';
  readonly document?: 'same';
};

export type BirthAgreement = 'same_day' | 'same_year' | 'one_year_apart' | 'years_apart' | 'far_apart';

const FAR_APART_YEARS = 10;

interface Part {
  readonly change: number;
  readonly ground: string;
}

const BIRTHS: Readonly<Record<BirthAgreement, Part>> = {
  same_day: { change: 0.04, ground: 'born on the same day' },
  same_year: { change: 0.02, ground: 'born in the same year' },
  one_year_apart: { change: 0, ground: 'born one year apart' },
  years_apart: { change: -0.06, ground: 'born 2 to 9 years apart' },
  far_apart: { change: -0.2, ground: 'born 10 years apart or more' },
};
const COUNTRIES: Readonly<Record<'same' | 'other', Part>> = {
  same: { change: 0.01, ground: 'same country' },
  other: { change: -0.01, ground: 'another country' },
};
const SAME_DOCUMENT: Part = { change: 0.2, ground: 'same document number' };

/** The most that what is known of a party can add to a score, but for a document: whoever carries one is found by it. */
export const RAISE_MAX = BIRTHS.same_day.change + COUNTRIES.same.change;

const NOTHING_KNOWN: Adjustment = { change: 0, grounds: [], agreement: {} };

/** Compares what is known of a party with what a list says; nothing known on either side changes nothing. */
export function compareIdentifiers(asked: Identifiers, listed: Identifiers): Adjustment {
  const birth = compareBirth(asked.datesOfBirth ?? [], listed.datesOfBirth ?? []);
  const country = compareCountries(asked, listed);
  const isSameDocument = haveCommonId(asked, listed);
  if (birth === null && country === null && !isSameDocument) return NOTHING_KNOWN;
  const parts = [
    ...(birth === null ? [] : [BIRTHS[birth]]),
    ...(country === null ? [] : [COUNTRIES[country]]),
    ...(isSameDocument ? [SAME_DOCUMENT] : []),
  ];
  return {
    change: parts.reduce((sum, part) => sum + part.change, 0),
    grounds: parts.map((part) => part.ground),
    agreement: {
      ...(birth === null ? {} : { birth }),
      ...(country === null ? {} : { country }),
      ...(isSameDocument ? { document: 'same' as const } : {}),
    },
  };
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
function compareBirth(asked: readonly string[], listed: readonly string[]): BirthAgreement | null {
  if (asked.length === 0 || listed.length === 0) return null;
  const [own, theirs] = [asked.flatMap(spanOf), listed.flatMap(spanOf)];
  if (own.length === 0 || theirs.length === 0) return null;
  if (own.some((one) => one.date !== null && theirs.some((other) => other.date === one.date))) {
    return 'same_day';
  }
  const gaps = own.flatMap((one) => theirs.map((other) => Math.max(0, one.from - other.to, other.from - one.to)));
  const years = Math.min(...gaps);
  if (years === 0) return 'same_year';
  if (years === 1) return 'one_year_apart';
  return years >= FAR_APART_YEARS ? 'far_apart' : 'years_apart';
}

/** Whether a text means a country that can be compared. */
export function isCountryKnown(text: string): boolean {
  return countryCodes(text).length > 0;
}

function compareCountries(asked: Identifiers, listed: Identifiers): 'same' | 'other' | null {
  if (asked.countries === undefined || listed.countries === undefined) return null;
  const [own, theirs] = [asked.countries.flatMap(countryCodes), listed.countries.flatMap(countryCodes)];
  if (own.length === 0 || theirs.length === 0) return null;
  return own.some((code) => theirs.includes(code)) ? 'same' : 'other';
}

const ID_LETTERS_MIN = 5;

/** Numbers of documents in the one form in which they are compared; short ones tell nothing. */
export function plainIds({ ids = [] }: Identifiers): string[] {
  return ids.map((id) => id.replace(/[^a-z0-9]/gi, '').toUpperCase()).filter((id) => id.length >= ID_LETTERS_MIN && /\d/.test(id));
}

function haveCommonId(asked: Identifiers, listed: Identifiers): boolean {
  const own = plainIds(asked);
  if (own.length === 0) return false;
  const theirs = new Set(plainIds(listed));
  return own.some((id) => theirs.has(id));
}
