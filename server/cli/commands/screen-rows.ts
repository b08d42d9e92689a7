/**
 * The rows of a file of names: what is screened of each, and why one is refused.
 *
 * A row whose name cannot be screened is refused, never passed as somebody who is not listed. What else is known of a
 * party only raises or lowers a score, so a value that is not understood is left out, with a warning.
 */
import { z } from 'zod';
import { ERRORS, type ErrorCode } from '../../../domain/errors.ts';
import { isoDatesOf } from '../../../tools/sanctions/dates.ts';
import { normaliseName } from '../../../tools/sanctions/name.ts';
import { isCountryKnown } from '../../../tools/sanctions/screening/identifiers.ts';
import type { PartyQuery } from '../../../tools/sanctions/screening/screener.ts';
import { TEXT_MAX, WORDS_MAX } from '../../../tools/sanctions/screening/words.ts';

/** What a reader of the answer should know of the row; it was screened all the same. */
export interface RowWarning {
  readonly code: 'name_obscured' | 'name_cut' | 'type_ignored' | 'date_of_birth_ignored' | 'country_ignored';
  readonly field: string;
  readonly detail: string;
}

export interface ScreenedRow {
  readonly id: string | number;
  readonly query: PartyQuery;
  readonly warnings: readonly RowWarning[];
}

export interface RefusedRow {
  readonly line: number;
  readonly id?: string | number;
  readonly code: ErrorCode;
  /** Null when the line as a whole cannot be read. */
  readonly field: string | null;
  readonly error: string;
}

const oneOrMore = z.union([z.string().transform((text) => [text]), z.array(z.string())]);
const rowSchema = z.object({
  id: z.union([z.string().min(1), z.number()]),
  name: z.string(),
  type: z.string().nullish(),
  dateOfBirth: oneOrMore.nullish(),
  country: oneOrMore.nullish(),
  documentNumber: oneOrMore.nullish(),
});
type Row = z.infer<typeof rowSchema>;

/** Reads one line. What stands in it is never repeated: it may name a person. */
export function readRow(text: string, line: number): ScreenedRow | RefusedRow {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { line, code: 'malformed_body', field: null, error: 'The line is not JSON.' };
  }
  const id = z.object({ id: rowSchema.shape.id }).safeParse(value).data?.id;
  const refuse = (code: ErrorCode, field: string | null, error: string = ERRORS[code].title): RefusedRow => ({
    line,
    ...(id === undefined ? {} : { id }),
    code,
    field,
    error,
  });
  const parsed = rowSchema.safeParse(value);
  if (!parsed.success) {
    const [field] = parsed.error.issues[0]?.path ?? [];
    if (field === undefined) return refuse('validation_failed', null, 'The line is not a JSON object.');
    const { name } = value as { name?: unknown };
    const isAbsent = field === 'name' && (name === undefined || name === null);
    return refuse(isAbsent ? 'name_missing' : 'validation_failed', String(field), isAbsent ? 'There is no name.' : undefined);
  }
  const { name } = parsed.data;
  if (name.length > TEXT_MAX) return refuse('name_invalid', 'name', `The name is longer than ${TEXT_MAX} characters.`);
  if (name.includes('\ufffd')) return refuse('name_invalid', 'name', 'The name has letters that are not UTF-8.');
  const { tokens, obscured } = normaliseName(name);
  if (name.trim() === '') return refuse('name_missing', 'name', 'The name is empty.');
  if (!/\p{L}/u.test(tokens.join(''))) return refuse('name_invalid', 'name', 'The name has no letters.');
  return queryOf(parsed.data, tokens.length, obscured);
}

function queryOf(row: Row, words: number, obscured: boolean): ScreenedRow {
  const warnings: RowWarning[] = [];
  const warn = (code: RowWarning['code'], field: string, detail: string): void => {
    warnings.push({ code, field, detail });
  };
  if (obscured) warn('name_obscured', 'name', 'The name hides letters, turns their order or mixes scripts in a word.');
  if (words > WORDS_MAX) warn('name_cut', 'name', `Of the name only the first ${WORDS_MAX} words were compared.`);
  const kind = kindOf(row.type ?? '');
  if (kind === undefined) warn('type_ignored', 'type', 'The type is not known; people and organisations were looked at.');
  const births = row.dateOfBirth ?? [];
  const datesOfBirth = births.flatMap(isoDatesOf);
  if (births.some((date) => isoDatesOf(date).length === 0)) warn('date_of_birth_ignored', 'dateOfBirth', 'The date is not understood.');
  const countries = row.country ?? [];
  if (!countries.every(isCountryKnown))
    warn('country_ignored', 'country', 'The country is neither an ISO 3166-1 code nor an English name.');
  return { id: row.id, query: { name: row.name, kind: kind ?? null, datesOfBirth, countries, ids: row.documentNumber ?? [] }, warnings };
}

const PERSONS = /^(person|individual|natural)/i;
const ORGANISATIONS = /^(company|organi[sz]ation|legal|entity|enterprise|business|public ?body|vessel|ship|aircraft|airplane|asset)/i;

/** Null when nothing is said, undefined when it is not understood: then both are looked at. */
function kindOf(type: string): PartyQuery['kind'] | undefined {
  if (type.trim() === '') return null;
  if (PERSONS.test(type.trim())) return 'person';
  return ORGANISATIONS.test(type.trim()) ? 'organisation' : undefined;
}
