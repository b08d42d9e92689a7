/**
 * Our own form of a list, for national lists and a client's own: one JSON object a line,
 * `{"entryId": "7", "type": "person", "names": ["…"], "program": "…", "dateOfBirth": "1971", "country": "KE"}`.
 * `list`, `weakNames`, `dateOfBirth` and `country` may be left out; the last two may be arrays.
 */
import { z } from 'zod';
import { fault } from '../../domain/errors.ts';
import type { SanctionsEntry } from './entry.ts';

const NAME_LENGTH_MAX = 1_000;

const shortText = z.string().trim().min(1).max(100);
const nameText = z.string().trim().min(1).max(NAME_LENGTH_MAX);
const dateText = z.string().regex(/^\d{4}(-\d{2}){0,2}~?(\/\d{4}(-\d{2}){0,2})?$/);
const oneOrMore = <T extends z.ZodType>(schema: T) => z.union([schema.transform((one) => [one]), z.array(schema)]).default([]);

const rowSchema = z.strictObject({
  list: shortText.optional(),
  entryId: shortText,
  type: z.enum(['person', 'entity', 'vessel', 'aircraft']),
  names: z.array(nameText).min(1),
  weakNames: z.array(nameText).default([]),
  program: shortText,
  dateOfBirth: oneOrMore(dateText),
  country: oneOrMore(shortText),
});

/**
 * Takes the text of a file, the name to put into errors and the list name for rows that give none;
 * gives the parties. Throws `config_invalid` naming file, line and field.
 */
export function readJsonl(text: string, file: string, listName: string): SanctionsEntry[] {
  const seen = new Set<string>();
  return text.split('\n').flatMap((content, index) => {
    const line = index === 0 ? content.replace(/^\ufeff/, '') : content;
    if (line.trim() === '') return [];
    const refuse = (what: string) => fault('config_invalid', { detail: `${file}, line ${index + 1}: ${what}.` });
    const parsed = rowSchema.safeParse(parseLine(line, () => refuse('not a JSON object')));
    if (!parsed.success) throw refuse(`the field ${parsed.error.issues[0]?.path.join('.') || '(row)'} is missing or not of its form`);
    const { list = listName, entryId, type, names, weakNames, program, dateOfBirth, country } = parsed.data;
    if (seen.has(`${list}/${entryId}`)) throw refuse('the entry id is there twice');
    seen.add(`${list}/${entryId}`);
    return [{ list, entryId, type, names, weakNames, program, datesOfBirth: dateOfBirth, countries: country }];
  });
}

function parseLine(line: string, refuse: () => Error): unknown {
  try {
    return JSON.parse(line);
  } catch {
    throw refuse();
  }
}
