/**
 * OFAC's lists in their plain XML form (`sdnList`): the SDN list, and the consolidated list of those who
 * are restricted without being blocked.
 * Source: OFAC, "SDN data formats", https://ofac.treasury.gov/sdn-list-data-formats-data-schemas.
 */
import { basename } from 'node:path';
import { isoDatesOf } from './dates.ts';
import type { EntryType, SanctionsEntry } from './entry.ts';
import { OFAC_LIST } from './ofac.ts';
import { brokenRow } from './tables.ts';
import { childOf, childText, childTexts, type XmlElement } from './xml.ts';

export const OFAC_XML_ROOT = 'sdnList';
export const OFAC_CONSOLIDATED_LIST = 'OFAC-CONS';

const TYPES: Readonly<Record<string, EntryType>> = { individual: 'person', vessel: 'vessel', aircraft: 'aircraft', entity: 'entity' };
/** "Gender", "Secondary sanctions risk:" and the like are filed among the documents. */
const DOCUMENT = /passport|national|identity|identification|registration|tax id|licen[cs]e|cedula|ssn|d-u-n-s|birth cert/i;

/** Takes the root element, gives the list it is, its date and its parties. Throws `config_invalid` naming file and line. */
export function readOfacXml(root: XmlElement, file: string): { list: string; date: string | null; entries: SanctionsEntry[] } {
  const parties = root.children.filter((child) => child.name === 'sdnEntry');
  // Both lists have one form; only the file's name tells them apart.
  const name = basename(file);
  const isSdn = /sdn/i.test(name) && !/non-?sdn|cons/i.test(name);
  const list = isSdn ? OFAC_LIST : OFAC_CONSOLIDATED_LIST;
  const published = /^(\d{2})\/(\d{2})\/(\d{4})$/.exec(childText(childOf(root, 'publshInformation'), 'Publish_Date'));
  return {
    list,
    date: published === null ? null : `${published[3]}-${published[1]}-${published[2]}`,
    entries: parties.map((party) => readParty(party, list, file)),
  };
}

function fullName(element: XmlElement): string {
  return [childText(element, 'firstName'), childText(element, 'lastName')].filter(Boolean).join(' ');
}

function readParty(party: XmlElement, list: string, file: string): SanctionsEntry {
  const entryId = childText(party, 'uid');
  const name = fullName(party);
  const type = TYPES[childText(party, 'sdnType').toLowerCase()];
  if (!/^\d+$/.test(entryId)) throw brokenRow(file, party.line, 'a party without its number');
  if (name === '') throw brokenRow(file, party.line, 'a party without a name');
  if (type === undefined) throw brokenRow(file, party.line, 'an unknown type of party');
  const aliases = childOf(party, 'akaList')?.children ?? [];
  const isWeak = (alias: XmlElement): boolean => childText(alias, 'category') === 'weak';
  return {
    list,
    entryId,
    type,
    names: [name, ...aliases.filter((alias) => !isWeak(alias)).map(fullName)].filter(Boolean),
    weakNames: aliases.filter(isWeak).map(fullName).filter(Boolean),
    program: childTexts(childOf(party, 'programList'), 'program').join(', '),
    datesOfBirth: (childOf(party, 'dateOfBirthList')?.children ?? []).flatMap((item) =>
      isoDatesOf(childText(item, 'dateOfBirth').replace(' to ', '-')),
    ),
    countries: ['nationalityList', 'citizenshipList'].flatMap((kind) =>
      (childOf(party, kind)?.children ?? []).map((item) => childText(item, 'country')).filter(Boolean),
    ),
    ids: (childOf(party, 'idList')?.children ?? [])
      .filter((item) => DOCUMENT.test(childText(item, 'idType')))
      .map((item) => childText(item, 'idNumber'))
      .filter(Boolean),
    ...(list === OFAC_LIST ? {} : { topic: 'restriction' as const }),
  };
}
