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
import { comparedOf } from '../../../tools/sanctions/screening/compare.ts';
import { isCountryKnown, plainIds } from '../../../tools/sanctions/screening/identifiers.ts';
import type { PartyQuery } from '../../../tools/sanctions/screening/screener.ts';
import { LETTERS_MAX, TEXT_MAX, WORDS_MAX } from '../../../tools/sanctions/screening/words.ts';
import type { Row } from '../../api/row.ts';

/** What a reader of the answer should know of the row; it was screened all the same. */
export interface RowWarning {
  readonly code: 'name_obscured' | 'type_ignored' | 'date_of_birth_ignored' | 'country_ignored' | 'document_number_ignored';
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
type Party = z.infer<typeof rowSchema>;

/** Reads one row. What stands in it is never repeated: it may name a person. */
export function readRow(row: Row): ScreenedRow | RefusedRow {
  const { line } = row;
  if ('refusal' in row) {
    const { code, field, detail } = row.refusal;
    return { line, code, field: field === '' ? null : field, error: detail };
  }
  const { value } = row;
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
  const { name, type } = parsed.data;
  if (name.includes('\ufffd')) return refuse('name_invalid', 'name', 'The name has letters that are not UTF-8.');
  const { tokens, obscured } = normaliseName(name);
  if (name.trim() === '') return refuse('name_missing', 'name', 'The name is empty.');
  if (!/\p{L}/u.test(tokens.join(''))) return refuse('name_invalid', 'name', 'The name has no letters.');
  const kind = kindOf(type ?? '');
  const compared = comparedOf(name, kind ?? null);
  if (compared === 'none') return refuse('name_invalid', 'name', 'Nothing in the name can be compared.');
  if (compared === 'part') return refuse('name_invalid', 'name', TOO_LONG);
  return queryOf(parsed.data, kind, obscured);
}

const TOO_LONG = `The name has more than ${TEXT_MAX} characters, ${WORDS_MAX} words, or ${LETTERS_MAX} letters in a word.`;

function queryOf(row: Party, kind: PartyQuery['kind'] | undefined, obscured: boolean): ScreenedRow {
  const warnings: RowWarning[] = [];
  const warn = (code: RowWarning['code'], field: string, detail: string): void => {
    warnings.push({ code, field, detail });
  };
  if (obscured) warn('name_obscured', 'name', 'The name hides letters, turns their order or mixes scripts in a word.');
  if (kind === undefined) warn('type_ignored', 'type', 'The type is not known; people and organisations were looked at.');
  const births = row.dateOfBirth ?? [];
  const datesOfBirth = births.flatMap(isoDatesOf);
  if (births.some((date) => isoDatesOf(date).length === 0)) warn('date_of_birth_ignored', 'dateOfBirth', 'The date is not understood.');
  const countries = row.country ?? [];
  if (!countries.every(isCountryKnown))
    warn('country_ignored', 'country', 'The country is neither an ISO 3166-1 code nor an English name.');
  const ids = row.documentNumber ?? [];
  if (ids.some((id) => plainIds({ ids: [id] }).length === 0))
    warn('document_number_ignored', 'documentNumber', 'The number has less than five letters and digits, or no digit.');
  return { id: row.id, query: { name: row.name, kind: kind ?? null, datesOfBirth, countries, ids }, warnings };
}

const PERSONS = /\b(?:(?<!\b(?:legal|juridical|juristic) )persons?|individuals?)\b|^natural$/i;
const ORGANISATIONS =
  /\b(?:compan(?:y|ies)|organi[sz]ations?|legal|juridical|juristic|entit(?:y|ies)|enterprises?|business(?:es)?|public ?body|vessels?|ships?|aircrafts?|airplanes?|assets?)\b/i;

/** Null when nothing is said, undefined when it is not understood or says both: then both are looked at. */
function kindOf(type: string): PartyQuery['kind'] | undefined {
  const said = type.replace(/[\s_-]+/g, ' ').trim();
  if (said === '') return null;
  const [isPerson, isOrganisation] = [PERSONS.test(said), ORGANISATIONS.test(said)];
  if (isPerson === isOrganisation) return undefined;
  return isPerson ? 'person' : 'organisation';
}
