/**
 * Who a party of a payment is, beside name and number: whether a person or an organisation, when and where born, of which country,
 * where they live, and by which document they are known. A client gives what it knows; none of it is ever needed to pay.
 *
 * It tells a namesake from a listed party, it travels with payments across borders (FATF Recommendation 16), and officers read it
 * beside a list's entry. It is personal data in every part.
 */
import { z } from 'zod';
import { COUNTRY_CODES } from './country-code.ts';
import { type ErrorCode, fault, isFault } from './errors.ts';

export const PARTY_TYPES = ['person', 'organisation'] as const;
export type PartyType = (typeof PARTY_TYPES)[number];

/** Of persons; those of organisations are `ORGANISATION_DOCUMENTS`; either may be known by a tax number. */
export const PERSON_DOCUMENTS = ['national_id', 'passport', 'residence_permit', 'driving_licence'] as const;
export const ORGANISATION_DOCUMENTS = ['registration', 'lei'] as const;
export const DOCUMENT_TYPES = [...PERSON_DOCUMENTS, ...ORGANISATION_DOCUMENTS, 'tax_number'] as const;
export type DocumentType = (typeof DOCUMENT_TYPES)[number];

export interface PartyAddress {
  /** Street and house, box or place, as one writes it there. */
  readonly line?: string;
  readonly town: string;
  readonly postcode?: string;
  /** ISO 3166-1 alpha-2. */
  readonly country: string;
}

export interface PartyDocument {
  readonly type: DocumentType;
  readonly number: string;
  /** Who issued it, ISO 3166-1 alpha-2. */
  readonly country?: string;
}

/** What was given of a party; what was not is left out. */
export interface PartyDetails {
  readonly type?: PartyType;
  /** `1971-03-04`, or `1971` where no more is known. */
  readonly dateOfBirth?: string;
  readonly placeOfBirth?: string;
  /** ISO 3166-1 alpha-2. Of an organisation: where it is registered. */
  readonly nationality?: string;
  readonly address?: PartyAddress;
  readonly document?: PartyDocument;
}

const TEXT_MAX = 100;
const AGE_YEARS_MAX = 130;

const text = (description: string, example: string) => z.string().min(1).max(TEXT_MAX).optional().meta({ description, example });
const countryText = (description: string) => z.string().meta({ description, example: 'KE' });

/** The external shape, as fields of a party. `readDetails` looks closer. */
export const PARTY_DETAIL_FIELDS = {
  type: z.enum(PARTY_TYPES).optional().meta({ description: 'Whether the name is of a person or of an organisation.' }),
  dateOfBirth: z.string().optional().meta({ description: 'ISO 8601; the year alone where no more is known.', example: '1971-03-04' }),
  placeOfBirth: text('Town or district of birth.', 'Kisumu'),
  nationality: countryText('ISO 3166-1 alpha-2; of an organisation, where it is registered.').optional(),
  address: z
    .strictObject({
      line: text('Street and house, box or place.', '12 Moi Avenue'),
      town: z.string().min(1).max(TEXT_MAX).meta({ example: 'Nairobi' }),
      postcode: z.string().min(1).max(10).optional().meta({ example: '00100' }),
      country: countryText('ISO 3166-1 alpha-2.'),
    })
    .optional()
    .meta({ description: 'Where the person lives, or the organisation has its seat.' }),
  document: z
    .strictObject({
      type: z.enum(DOCUMENT_TYPES),
      number: z.string().min(1).max(50).meta({ example: '22334455' }),
      country: countryText('Who issued it, ISO 3166-1 alpha-2.').optional(),
    })
    .optional()
    .meta({ description: 'A document of a person, or the number of an organisation in a register.' }),
} as const;

/** The same as it comes in, before it is looked at. */
export type PartyDetailsInput = { readonly [Key in keyof typeof PARTY_DETAIL_FIELDS]?: z.infer<(typeof PARTY_DETAIL_FIELDS)[Key]> };

const DETAIL_NAMES = Object.keys(PARTY_DETAIL_FIELDS) as (keyof typeof PARTY_DETAIL_FIELDS)[];

/** Of which code what is wrong at a path below a party is, or null for a path that is none of these. */
export function detailCodeOf(path: readonly string[]): ErrorCode | null {
  const [field, part] = path;
  switch (field) {
    case 'dateOfBirth':
      return 'date_of_birth_invalid';
    case 'nationality':
      return 'country_code_invalid';
    case 'placeOfBirth':
      return 'address_invalid';
    case 'address':
    case 'document':
      return part === 'country' ? 'country_code_invalid' : field === 'address' ? 'address_invalid' : 'document_invalid';
    default:
      return field === 'type' ? 'validation_failed' : null;
  }
}

/** Runs one look at one field; what it throws is an error of that field, and nothing is read then. */
export type FieldCheck = <T>(field: string, read: () => T) => T | undefined;

/**
 * What was given of a party, in one form: `input` has the external shape wherever it was not refused before. Null: nothing was
 * given. `check` hears of `date_of_birth_invalid`, `country_code_invalid`, `address_invalid`, `document_invalid`; `asOf` is a day (UTC).
 */
export function readDetails(input: PartyDetailsInput, check: FieldCheck, asOf: string): PartyDetails | null {
  // Most payments say nothing, and there are many of them.
  if (!DETAIL_NAMES.some((field) => input[field] !== undefined)) return null;
  const { type, address, document } = input;
  const details: PartyDetails = given({
    type,
    dateOfBirth: read(input.dateOfBirth, 'dateOfBirth', check, (value) => dateOfBirthOf(value, type, asOf)),
    placeOfBirth: read(input.placeOfBirth, 'placeOfBirth', check, (value) => placeOfBirthOf(value, type)),
    nationality: read(input.nationality, 'nationality', check, countryOf),
    address: address && addressOf(address, check),
    document: document && documentOf(document, type, check),
  });
  return Object.keys(details).length === 0 ? null : details;
}

const storedShape = z.strictObject(PARTY_DETAIL_FIELDS);

/** What was stored of a party, held against the form in which it is stored. Throws `internal`, without a value, for what is not of it. */
export function storedDetails(stored: unknown): PartyDetails | undefined {
  if (stored === undefined) return undefined;
  const read = storedShape.safeParse(stored);
  if (!read.success) throw fault('internal', { internal: 'the details of a party are not of the form in which they are stored' });
  return stored as PartyDetails;
}

/** The fields of an object that are there. */
function given<T extends object>(fields: { readonly [Key in keyof T]: T[Key] | undefined }): T {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T;
}

function read<T>(value: string | undefined, field: string, check: FieldCheck, look: (value: string) => T): T | undefined {
  return value === undefined ? undefined : check(field, () => look(value));
}

function dateOfBirthOf(value: string, type: PartyType | undefined, asOf: string): string {
  if (type === 'organisation') throw fault('date_of_birth_invalid', { detail: 'An organisation has no date of birth.' });
  const year = Number(/^(\d{4})(-\d{2}-\d{2})?$/.exec(value)?.[1] ?? Number.NaN);
  const isDay = value.length > 4;
  if (Number.isNaN(year) || (isDay && !isRealDay(value))) throw fault('date_of_birth_invalid');
  const thisYear = Number(asOf.slice(0, 4));
  if (year < thisYear - AGE_YEARS_MAX || value > (isDay ? asOf : asOf.slice(0, 4))) {
    throw fault('date_of_birth_invalid', { detail: 'Nobody alive was born then.' });
  }
  return value;
}

function isRealDay(value: string): boolean {
  const at = new Date(`${value}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === value;
}

function placeOfBirthOf(value: string, type: PartyType | undefined): string {
  if (type === 'organisation') throw fault('address_invalid', { detail: 'An organisation has no place of birth.' });
  return placeOf(value);
}

/** Letters with their marks, digits, punctuation and spaces; at least one letter or digit. */
const PLACE = /^[\p{L}\p{M}\p{N}\p{P}\p{Zs}`´+|°º]+$/u;

function placeOf(value: string): string {
  const place = value
    .normalize('NFC')
    .replace(/\p{Zs}+/gu, ' ')
    .trim();
  if (!PLACE.test(place) || !/[\p{L}\p{N}]/u.test(place)) throw fault('address_invalid');
  return place;
}

function countryOf(value: string): string {
  if (!COUNTRY_CODES.has(value)) throw fault('country_code_invalid');
  return value;
}

function addressOf(address: NonNullable<PartyDetailsInput['address']>, check: FieldCheck): PartyAddress | undefined {
  const place = (part: 'line' | 'town' | 'postcode') => read(address[part], `address.${part}`, check, placeOf);
  const [line, town, postcode] = [place('line'), place('town'), place('postcode')];
  const country = read(address.country, 'address.country', check, countryOf);
  return town === undefined || country === undefined ? undefined : given<PartyAddress>({ line, town, postcode, country });
}

function documentOf(
  document: NonNullable<PartyDetailsInput['document']>,
  type: PartyType | undefined,
  check: FieldCheck,
): PartyDocument | undefined {
  const kind = check('document.type', () => documentTypeOf(document.type, type));
  const number = read(document.number, 'document.number', check, (value) => documentNumberOf(value, document.type));
  const country = read(document.country, 'document.country', check, countryOf);
  return kind === undefined || number === undefined ? undefined : given<PartyDocument>({ type: kind, number, country });
}

function documentTypeOf(kind: DocumentType, type: PartyType | undefined): DocumentType {
  const isIn = (kinds: readonly DocumentType[]): boolean => kinds.includes(kind);
  if (type === 'organisation' && isIn(PERSON_DOCUMENTS)) throw fault('document_invalid', { detail: 'That is a document of a person.' });
  if (type !== 'organisation' && isIn(ORGANISATION_DOCUMENTS)) {
    throw fault('document_invalid', { detail: 'That is a number of an organisation: say so in type.' });
  }
  return kind;
}

/** Letters and digits with what stands between them, in capitals. */
function documentNumberOf(value: string, type: DocumentType): string {
  const number = value.trim().toUpperCase();
  if (!/^[A-Z0-9](?:[A-Z0-9 ./-]*[A-Z0-9])?$/.test(number) || !/\d/.test(number)) throw fault('document_invalid');
  if (type === 'lei' && !isLei(number)) throw fault('document_invalid', { detail: 'The check digits of the LEI are wrong.' });
  return number;
}

/** ISO 17442: eighteen letters and digits and two check digits, modulo 97 (ISO 7064). */
function isLei(number: string): boolean {
  if (!/^[A-Z0-9]{18}\d{2}$/.test(number)) return false;
  const digits = Array.from(number, (sign) => Number.parseInt(sign, 36).toString()).join('');
  return BigInt(digits) % 97n === 1n;
}

/**
 * What is known of somebody of whom more is said: what was said first counts, and what lacked is added, also the parts of an address or a
 * document that agrees as far as both go, and the day of a year of birth. Who is said to be of another type than before is left as they
 * are. Gives `known` itself where nothing is added.
 */
export function addDetails(known: PartyDetails, added: PartyDetails): PartyDetails {
  if (known.type !== undefined && added.type !== undefined && known.type !== added.type) return known;
  const before = partsOf(known);
  const more = Object.entries(added).flatMap(([field, value]) => {
    const said = [...partsOf({ [field]: value })].map(([part, text]) => compareParts(part, before.get(part), text));
    if (said.includes('other') || !said.includes('more')) return [];
    return [[field, typeof value === 'string' ? value : { ...Object(known[field as keyof PartyDetails]), ...value }] as const];
  });
  return more.length === 0 ? known : { ...known, ...Object.fromEntries(more) };
}

/**
 * What is known of somebody with more of it, part by part: what was said stands, a year of birth may become a day of it, and what lacked is
 * added. `given` is as it comes in, of the external shape. `added` names the parts that are new, `address.town` among them.
 * Throws `detail_given` for a part that was said otherwise, and what `readDetails` says of the whole; each with its field.
 */
export function completeDetails(
  known: PartyDetails | undefined,
  given: PartyDetailsInput,
  asOf: string,
): { readonly details: PartyDetails; readonly added: readonly string[] } {
  const whole: FieldCheck = (field, look) => {
    try {
      return look();
    } catch (error) {
      throw isFault(error) ? fault(error.code, { field, detail: error.detail }) : error;
    }
  };
  // A number of a register is read as that of an organisation which was said to be one before.
  const said = partsOf(readDetails({ ...(known?.type === undefined ? {} : { type: known.type }), ...given }, whole, asOf) ?? {});
  const before = partsOf(known ?? {});
  const added = [...said].filter(([part, value]) => isMore(part, before.get(part), value)).map(([part]) => part);
  const details = readDetails(fromParts(new Map([...before, ...said])), whole, asOf) ?? {};
  return { details, added };
}

function isMore(part: string, before: string | undefined, value: string): boolean {
  const said = compareParts(part, before, value);
  if (said === 'other') throw fault('detail_given', { field: part });
  return said === 'more';
}

/** What is said of a part, held against what was said of it before. */
function compareParts(part: string, before: string | undefined, value: string): 'same' | 'more' | 'other' {
  if (before === value) return 'same';
  return before === undefined || (part === 'dateOfBirth' && value.startsWith(`${before}-`)) ? 'more' : 'other';
}

/** Details as their parts by path, and back: an address and a document are given in parts. */
function partsOf(details: PartyDetails): Map<string, string> {
  return new Map(
    DETAIL_COLUMNS.flatMap(([, [field, part]]) => {
      const value: unknown = details[field];
      const text: unknown = part === undefined ? value : (value as Record<string, unknown> | undefined)?.[part];
      return typeof text === 'string' ? [[part === undefined ? field : `${field}.${part}`, text] as const] : [];
    }),
  );
}

function fromParts(parts: ReadonlyMap<string, string>): PartyDetailsInput {
  const fields = new Map(DETAIL_COLUMNS.map(([column, path]) => [column, parts.get(path.join('.'))] as const));
  return detailsFromCells((column) => fields.get(column as (typeof DETAIL_COLUMNS)[number][0])) as PartyDetailsInput;
}

/** The columns of a CSV for one party, without `sender_` or `receiver_`, and the fields they fill. */
export const DETAIL_COLUMNS = [
  ['type', ['type']],
  ['date_of_birth', ['dateOfBirth']],
  ['place_of_birth', ['placeOfBirth']],
  ['nationality', ['nationality']],
  ['address_line', ['address', 'line']],
  ['address_town', ['address', 'town']],
  ['address_postcode', ['address', 'postcode']],
  ['address_country', ['address', 'country']],
  ['document_type', ['document', 'type']],
  ['document_number', ['document', 'number']],
  ['document_country', ['document', 'country']],
] as const;

/** The fields of a party from a CSV record; cells that are empty count as absent. */
export function detailsFromCells(cell: (column: string) => string | undefined): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [column, [field, part]] of DETAIL_COLUMNS) {
    const value = cell(column);
    if (value === undefined) continue;
    if (part === undefined) fields[field] = value;
    else fields[field] = { ...(fields[field] as object | undefined), [part]: value };
  }
  return fields;
}
