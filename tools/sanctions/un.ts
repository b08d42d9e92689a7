/**
 * The consolidated list of the United Nations Security Council, in its XML form.
 * Source: https://main.un.org/securitycouncil/en/content/un-sc-consolidated-list and the file itself.
 */
import { fault } from '../../domain/errors.ts';
import { isoDatesOf } from './dates.ts';
import type { SanctionsEntry } from './entry.ts';
import { childOf, childText, childTexts, type XmlElement } from './xml.ts';

export const UN_LIST = 'UN-SC';
export const UN_ROOT = 'CONSOLIDATED_LIST';

const NAME_PARTS = ['FIRST_NAME', 'SECOND_NAME', 'THIRD_NAME', 'FOURTH_NAME'];

/** Takes the root element, gives the date of the list and its parties. Throws `config_invalid` naming file and line. */
export function readUn(root: XmlElement, file: string): { date: string | null; entries: SanctionsEntry[] } {
  const individuals = childOf(root, 'INDIVIDUALS')?.children ?? [];
  const entities = childOf(root, 'ENTITIES')?.children ?? [];
  const seen = new Set<string>();
  const entries = [
    ...individuals.map((party) => readParty(party, 'person', file)),
    ...entities.map((party) => readParty(party, 'entity', file)),
  ];
  entries.forEach((entry, index) => {
    const line = (individuals[index] ?? entities[index - individuals.length])?.line ?? 1;
    if (seen.has(entry.entryId)) throw fault('config_invalid', { detail: `${file}, line ${line}: the reference number is there twice.` });
    seen.add(entry.entryId);
  });
  return { date: root.attributes['dateGenerated']?.slice(0, 10) ?? null, entries };
}

function readParty(party: XmlElement, type: 'person' | 'entity', file: string): SanctionsEntry {
  const prefix = type === 'person' ? 'INDIVIDUAL' : 'ENTITY';
  const entryId = childText(party, 'REFERENCE_NUMBER');
  const name = NAME_PARTS.map((part) => childText(party, part))
    .filter((part) => part !== '')
    .join(' ');
  if (entryId === '') throw fault('config_invalid', { detail: `${file}, line ${party.line}: a party without a reference number.` });
  if (name === '') throw fault('config_invalid', { detail: `${file}, line ${party.line}: a party without a name.` });
  const aliases = party.children
    .filter((child) => child.name === `${prefix}_ALIAS`)
    .map((alias) => ({ weak: childText(alias, 'QUALITY') === 'Low', names: splitAliases(childText(alias, 'ALIAS_NAME')) }));
  return {
    list: UN_LIST,
    entryId,
    type,
    names: [name, ...childTexts(party, 'NAME_ORIGINAL_SCRIPT'), ...aliases.filter((alias) => !alias.weak).flatMap((alias) => alias.names)],
    weakNames: aliases.filter((alias) => alias.weak).flatMap((alias) => alias.names),
    program: childText(party, 'UN_LIST_TYPE'),
    datesOfBirth: party.children.filter((child) => child.name === 'INDIVIDUAL_DATE_OF_BIRTH').flatMap(readDate),
    countries: childTexts(childOf(party, 'NATIONALITY'), 'VALUE'),
    ids: party.children.filter((child) => child.name === 'INDIVIDUAL_DOCUMENT').flatMap((document) => childTexts(document, 'NUMBER')),
  };
}

/** One alias element may hold several spellings, parted by semicolons, and the original script in brackets. */
function splitAliases(text: string): string[] {
  return text
    .replace(/\((?:original script|previously listed as):?\s*([^)]*)\)/gi, ';$1')
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Notes give dates of other calendars too, whose years would be taken for a life centuries ago. */
const GREGORIAN = /^(?:19|20)\d{2}/;

function readDate(element: XmlElement): string[] {
  const from = childText(element, 'FROM_YEAR');
  const to = childText(element, 'TO_YEAR');
  if (from !== '' && to !== '') return [`${from}/${to}`];
  const date = childText(element, 'DATE').slice(0, 10) || childText(element, 'YEAR');
  // "Nov. 1973": a date without its day stands in the note.
  if (date === '') return isoDatesOf(childText(element, 'NOTE').trim()).filter((each) => GREGORIAN.test(each));
  return [childText(element, 'TYPE_OF_DATE') === 'APPROXIMATELY' ? `${date}~` : date];
}
